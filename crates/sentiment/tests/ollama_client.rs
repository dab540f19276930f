//! The client in virtual time, against every situation of Ollama's interface.

use std::time::Duration;

use proptest::prelude::*;
use sentiment::ollama::{Client, Config, Job, Method, Outcome, Output, Request, State};
use sentiment::{Label, NoOpinion, Opinion};
use serde_json::{Value, json};
use types::Timestamp;

/// A client, its time, and what it has said of texts.
struct Scene {
    client: Client,
    at: Timestamp,
    done: Vec<(u64, Opinion)>,
    cancelled: Vec<u64>,
}

impl Scene {
    fn new() -> Self {
        Self::with(Config { queue_max: 3, ..Config::new("gemma3:1b") })
    }

    fn with(config: Config) -> Self {
        Self { client: Client::new(config), at: Timestamp::from_secs(1_800_000_000), done: vec![], cancelled: vec![] }
    }

    fn submit(&mut self, id: u64, priority: u8) {
        self.client.submit(Job { id, text: format!("text {id}"), priority });
    }

    /// What is sent now, if anything.
    fn sent(&mut self) -> Option<Request> {
        while let Some(output) = self.client.poll(self.at) {
            match output {
                Output::Send(request) => return Some(request),
                Output::Cancel(serial) => self.cancelled.push(serial),
                Output::Done { id, opinion, .. } => self.done.push((id, opinion)),
            }
        }
        None
    }

    #[track_caller]
    fn expect(&mut self, path: &str) -> Request {
        let request = self.sent().unwrap_or_else(|| panic!("nothing is sent, {path} was expected"));
        assert_eq!(request.path, path);
        assert_eq!(request.method == Method::Get, request.body.is_empty());
        request
    }

    fn outcome(&mut self, request: &Request, outcome: Outcome) {
        self.client.handle(self.at, request.serial, outcome);
    }

    fn answer(&mut self, request: &Request, status: u16, body: &Value) {
        self.outcome(request, Outcome::Answered { status, body: body.to_string().into_bytes() });
    }

    /// Answers what is asked before the first text.
    #[track_caller]
    fn learn(&mut self, capabilities: &[&str]) {
        let request = self.expect("/api/version");
        self.answer(&request, 200, &json!({"version": "0.12.6"}));
        let request = self.expect("/api/tags");
        self.answer(&request, 200, &json!({"models": [{"name": "gemma3:1b", "digest": "abc"}]}));
        let request = self.expect("/api/show");
        self.answer(&request, 200, &json!({"capabilities": capabilities}));
    }

    fn wait(&mut self, seconds: i64) {
        self.at = Timestamp::from_nanos(self.at.as_nanos() + seconds * 1_000_000_000);
    }

    /// Goes to the next time at which the client wants to do something, and tells how many seconds that took.
    fn wait_for_deadline(&mut self) -> i64 {
        let deadline = self.client.deadline().expect("the client waits for a time");
        let seconds = (deadline.as_nanos() - self.at.as_nanos()) / 1_000_000_000;
        self.at = deadline.max(self.at);
        seconds
    }
}

fn chat(content: &str, reason: &str) -> Value {
    json!({"message": {"role": "assistant", "content": content}, "done": true, "done_reason": reason})
}

fn rating() -> Value {
    chat(r#"{"label":"bearish","score":-0.6,"confidence":0.8}"#, "stop")
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).expect("a request holds JSON")
}

#[test]
fn the_first_text_is_asked_after_model_and_version_are_known() {
    let mut scene = Scene::new();
    assert_eq!((scene.sent(), scene.client.deadline()), (None, None), "nothing to ask, nothing sent");
    scene.submit(1, 0);
    scene.learn(&["completion"]);
    let request = scene.expect("/api/chat");
    assert_eq!(body(&request).get("think"), None);
    assert_eq!(scene.sent(), None, "one at a time");
    scene.answer(&request, 200, &rating());
    assert_eq!(scene.sent(), None);
    let score = *scene.done[0].1.score().unwrap();
    assert_eq!((score.label, score.value), (Label::Negative, -0.6));
    let identity = scene.client.identity("text 1").unwrap();
    assert_eq!((identity.model.as_str(), identity.version.as_str()), ("abc", "market-1 ollama-0.12.6"));
    scene.submit(2, 0);
    scene.expect("/api/chat");
}

#[test]
fn models_that_can_think_are_told_not_to() {
    let mut scene = Scene::new();
    scene.submit(1, 0);
    scene.learn(&["completion", "thinking"]);
    let request = scene.expect("/api/chat");
    assert_eq!(body(&request)["think"], false);
    scene.answer(&request, 400, &json!({"error": "\"gemma3:1b\" does not support thinking"}));
    let again = scene.expect("/api/chat");
    assert_eq!(body(&again).get("think"), None, "a server that disagrees is believed");
    scene.answer(&again, 200, &rating());
    assert_eq!(scene.sent(), None);
    assert!(scene.done[0].1.score().is_some());
}

#[test]
fn a_refused_connection_is_tried_again_from_5_seconds_to_5_minutes() {
    let mut scene = Scene::new();
    scene.submit(1, 0);
    let mut waits = Vec::new();
    for _ in 0..9 {
        let request = scene.expect("/api/version");
        scene.outcome(&request, Outcome::Refused("connection refused".to_owned()));
        assert_eq!(scene.sent(), None);
        assert_eq!(scene.client.status().state, State::Away("connection refused".to_owned()));
        waits.push(scene.wait_for_deadline());
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    scene.learn(&["completion"]);
    let request = scene.expect("/api/chat");
    scene.answer(&request, 200, &rating());
    assert_eq!(scene.sent(), None);
    assert_eq!(scene.done.len(), 1, "the text is still rated when the server is there");
    assert_eq!(scene.client.status().failures, 9);
}

#[test]
fn a_busy_server_is_left_alone_from_2_to_30_seconds() {
    let mut scene = Scene::new();
    scene.submit(1, 0);
    scene.learn(&["completion"]);
    let mut waits = Vec::new();
    for status in [503, 503, 429, 503, 503, 503] {
        let request = scene.expect("/api/chat");
        scene.answer(
            &request,
            status,
            &json!({"error": "server busy, please try again.  maximum pending requests exceeded"}),
        );
        assert_eq!(scene.sent(), None);
        assert_eq!(scene.client.status().state, State::Busy);
        waits.push(scene.wait_for_deadline());
    }
    assert_eq!(waits, [2, 4, 8, 16, 30, 30]);
    let request = scene.expect("/api/chat");
    scene.answer(&request, 200, &rating());
    scene.submit(2, 0);
    let request = scene.expect("/api/chat");
    scene.answer(&request, 503, &json!({"error": "busy"}));
    assert_eq!(scene.sent(), None);
    assert_eq!(scene.wait_for_deadline(), 2, "after an answer the waiting begins anew");
    assert_eq!(scene.done.len(), 1);
}

#[test]
fn a_missing_model_is_shown_and_never_pulled() {
    let mut scene = Scene::new();
    scene.submit(1, 0);
    let request = scene.expect("/api/version");
    scene.answer(&request, 200, &json!({"version": "0.12.6"}));
    for _ in 0..3 {
        let request = scene.expect("/api/tags");
        scene.answer(&request, 200, &json!({"models": [{"name": "other:1b", "digest": "x"}]}));
        assert_eq!(scene.sent(), None);
        assert_eq!(scene.client.status().state, State::NoModel);
        assert_eq!(scene.wait_for_deadline(), 300);
    }
    // What is known of a server is believed for ten minutes.
    let request = scene.expect("/api/version");
    scene.answer(&request, 200, &json!({"version": "0.12.7"}));
    let request = scene.expect("/api/tags");
    scene.answer(&request, 200, &json!({"models": [{"name": "gemma3:1b", "digest": "abc"}]}));
    let request = scene.expect("/api/show");
    scene.answer(&request, 200, &json!({"capabilities": []}));
    let request = scene.expect("/api/chat");
    scene.answer(&request, 404, &json!({"error": "model \"gemma3:1b\" not found, try pulling it first"}));
    assert_eq!(scene.sent(), None);
    assert_eq!(scene.client.status().state, State::NoModel);
    assert_eq!((scene.client.status().queued, scene.done.len()), (1, 0));
}

#[test]
fn loading_has_five_minutes_and_later_answers_one() {
    let mut scene = Scene::new();
    scene.submit(1, 0);
    scene.learn(&["completion"]);
    let request = scene.expect("/api/chat");
    scene.wait(299);
    assert_eq!(scene.sent(), None);
    assert!(scene.cancelled.is_empty());
    scene.answer(&request, 200, &rating());
    scene.submit(2, 0);
    let request = scene.expect("/api/chat");
    assert_eq!(scene.wait_for_deadline(), 60);
    assert_eq!(scene.sent(), None);
    assert_eq!(scene.cancelled, [request.serial], "closing stops the model");
    assert_eq!(scene.done[1], (2, Opinion::NoOpinion(NoOpinion::TimedOut)));
    scene.answer(&request, 200, &rating());
    assert_eq!(scene.sent(), None);
    assert_eq!(scene.done.len(), 2, "what comes after is ignored");
    scene.submit(3, 0);
    scene.wait(601);
    scene.learn(&["completion"]);
    scene.expect("/api/chat");
    assert_eq!(scene.wait_for_deadline(), 300, "out of memory again: it has to be loaded");
}

#[test]
fn a_cut_answer_gets_more_room_once() {
    let mut scene = Scene::new();
    scene.submit(1, 0);
    scene.learn(&["completion"]);
    let request = scene.expect("/api/chat");
    scene.answer(&request, 200, &chat("{\"label\":\"bea", "length"));
    let more = scene.expect("/api/chat");
    let room = |request: &Request| body(request)["options"]["num_predict"].as_u64().unwrap();
    assert_eq!((room(&request), room(&more)), (200, 800));
    scene.answer(&more, 200, &chat("{\"label\":\"bea", "length"));
    assert_eq!(scene.sent(), None);
    assert_eq!(scene.done, [(1, Opinion::NoOpinion(NoOpinion::CutOff))]);
}

#[test]
fn an_unreadable_answer_is_asked_again_with_another_seed_once() {
    let mut scene = Scene::new();
    scene.submit(1, 0);
    scene.learn(&["completion"]);
    let request = scene.expect("/api/chat");
    scene.answer(&request, 200, &chat("I think it is good news!", "stop"));
    let again = scene.expect("/api/chat");
    let seed = |request: &Request| body(request)["options"]["seed"].as_u64().unwrap();
    assert_eq!((seed(&request), seed(&again)), (7, 8));
    scene.answer(&again, 200, &chat("{\"label\":\"buy\",\"score\":1,\"confidence\":1}", "stop"));
    assert_eq!(scene.sent(), None);
    assert_eq!(scene.done, [(1, Opinion::NoOpinion(NoOpinion::Unreadable("label \"buy\"".to_owned())))]);
    assert_eq!(scene.client.status().unscored, 1);
}

#[test]
fn failures_cost_one_text_and_not_the_next() {
    let outcomes = [
        Outcome::Answered { status: 500, body: br#"{"error":"llama runner process has terminated"}"#.to_vec() },
        Outcome::Answered { status: 200, body: b"{\"message\":{\"content\":\"{\"}}\n{\"error\":\"oom\"}".to_vec() },
        Outcome::Broken("reset by peer".to_owned()),
        Outcome::TooLarge,
    ];
    for outcome in outcomes {
        let mut scene = Scene::new();
        scene.submit(1, 0);
        scene.submit(2, 0);
        scene.learn(&["completion"]);
        for _ in 0..2 {
            let request = scene.expect("/api/chat");
            scene.outcome(&request, outcome.clone());
            assert_eq!(scene.sent(), None);
            assert_eq!(scene.wait_for_deadline(), 5);
        }
        let request = scene.expect("/api/chat");
        assert!(matches!(scene.done[..], [(1, Opinion::NoOpinion(NoOpinion::Failed(_)))]), "{:?}", scene.done);
        scene.answer(&request, 200, &rating());
        assert_eq!(scene.sent(), None);
        assert!(scene.done[1].1.score().is_some());
    }
}

#[test]
fn something_else_on_the_port_is_not_ollama() {
    let mut scene = Scene::new();
    scene.submit(1, 0);
    let request = scene.expect("/api/version");
    scene.outcome(&request, Outcome::Answered { status: 200, body: b"<html>router</html>".to_vec() });
    assert_eq!(scene.sent(), None);
    assert!(matches!(scene.client.status().state, State::Away(_)));
    assert_eq!(scene.wait_for_deadline(), 5);
}

#[test]
fn a_full_queue_drops_the_oldest_of_the_least_urgent() {
    let mut scene = Scene::new();
    for (id, priority) in [(1, 5), (2, 1), (3, 1), (4, 5), (5, 0)] {
        scene.submit(id, priority);
    }
    scene.learn(&["completion"]);
    let dropped: Vec<u64> = scene.done.iter().map(|(id, _)| *id).collect();
    assert_eq!(dropped, [2, 5], "2 made room for 4; 5 was less urgent than all");
    assert!(scene.done.iter().all(|(_, opinion)| *opinion == Opinion::NoOpinion(NoOpinion::Dropped)));
    let mut order = Vec::new();
    for _ in 0..3 {
        let request = scene.expect("/api/chat");
        order.push(body(&request)["messages"][1]["content"].as_str().unwrap().to_owned());
        scene.answer(&request, 200, &rating());
    }
    assert_eq!(order, ["<news>text 1</news>", "<news>text 4</news>", "<news>text 3</news>"]);
    assert_eq!(scene.client.status().dropped, 2);
}

/// What can come of a request.
fn any_outcome() -> impl Strategy<Value = Outcome> {
    let bodies = prop_oneof![
        Just(rating().to_string().into_bytes()),
        Just(chat("nonsense", "stop").to_string().into_bytes()),
        Just(chat("{", "length").to_string().into_bytes()),
        Just(br#"{"version":"1"}"#.to_vec()),
        Just(br#"{"models":[{"name":"gemma3:1b","digest":"abc"}]}"#.to_vec()),
        Just(br#"{"error":"no"}"#.to_vec()),
        proptest::collection::vec(any::<u8>(), 0..60),
    ];
    let status = prop_oneof![5 => Just(200_u16), 1 => Just(404), 1 => Just(503), 1 => Just(500), 1 => any::<u16>()];
    prop_oneof![
        6 => (status, bodies).prop_map(|(status, body)| Outcome::Answered { status, body }),
        1 => Just(Outcome::Refused("refused".to_owned())),
        1 => Just(Outcome::Broken("broken".to_owned())),
        1 => Just(Outcome::TooLarge),
    ]
}

proptest! {
    /// Whatever the server does: every text is told of at most once, the queue keeps its bound, values are in range, one request is out at
    /// a time, the client always has something to wait for while texts wait, and with a good server all texts are told of.
    #[test]
    fn no_text_is_lost_or_stuck(steps in proptest::collection::vec((any_outcome(), 0_u8..4, any::<bool>()), 1..80)) {
        let mut scene = Scene::with(Config { queue_max: 5, ..Config::new("gemma3:1b") });
        let mut submitted = 0;
        let mut out: Option<Request> = None;
        for (outcome, jobs, answers) in steps {
            for _ in 0..jobs {
                submitted += 1;
                scene.submit(submitted, (submitted % 3) as u8);
            }
            if let Some(request) = scene.sent() {
                prop_assert!(out.is_none() || !scene.cancelled.is_empty());
                out = Some(request);
            }
            prop_assert!(scene.client.status().queued <= 6);
            if answers {
                if let Some(request) = out.take() {
                    scene.outcome(&request, outcome);
                }
            } else if let Some(deadline) = scene.client.deadline() {
                scene.at = scene.at.max(deadline);
                out = None;
            }
        }
        // A server that is well again.
        for _ in 0..500 {
            let Some(request) = scene.sent() else {
                let Some(deadline) = scene.client.deadline() else { break };
                scene.at = scene.at.max(deadline);
                continue;
            };
            let good = match request.path {
                "/api/version" => json!({"version": "1"}),
                "/api/tags" => json!({"models": [{"name": "gemma3:1b", "digest": "abc"}]}),
                "/api/show" => json!({"capabilities": []}),
                _ => rating(),
            };
            scene.answer(&request, 200, &good);
        }
        let mut told: Vec<u64> = scene.done.iter().map(|(id, _)| *id).collect();
        told.sort_unstable();
        prop_assert_eq!(told, (1..=submitted).collect::<Vec<u64>>());
        for (_, opinion) in &scene.done {
            prop_assert!(opinion.score().is_none_or(|score| (-1.0..=1.0).contains(&score.value)));
        }
    }
}

#[test]
fn patience_is_the_configurations() {
    let mut scene = Scene::with(Config { patience_cold: Duration::from_secs(7), ..Config::new("gemma3:1b") });
    scene.submit(1, 0);
    scene.learn(&[]);
    scene.expect("/api/chat");
    assert_eq!(scene.wait_for_deadline(), 7);
}
