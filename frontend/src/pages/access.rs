//! Who may look at the box, and who may change it.

use wire::api::{Audit, AuditEvent, GuestState, SessionRow, Sessions, Standing, TokenRow, Tokens};

use super::{Action, Ask, Block, Cell, Row, Said, Section, Sends, plain};
use crate::sentence::Tone;

/// What this visitor is, and the way out.
#[must_use]
pub fn standing(told: &Standing) -> Section {
    let section = Section::new("standing-here", "You here");
    if told.mode == "open" {
        return section
            .tell("This box is open: everybody who reaches it may see and change everything.", Tone::Warning)
            .say("Set access.mode = \"owner\" in the configuration for a password.");
    }
    let who = match told.who.as_str() {
        "owner" => "You are the owner of this box.",
        "guest" => "You are a guest: you see everything and change nothing.",
        _ => "You came with a token.",
    };
    let mut facts = vec![plain("May", &told.scopes.join(", "), "")];
    if let Some(fingerprint) = &told.fingerprint {
        facts.push(plain("Certificate", fingerprint, "SHA-256: compare it with what the box prints at its start"));
    }
    let way = if told.tls {
        "This page came over HTTPS."
    } else {
        "This page came over HTTP: everybody in the same network can read along."
    };
    let section = section.tell(who, Tone::Plain).facts(facts).say(way);
    if told.who != "owner" {
        return section;
    }
    let act = |id, label, question: &str, consequence, path: &str, asks, done| Action {
        id,
        label,
        question: question.to_owned(),
        consequence,
        method: "POST",
        path: path.to_owned(),
        asks,
        sends: Sends::Json(""),
        done,
    };
    let password = act(
        "password",
        "Change the password",
        "Change the password?",
        "All other browsers have to log in again.",
        "/api/v1/password",
        vec![Ask::secret("old", "The old password"), Ask::secret("new", "The new password, 8 letters at least")],
        "The password was changed.",
    );
    let out = act(
        "logout",
        "Log out",
        "Log out of this browser?",
        "The box goes on by itself.",
        "/api/v1/logout",
        Vec::new(),
        "You are logged out.",
    );
    section.with(Block::Actions(vec![password, out]))
}

/// Browsers that are logged in.
#[must_use]
pub fn sessions(told: &Sessions) -> Section {
    let row = |session: &SessionRow| {
        let here = if session.is_this { Said::toned("this one", Tone::Good) } else { Said::quiet("another") };
        Row::of(vec![
            Cell::from(browser(&session.agent)).hint(&session.agent),
            Cell::from(here).chip(),
            day(&session.made_at).into(),
            session.used.as_str().into(),
            session.address.as_str().into(),
        ])
    };
    let rows = told.sessions.iter().map(row).collect();
    Section::new("sessions", "Browsers that are logged in")
        .wide()
        .table("sessions", &["Browser", "Which", "Since", "Used last", "From"], rows)
        .with(Block::Actions(vec![Action {
            id: "sessions-end",
            label: "Log out everywhere",
            question: "Log out everywhere?".into(),
            consequence: "Every browser has to log in again, this one too. Tokens stay.",
            method: "DELETE",
            path: "/api/v1/sessions".into(),
            asks: Vec::new(),
            sends: Sends::Address,
            done: "All sessions are over.",
        }]))
}

/// What a browser says it is, in a word.
fn browser(agent: &str) -> &'static str {
    let known =
        [("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl")];
    known.iter().find(|(mark, _)| agent.contains(mark)).map_or("unknown", |(_, name)| name)
}

/// `2026-11-22 17:20 UTC` of a time as text.
fn day(text: &str) -> String {
    match text.split_once('T') {
        Some((day, time)) => format!("{day} {} UTC", &time[..time.len().min(5)]),
        None => text.to_owned(),
    }
}

/// Tokens for programs.
#[must_use]
pub fn tokens(told: &Tokens) -> Section {
    let section = Section::new("tokens", "Tokens for programs").wide().note("Authorization: Bearer …");
    let row = |token: &TokenRow| {
        Row::of(vec![
            token.name.as_str().into(),
            token.scopes.join(", ").into(),
            day(&token.made_at).into(),
            token.used.as_deref().unwrap_or("never").into(),
        ])
        .to(format!("/access?token={}", token.name))
    };
    let section = if told.tokens.is_empty() {
        section.say("None. A token lets a program in without the password.")
    } else {
        let rows = told.tokens.iter().map(row).collect();
        section.table("tokens", &["Token", "May", "Since", "Used last"], rows)
    };
    let make = |id, label, question: &str, consequence, scopes| Action {
        id,
        label,
        question: question.to_owned(),
        consequence,
        method: "POST",
        path: "/api/v1/tokens".into(),
        asks: vec![Ask::text("name", "A name for it: letters, digits, - _ .")],
        sends: Sends::Json(scopes),
        done: "The token was made. It is shown once.",
    };
    section.with(Block::Actions(vec![
        make(
            "token-read",
            "For reading",
            "Make a token that may read?",
            "Whoever has it sees everything.",
            "\"scopes\":[\"read\"]",
        ),
        make(
            "token-control",
            "For control",
            "Make a token that may control?",
            "Whoever has it may pause and resume trading, make backups, and take them away.",
            "\"scopes\":[\"read\",\"control\"]",
        ),
        make(
            "token-models",
            "For a trainer",
            "Make a token for a trainer?",
            "Whoever has it may add models and promote them.",
            "\"scopes\":[\"read\",\"models\"]",
        ),
    ]))
}

/// What can be done with a chosen token.
#[must_use]
pub fn chosen(told: &Tokens, name: &str) -> Option<Section> {
    told.tokens.iter().find(|token| token.name == name)?;
    Some(Section::new("chosen-token", name).wide().with(Block::Actions(vec![Action {
        id: "token-revoke",
        label: "Revoke this token",
        question: format!("Revoke {name}?"),
        consequence: "Programs that use it are refused from now on.",
        method: "DELETE",
        path: format!("/api/v1/tokens/{name}"),
        asks: Vec::new(),
        sends: Sends::Address,
        done: "The token is void.",
    }])))
}

/// A secret that is shown once.
#[must_use]
pub fn secret(what: &str, secret: &str) -> Section {
    Section::new("secret", what).wide().tell(secret, Tone::Good).say("Copy it now: it is not shown again.")
}

/// The link for a wall tablet.
#[must_use]
pub fn guest(told: &GuestState) -> Section {
    let section = Section::new("guest", "A tablet on the wall").note("sees everything, changes nothing");
    let make = Action {
        id: "guest-make",
        label: "Make a guest link",
        question: "Make a guest link?".into(),
        consequence: "Who opens it sees everything and changes nothing. A link of before is void.",
        method: "POST",
        path: "/api/v1/guest".into(),
        asks: Vec::new(),
        sends: Sends::Address,
        done: "The link was made. It is shown once.",
    };
    match &told.guest {
        None => section.say("There is no guest link.").with(Block::Actions(vec![make])),
        Some(guest) => {
            let end = Action {
                id: "guest-end",
                label: "End the guest link",
                question: "End the guest link?".into(),
                consequence: "Every guest is asked for the password from now on.",
                method: "DELETE",
                done: "The guest link is void.",
                ..make.clone()
            };
            section
                .facts(vec![
                    plain("Made", &day(&guest.made_at), ""),
                    plain("Used last", guest.used.as_deref().unwrap_or("never"), ""),
                ])
                .with(Block::Actions(vec![make, end]))
        }
    }
}

/// What was done, by whom.
#[must_use]
pub fn audit(told: &Audit) -> Section {
    let section =
        Section::new("audit", "What was done").wide().note("logins, and every request that changes something");
    if told.events.is_empty() {
        return section.say("Nothing yet.");
    }
    let row = |event: &AuditEvent| {
        let outcome = match event.outcome {
            200..=399 => Said::toned("done", Tone::Good),
            401 | 403 => Said::toned("refused", Tone::Bad),
            429 => Said::toned("too often", Tone::Warning),
            other => Said::toned(&other.to_string(), Tone::Warning),
        };
        let who = match &event.name {
            Some(name) => format!("{} {name}", event.who),
            None => event.who.clone(),
        };
        Row::of(vec![
            day(&event.at).into(),
            who.into(),
            event.address.as_deref().unwrap_or("–").into(),
            Cell::from(event.what.as_str()).hint(&event.detail),
            Cell::from(outcome).chip(),
        ])
    };
    let rows = told.events.iter().map(row).collect();
    section.table("audit", &["When", "Who", "From", "What", "Outcome"], rows)
}

#[cfg(test)]
mod tests {
    use wire::api::GuestRow;

    use super::*;

    fn standing_of(who: &str, mode: &str) -> Standing {
        Standing {
            mode: mode.into(),
            claimed: true,
            who: who.into(),
            name: None,
            scopes: vec!["read".into()],
            tls: false,
            fingerprint: None,
            clock: "local".into(),
            set_up: true,
        }
    }

    fn ids(section: &Section) -> Vec<&'static str> {
        section
            .blocks
            .iter()
            .flat_map(|block| match block {
                Block::Actions(actions) => actions.iter().map(|action| action.id).collect(),
                _ => Vec::new(),
            })
            .collect()
    }

    #[test]
    fn only_the_owner_has_a_password_to_change() {
        assert_eq!(ids(&standing(&standing_of("owner", "owner"))), ["password", "logout"]);
        assert_eq!(ids(&standing(&standing_of("guest", "owner"))), Vec::<&str>::new());
        assert!(format!("{:?}", standing(&standing_of("everyone", "open"))).contains("everybody who reaches it"));
    }

    #[test]
    fn tokens_are_listed_and_revoked() {
        let token = TokenRow {
            name: "laptop".into(),
            scopes: vec!["read".into(), "models".into()],
            made_at: "2026-11-22T17:20:00.000Z".into(),
            used: None,
        };
        let told = Tokens { tokens: vec![token] };
        let said = format!("{:?}", tokens(&told));
        assert!(
            said.contains("read, models") && said.contains("2026-11-22 17:20 UTC") && said.contains("never"),
            "{said}"
        );
        assert_eq!(ids(&chosen(&told, "laptop").expect("known")), ["token-revoke"]);
        assert_eq!(chosen(&told, "other"), None);
        assert_eq!(ids(&guest(&GuestState { guest: None })), ["guest-make"]);
        let guest = GuestRow { made_at: String::new(), used: None };
        assert_eq!(ids(&super::guest(&GuestState { guest: Some(guest) })), ["guest-make", "guest-end"]);
    }

    #[test]
    fn browsers_and_outcomes_are_told_in_words() {
        assert_eq!(browser("Mozilla/5.0 (X11) AppleWebKit Chrome/120 Safari/537"), "Chrome");
        let event = |outcome| AuditEvent {
            at: "2026-11-22T17:20:00.000Z".into(),
            who: "nobody".into(),
            name: None,
            address: Some("192.168.1.7".into()),
            what: "login".into(),
            detail: String::new(),
            outcome,
            missed: None,
        };
        let said = format!("{:?}", audit(&Audit { events: vec![event(401), event(429), event(200)] }));
        for word in ["refused", "too often", "done", "192.168.1.7"] {
            assert!(said.contains(word), "{word}");
        }
    }
}
