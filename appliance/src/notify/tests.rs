//! Against services that are played, in all their moods.

use std::time::{Duration, Instant};

use types::Timestamp;

use super::services::{Post, PostOffice, Service, Way};
use super::*;
use crate::config::{Config, NetworkSection};

/// As long as a request may take in these tests.
const PATIENCE: Duration = Duration::from_secs(2);

fn network() -> Network {
    Network::new(&NetworkSection::default()).unwrap()
}

fn places(text: &str) -> Places {
    let config = Config::parse(text).unwrap_or_else(|problems| panic!("{problems:?}"));
    Places::of(&config.notify)
}

fn discord(service: &Service) -> String {
    format!("[notify.discord]\nwebhook = 'http://{}/api/webhooks/1/SECRET'\n", service.address)
}

fn webhook(service: &Service) -> String {
    let address = service.address;
    format!("[notify.webhook]\nurl = 'http://{address}/SECRET'\nsecret = '0123456789abcdef'\nallow_private = true\n")
}

/// What a test message by all channels comes to.
async fn tested(network: &Network, text: &str) -> Vec<ChannelTest> {
    let carrier = Carrier::with_patience(network, PATIENCE, PATIENCE).unwrap();
    let tester = Tester::new(&places(text), Arc::new(carrier), Clock::wall());
    tester.test(None).await.unwrap()
}

#[track_caller]
fn told(results: &[ChannelTest], arrived: bool, told: &str) {
    assert_eq!(results.len(), 1);
    assert_eq!((results[0].arrived, results[0].told.as_str()), (arrived, told));
    assert!(!results[0].told.contains("SECRET"));
}

#[tokio::test]
async fn all_moods_of_discord_are_understood() {
    const LIMITED: &str = r#"{"message":"You are being rate limited.","retry_after":0.3,"global":false}"#;
    const GLOBAL: &str = r#"{"message":"You are being rate limited.","retry_after":2,"global":true}"#;
    let service = Service::start([Way::NO_CONTENT]).await;
    for (way, arrived, words) in [
        (Way::NO_CONTENT, true, "status 204"),
        (Way::Answer(200, "", "{\"id\":\"1\"}"), true, "status 200"),
        (Way::Answer(400, "", "{\"message\":\"Invalid Form Body\"}"), false, "status 400: Invalid Form Body"),
        (Way::Answer(401, "", ""), false, "the webhook is refused (status 401)"),
        (Way::Answer(403, "", ""), false, "the webhook is refused (status 403)"),
        (
            Way::Answer(404, "", "{\"message\":\"Unknown Webhook\"}"),
            false,
            "the webhook is deleted (status 404: Unknown Webhook)",
        ),
        (Way::Answer(429, "", LIMITED), false, "status 429; it wants 0.3 s of rest"),
        (Way::Answer(429, "retry-after: 3\r\n", ""), false, "status 429; it wants 3 s of rest"),
        (
            Way::Answer(429, "x-ratelimit-global: true\r\nretry-after: 2\r\n", GLOBAL),
            false,
            "status 429; it wants 2 s of rest",
        ),
        (Way::Answer(500, "", ""), false, "status 500"),
        (Way::HTML_503, false, "status 503, with a web page"),
    ] {
        service.goes_on([way]);
        told(&tested(&network(), &discord(&service)).await, arrived, words);
    }
    let asked = service.asked();
    assert_eq!(asked.len(), 11, "each once");
    assert_eq!(asked[0].path, "/api/webhooks/1/SECRET?wait=true");
    assert_eq!(asked[0].json()["allowed_mentions"], serde_json::json!({"parse": []}));
    assert_eq!(asked[0].header("content-type"), "application/json");
}

#[tokio::test]
async fn a_service_that_hangs_or_hangs_up_is_not_waited_for() {
    let service = Service::start([Way::Slow(Duration::from_secs(30))]).await;
    let began = Instant::now();
    let results = tested(&network(), &discord(&service)).await;
    assert!(!results[0].arrived && began.elapsed() < 3 * PATIENCE, "{results:?}");
    assert!(results[0].told.contains("timed out"), "{results:?}");
    service.goes_on([Way::Cut]);
    let results = tested(&network(), &discord(&service)).await;
    assert!(!results[0].arrived && !results[0].told.contains("SECRET"), "{results:?}");
}

#[tokio::test]
async fn no_redirect_leads_to_another_host_and_none_makes_a_get_of_it() {
    let other = Service::start([Way::NO_CONTENT]).await;
    let elsewhere: &'static str = Box::leak(format!("location: http://{}/\r\n", other.address).into_boxed_str());
    let service = Service::start([Way::Answer(307, elsewhere, "")]).await;
    told(&tested(&network(), &webhook(&service)).await, false, "status 307: it wants to be asked elsewhere");
    assert!(other.asked().is_empty());
    service.goes_on([Way::Answer(302, "location: /there\r\n", ""), Way::NO_CONTENT]);
    told(&tested(&network(), &webhook(&service)).await, false, "status 302: it wants to be asked elsewhere");
    service.goes_on([Way::Answer(308, "location: /there\r\n", ""), Way::NO_CONTENT]);
    told(&tested(&network(), &webhook(&service)).await, true, "status 204");
    let last = service.asked().pop().unwrap();
    assert_eq!(last.path, "/there");
    assert_eq!(last.json()["type"], "test", "the body goes with it");
    service.goes_on([Way::Answer(308, "location: /round\r\n", "")]);
    told(&tested(&network(), &webhook(&service)).await, false, "status 308: it wants to be asked elsewhere");
}

#[tokio::test]
async fn a_receiver_can_prove_who_sent_it_and_one_at_home_has_to_be_meant() {
    let service = Service::start([Way::Answer(410, "", "")]).await;
    told(&tested(&network(), &webhook(&service)).await, false, "the receiver wants no more messages (status 410)");
    let asked = service.asked().remove(0);
    assert!(
        asked.header("x-tickerbox-signature").starts_with("v1=") && asked.header("x-tickerbox-signature").len() == 67
    );
    let age = Clock::wall().now().as_secs() - asked.header("x-tickerbox-timestamp").parse::<i64>().unwrap();
    assert!((0..60).contains(&age), "{age}");
    assert_eq!(asked.json()["id"], asked.header("x-tickerbox-id"));

    // A name that leads home: the address behind it counts, not the name.
    let port = service.address.port();
    let sneaky = format!("[notify.webhook]\nurl = 'https://localhost:{port}/'\nsecret = '0123456789abcdef'\n");
    let results = tested(&network(), &sneaky).await;
    assert!(results[0].told.contains("set allow_private = true"), "{results:?}");
    assert_eq!(service.asked().len(), 1);
    let literal = "[notify.webhook]\nurl = 'https://192.168.0.1/'\nsecret = '0123456789abcdef'\n";
    let results = tested(&network(), literal).await;
    assert!(results[0].told.contains("set allow_private = true"), "{results:?}");
}

#[tokio::test]
async fn ntfy_and_telegram_get_what_they_want() {
    let service = Service::start([Way::Answer(200, "", "{\"ok\":true}")]).await;
    let address = service.address;
    let both = format!(
        "[notify]\nlink = 'http://box.local'\n[notify.ntfy]\nserver = 'http://{address}'\ntopic = 'box_1'\ntoken = 'tk_1'\nallow_private = true\n\
         [notify.telegram]\nbase = 'http://{address}'\ntoken = '12:SECRET'\nchat = '-5'\n"
    );
    let results = tested(&network(), &both).await;
    assert!(results.len() == 2 && results.iter().all(|result| result.arrived), "{results:?}");
    let asked = service.asked();
    let ntfy = asked.iter().find(|it| it.path == "/").unwrap();
    assert_eq!((ntfy.header("authorization"), &ntfy.json()["topic"]), ("Bearer tk_1", &"box_1".into()));
    assert_eq!(ntfy.json()["click"], "http://box.local");
    let telegram = asked.iter().find(|it| it.path == "/bot12:SECRET/sendMessage").unwrap();
    assert_eq!((&telegram.json()["chat_id"], telegram.json().get("parse_mode")), (&(-5).into(), None));
}

fn mail(server: &PostOffice, tls: &str) -> String {
    let port = server.address.port();
    format!(
        "[notify.mail]\nhost = 'localhost'\nport = {port}\ntls = '{tls}'\nuser = 'me'\npassword = 'SECRET'\n\
         from = 'box@x.org'\nto = ['me@x.org', 'you@y.org']\n"
    )
}

/// A network that believes the server.
fn believing(server: &PostOffice) -> (tempfile::TempDir, Network) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    std::fs::write(&path, &server.certificate).unwrap();
    let network = Network::new(&NetworkSection { ca_file: Some(path), proxy: None }).unwrap();
    (dir, network)
}

#[tokio::test]
async fn mails_are_encrypted_or_not_sent() {
    for (tls, is_implicit) in [("starttls", false), ("implicit", true)] {
        let server = PostOffice::start(Post::Takes, is_implicit).await;
        let (_dir, network) = believing(&server);
        told(&tested(&network, &mail(&server, tls)).await, true, "reply 250: 2.0.0 queued as 7F");
        let said = server.said();
        let place = |what: &str| {
            said.iter().position(|line| line.starts_with(what)).unwrap_or_else(|| panic!("{what}: {said:?}"))
        };
        if !is_implicit {
            assert!(place("STARTTLS") < place("(encrypted)") && place("(encrypted)") < place("AUTH PLAIN"));
        }
        assert!(
            place("MAIL FROM:<box@x.org>") < place("RCPT TO:<me@x.org>")
                && place("RCPT TO:<you@y.org>") < place("DATA")
        );
        assert!(place("Subject: Tickerbox can reach you") < place("."), "{said:?}");
        // Somebody whose certificate nobody believes.
        let results = tested(&self::network(), &mail(&server, tls)).await;
        assert!(!results[0].arrived && results[0].told.to_lowercase().contains("certificate"), "{results:?}");
    }
    let server = PostOffice::start(Post::Plain, false).await;
    let results = tested(&network(), &mail(&server, "starttls")).await;
    assert!(results[0].told.contains("offers no STARTTLS"), "{results:?}");
    assert!(server.said().iter().all(|line| line.starts_with("EHLO") || line == "QUIT"), "{:?}", server.said());
}

#[tokio::test]
async fn replies_of_mail_servers_are_told() {
    for (way, words) in [
        (Post::Closed, "reply 421: too busy"),
        (Post::Later, "reply 451: try again later"),
        (Post::WrongLogin, "the server refuses us (reply 535: 5.7.8 authentication failed)"),
        (Post::NoSuchUser, "reply 550: 5.1.1 no such user"),
    ] {
        let server = PostOffice::start(way, false).await;
        let (_dir, network) = believing(&server);
        told(&tested(&network, &mail(&server, "starttls")).await, false, words);
    }
}

/// A box's messages, until this is dropped.
struct Running {
    notifier: Notifier,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn start(dir: &Path, text: &str) -> Running {
    let (notifier, office) = Notifier::open(places(text), dir, &network(), Clock::wall()).unwrap();
    Running { notifier, task: tokio::spawn(office.unwrap().run()) }
}

fn alert(key: &str) -> Alert {
    Alert {
        key: key.to_owned(),
        level: Level::Warning,
        state: State::Happened,
        title: key.to_owned(),
        text: String::new(),
        at: Timestamp::from_secs(1_767_614_400),
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let holds = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), holds).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn a_channel_that_hangs_keeps_no_other_waiting() {
    let (dir, slow) = (tempfile::tempdir().unwrap(), Service::start([Way::Slow(Duration::from_secs(60))]).await);
    let good = Service::start([Way::NO_CONTENT]).await;
    let text = format!("[notify]\ngather_s = 0\n{}{}", discord(&slow), webhook(&good));
    let it = start(dir.path(), &text);
    for n in 0..5 {
        it.notifier.raise(alert(&format!("class{n}:x")));
    }
    let asked = good.was_asked(5).await;
    let titles: Vec<String> = asked.iter().map(|it| it.json()["data"]["alerts"][0]["title"].to_string()).collect();
    assert_eq!(titles, ["\"class0:x\"", "\"class1:x\"", "\"class2:x\"", "\"class3:x\"", "\"class4:x\""]);
    assert_eq!(slow.asked().len(), 1);
    until("the good one has told all", || it.notifier.health().unwrap().channels["webhook"].sent == 5).await;
    let health = it.notifier.health().unwrap();
    assert_eq!((health.channels["discord"].sent, health.channels["discord"].waiting), (0, 5));
    assert!(health.worst().is_empty());
}

#[tokio::test]
async fn what_nobody_acknowledged_is_sent_again_after_a_restart_under_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start([Way::Answer(500, "", "")]).await;
    let first = start(dir.path(), &webhook(&service));
    first.notifier.raise(alert("engine:a"));
    let id = service.was_asked(1).await[0].header("x-tickerbox-id").to_owned();
    drop(first);
    let before = service.asked().len();
    service.goes_on([Way::NO_CONTENT]);
    let second = start(dir.path(), &webhook(&service));
    let again = service.was_asked(before + 1).await;
    assert_eq!(again.last().unwrap().header("x-tickerbox-id"), id);
    until("it is known to have arrived", || second.notifier.health().unwrap().channels["webhook"].sent == 1).await;
    // The answer is on the card before anything else is done.
    second.notifier.raise(alert("other:b"));
    let other = service.was_asked(before + 2).await.pop().unwrap();
    assert_ne!(other.header("x-tickerbox-id"), id);
    until("both are known", || second.notifier.health().unwrap().channels["webhook"].sent == 2).await;
    until("and kept", || {
        let kept = std::fs::read_to_string(dir.path().join(office::NAME)).unwrap_or_default();
        kept.contains("\"messages\":2")
    })
    .await;
    drop(second);
    let _third = start(dir.path(), &webhook(&service));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(service.asked().len(), before + 2, "nothing is told twice");
    let kept = std::fs::read_to_string(dir.path().join(office::NAME)).unwrap();
    assert!(!kept.contains("SECRET") && !kept.contains("0123456789abcdef"), "no secret lies there");
}

#[tokio::test]
async fn a_deleted_webhook_is_told_by_the_others_and_works_again_after_a_test() {
    let dir = tempfile::tempdir().unwrap();
    let gone = Service::start([Way::Answer(404, "", "{\"message\":\"Unknown Webhook\"}"), Way::NO_CONTENT]).await;
    let good = Service::start([Way::NO_CONTENT]).await;
    let it = start(dir.path(), &format!("{}{}", discord(&gone), webhook(&good)));
    it.notifier.raise(alert("engine:a"));
    let asked = good.was_asked(2).await;
    assert_eq!(asked[1].json()["data"]["alerts"][0]["title"], "No more messages by discord");
    let health = it.notifier.health().unwrap();
    assert_eq!(health.channels["discord"].error, "the webhook is deleted (status 404: Unknown Webhook)");
    assert!(!health.worst().is_empty() && health.channels["discord"].dead == 1);
    it.notifier.raise(alert("other:b"));
    good.was_asked(3).await;
    assert_eq!(gone.asked().len(), 1, "it is asked no more");
    let results = it.notifier.test(Some("discord")).await.unwrap();
    told(&results, true, "status 204");
    until("it goes on", || it.notifier.health().unwrap().worst().is_empty()).await;
    assert_eq!(
        it.notifier.test(Some("mail")).await,
        Err(NoTest::Unknown("no channel \"mail\" is configured; configured: discord, webhook".to_owned()))
    );
}

#[tokio::test]
async fn a_flood_is_bounded_and_waits_for_nobody() {
    let (dir, service) = (tempfile::tempdir().unwrap(), Service::start([Way::NO_CONTENT]).await);
    let (notifier, _office) =
        Notifier::open(places(&webhook(&service)), dir.path(), &network(), Clock::wall()).unwrap();
    let began = Instant::now();
    for n in 0..10_000 {
        notifier.raise(alert(&format!("engine:{n}")));
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(notifier.health().unwrap().refused, 10_000 - ALERTS_MAX as u64);
    Notifier::silent().raise(alert("engine:a"));
    assert_eq!(Notifier::silent().health(), None);
}

#[tokio::test]
async fn only_alarms_of_the_engine_are_told_and_a_damaged_file_keeps_nobody_from_it() {
    let (dir, service) = (tempfile::tempdir().unwrap(), Service::start([Way::NO_CONTENT]).await);
    std::fs::write(dir.path().join(office::NAME), "{\"format\":1,\"na").unwrap();
    let it = start(dir.path(), &webhook(&service));
    assert!(dir.path().join("notify.json.damaged").exists());
    let notice = |severity, text: &str| Notice {
        severity,
        at: Timestamp::from_secs(1_767_614_400),
        instrument: None,
        text: text.to_owned(),
    };
    it.notifier.notice(&notice(Severity::Info, "good to know"));
    it.notifier.notice(&notice(Severity::Warning, "may heal"));
    it.notifier.notice(&notice(Severity::Alarm, "Trading is paused."));
    let asked = service.was_asked(1).await;
    assert_eq!(asked[0].json()["data"]["alerts"][0]["title"], "Trading is paused.");
    assert_eq!(asked[0].json()["data"]["alerts"].as_array().unwrap().len(), 1);
    let broken = format!("{}[notify.mail]\nhost = 'x.org'\n", webhook(&service));
    drop(it);
    let health = start(dir.path(), &broken).notifier.health().unwrap();
    assert_eq!(health.channels["mail"].error, "notify.mail: from: is missing");
    assert!(!health.worst().is_empty());
}
