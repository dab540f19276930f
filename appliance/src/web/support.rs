//! `GET /api/v1/support`: what somebody else needs to find out what is wrong, in one file without secrets.
//!
//! | file | what |
//! |---|---|
//! | `health.json` | as `/healthz`, with the conditions |
//! | `system.json` | as `/api/v1/system` |
//! | `settings.json` | what differs from the defaults, secrets as stars |
//! | `log.txt` | the newest lines of the log |
//! | `files.txt` | names and sizes of what lies in the data folder |
//! | `README.txt` | this table |
//!
//! Nothing of the market, the accounts or who may come in is in it. Names of folders and machines are.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use wire::api::{LogLevel, Setting, SettingValue};

use super::Site;
use super::kept::Refusal;
use crate::log::{self, Wanted, without_secrets};

/// Lines of the log that go along.
const LINES: usize = 2_000;
/// Files of a folder that are named.
const FILES_MAX: usize = 2_000;
const README: &str = "\
A support bundle of a Tickerbox. It holds no password, token, key or account.
health.json    how the box is, and what is not as it should be
system.json    the machine, the program on it, and how long everything takes
settings.json  settings that differ from the defaults; secrets are stars
log.txt        the newest lines of the log
files.txt      names and sizes of what lies in the data folder
";

/// `GET /api/v1/support`.
pub(super) async fn bundle(State(site): State<Site>) -> Response {
    let now = site.inner.clock.now();
    let name = format!("tickerbox-support-{}.tar.gz", types::Date::of(now));
    match tokio::task::spawn_blocking(move || packed(&site)).await {
        Ok(Ok(bytes)) => {
            let told = [
                (header::CONTENT_TYPE, "application/gzip".to_owned()),
                (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
            ];
            (told, bytes).into_response()
        }
        Ok(Err(error)) => Refusal::Failed(format!("cannot pack the bundle: {error}")).into_response(),
        Err(error) => Refusal::Failed(format!("the request ended early: {error}")).into_response(),
    }
}

fn packed(site: &Site) -> io::Result<Vec<u8>> {
    let inner = &site.inner;
    let health = serde_json::to_string_pretty(&*inner.health.borrow())?;
    let changed: Vec<Setting> = inner.settings.shown().settings.into_iter().filter(differs).map(masked).collect();
    let system = serde_json::to_string_pretty(&inner.gauges.system())?;
    let wanted = Wanted { level: LogLevel::Trace, contains: String::new(), after: 0, limit: LINES };
    let mut lines = String::new();
    for line in log::ring().lines(&wanted).lines {
        let at = types::Timestamp::from_millis(line.at_ms);
        let _ = writeln!(lines, "{at} {:?} {} {}", line.level, line.target, line.text);
    }
    let files = [
        ("README.txt", README.to_owned()),
        ("health.json", without_secrets(&health)),
        ("system.json", system),
        ("settings.json", serde_json::to_string_pretty(&changed)?),
        ("log.txt", without_secrets(&lines)),
        ("files.txt", listing(&inner.gauges.dir)),
    ];
    pack(&files)
}

fn differs(setting: &Setting) -> bool {
    setting.value != setting.default || setting.next != setting.value
}

/// A setting that holds a secret tells only that there is one.
fn masked(mut setting: Setting) -> Setting {
    if setting.secret {
        for value in [&mut setting.default, &mut setting.value, &mut setting.next, &mut setting.changed] {
            *value = value.take().map(|_| SettingValue::Text("***".to_owned()));
        }
    }
    setting
}

/// Sizes and names of the files in a folder and the folders in it, by name.
fn listing(folder: &Path) -> String {
    let mut found: Vec<(String, u64)> = Vec::new();
    let mut wanted = vec![folder.to_owned()];
    while let (Some(next), true) = (wanted.pop(), found.len() < FILES_MAX) {
        let Ok(entries) = std::fs::read_dir(&next) else { continue };
        for entry in entries.flatten().take(FILES_MAX) {
            let path = entry.path();
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => wanted.push(path),
                Ok(meta) => {
                    let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
                    found.push((name, meta.len()));
                }
                Err(_) => {}
            }
        }
    }
    found.sort();
    found.iter().take(FILES_MAX).fold(String::new(), |mut text, (name, bytes)| {
        let _ = writeln!(text, "{bytes:>14} {name}");
        text
    })
}

fn pack(files: &[(&str, String)]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, text) in files {
        let mut head = tar::Header::new_gnu();
        head.set_size(text.len() as u64);
        head.set_mode(0o644);
        archive.append_data(&mut head, format!("tickerbox-support/{name}"), text.as_bytes())?;
    }
    archive.into_inner()?.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_is_packed_can_be_read_again() {
        let bytes = pack(&[("a.txt", "one".to_owned()), ("b.txt", String::new())]).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&*bytes));
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((name, text));
        }
        assert_eq!(
            found,
            [
                ("tickerbox-support/a.txt".to_owned(), "one".to_owned()),
                ("tickerbox-support/b.txt".to_owned(), String::new())
            ]
        );
    }

    #[test]
    fn files_are_listed_with_those_of_folders() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("models")).unwrap();
        std::fs::write(dir.path().join("models/m.tbx"), [0; 1_234]).unwrap();
        std::fs::write(dir.path().join("access.json"), "secret").unwrap();
        let listing = listing(dir.path());
        assert_eq!(listing.lines().collect::<Vec<_>>(), ["             6 access.json", "          1234 models/m.tbx"]);
    }

    #[test]
    fn a_secret_tells_only_that_it_is_there() {
        let setting = Setting {
            key: "network.proxy".to_owned(),
            section: "network".to_owned(),
            help: String::new(),
            kind: wire::api::SettingKind::Text,
            must_be: String::new(),
            default: None,
            value: Some(SettingValue::Text("http://a:b@c:1".to_owned())),
            next: None,
            changed: None,
            source: wire::api::SettingSource::File,
            secret: true,
            needs_restart: true,
            fixed: String::new(),
        };
        assert!(differs(&setting));
        let masked = masked(setting);
        assert_eq!((masked.value, masked.default), (Some(SettingValue::Text("***".to_owned())), None));
    }
}
