//! What is kept of access, in `access.json` of the data folder: no secret in clear but the claim code.
//!
//! A box is *unclaimed* while the file has a claim code, and *claimed* once it has a password instead. No file is a fresh box; a file
//! that cannot be read is an error, because guessing would open the box or lock its owner out.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use types::{Date, Timestamp};

use super::password::PasswordHash;
use super::secret::{Digest, code};
use super::visitor::{Scopes, Visitor, Who};

/// The file.
pub(crate) const NAME: &str = "access.json";
/// Where somebody at the box finds the claim code.
pub(super) const CODE_NAME: &str = "claim-code.txt";
/// Version of the file's format.
pub(crate) const FORMAT: u32 = 1;
/// Most sessions; the one that was not used for the longest time goes.
pub(super) const SESSIONS_MAX: usize = 32;
/// Most tokens; more are refused.
pub(super) const TOKENS_MAX: usize = 32;

/// All of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    format: u32,
    pub(super) claim: Option<String>,
    pub(super) password: Option<PasswordHash>,
    pub(super) sessions: Vec<Session>,
    pub(super) tokens: Vec<Token>,
    pub(super) guest: Option<Guest>,
}

/// A browser that logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) key: Digest,
    pub(super) made_at: Timestamp,
    pub(super) used: Date,
    pub(super) address: String,
    pub(super) agent: String,
}

/// A program that may do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    pub(super) name: String,
    pub(super) key: Digest,
    pub(super) scopes: Scopes,
    pub(super) made_at: Timestamp,
    pub(super) used: Option<Date>,
}

/// The link that lets a tablet see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Guest {
    pub(super) key: Digest,
    pub(super) made_at: Timestamp,
    pub(super) used: Option<Date>,
}

impl Kept {
    /// Of a box that belongs to nobody.
    pub(super) fn unclaimed() -> Self {
        Self {
            format: FORMAT,
            claim: Some(code()),
            password: None,
            sessions: Vec::new(),
            tokens: Vec::new(),
            guest: None,
        }
    }

    /// Reads the file; nothing where there is none.
    pub(super) fn load(dir: &Path) -> anyhow::Result<Option<Self>> {
        let path = dir.join(NAME);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.with_context(|| format!("{}: cannot be read", path.display()))?,
        };
        Self::parse(&bytes).map(Some).with_context(|| {
            format!(
                "{}: damaged; bring back the file of a backup, or forget password, sessions and tokens by `tickerbox access reset`",
                path.display()
            )
        })
    }

    fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let kept: Self = serde_json::from_slice(bytes)?;
        ensure!(kept.format == FORMAT, "it has format {}; this program knows format {FORMAT}", kept.format);
        ensure!(kept.claim.is_some() != kept.password.is_some(), "it has neither a password nor a claim code, or both");
        Ok(kept)
    }

    /// Writes the file: it is the old one or the new one whatever happens. It belongs to whom the folder belongs to.
    pub(super) fn save(&self, dir: &Path) -> io::Result<()> {
        write_private(dir, NAME, &serde_json::to_vec_pretty(self)?)
    }

    /// Puts the claim code where somebody at the box finds it, or takes it away.
    pub(super) fn show_code(&self, dir: &Path) -> io::Result<()> {
        match &self.claim {
            Some(code) => write_private(dir, CODE_NAME, format!("{code}\n").as_bytes()),
            None => match fs::remove_file(dir.join(CODE_NAME)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                done => done,
            },
        }
    }

    /// Who shows a secret whose digest is `key`.
    pub(super) fn visitor(&self, key: &Digest, is_token: bool, today: Date, idle_days: u16) -> Option<Visitor> {
        let of = |who, scopes| Visitor { who, scopes, key: Some(key.clone()) };
        if is_token {
            let token = self.tokens.iter().find(|token| token.key == *key)?;
            return Some(of(Who::Token(token.name.clone()), token.scopes));
        }
        if let Some(session) = self.sessions.iter().find(|session| session.key == *key) {
            return session.is_alive(today, idle_days).then(|| of(Who::Owner(session.id.clone()), Scopes::ALL));
        }
        self.guest.as_ref().filter(|guest| guest.key == *key).map(|_| of(Who::Guest, Scopes::READ))
    }

    /// Whether it is written down already that the visitor was here today.
    pub(super) fn is_noted(&self, visitor: &Visitor, today: Date) -> bool {
        let Some(key) = &visitor.key else { return true };
        let session = self.sessions.iter().find(|session| session.key == *key).map(|session| Some(session.used));
        let token = || self.tokens.iter().find(|token| token.key == *key).map(|token| token.used);
        let guest = || self.guest.as_ref().filter(|guest| guest.key == *key).map(|guest| guest.used);
        // A clock that was set back takes nothing back.
        session.or_else(token).or_else(guest).is_none_or(|used| used.is_some_and(|used| used >= today))
    }

    /// Notes that the visitor was here today.
    pub(super) fn note(&mut self, visitor: &Visitor, today: Date) {
        let is_meant = |key: &Digest| visitor.key.as_ref() == Some(key);
        for session in self.sessions.iter_mut().filter(|session| is_meant(&session.key)) {
            session.used = session.used.max(today);
        }
        for token in self.tokens.iter_mut().filter(|token| is_meant(&token.key)) {
            token.used = token.used.max(Some(today));
        }
        for guest in self.guest.iter_mut().filter(|guest| is_meant(&guest.key)) {
            guest.used = guest.used.max(Some(today));
        }
    }

    /// Adds a session; those that are over go, and the least used one where there are too many.
    pub(super) fn add(&mut self, session: Session, idle_days: u16) {
        let today = session.used;
        self.sessions.retain(|session| session.is_alive(today, idle_days));
        if self.sessions.len() >= SESSIONS_MAX
            && let Some(oldest) =
                (0..self.sessions.len()).min_by_key(|n| (self.sessions[*n].used, self.sessions[*n].made_at))
        {
            self.sessions.remove(oldest);
        }
        self.sessions.push(session);
    }

    /// What a backup holds: who has the password and the tokens of before has them on the restored box. Browsers log in again.
    fn without_sessions(mut self) -> Self {
        self.sessions.clear();
        self
    }
}

impl Session {
    fn is_alive(&self, today: Date, idle_days: u16) -> bool {
        today.start().since(self.used.start()).as_secs() <= u64::from(idle_days) * 86_400
    }
}

/// The file as it goes into a backup; nothing where the box belongs to nobody.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn for_backup(dir: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let claimed = Kept::load(dir)?.filter(|kept| kept.claim.is_none());
    Ok(claimed.map(|kept| serde_json::to_vec_pretty(&kept.without_sessions())).transpose()?)
}

/// Holds what a backup has against the format.
///
/// # Errors
/// When it is not one that a box would take.
pub(crate) fn prove(dir: &Path) -> anyhow::Result<()> {
    Kept::load(dir).map(drop)
}

/// Writes a file that only its owner reads, by way of another name.
pub(crate) fn write_private(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let scratch = dir.join(format!("{name}.new"));
    match fs::remove_file(&scratch) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&scratch)?;
    file.write_all(bytes)?;
    let (folder, own) = (fs::metadata(dir)?, file.metadata()?);
    if (folder.uid(), folder.gid()) != (own.uid(), own.gid()) {
        // Only the superuser may; for others the box is theirs anyway.
        let _ = std::os::unix::fs::fchown(&file, Some(folder.uid()), Some(folder.gid()));
    }
    file.sync_all()?;
    fs::rename(&scratch, dir.join(name))?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn session(n: i64) -> Session {
        Session {
            id: n.to_string(),
            key: Digest::of(&n.to_string()),
            made_at: Timestamp::from_secs(n),
            used: Date::of(Timestamp::from_secs(n * 86_400)),
            address: "::1".to_owned(),
            agent: String::new(),
        }
    }

    fn day(n: i64) -> Date {
        Date::of(Timestamp::from_secs(n * 86_400))
    }

    #[test]
    fn it_is_read_back_and_nobody_else_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Kept::load(dir.path()).unwrap().is_none());
        let mut kept = Kept::unclaimed();
        kept.add(session(1), 30);
        kept.save(dir.path()).unwrap();
        kept.show_code(dir.path()).unwrap();
        let back = Kept::load(dir.path()).unwrap().unwrap();
        assert_eq!((&back.claim, &back.sessions), (&kept.claim, &kept.sessions));
        for name in [NAME, CODE_NAME] {
            let mode = fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        kept.claim = None;
        kept.show_code(dir.path()).unwrap();
        kept.show_code(dir.path()).unwrap();
        assert!(!dir.path().join(CODE_NAME).exists());
    }

    #[test]
    fn damage_is_told_with_the_name_and_never_guessed_away() {
        let dir = tempfile::tempdir().unwrap();
        let good = serde_json::to_string(&Kept::unclaimed()).unwrap();
        let other = good.replace("\"format\":1", "\"format\":2");
        let neither = format!("{{\"format\":1,\"claim\":null,{}", good.split_once("\",").unwrap().1);
        for damaged in ["", "{", "null", "{}", &good[..good.len() - 9], &other, &neither] {
            fs::write(dir.path().join(NAME), damaged).unwrap();
            let error = format!("{:#}", Kept::load(dir.path()).unwrap_err());
            assert!(error.contains("access.json: damaged") && error.contains("access reset"), "{damaged}: {error}");
        }
    }

    #[test]
    fn a_session_that_is_not_used_ends_and_one_that_is_does_not() {
        let mut kept = Kept::unclaimed();
        kept.add(session(100), 30);
        let key = Digest::of("100");
        let alive = |kept: &Kept, n| kept.visitor(&key, false, day(n), 30);
        let visitor = alive(&kept, 130).expect("thirty days");
        assert_eq!(visitor.who, Who::Owner("100".to_owned()));
        assert_eq!(alive(&kept, 131), None);
        assert!(!kept.is_noted(&visitor, day(130)));
        kept.note(&visitor, day(130));
        assert!(kept.is_noted(&visitor, day(130)) && alive(&kept, 160).is_some());
        kept.note(&visitor, day(1));
        assert!(kept.is_noted(&visitor, day(1)), "a clock set back");
        assert!(alive(&kept, 160).is_some() && alive(&kept, 1).is_some());
        assert_eq!(kept.visitor(&key, true, day(100), 30), None, "a cookie is no token");
    }

    #[test]
    fn the_least_used_session_makes_room() {
        let mut kept = Kept::unclaimed();
        for n in 0..SESSIONS_MAX as i64 + 5 {
            kept.add(session(1_000 + n), 3_000);
        }
        assert_eq!(kept.sessions.len(), SESSIONS_MAX);
        assert_eq!(kept.sessions[0].id, "1005");
    }

    #[test]
    fn tokens_and_guests_are_known_by_their_own_kind_of_secret() {
        let mut kept = Kept::unclaimed();
        let at = Timestamp::from_secs(5);
        let scopes = Scopes::from(vec![super::super::Scope::Models]);
        kept.tokens.push(Token { name: "pc".to_owned(), key: Digest::of("t"), scopes, made_at: at, used: None });
        kept.guest = Some(Guest { key: Digest::of("g"), made_at: at, used: None });
        let found = |key: &str, is_token| kept.visitor(&Digest::of(key), is_token, day(1), 30);
        let token = found("t", true).unwrap();
        assert_eq!((token.who, token.scopes), (Who::Token("pc".to_owned()), scopes));
        assert_eq!(found("g", false).map(|guest| guest.scopes), Some(Scopes::READ));
        assert!(found("t", false).is_none() && found("g", true).is_none() && found("x", true).is_none());
        let token = kept.visitor(&Digest::of("t"), true, day(1), 30).unwrap();
        assert!(!kept.is_noted(&token, day(1)));
        kept.note(&token, day(1));
        assert!(kept.is_noted(&token, day(1)));
        assert_eq!(kept.tokens[0].used, Some(day(1)));
    }

    #[test]
    fn a_backup_has_password_and_tokens_of_a_claimed_box() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(for_backup(dir.path()).unwrap(), None);
        let mut kept = Kept::unclaimed();
        kept.add(session(1), 30);
        kept.save(dir.path()).unwrap();
        assert_eq!(for_backup(dir.path()).unwrap(), None, "it belongs to nobody");
        kept.claim = None;
        kept.password = Some(PasswordHash::of("a password"));
        kept.save(dir.path()).unwrap();
        let backup = Kept::parse(&for_backup(dir.path()).unwrap().unwrap()).unwrap();
        assert!(backup.sessions.is_empty() && backup.password == kept.password);
    }
}
