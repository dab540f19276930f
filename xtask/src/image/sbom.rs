//! What is in the image, as SPDX 2.3 in JSON: Debian's packages, and the crates of the appliance.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::debian::Package;
use super::{Plan, name};
use crate::build::PI;
use crate::process::cargo;

/// The document; the same content gives the same bytes.
pub(super) fn spdx(plan: &Plan, packages: &[Package], digest: &str) -> Result<String> {
    let crates = crates()?;
    let mut listed = vec![json!({
        "SPDXID": "SPDXRef-image",
        "name": name(),
        "versionInfo": env!("CARGO_PKG_VERSION"),
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "primaryPackagePurpose": "OPERATING-SYSTEM",
        "checksums": [{ "algorithm": "SHA256", "checksumValue": digest }],
    })];
    listed.extend(packages.iter().map(debian));
    listed.extend(crates.iter().map(rust));
    let relations: Vec<Value> = std::iter::once(relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image"))
        .chain(
            listed
                .iter()
                .skip(1)
                .map(|one| relation("SPDXRef-image", "CONTAINS", one["SPDXID"].as_str().expect("given above"))),
        )
        .collect();
    let document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name(),
        "documentNamespace": format!("urn:sha256:{digest}"),
        "creationInfo": { "created": utc(plan.epoch), "creators": ["Tool: cargo xtask image"] },
        "packages": listed,
        "relationships": relations,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn relation(from: &str, kind: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

fn debian(package: &Package) -> Value {
    let Package { name, version, architecture, source } = package;
    listed(
        &format!("deb-{name}-{architecture}"),
        name,
        version,
        &format!("pkg:deb/debian/{}@{}?arch={architecture}&distro=trixie", percent(name), percent(version)),
        // Each package's own licences are in its sources; Debian promises no summary.
        "NOASSERTION",
        Some(format!("built from source package: {source}")),
    )
}

/// Name, version and licence of a crate.
type Crate = (String, String, String);

fn rust((name, version, licence): &Crate) -> Value {
    let licence = if licence.is_empty() { "NOASSERTION" } else { licence };
    let place = format!("pkg:cargo/{name}@{}", percent(version));
    listed(&format!("cargo-{name}-{version}"), name, version, &place, licence, None)
}

fn listed(id: &str, name: &str, version: &str, place: &str, licence: &str, source: Option<String>) -> Value {
    let safe: String = id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let mut listed = json!({
        "SPDXID": format!("SPDXRef-{safe}"),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseDeclared": licence,
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": place,
        }],
    });
    if let Some(source) = source {
        listed["sourceInfo"] = source.into();
    }
    listed
}

/// What a package URL wants to have written otherwise.
fn percent(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// What cargo links into the appliance for the boards.
fn crates() -> Result<BTreeSet<Crate>> {
    let arguments =
        ["tree", "--package", "tickerbox", "--target", PI, "--edges", "normal", "--prefix", "none", "--locked"];
    let tree = cargo().args(arguments).args(["--format", "{p}\t{l}"]).output().context("cannot run cargo tree")?;
    ensure!(tree.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    Ok(tree.lines().filter_map(crate_of).collect())
}

/// Of `NAME vVERSION (more)\tLICENCE (*)`.
fn crate_of(line: &str) -> Option<Crate> {
    let (package, licence) = line.split_once('\t')?;
    let mut words = package.split_whitespace();
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    // Some crates write an old `/` where SPDX says OR.
    let licence = licence.trim_end_matches(" (*)").trim().replace('/', " OR ");
    Some((name.to_owned(), version.to_owned(), licence))
}

/// Seconds since 1970 as RFC 3339; days by the civil calendar's eras of 400 years.
pub(super) fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let (day, month) =
        (day_of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_826_859), "2000-02-29T12:20:59Z");
        assert_eq!(utc(1_795_000_000), "2026-11-18T11:06:40Z");
    }

    #[test]
    fn crates_are_read_as_cargo_tells_them() {
        let one = |line| crate_of(line).expect("a crate");
        assert_eq!(
            one("libc v0.2.191\tMIT OR Apache-2.0 (*)"),
            ("libc".into(), "0.2.191".into(), "MIT OR Apache-2.0".into())
        );
        assert_eq!(one("a v1.0.0 (/some/where)\tMIT/Apache-2.0").2, "MIT OR Apache-2.0");
        assert_eq!(crate_of("[build-dependencies]"), None);
    }

    #[test]
    fn versions_of_debian_fit_into_an_address() {
        assert_eq!(percent("1:7.3.4-1~bpo13+1"), "1:7.3.4-1~bpo13%2B1");
    }
}
