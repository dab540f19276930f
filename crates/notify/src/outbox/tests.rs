use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::channel::tests::http;
use crate::channel::{discord, mail, ntfy, telegram, webhook};
use crate::secret::Secret;

fn start() -> Timestamp {
    Timestamp::parse_rfc3339(b"2026-01-05T12:00:00Z").expect("a time")
}

fn after(seconds: u64) -> Timestamp {
    start().plus(Duration::from_secs(seconds))
}

fn webhook_at(path: &str) -> Endpoint {
    let (url, secret) = (Secret::new(format!("https://x.org/{path}")), Secret::new("0123456789abcdef"));
    Endpoint::Webhook(webhook::Webhook::new(&url, &secret, false).expect("a receiver"))
}

fn discord() -> Endpoint {
    let url = Secret::new("https://discord.com/api/webhooks/1/t");
    Endpoint::Discord(discord::Discord::new(&url).expect("a webhook"))
}

fn telegram() -> Endpoint {
    Endpoint::Telegram(telegram::Telegram::new(telegram::BASE, &Secret::new("1:a"), "5").expect("a bot"))
}

fn mailbox() -> Endpoint {
    let server = mail::Server {
        host: "x.org".to_owned(),
        port: 587,
        tls: mail::Tls::Starttls,
        user: String::new(),
        password: Secret::default(),
    };
    Endpoint::Mail(mail::Mailbox::new("a@x.org", &["b@x.org".to_owned()], server).expect("addresses"))
}

fn ntfy() -> Endpoint {
    Endpoint::Ntfy(ntfy::Ntfy::new(ntfy::SERVER, &Secret::new("t"), ntfy::Login::None, false).expect("a topic"))
}

fn settings() -> Settings {
    let (settle, gather) = (Duration::from_secs(30), Duration::from_secs(60));
    Settings { settle, gather, quiet: None, link: None }
}

fn outbox(settings: Settings, endpoint: Endpoint) -> Outbox {
    Outbox::new(start(), settings, vec![(endpoint, Level::Info)], Kept::new("box".to_owned()))
}

fn alert(key: &str, state: State) -> Input {
    leveled(key, state, Level::Warning)
}

fn leveled(key: &str, state: State, level: Level) -> Input {
    let (title, text) = (key.to_owned(), "text".to_owned());
    Input::Alert(Alert { key: key.to_owned(), level, state, title, text, at: start() })
}

fn ok() -> Answer {
    http(200, &[], "")
}

/// The message of a request to the webhook: its number and type, its alerts, and how many more.
fn told(outgoing: &Outgoing) -> (String, Vec<String>, u64) {
    let Outgoing::Http(request) = outgoing else { panic!("a mail") };
    let body: Value = serde_json::from_slice(&request.body).expect("JSON");
    let alerts = body["data"]["alerts"].as_array().expect("a list");
    let alerts = alerts.iter().map(|it| {
        let [state, title] = ["state", "title"].map(|key| it[key].as_str().expect("a text"));
        format!("{state} {title} {}", it["times"])
    });
    let head = format!("{} {}", body["id"].as_str().expect("a text"), body["type"].as_str().expect("a text"));
    (head, alerts.collect(), body["data"]["more"].as_u64().expect("a number"))
}

/// Nothing comes before `seconds`; then a message of these alerts, which arrives.
#[track_caller]
fn tells(outbox: &mut Outbox, from: u64, seconds: u64, head: &str, alerts: &[&str], more: u64) {
    assert_eq!(outbox.due_at(after(from)).map(|at| at.max(after(from))), Some(after(seconds)));
    if seconds > from {
        assert_eq!(outbox.request(after(seconds - 1)), None);
    }
    let (channel, outgoing) = outbox.request(after(seconds)).expect("a message");
    let (told_head, told_alerts, told_more) = told(&outgoing);
    assert_eq!((told_head.as_str(), told_more), (head, more));
    assert_eq!(told_alerts, alerts);
    assert_eq!(outbox.answered(after(seconds), channel, &ok())[0], Effect::Sent(channel, alerts.len() as u32));
}

fn counts(outbox: &Outbox) -> Counts {
    outbox.status().values().next().expect("a queue").counts
}

#[test]
fn what_heals_by_itself_is_not_told_and_what_lasts_is_told_once() {
    let mut outbox = outbox(settings(), webhook_at(""));
    outbox.handle(start(), alert("feed:kraken", State::Begins));
    outbox.handle(after(29), alert("feed:kraken", State::Ends));
    assert_eq!((outbox.due_at(after(29)), counts(&outbox).settled), (None, 2));
    outbox.handle(after(100), alert("feed:kraken", State::Ends));
    assert_eq!(outbox.due_at(after(100)), None, "the end of what was never told");

    outbox.handle(after(100), alert("feed:kraken", State::Begins));
    outbox.handle(after(110), alert("feed:kraken", State::Begins));
    tells(&mut outbox, 110, 130, "box-webhook-1 alert", &["begins feed:kraken 1"], 0);
    outbox.handle(after(140), alert("feed:kraken", State::Begins));
    assert_eq!(outbox.due_at(after(140)), None, "it is known");
    outbox.handle(after(150), alert("feed:kraken", State::Ends));
    outbox.handle(after(151), alert("feed:kraken", State::Begins));
    assert_eq!(outbox.due_at(after(151)), None, "it is not over after all");
    outbox.handle(after(160), alert("feed:kraken", State::Ends));
    tells(&mut outbox, 160, 190, "box-webhook-2 alert", &["ends feed:kraken 1"], 0);
    // Whoever knows conditions forgot one at a restart.
    outbox.handle(after(200), alert("feed:coinbase", State::Begins));
    tells(&mut outbox, 200, 250, "box-webhook-3 alert", &["begins feed:coinbase 1"], 0);
    outbox.handle(after(250 + 86_400), alert("feed:coinbase", State::Begins));
    tells(&mut outbox, 86_650, 86_680, "box-webhook-4 alert", &["begins feed:coinbase 1"], 0);
}

#[test]
fn a_class_is_gathered_and_the_rest_is_counted() {
    let mut outbox = outbox(settings(), webhook_at(""));
    outbox.handle(start(), alert("engine:a", State::Happened));
    tells(&mut outbox, 0, 0, "box-webhook-1 alert", &["happened engine:a 1"], 0);
    outbox.handle(after(1), alert("engine:a", State::Happened));
    outbox.handle(after(2), alert("engine:a", State::Happened));
    outbox.handle(after(3), alert("engine:b", State::Happened));
    outbox.handle(after(4), alert("other:c", State::Happened));
    tells(&mut outbox, 4, 4, "box-webhook-2 alert", &["happened other:c 1"], 0);
    tells(&mut outbox, 5, 60, "box-webhook-3 alert", &["happened engine:a 2", "happened engine:b 1"], 0);
    outbox.handle(after(61), leveled("engine:d", State::Happened, Level::Urgent));
    tells(&mut outbox, 61, 61, "box-webhook-4 alert", &["happened engine:d 1"], 0);
    for n in 0..150 {
        outbox.handle(
            after(62),
            leveled(&format!("engine:{n}"), State::Happened, if n == 3 { Level::Info } else { Level::Warning }),
        );
    }
    let status = outbox.status();
    assert_eq!(status[&Channel::Webhook].waiting, WAITING_MAX as u64);
    assert_eq!(counts(&outbox).dropped, 22);
    let (_, outgoing) = outbox.request(after(120)).expect("a message");
    let (_, alerts, more) = told(&outgoing);
    assert_eq!((alerts.len(), more), (ALERTS_MAX, 110));
    assert!(!alerts.contains(&"happened engine:3 1".to_owned()), "the least went first");
}

#[test]
fn nights_are_quiet_but_for_what_is_urgent() {
    let quiet = Quiet::parse("13:00", "15:00", "Europe/Berlin").expect("hours");
    let mut outbox = outbox(Settings { quiet: Some(quiet), ..settings() }, webhook_at(""));
    outbox.handle(start(), alert("feed:kraken", State::Begins));
    outbox.handle(after(5), alert("engine:a", State::Happened));
    outbox.handle(after(10), leveled("card:full", State::Happened, Level::Urgent));
    tells(&mut outbox, 10, 10, "box-webhook-1 alert", &["happened card:full 1"], 0);
    outbox.handle(after(3_600), alert("engine:b", State::Happened));
    tells(
        &mut outbox,
        3_600,
        7_200,
        "box-webhook-2 digest",
        &["begins feed:kraken 1", "happened engine:a 1", "happened engine:b 1"],
        0,
    );
}

#[test]
fn a_service_is_asked_again_as_it_wishes_and_not_for_ever() {
    let mut outbox = outbox(settings(), discord());
    outbox.handle(start(), alert("engine:a", State::Happened));
    let mut now = start();
    let mut ask = |outbox: &mut Outbox, answer: &Answer| {
        now = outbox.due_at(now).expect("something is due").max(now);
        let (channel, outgoing) = outbox.request(now).expect("it is due");
        assert_eq!(outbox.request(now), None, "one at a time");
        let effects = outbox.answered(now, channel, answer);
        let wait = match effects[0] {
            Effect::Again(_, at, _) => at.since(now).as_millis(),
            _ => 0,
        };
        (outgoing, wait, effects)
    };
    let busy = http(429, &[], r#"{"retry_after":0.3}"#);
    let (first, ..) = ask(&mut outbox, &busy);
    let waits: Vec<u128> = (0..7).map(|_| ask(&mut outbox, &busy).1).collect();
    assert_eq!(waits, [300, 300, 300, 300, 1_000, 2_000, 4_000]);
    let waits: Vec<u128> = (0..6).map(|_| ask(&mut outbox, &http(500, &[], "")).1 / 1_000).collect();
    assert_eq!(waits, [256, 512, 1_024, 2_048, 3_600, 3_600]);
    let (again, _, effects) =
        ask(&mut outbox, &http(204, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "90")], ""));
    assert_eq!(first, again, "the same message");
    assert_eq!(effects, [Effect::Sent(Channel::Discord, 1)]);
    outbox.handle(now, alert("other:b", State::Happened));
    assert_eq!(outbox.due_at(now), Some(now.plus(Duration::from_secs(90))));

    let began = now;
    let dead = loop {
        now = outbox.due_at(now).expect("something is due").max(now);
        let (channel, _) = outbox.request(now).expect("it is due");
        match outbox.answered(now, channel, &Answer::Nothing("cut".to_owned())).remove(0) {
            Effect::Again(..) => {}
            effect => break effect,
        }
    };
    assert_eq!(dead, Effect::Dead(Channel::Discord, 1, "it did not arrive in 24 hours: cut".to_owned()));
    assert!(now.since(began) < Duration::from_secs(26 * 3_600));
    assert_eq!((counts(&outbox).dead, outbox.due_at(now)), (1, None));
}

#[test]
fn a_channel_that_is_gone_is_told_by_the_others_and_comes_back_when_somebody_acts() {
    let endpoints = || vec![(discord(), Level::Info), (webhook_at(""), Level::Info)];
    let mut outbox = Outbox::new(start(), settings(), endpoints(), Kept::new("box".to_owned()));
    outbox.handle(start(), alert("engine:a", State::Happened));
    outbox.handle(start(), alert("feed:b", State::Begins));
    assert_eq!(outbox.request(start()).map(|(channel, _)| channel), Some(Channel::Discord));
    let effects = outbox.answered(after(1), Channel::Discord, &http(404, &[], r#"{"message":"Unknown Webhook"}"#));
    let why = "the webhook is deleted (status 404: Unknown Webhook)".to_owned();
    assert_eq!(
        effects,
        [Effect::Dead(Channel::Discord, 2, why.clone()), Effect::Stopped(Channel::Discord, why.clone())]
    );
    tells(&mut outbox, 1, 1, "box-webhook-1 alert", &["happened engine:a 1"], 0);
    tells(&mut outbox, 1, 1, "box-webhook-2 alert", &["happened No more messages by discord 1"], 0);
    assert_eq!(outbox.status()[&Channel::Discord].stopped, Some(why));
    outbox.handle(after(2), alert("engine:c", State::Happened));
    assert_eq!(outbox.status()[&Channel::Discord].waiting, 0);

    // A restart does not forget it; another webhook or a test that arrives does.
    let kept = outbox.kept().clone();
    let again = |endpoints| {
        Outbox::new(after(3), settings(), endpoints, kept.clone()).status()[&Channel::Discord].stopped.clone()
    };
    assert!(again(endpoints()).is_some());
    let other = Endpoint::Discord(
        discord::Discord::new(&Secret::new("https://discord.com/api/webhooks/2/t")).expect("a webhook"),
    );
    assert_eq!(again(vec![(other, Level::Info)]), None);
    outbox.handle(after(4), Input::Works(Channel::Discord));
    outbox.handle(after(70), alert("engine:d", State::Happened));
    assert_eq!(outbox.status()[&Channel::Discord].waiting, 1);
}

#[test]
fn a_payload_that_is_refused_is_counted_and_the_next_one_goes() {
    let mut outbox = outbox(settings(), discord());
    outbox.handle(start(), alert("engine:a", State::Happened));
    outbox.request(start()).expect("a message");
    let why = "status 400".to_owned();
    assert_eq!(
        outbox.answered(start(), Channel::Discord, &http(400, &[], "")),
        [Effect::Dead(Channel::Discord, 1, why)]
    );
    assert!(outbox.answered(start(), Channel::Discord, &ok()).is_empty(), "nothing was asked");
    outbox.handle(after(1), alert("other:b", State::Happened));
    assert!(outbox.request(after(1)).is_some());
}

#[test]
fn a_chat_that_moved_is_written_to_at_its_new_place_also_after_a_restart() {
    let mut outbox = outbox(settings(), telegram());
    outbox.handle(start(), alert("engine:a", State::Happened));
    outbox.request(start()).expect("a message");
    outbox.answered(start(), Channel::Telegram, &http(400, &[], r#"{"parameters":{"migrate_to_chat_id":-1007}}"#));
    let chat = |outbox: &mut Outbox| {
        let Some((_, Outgoing::Http(request))) = outbox.request(start()) else { panic!("a request") };
        serde_json::from_slice::<Value>(&request.body).expect("JSON")["chat_id"].clone()
    };
    assert_eq!(chat(&mut outbox), -1_007);
    let mut again = Outbox::new(start(), settings(), vec![(telegram(), Level::Info)], outbox.kept().clone());
    let kept = serde_json::to_vec(again.kept()).expect("it encodes");
    again.kept = serde_json::from_slice(&kept).expect("own bytes");
    assert_eq!(chat(&mut again), -1_007);
}

#[test]
fn mails_are_few_and_wait_longer() {
    let mut outbox = outbox(settings(), mailbox());
    let reply = |code| Answer::Smtp { code, text: String::new() };
    outbox.handle(start(), alert("engine:a", State::Happened));
    assert!(matches!(outbox.request(start()), Some((Channel::Mail, Outgoing::Mail(_)))));
    let mut now = start();
    let mut waits = Vec::new();
    for _ in 0..4 {
        outbox.answered(now, Channel::Mail, &reply(451));
        let next = outbox.due_at(now).expect("again");
        waits.push(next.since(now).as_secs() / 60);
        now = next;
        outbox.request(now).expect("it is due");
    }
    assert_eq!(waits, [5, 15, 60, 60]);
    outbox.answered(now, Channel::Mail, &reply(250));
    outbox.handle(now, alert("engine:b", State::Happened));
    outbox.handle(now, alert("feed:c", State::Happened));
    assert!(outbox.request(now).is_some(), "the last one was put together long ago");
    outbox.answered(now, Channel::Mail, &reply(250));
    assert_eq!(counts(&outbox), Counts { taken: 3, sent: 3, messages: 2, ..Counts::default() });
    outbox.handle(now, alert("other:d", State::Happened));
    assert_eq!(outbox.due_at(now), Some(now.plus(MAIL_EVERY)));
    outbox.handle(now, leveled("other:e", State::Happened, Level::Urgent));
    assert_eq!(outbox.due_at(now), Some(now));
}

#[test]
fn what_matters_less_is_not_told_and_a_silent_sender_is_not_waited_for() {
    let mut outbox = Outbox::new(start(), settings(), vec![(ntfy(), Level::Warning)], Kept::new("box".to_owned()));
    outbox.handle(start(), leveled("engine:a", State::Happened, Level::Info));
    assert_eq!(outbox.due_at(start()), None);
    outbox.handle(start(), alert("engine:a", State::Happened));
    let (_, first) = outbox.request(start()).expect("a message");
    assert_eq!(outbox.request(after(179)), None);
    assert_eq!(outbox.request(after(180)), Some((Channel::Ntfy, first)));
}

#[test]
fn a_clock_that_was_wrong_keeps_nothing_waiting_and_other_formats_are_refused() {
    let mut old = outbox(settings(), discord());
    let far = start().plus(Duration::from_secs(10 * 365 * 86_400));
    old.handle(far, alert("engine:a", State::Happened));
    old.request(far).expect("a message");
    old.answered(far, Channel::Discord, &http(503, &[("retry-after", "3600")], ""));
    let new = Outbox::new(start(), settings(), vec![(discord(), Level::Info)], old.kept().clone());
    assert!(new.due_at(start()).is_some_and(|at| at.since(start()) <= REST_MAX));
    let kept = Kept { format: 7, ..new.kept().clone() };
    assert_eq!(kept.checked(), Err(OtherFormat(7)));
}

#[derive(Clone, Debug)]
enum Step {
    Alert(u8, State, Level),
    Wait(u64),
    Send,
    Answer(u8),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let state = prop::sample::select(vec![State::Begins, State::Ends, State::Happened]);
    let level = prop::sample::select(vec![Level::Info, Level::Warning, Level::Urgent]);
    let step = prop_oneof![
        6 => (0u8..12, state, level).prop_map(|(key, state, level)| Step::Alert(key, state, level)),
        3 => prop_oneof![0u64..100, 0u64..30_000].prop_map(Step::Wait),
        4 => Just(Step::Send),
        4 => (0u8..9).prop_map(Step::Answer),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever happens: every alert is accounted for, what was acknowledged is not sent again, bounds and nights hold, and in the end
    /// nothing waits.
    #[test]
    fn nothing_is_lost_and_nothing_told_twice(steps in steps()) {
        let quiet = Quiet::parse("22:00", "06:00", "Europe/Berlin").expect("hours");
        let settings = Settings { quiet: Some(quiet.clone()), ..settings() };
        let endpoints = || vec![(webhook_at(""), Level::Info)];
        let mut outbox = Outbox::new(start(), settings.clone(), endpoints(), Kept::new("box".to_owned()));
        let mut now = start();
        let (mut acknowledged, mut in_air) = (BTreeSet::new(), None::<String>);
        let answers = [http(200, &[], ""), http(429, &[("retry-after", "2")], ""), http(429, &[], ""), http(500, &[], ""), http(400, &[], ""),
            http(503, &[("content-type", "text/html")], "<html>"), Answer::Nothing("cut".to_owned()), http(200, &[], ""), http(302, &[], "")];
        let mut raised = 0u64;
        for step in steps.into_iter().chain((0..400).map(|n| if n % 2 == 0 { Step::Send } else { Step::Answer(0) })) {
            match step {
                Step::Alert(key, state, level) => {
                    raised += 1;
                    outbox.handle(now, leveled(&format!("c{}:{key}", key % 3), state, level));
                }
                Step::Wait(seconds) => now = now.plus(Duration::from_secs(seconds)),
                Step::Send => {
                    // Whoever sends waits until something is due; while one is in the air, for its answer.
                    if in_air.is_none() && let Some(due_at) = outbox.due_at(now) {
                        now = now.max(due_at);
                    }
                    if let Some((_, outgoing)) = outbox.request(now) {
                        let (id, ..) = told(&outgoing);
                        prop_assert!(!acknowledged.contains(&id), "{id} was acknowledged");
                        let flight = outbox.kept.queues[&Channel::Webhook].flight.as_ref().expect("it flies");
                        prop_assert!(flight.message.level() == Level::Urgent || !quiet.is_quiet(now), "{:?}", flight.message);
                        prop_assert!(flight.message.alerts.len() <= ALERTS_MAX);
                        in_air = Some(id);
                    }
                }
                Step::Answer(which) => {
                    if let Some(id) = in_air.take() {
                        let effects = outbox.answered(now, Channel::Webhook, &answers[usize::from(which)]);
                        if matches!(effects[0], Effect::Sent(..)) {
                            acknowledged.insert(id);
                        }
                    }
                }
                Step::Restart => {
                    let bytes = serde_json::to_vec(outbox.kept()).expect("it encodes");
                    let kept = serde_json::from_slice::<Kept>(&bytes).expect("own bytes").checked().expect("own format");
                    outbox = Outbox::new(now, settings.clone(), endpoints(), kept);
                    in_air = None;
                }
            }
            let status = &outbox.status()[&Channel::Webhook];
            let Counts { taken, repeated, settled, sent, dead, dropped, .. } = status.counts;
            prop_assert_eq!(taken, repeated + settled + sent + dead + dropped + status.waiting, "{:?}", status);
            prop_assert!(taken <= raised);
            let queue = &outbox.kept.queues[&Channel::Webhook];
            prop_assert!(queue.waiting.len() <= WAITING_MAX && queue.standing.len() <= STANDING_MAX && queue.classes.len() <= CLASSES_MAX);
        }
        prop_assert_eq!(outbox.status()[&Channel::Webhook].waiting, 0);
        prop_assert_eq!(outbox.due_at(now), None);
    }
}
