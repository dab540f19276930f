use super::*;

fn open(dir: &Path) -> Access {
    Access::open(dir, &AccessSection::default()).unwrap()
}

fn client(n: u8) -> Client {
    Client { address: [10, 0, 0, n].into(), agent: "a browser".to_owned() }
}

fn text(text: &str) -> String {
    text.to_owned()
}

async fn claimed(dir: &Path) -> (Access, String) {
    let access = open(dir);
    let code = access.claim_code().expect("unclaimed");
    let secret = access.claim(code, text("a password"), client(1)).await.unwrap();
    (access, secret)
}

fn owner(access: &Access, secret: &str) -> Option<Visitor> {
    access.visitor(Some(Shown::Cookie(secret)))
}

#[tokio::test]
async fn a_fresh_box_is_claimed_once_and_with_its_code_only() {
    let dir = tempfile::tempdir().unwrap();
    let access = open(dir.path());
    let code = access.claim_code().expect("unclaimed");
    drop(access);
    let access = open(dir.path());
    assert_eq!(access.claim_code().as_ref(), Some(&code), "kept for restarts");
    let file = dir.path().join(kept::CODE_NAME);
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), code);
    assert_eq!(access.log_in(text("a password"), client(1)).await, Err(Refused::Unclaimed));
    assert_eq!(access.claim(text("AAAA-AAAA"), text("a password"), client(1)).await, Err(Refused::WrongCode));
    for password in ["short", &"x".repeat(257)] {
        assert_eq!(access.claim(code.clone(), text(password), client(1)).await, Err(Refused::Length));
    }
    let secret = access.claim(code.to_lowercase(), text("a password"), client(1)).await.unwrap();
    assert!(owner(&access, &secret).is_some_and(|visitor| visitor.may(Scope::Owner)));
    assert!(!file.exists() && access.claim_code().is_none());
    assert_eq!(access.claim(code, text("a password"), client(1)).await, Err(Refused::Claimed));
}

#[tokio::test]
async fn password_session_and_token_outlive_a_restart_and_lie_nowhere_in_clear() {
    let dir = tempfile::tempdir().unwrap();
    let (access, secret) = claimed(dir.path()).await;
    let (_, token) = access.make_token(text("pc"), Scopes::from(vec![Scope::Models])).await.unwrap();
    let guest = access.make_guest().await.unwrap();
    drop(access);
    let kept = std::fs::read_to_string(dir.path().join(NAME)).unwrap();
    for hidden in [secret.as_str(), token.trim_start_matches(TOKEN_PREFIX), &guest, "a password"] {
        assert!(!kept.contains(hidden), "{hidden}");
    }
    let access = open(dir.path());
    assert!(owner(&access, &secret).is_some());
    assert_eq!(owner(&access, &guest).map(|visitor| visitor.who), Some(Who::Guest));
    let program = access.visitor(Some(Shown::Bearer(&token))).expect("known");
    assert!(program.may(Scope::Models) && !program.may(Scope::Control));
    assert!(access.log_in(text("a password"), client(2)).await.is_ok());
    assert_eq!(access.log_in(text("b password"), client(2)).await, Err(Refused::WrongPassword));
}

#[tokio::test]
async fn what_is_ended_ends_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (access, first) = claimed(dir.path()).await;
    let second = access.log_in(text("a password"), client(2)).await.unwrap();
    let [one, two] = [&first, &second].map(|secret| owner(&access, secret).unwrap());
    let mut changes = access.changes();
    changes.mark_unchanged();
    access.change_password(&two, text("a password"), text("new password"), client(2)).await.unwrap();
    assert!(changes.has_changed().unwrap());
    assert!(!access.still(&one) && access.still(&two), "a new password ends the other sessions");
    let wrong = access.change_password(&two, text("a password"), text("new password"), client(2)).await;
    assert_eq!(wrong, Err(Refused::WrongPassword));

    let (_, token) = access.make_token(text("pc"), Scopes::READ).await.unwrap();
    let taken = access.make_token(text("pc"), Scopes::READ).await;
    assert!(matches!(taken, Err(Refused::Taken(_))));
    for (name, scopes) in [("", Scopes::READ), ("a b", Scopes::READ), ("x", Scopes::NONE), ("x", Scopes::ALL)] {
        assert!(matches!(access.make_token(text(name), scopes).await, Err(Refused::Bad(_))), "{name} {scopes}");
    }
    let program = access.visitor(Some(Shown::Bearer(&token))).unwrap();
    access.revoke_token(text("pc")).await.unwrap();
    assert!(!access.still(&program) && access.visitor(Some(Shown::Bearer(&token))).is_none());
    assert!(matches!(access.revoke_token(text("pc")).await, Err(Refused::Unknown(_))));

    let old = access.make_guest().await.unwrap();
    let new = access.make_guest().await.unwrap();
    assert!(owner(&access, &old).is_none() && owner(&access, &new).is_some(), "only the newest link");
    access.revoke_guest().await.unwrap();
    assert!(owner(&access, &new).is_none() && access.guest().is_none());

    access.end_sessions().await.unwrap();
    assert!(!access.still(&two) && access.sessions(&two).is_empty());
}

#[tokio::test]
async fn tries_are_counted_also_when_they_come_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (access, _) = claimed(dir.path()).await;
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..20 {
        let access = access.clone();
        tries.spawn(async move { access.log_in(format!("wrong password {n}"), client(9)).await });
    }
    let answers = tries.join_all().await;
    assert_eq!(answers.iter().filter(|answer| **answer == Err(Refused::WrongPassword)).count(), 3);
    assert!(matches!(access.log_in(text("a password"), client(9)).await, Err(Refused::Wait(_))));
    assert!(access.log_in(text("a password"), client(1)).await.is_ok(), "the owner's address is not held up");
}

#[tokio::test]
async fn an_open_box_asks_nobody_and_has_nothing_to_give() {
    let dir = tempfile::tempdir().unwrap();
    let section = AccessSection { mode: Mode::Open, ..AccessSection::default() };
    let access = Access::open(dir.path(), &section).unwrap();
    assert!(access.is_claimed() && access.claim_code().is_none());
    assert!(access.visitor(None).is_some_and(|visitor| visitor.may(Scope::Owner)));
    assert_eq!(access.log_in(text("a password"), client(1)).await, Err(Refused::Open));
    assert_eq!(access.make_guest().await, Err(Refused::Open));
    assert!(!dir.path().join(NAME).exists() && !dir.path().join(kept::CODE_NAME).exists());
}

#[tokio::test]
async fn a_reset_forgets_everybody_but_not_under_a_running_box() {
    let dir = tempfile::tempdir().unwrap();
    let (access, secret) = claimed(dir.path()).await;
    assert!(format!("{:#}", reset(dir.path()).unwrap_err()).contains("in use"));
    drop(access);
    let code = reset(dir.path()).unwrap();
    let access = open(dir.path());
    assert_eq!(access.claim_code(), Some(code));
    assert!(owner(&access, &secret).is_none());
    assert_eq!(access.recorded(1)[0], access.recorded(5)[0]);
    drop(access);
    std::fs::write(dir.path().join(NAME), "{").unwrap();
    assert!(Access::open(dir.path(), &AccessSection::default()).is_err(), "damage opens nothing");
    reset(dir.path()).unwrap();
    open(dir.path());
    assert!(reset(&dir.path().join("absent")).is_err());
}

#[tokio::test]
async fn a_card_that_takes_no_writes_keeps_nobody_out_and_nobody_in() {
    let dir = tempfile::tempdir().unwrap();
    let (access, _) = claimed(dir.path()).await;
    std::fs::remove_dir_all(dir.path()).unwrap();
    let secret = access.log_in(text("a password"), client(1)).await.unwrap();
    assert!(owner(&access, &secret).is_some());
    assert!(matches!(access.make_token(text("pc"), Scopes::READ).await, Err(Refused::Disk(_))));
    assert!(access.tokens().is_empty());
    assert!(matches!(access.end_sessions().await, Err(Refused::Disk(_))));
    assert!(owner(&access, &secret).is_none());
}
