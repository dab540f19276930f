//! Who may use the box. What each request needs stands in `web::guard`; how to use it in `docs/access.md`.
//!
//! ```text
//!            code + password              password
//! unclaimed ----------------> claimed --------------> session --> cookie
//!     ^                          |  owner: tokens, the guest link
//!     +--- tickerbox access reset +
//! ```
//!
//! | module | what |
//! |---|---|
//! | `section` | the configuration |
//! | `secret` | random secrets and their digests |
//! | `password` | argon2id, one at a time |
//! | `pace`, `limiter` | how often something may be tried |
//! | `visitor` | who asks, and what they may |
//! | `kept` | the file that outlives restarts |
//! | `audit` | the record of what was done |

mod audit;
mod kept;
mod limiter;
mod pace;
mod password;
mod secret;
mod section;
mod visitor;

use std::fs::{File, TryLockError};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::sync::watch;
use types::Date;
use wire::api::{AuditEvent, GuestRow, SessionRow, TokenRow};

use crate::clock::wall_now;
use kept::{Guest, Kept, Session, TOKENS_MAX, Token};
use limiter::Limiter;
use password::{Hasher, PASSWORD_BYTES, PasswordHash};
pub(crate) use secret::hex;
use secret::{Digest, TOKEN_PREFIX, random};

pub(crate) use audit::{Event, TOLD_MAX};
pub(crate) use kept::{FORMAT, NAME, for_backup, prove, write_private};
pub(crate) use pace::Pace;
pub use section::{AccessSection, Mode};
pub(crate) use visitor::{Scope, Scopes, Visitor, Who};

/// Held while a box runs, so that nobody else changes what it has in memory.
const LOCK_NAME: &str = "access.lock";

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("this box is open to everybody: it has no password (access.mode in its configuration)")]
    Open,
    #[error("this box is claimed already: log in")]
    Claimed,
    #[error("this box is not claimed yet: it has no password")]
    Unclaimed,
    #[error("a password has {} to {} bytes", PASSWORD_BYTES.start(), PASSWORD_BYTES.end())]
    Length,
    #[error("wrong claim code")]
    WrongCode,
    #[error("wrong password")]
    WrongPassword,
    #[error("too many tries: wait {} s", .0.as_secs())]
    Wait(Duration),
    #[error("{0}")]
    Bad(String),
    #[error("{0}")]
    Taken(String),
    #[error("{0}")]
    Unknown(String),
    #[error("{0}")]
    Disk(String),
}

/// A secret that a request shows.
#[derive(Clone, Copy)]
pub(crate) enum Shown<'r> {
    /// In the cookie.
    Cookie(&'r str),
    /// As `Authorization: Bearer`.
    Bearer(&'r str),
}

/// From where somebody asks, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    pub(crate) agent: String,
}

/// Who may use this box. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    mode: Mode,
    session_days: u16,
    kept: RwLock<Kept>,
    /// Held while the file is written; readers do not wait for the card.
    writing: Mutex<()>,
    touching: AtomicBool,
    limiter: Mutex<Limiter>,
    hasher: Hasher,
    trail: audit::Trail,
    changes: watch::Sender<()>,
    _lock: File,
}

impl Access {
    /// Reads what is kept in `dir`. A box of an owner that has nobody yet makes its claim code here, or tells the one it made before.
    ///
    /// # Errors
    /// When the file is damaged or cannot be written, or another program holds it.
    pub(crate) fn open(dir: &Path, section: &AccessSection) -> anyhow::Result<Self> {
        let lock = lock(dir)?;
        let kept = match (section.mode, Kept::load(dir)) {
            (_, Ok(Some(kept))) => kept,
            // An open box asks nobody, so there is nothing to write down.
            (Mode::Open, _) => Kept::unclaimed(),
            (Mode::Owner, Ok(None)) => {
                let kept = Kept::unclaimed();
                kept.save(dir).with_context(|| format!("{}: cannot write", dir.join(NAME).display()))?;
                kept
            }
            (Mode::Owner, Err(error)) => return Err(error),
        };
        if section.mode == Mode::Owner {
            // The code is told in the log too.
            if let Err(error) = kept.show_code(dir) {
                tracing::warn!("{}: cannot change: {error}", dir.join(kept::CODE_NAME).display());
            }
            if let Some(code) = &kept.claim {
                tracing::warn!("this box belongs to nobody yet: open the dashboard and claim it with the code {code}");
            }
        }
        let trail = audit::Trail::open(dir).context("cannot start the record of what is done")?;
        let shared = Shared {
            dir: dir.to_owned(),
            mode: section.mode,
            session_days: section.session_days,
            kept: RwLock::new(kept),
            writing: Mutex::default(),
            touching: AtomicBool::new(false),
            limiter: Mutex::default(),
            hasher: Hasher::default(),
            trail,
            changes: watch::Sender::new(()),
            _lock: lock,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Whether there is a password.
    pub(crate) fn mode(&self) -> Mode {
        self.shared.mode
    }

    /// Whether somebody has chosen the password; true for an open box, which nobody has to claim.
    pub(crate) fn is_claimed(&self) -> bool {
        self.shared.mode == Mode::Open || self.kept().password.is_some()
    }

    /// The code by which the box can be claimed.
    pub(crate) fn claim_code(&self) -> Option<String> {
        self.kept().claim.clone().filter(|_| self.shared.mode == Mode::Owner)
    }

    /// Who shows `secret`; nothing where it is not valid.
    pub(crate) fn visitor(&self, secret: Option<Shown<'_>>) -> Option<Visitor> {
        let (text, is_token) = match (self.shared.mode, secret) {
            (Mode::Open, _) => return Some(Visitor::EVERYONE),
            (_, None) => return None,
            (_, Some(Shown::Cookie(text))) => (text, false),
            (_, Some(Shown::Bearer(text))) => (text, true),
        };
        let visitor = self.kept().visitor(&Digest::of(text), is_token, today(), self.shared.session_days)?;
        self.touch(&visitor);
        Some(visitor)
    }

    /// Whether a visitor of before may still what it might then; being here counts as use.
    pub(crate) fn still(&self, visitor: &Visitor) -> bool {
        let Some(key) = &visitor.key else { return self.shared.mode == Mode::Open };
        let is_token = matches!(visitor.who, Who::Token(_));
        let now = self.kept().visitor(key, is_token, today(), self.shared.session_days);
        let is_same = now.as_ref() == Some(visitor);
        if is_same {
            self.touch(visitor);
        }
        is_same
    }

    /// Changes when somebody may have lost what it might.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.shared.changes.subscribe()
    }

    /// Makes the visitor with the code the owner. Gives the secret of a session.
    pub(crate) async fn claim(&self, code: String, password: String, client: Client) -> Result<String, Refused> {
        self.needs_owner_mode()?;
        let Some(claim) = self.kept().claim.clone() else { return Err(Refused::Claimed) };
        if !PASSWORD_BYTES.contains(&password.len()) {
            return Err(Refused::Length);
        }
        self.begin_try(&client)?;
        if !secret::is_code(&code, &claim) {
            return Err(Refused::WrongCode);
        }
        let hash = self.hash(&client, move || PasswordHash::of(&password)).await?;
        self.succeed(&client);
        let (secret, session) = new_session(&client);
        let (dir, days) = (self.shared.dir.clone(), self.shared.session_days);
        self.change(Unwritten::Undone, move |kept| {
            if kept.password.is_some() {
                return Err(Refused::Claimed);
            }
            (kept.claim, kept.password) = (None, Some(hash));
            kept.add(session, days);
            Ok(())
        })
        .await?;
        let shared = self.shared.clone();
        let _ = tokio::task::spawn_blocking(move || {
            if let Err(error) = shared.kept().show_code(&dir) {
                tracing::warn!("{}: cannot remove: {error}", dir.join(kept::CODE_NAME).display());
            }
        })
        .await;
        Ok(secret)
    }

    /// Gives who has the password the secret of a session.
    pub(crate) async fn log_in(&self, password: String, client: Client) -> Result<String, Refused> {
        self.needs_owner_mode()?;
        let hash = self.prove(password, &client).await?;
        let (secret, session) = new_session(&client);
        let days = self.shared.session_days;
        // A card that takes no writes does not keep its owner from looking why.
        let added = self
            .change(Unwritten::Done, move |kept| {
                // It may have been changed while this one was proven.
                if kept.password.as_ref() != Some(&hash) {
                    return Err(Refused::WrongPassword);
                }
                kept.add(session, days);
                Ok(())
            })
            .await;
        match added {
            Err(Refused::Disk(error)) => tracing::warn!("a session ends with the program: {error}"),
            other => other?,
        }
        Ok(secret)
    }

    /// Ends a visitor's session; nothing for others.
    pub(crate) async fn log_out(&self, visitor: &Visitor) -> Result<(), Refused> {
        let Visitor { who: Who::Owner(id), .. } = visitor else { return Ok(()) };
        self.end_session(id.clone()).await
    }

    /// Changes the password and ends all sessions but the visitor's.
    pub(crate) async fn change_password(
        &self,
        visitor: &Visitor,
        old: String,
        new: String,
        client: Client,
    ) -> Result<(), Refused> {
        self.needs_owner_mode()?;
        if !PASSWORD_BYTES.contains(&new.len()) {
            return Err(Refused::Length);
        }
        let proven = self.prove(old, &client).await?;
        let hash = self.hash(&client, move || PasswordHash::of(&new)).await?;
        let key = visitor.key.clone();
        self.change(Unwritten::Undone, move |kept| {
            if kept.password.as_ref() != Some(&proven) {
                return Err(Refused::WrongPassword);
            }
            kept.password = Some(hash);
            kept.sessions.retain(|session| Some(&session.key) == key.as_ref());
            Ok(())
        })
        .await
    }

    /// All sessions, the newest first.
    pub(crate) fn sessions(&self, visitor: &Visitor) -> Vec<SessionRow> {
        let show = |session: &Session| SessionRow {
            id: session.id.clone(),
            made_at: session.made_at.to_string(),
            used: session.used.to_string(),
            address: session.address.clone(),
            agent: session.agent.clone(),
            is_this: visitor.key.as_ref() == Some(&session.key),
        };
        self.kept().sessions.iter().rev().map(show).collect()
    }

    /// Logs out everywhere.
    pub(crate) async fn end_sessions(&self) -> Result<(), Refused> {
        self.needs_owner_mode()?;
        self.change(Unwritten::Done, |kept| {
            kept.sessions.clear();
            Ok(())
        })
        .await
    }

    /// Ends one session.
    pub(crate) async fn end_session(&self, id: String) -> Result<(), Refused> {
        self.needs_owner_mode()?;
        self.change(Unwritten::Done, move |kept| {
            let before = kept.sessions.len();
            kept.sessions.retain(|session| session.id != id);
            if kept.sessions.len() == before { Err(Refused::Unknown(format!("no session {id:?}"))) } else { Ok(()) }
        })
        .await
    }

    /// All tokens, in the order they were made.
    pub(crate) fn tokens(&self) -> Vec<TokenRow> {
        self.kept().tokens.iter().map(show_token).collect()
    }

    /// Makes a token; tells the only time what it is.
    pub(crate) async fn make_token(&self, name: String, scopes: Scopes) -> Result<(TokenRow, String), Refused> {
        self.needs_owner_mode()?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !(1..=32).contains(&name.len()) || !name.chars().all(is_plain) || name.chars().all(|c| c == '.') {
            return Err(Refused::Bad("name: must be 1 to 32 letters, digits, - _ and .".to_owned()));
        }
        if scopes == Scopes::NONE || scopes.has(Scope::Owner) {
            return Err(Refused::Bad("scopes: must be some of read, control, models".to_owned()));
        }
        let secret = format!("{TOKEN_PREFIX}{}", hex(&random::<32>()));
        let token = Token { name, key: Digest::of(&secret), scopes, made_at: wall_now(), used: None };
        let shown = show_token(&token);
        self.change(Unwritten::Undone, move |kept| {
            if kept.tokens.iter().any(|other| other.name == token.name) {
                return Err(Refused::Taken(format!("there is a token {:?} already", token.name)));
            }
            if kept.tokens.len() >= TOKENS_MAX {
                return Err(Refused::Taken(format!("there are {TOKENS_MAX} tokens already: revoke one")));
            }
            kept.tokens.push(token);
            Ok(())
        })
        .await?;
        Ok((shown, secret))
    }

    /// Revokes a token.
    pub(crate) async fn revoke_token(&self, name: String) -> Result<(), Refused> {
        self.needs_owner_mode()?;
        self.change(Unwritten::Done, move |kept| {
            let before = kept.tokens.len();
            kept.tokens.retain(|token| token.name != name);
            if kept.tokens.len() == before { Err(Refused::Unknown(format!("no token {name:?}"))) } else { Ok(()) }
        })
        .await
    }

    /// The guest link, if there is one.
    pub(crate) fn guest(&self) -> Option<GuestRow> {
        let show = |guest: &Guest| GuestRow { made_at: guest.made_at.to_string(), used: day(guest.used) };
        self.kept().guest.as_ref().map(show)
    }

    /// Makes the guest link anew; tells the only time what its secret is.
    pub(crate) async fn make_guest(&self) -> Result<String, Refused> {
        self.needs_owner_mode()?;
        let secret = hex(&random::<16>());
        let guest = Guest { key: Digest::of(&secret), made_at: wall_now(), used: None };
        self.change(Unwritten::Undone, move |kept| {
            kept.guest = Some(guest);
            Ok(())
        })
        .await?;
        Ok(secret)
    }

    /// Makes the guest link void.
    pub(crate) async fn revoke_guest(&self) -> Result<(), Refused> {
        self.needs_owner_mode()?;
        self.change(Unwritten::Done, |kept| {
            kept.guest = None;
            Ok(())
        })
        .await
    }

    /// Records what was done.
    pub(crate) fn record(&self, event: Event) {
        self.shared.trail.record(event);
    }

    /// The newest events, the newest first.
    pub(crate) fn recorded(&self, limit: usize) -> Vec<AuditEvent> {
        self.shared.trail.newest(limit).into_iter().map(Event::told).collect()
    }

    fn kept(&self) -> RwLockReadGuard<'_, Kept> {
        self.shared.kept()
    }

    fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.shared.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn needs_owner_mode(&self) -> Result<(), Refused> {
        if self.shared.mode == Mode::Open { Err(Refused::Open) } else { Ok(()) }
    }

    fn begin_try(&self, client: &Client) -> Result<(), Refused> {
        // Rounded up: who waits as long as it is told may try.
        let told = |wait: Duration| Refused::Wait(Duration::from_secs(wait.as_secs() + 1));
        self.limiter().begin(client.address, Instant::now()).map_err(told)
    }

    fn succeed(&self, client: &Client) {
        self.limiter().succeeded(client.address, Instant::now());
    }

    async fn hash<T: Send + 'static>(
        &self,
        client: &Client,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let done = self.shared.hasher.run(work).await;
        done.ok_or_else(|| {
            self.limiter().give_back(client.address, Instant::now());
            Refused::Wait(Duration::from_secs(2))
        })
    }

    /// Holds a password against the kept one, as often as the limits allow. Gives what it was held against.
    async fn prove(&self, password: String, client: &Client) -> Result<PasswordHash, Refused> {
        let Some(hash) = self.kept().password.clone() else { return Err(Refused::Unclaimed) };
        self.begin_try(client)?;
        let held = hash.clone();
        if !self.hash(client, move || held.matches(&password)).await? {
            return Err(Refused::WrongPassword);
        }
        self.succeed(client);
        Ok(hash)
    }

    /// Changes what is kept, on a thread that may wait for the card.
    async fn change<T: Send + 'static>(
        &self,
        unwritten: Unwritten,
        edit: impl FnOnce(&mut Kept) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let shared = self.shared.clone();
        let changed = tokio::task::spawn_blocking(move || shared.change(unwritten, edit)).await;
        changed.unwrap_or_else(|error| Err(Refused::Disk(format!("it ended early: {error}"))))
    }

    /// Writes down, once a day, that a visitor was here.
    fn touch(&self, visitor: &Visitor) {
        if self.kept().is_noted(visitor, today()) || self.shared.touching.swap(true, Ordering::AcqRel) {
            return;
        }
        let (shared, visitor) = (self.shared.clone(), visitor.clone());
        tokio::task::spawn_blocking(move || {
            let done = shared.change(Unwritten::Done, |kept| {
                kept.note(&visitor, today());
                Ok(())
            });
            if let Err(error) = done {
                tracing::warn!("{error}");
            }
            shared.touching.store(false, Ordering::Release);
        });
    }
}

/// What a change is worth that the card did not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unwritten {
    /// Nothing: it did not happen.
    Undone,
    /// It counts until the program ends: nobody keeps what was taken from them.
    Done,
}

impl Shared {
    fn kept(&self) -> RwLockReadGuard<'_, Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(
        &self,
        unwritten: Unwritten,
        edit: impl FnOnce(&mut Kept) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = self.kept().clone();
        let value = edit(&mut kept)?;
        let saved = kept.save(&self.dir);
        if saved.is_ok() || unwritten == Unwritten::Done {
            *self.kept.write().unwrap_or_else(PoisonError::into_inner) = kept;
            self.changes.send_replace(());
        }
        let path = self.dir.join(NAME);
        saved.map(|()| value).map_err(|error| Refused::Disk(format!("{}: cannot write: {error}", path.display())))
    }
}

/// Forgets password, sessions, tokens and the guest link of a box that does not run; gives its new claim code.
///
/// # Errors
/// When it runs, or nothing can be written.
pub(crate) fn reset(dir: &Path) -> anyhow::Result<String> {
    if !dir.is_dir() {
        bail!("{}: no such folder", dir.display());
    }
    let _lock = lock(dir)?;
    let kept = Kept::unclaimed();
    kept.save(dir).with_context(|| format!("{}: cannot write", dir.join(NAME).display()))?;
    kept.show_code(dir).with_context(|| format!("{}: cannot write", dir.join(kept::CODE_NAME).display()))?;
    audit::Trail::open(dir)?.record(Event::new(&Who::Box, None, "tickerbox access reset", "", 200));
    kept.claim.context("it has a code")
}

fn lock(dir: &Path) -> anyhow::Result<File> {
    let path = dir.join(LOCK_NAME);
    let named = || format!("{}: cannot open", path.display());
    let file = File::options().create(true).append(true).open(&path).with_context(named)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("{}: in use: stop the box that runs there first", dir.display()),
        Err(TryLockError::Error(error)) => Err(error).with_context(named),
    }
}

fn new_session(client: &Client) -> (String, Session) {
    let secret = hex(&random::<32>());
    let made_at = wall_now();
    let session = Session {
        id: hex(&random::<4>()),
        key: Digest::of(&secret),
        made_at,
        used: Date::of(made_at),
        address: client.address.to_canonical().to_string(),
        agent: audit::short(&client.agent),
    };
    (secret, session)
}

fn show_token(token: &Token) -> TokenRow {
    let made_at = token.made_at.to_string();
    TokenRow { name: token.name.clone(), scopes: token.scopes.names(), made_at, used: day(token.used) }
}

fn day(used: Option<Date>) -> Option<String> {
    used.map(|day| day.to_string())
}

fn today() -> Date {
    Date::of(wall_now())
}

#[cfg(test)]
mod tests;
