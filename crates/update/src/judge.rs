//! The rules of what may be installed.

use bundle::Digest;
use semver::Version;

use crate::{Arch, Formats, Manifest};

/// How far the clock of a box may be behind that of the signer, seconds.
const CLOCK_SLACK_S: i64 = 86_400;

/// The box that is asked to install something.
#[derive(Clone, Debug)]
pub struct Host<'a> {
    /// Version of the program that would be updated.
    pub version: &'a Version,
    /// Formats that it reads and writes.
    pub formats: &'a Formats,
    /// Its processor; nothing for one that no update is made for.
    pub arch: Option<Arch>,
    /// Programs that were tried and taken back, as far as that is remembered.
    pub failed: &'a [Digest],
}

/// What the owner takes upon himself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// That the program of now will not be able to read what the new one writes.
    pub no_way_back: bool,
    /// That a program which was taken back is tried once more.
    pub failed_before: bool,
}

/// Why an update is not installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// For other machines.
    #[error("the update is for {update}, this box is {host}")]
    Architecture {
        /// For which it is.
        update: &'static str,
        /// What the box is.
        host: &'static str,
    },
    /// An older version: what was mended since would be open again.
    #[error(
        "the update is version {update}, older than {present}, which runs: going back is `tickerbox update rollback`"
    )]
    Downgrade {
        /// Its version.
        update: Version,
        /// That of the box.
        present: Version,
    },
    /// The same version.
    #[error("version {0} runs already")]
    Already(Version),
    /// Signed in the future: one of both clocks is wrong.
    #[error(
        "the update was signed {ahead_h} hours after what this box's clock says: set the clock, or wait until it is set"
    )]
    ClockBehind {
        /// Hours.
        ahead_h: i64,
    },
    /// Too long ago.
    #[error("the update could be installed for {valid_days} days, which ended {ago_h} hours ago: get a newer one")]
    Expired {
        /// How long.
        valid_days: u16,
        /// Hours since then.
        ago_h: i64,
    },
    /// Not in one step.
    #[error("version {update} can be installed over {least} or newer, this is {present}: install {least} first")]
    TooOld {
        /// Its version.
        update: Version,
        /// The least that it can be installed over.
        least: Version,
        /// That of the box.
        present: Version,
    },
    /// The new program could not read what the box has.
    #[error("version {update} reads {format} from format {reads_from} on, this box writes {writes}")]
    Unreadable {
        /// Its version.
        update: Version,
        /// Which format.
        format: String,
        /// The lowest that it reads.
        reads_from: u64,
        /// What the box writes.
        writes: u64,
    },
    /// The present program could not read what the new one leaves behind.
    #[error(
        "there would be no way back: version {update} writes {formats}, which {present} cannot read; a backup restored by hand is the \
         only return (--no-way-back installs it all the same)"
    )]
    NoWayBack {
        /// Its version.
        update: Version,
        /// That of the box.
        present: Version,
        /// Which formats, with what is written and what is read.
        formats: String,
    },
    /// It was tried before.
    #[error("this very program was tried before and taken back (--again tries it once more)")]
    FailedBefore,
}

/// Whether an update may be installed on a box at a time, seconds UTC since 1970.
///
/// # Errors
/// Why not.
pub fn judge(update: &Manifest, host: &Host<'_>, accepted: Accepted, now_s: i64) -> Result<(), Refusal> {
    if host.arch != Some(update.arch) {
        let host = host.arch.map_or("of another kind", Arch::name);
        return Err(Refusal::Architecture { update: update.arch.name(), host });
    }
    match update.version.cmp_precedence(host.version) {
        core::cmp::Ordering::Less => {
            return Err(Refusal::Downgrade { update: update.version.clone(), present: host.version.clone() });
        }
        core::cmp::Ordering::Equal => return Err(Refusal::Already(update.version.clone())),
        core::cmp::Ordering::Greater => {}
    }
    let ahead_s = update.signed_at_s - now_s;
    if ahead_s > CLOCK_SLACK_S {
        return Err(Refusal::ClockBehind { ahead_h: ahead_s / 3_600 });
    }
    if now_s >= update.expires_at_s() {
        let ago_h = (now_s - update.expires_at_s()) / 3_600;
        return Err(Refusal::Expired { valid_days: update.valid_days, ago_h });
    }
    if host.version.cmp_precedence(&update.from_version).is_lt() {
        return Err(Refusal::TooOld {
            update: update.version.clone(),
            least: update.from_version.clone(),
            present: host.version.clone(),
        });
    }
    for (name, format) in host.formats {
        let reads_from = update.formats.get(name).map(|it| it.reads_from);
        if let Some(reads_from) = reads_from.filter(|lowest| *lowest > format.writes) {
            return Err(Refusal::Unreadable {
                update: update.version.clone(),
                format: name.clone(),
                reads_from,
                writes: format.writes,
            });
        }
    }
    if host.failed.contains(&update.program.sha256) && !accepted.failed_before {
        return Err(Refusal::FailedBefore);
    }
    let unread = unread(&update.formats, host.formats);
    if !unread.is_empty() && !accepted.no_way_back {
        return Err(Refusal::NoWayBack {
            update: update.version.clone(),
            present: host.version.clone(),
            formats: unread.join(", "),
        });
    }
    Ok(())
}

/// What a program with the formats `written` leaves behind that one with the formats `read` could not open, in words. A format that one of
/// both does not know is passed over: what it is about is left alone.
pub(crate) fn unread(written: &Formats, read: &Formats) -> Vec<String> {
    let pairs = written.iter().filter_map(|(name, format)| Some((name, format.writes, read.get(name)?)));
    pairs
        .filter(|(_, writes, reads)| *writes > reads.writes || *writes < reads.reads_from)
        .map(|(name, writes, reads)| format!("{name} in format {writes} (known up to {})", reads.writes))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;
    use crate::manifest::tests::manifest;

    const NOW: i64 = 1_800_000_100;

    fn knows(update: &mut Manifest, name: &str, writes: u64, reads_from: u64) {
        update.formats.insert(name.to_owned(), Format { writes, reads_from });
    }

    #[track_caller]
    fn check(expected: &str, change: fn(&mut Manifest), present: &str, now_s: i64, accepted: Accepted) {
        let mut update = manifest();
        change(&mut update);
        let version = Version::parse(present).unwrap();
        let formats = [("state".to_owned(), Format { writes: 8, reads_from: 1 })].into();
        let failed = [Digest::of(b"failed")];
        let host = Host { version: &version, formats: &formats, arch: Some(Arch::Aarch64), failed: &failed };
        match judge(&update, &host, accepted, now_s) {
            Ok(()) => assert_eq!(expected, "installed"),
            Err(refusal) => assert!(refusal.to_string().contains(expected), "{refusal}"),
        }
    }

    #[test]
    fn each_rule_refuses_and_says_why() {
        let none = Accepted::default();
        check("installed", |_| {}, "1.0.0", NOW, none);
        check("installed", |_| {}, "1.2.0-rc.1", NOW, none);
        check("is for x86_64, this box is aarch64", |it| it.arch = Arch::X86, "1.0.0", NOW, none);
        check("older than 1.3.0", |_| {}, "1.3.0", NOW, none);
        check("version 1.2.0 runs already", |_| {}, "1.2.0", NOW, none);
        check("version 1.2.0 runs already", |_| {}, "1.2.0+other-build", NOW, none);
        check("signed 48 hours after", |it| it.signed_at_s = NOW + 2 * 86_400, "1.0.0", NOW, none);
        check("installed", |it| it.signed_at_s = NOW + 86_400, "1.0.0", NOW, none);
        check("installed", |_| {}, "1.0.0", 1_800_000_000 + 90 * 86_400 - 1, none);
        check("ended 0 hours ago", |_| {}, "1.0.0", 1_800_000_000 + 90 * 86_400, none);
        check("install 1.0.0 first", |_| {}, "0.9.9", NOW, none);
        check("was tried before", |it| it.program.sha256 = Digest::of(b"failed"), "1.0.0", NOW, none);
        let again = Accepted { failed_before: true, ..none };
        check("installed", |it| it.program.sha256 = Digest::of(b"failed"), "1.0.0", NOW, again);
    }

    #[test]
    fn a_way_without_return_is_gone_only_by_who_wants_to() {
        let newer = |it: &mut Manifest| knows(it, "state", 9, 1);
        check("state in format 9 (known up to 8)", newer, "1.0.0", NOW, Accepted::default());
        let accepted = Accepted { no_way_back: true, ..Accepted::default() };
        check("installed", newer, "1.0.0", NOW, accepted);
        // What the present program does not know it leaves alone.
        let added = |it: &mut Manifest| knows(it, "mood", 1, 1);
        check("installed", added, "1.0.0", NOW, Accepted::default());
        // Nobody may want what the new program cannot open.
        let later = |it: &mut Manifest| knows(it, "state", 9, 9);
        check("reads state from format 9 on, this box writes 8", later, "1.0.0", NOW, accepted);
    }
}
