//! What the server says.

use serde::Deserialize;

use crate::{Engine, Label, Score};

/// Largest body that is read; a rating has 200 bytes, a list of a hundred models 40 kB.
pub const BODY_BYTES_MAX: usize = 512 << 10;
/// Characters of a server's words that are kept for people to read.
const WORDS_MAX: usize = 200;
/// How far a score may be on the other side of its own label.
const CONTRADICTION: f64 = 0.05;

/// Why an answer is no opinion.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Cut by the limit of tokens: more room may help.
    #[error("cut off")]
    CutOff,
    /// The server tells an error, at once or in the middle.
    #[error("{0}")]
    Server(String),
    /// Not what was asked for.
    #[error("{0}")]
    Unreadable(String),
}

/// A line of an answer; an unstreamed answer is one.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    done: bool,
    #[serde(default)]
    done_reason: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: String,
}

#[derive(Deserialize)]
struct Rating {
    label: String,
    score: f64,
    confidence: f64,
}

/// Reads the answer to a chat, whole or in lines (the server streams unless told otherwise).
///
/// # Errors
/// See [`AnswerError`]. Never a score that the model did not give.
pub fn read(body: &[u8]) -> Result<Score, AnswerError> {
    rating(&content(body)?)
}

/// The model's own words in a body.
fn content(body: &[u8]) -> Result<String, AnswerError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(AnswerError::Unreadable(format!("{} bytes", body.len())));
    }
    let mut content = String::new();
    let mut end = None;
    // Lines as the reader finds them: an unstreamed answer may hold line breaks between its fields.
    for line in serde_json::Deserializer::from_slice(body).into_iter::<Line>() {
        let line = line.map_err(|error| AnswerError::Unreadable(format!("no answer of Ollama: {error}")))?;
        if let Some(error) = line.error {
            return Err(AnswerError::Server(shown(&error)));
        }
        content.push_str(&line.message.map(|message| message.content).unwrap_or_default());
        if line.done {
            end = Some(line.done_reason);
            break;
        }
    }
    match end {
        None => Err(AnswerError::Unreadable("the answer has no end".to_owned())),
        Some(Some(reason)) if reason == "length" => Err(AnswerError::CutOff),
        Some(Some(reason)) if reason == "load" || reason == "unload" => {
            Err(AnswerError::Unreadable(format!("the server only says {reason}")))
        }
        Some(_) => Ok(content),
    }
}

/// The rating in a model's words.
fn rating(content: &str) -> Result<Score, AnswerError> {
    let unreadable = |reason: String| Err(AnswerError::Unreadable(reason));
    let words = without_thought(content);
    if words.is_empty() {
        return unreadable("an empty answer".to_owned());
    }
    let rating: Rating = match serde_json::from_str(words) {
        Ok(rating) => rating,
        Err(error) => return unreadable(format!("{error} in {:?}", shown(words))),
    };
    let label = match rating.label.as_str() {
        "bullish" => Label::Positive,
        "neutral" => Label::Neutral,
        "bearish" => Label::Negative,
        other => return unreadable(format!("label {:?}", shown(other))),
    };
    // JSON has no infinities, but 1e999 is one to some readers.
    if !(rating.score.is_finite() && rating.confidence.is_finite()) {
        return unreadable("a number without an end".to_owned());
    }
    let value = rating.score.clamp(-1.0, 1.0);
    let is_contradiction = match label {
        Label::Positive => value < -CONTRADICTION,
        Label::Negative => value > CONTRADICTION,
        Label::Neutral => false,
    };
    if is_contradiction {
        return unreadable(format!("{} with a score of {value}", rating.label));
    }
    let confidence = rating.confidence.clamp(0.0, 1.0);
    Ok(Score { engine: Engine::Ollama, value, probabilities: None, confidence, label })
}

/// Older servers put the model's thought before its answer, and models like to wrap JSON in a code block.
fn without_thought(content: &str) -> &str {
    let answer = content.rsplit_once("</think>").map_or(content, |(_, answer)| answer).trim();
    let answer = answer.strip_prefix("```json").or_else(|| answer.strip_prefix("```")).unwrap_or(answer);
    answer.strip_suffix("```").unwrap_or(answer).trim()
}

/// The server's words of an error: `{"error": "..."}` or whatever else it says, short and printable.
#[must_use]
pub fn error_text(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Failure {
        error: String,
    }
    match serde_json::from_slice::<Failure>(body) {
        Ok(failure) => shown(&failure.error),
        Err(_) => shown(&String::from_utf8_lossy(&body[..body.len().min(4 * WORDS_MAX)])),
    }
}

fn shown(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
}

#[derive(Deserialize)]
struct Models {
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(default)]
    name: String,
    #[serde(default)]
    model: String,
    #[serde(default)]
    digest: String,
}

/// The digest of a model in the answer of `/api/tags` or `/api/ps`. A name without a tag means `:latest`. `None` when it is not there.
///
/// # Errors
/// What is wrong with the body.
pub fn digest(body: &[u8], model: &str) -> Result<Option<String>, String> {
    let list: Models = serde_json::from_slice(body).map_err(|error| format!("no list of models: {error}"))?;
    let is_tagged = model.rsplit('/').next().is_some_and(|name| name.contains(':'));
    let full = if is_tagged { model.to_owned() } else { format!("{model}:latest") };
    let found = list.models.into_iter().find(|entry| entry.name == full || entry.model == full);
    Ok(found.map(|entry| shown(&entry.digest)))
}

/// Whether a model can think, by the answer of `/api/show`. `None` when the server is too old to tell.
///
/// # Errors
/// What is wrong with the body.
pub fn can_think(body: &[u8]) -> Result<Option<bool>, String> {
    #[derive(Deserialize)]
    struct Show {
        #[serde(default)]
        capabilities: Option<Vec<String>>,
    }
    let show: Show = serde_json::from_slice(body).map_err(|error| format!("no description of a model: {error}"))?;
    Ok(show.capabilities.map(|all| all.iter().any(|capability| capability == "thinking")))
}

/// The server's version, by the answer of `/api/version`.
///
/// # Errors
/// What is wrong with the body.
pub fn version(body: &[u8]) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Version {
        version: String,
    }
    let found: Version = serde_json::from_slice(body).map_err(|error| format!("no version of Ollama: {error}"))?;
    Ok(shown(&found.version))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn body(content: &str, reason: &str) -> Vec<u8> {
        json!({"message": {"role": "assistant", "content": content}, "done": true, "done_reason": reason})
            .to_string()
            .into()
    }

    fn score(content: &str) -> Result<Score, AnswerError> {
        read(&body(content, "stop"))
    }

    #[track_caller]
    fn refused(content: &str, reason: &str) {
        match score(content) {
            Err(AnswerError::Unreadable(found)) => assert!(found.contains(reason), "{found}"),
            other => panic!("{content} gave {other:?}"),
        }
    }

    #[test]
    fn a_rating_is_read_and_clamped() {
        let found = score(r#"{"label":"bearish","score":-7,"confidence":1.5}"#).unwrap();
        assert_eq!((found.label, found.value, found.confidence), (Label::Negative, -1.0, 1.0));
        let found = score(
            "<think>so { what }\n</think>\n```json\n{\"label\":\"bullish\",\"score\":0.4,\"confidence\":0.9}\n```",
        );
        assert!((found.unwrap().value - 0.4).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_rating_gives_no_score() {
        refused("", "empty");
        refused("<think>for ever", "expected value");
        refused("bullish!", "expected value");
        refused(r#"{"label":"bullish","score":0.4"#, "EOF");
        refused(r#"{"label":"bullish","score":0.4}"#, "confidence");
        refused(r#"{"label":"buy","score":0.4,"confidence":1}"#, "label \"buy\"");
        refused(r#"{"label":"bullish","score":"high","confidence":1}"#, "invalid type");
        refused(r#"{"label":"bullish","score":1e999,"confidence":1}"#, "");
        refused(r#"{"label":"bullish","score":null,"confidence":1}"#, "invalid type");
        refused(r#"{"label":"bullish","score":-0.8,"confidence":1}"#, "bullish with a score");
        refused(r#"{"label":"neutral","score":0,"confidence":1} and more"#, "trailing");
    }

    #[test]
    fn ends_of_an_answer_are_told_apart() {
        let cut = body(r#"{"label":"bull"#, "length");
        assert_eq!(read(&cut), Err(AnswerError::CutOff));
        assert!(matches!(read(&body("", "load")), Err(AnswerError::Unreadable(_))));
        assert_eq!(read(br#"{"error":"out of memory"}"#), Err(AnswerError::Server("out of memory".to_owned())));
        assert!(matches!(read(b""), Err(AnswerError::Unreadable(_))));
        assert!(matches!(read(b"<html>"), Err(AnswerError::Unreadable(_))));
    }

    #[test]
    fn lines_are_put_together_and_an_error_in_the_middle_ends_them() {
        let rating = r#"{"label":"neutral","score":0.0,"confidence":0.4}"#;
        let (head, tail) = rating.split_at(17);
        let line = |content: &str| json!({"message": {"content": content}, "done": false}).to_string();
        let end = json!({"done": true, "done_reason": "stop", "eval_count": 9}).to_string();
        let whole = format!("{}\n{}\n{end}\n", line(head), line(tail));
        assert_eq!(read(whole.as_bytes()).unwrap().label, Label::Neutral);
        let failed = format!("{}\n{{\"error\":\"runner crashed\"}}\n{end}\n", line(rating));
        assert_eq!(read(failed.as_bytes()), Err(AnswerError::Server("runner crashed".to_owned())));
        assert!(matches!(read(line(rating).as_bytes()), Err(AnswerError::Unreadable(_))), "no end");
    }

    #[test]
    fn lists_of_models_and_capabilities_are_read() {
        let list = br#"{"models":[{"name":"gemma3:1b","digest":"ab"},{"name":"llama3:latest","model":"llama3:latest","digest":"cd"}]}"#;
        assert_eq!(digest(list, "gemma3:1b"), Ok(Some("ab".to_owned())));
        assert_eq!(digest(list, "llama3"), Ok(Some("cd".to_owned())));
        assert_eq!(digest(list, "gemma3"), Ok(None));
        assert!(digest(b"[]", "gemma3").is_err());
        assert_eq!(can_think(br#"{"capabilities":["completion","thinking"]}"#), Ok(Some(true)));
        assert_eq!(can_think(br#"{"capabilities":["completion"]}"#), Ok(Some(false)));
        assert_eq!(can_think(b"{}"), Ok(None));
        assert_eq!(version(br#"{"version":"0.12.6"}"#), Ok("0.12.6".to_owned()));
    }

    /// The answers in Ollama's own documentation: none of them is a rating, and each is told for what it is.
    #[test]
    fn recorded_answers_are_told_for_what_they_are() {
        let Some(records) = testdata::text("ollama/ollama_api_responses.jsonl") else { return };
        let mut seen = 0;
        for line in records.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let (endpoint, response) = (record["endpoint"].as_str().unwrap(), record["response"].to_string());
            let Err(AnswerError::Unreadable(found)) = read(response.as_bytes()) else { panic!("{endpoint} was read") };
            let expected = match endpoint {
                "POST /api/generate (stream chunk)" | "POST /api/chat (stream chunk)" => "the answer has no end",
                "POST /api/generate (keep_alive=0: unload)" => "the server only says unload",
                "POST /api/chat (stream=false)" => "expected value",
                "POST /api/chat (structured output, format=schema, stream=false)" => "missing field `label`",
                "GET /api/ps" | "POST /api/pull (stream, progress)" | "POST /api/embed" => "the answer has no end",
                // Answers to another kind of question, and a chat's last line alone.
                _ => "an empty answer",
            };
            assert!(found.contains(expected), "{endpoint}: {found}");
            if endpoint == "GET /api/ps" {
                let known = "2ae6f6dd7a3dd734790bbbf58b8909a606e0e7e97e94b7604e0aa7ae4490e6d8";
                assert_eq!(digest(response.as_bytes(), "mistral"), Ok(Some(known.to_owned())));
            }
            seen += 1;
        }
        assert_eq!(seen, 14);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = (read(&bytes), digest(&bytes, "a"), can_think(&bytes), version(&bytes), error_text(&bytes));
        }

        #[test]
        fn any_words_give_values_in_range(
            label in "bullish|neutral|bearish|[a-z]{0,9}", score in any::<f64>(), confidence in any::<f64>(), around in ".{0,20}"
        ) {
            let words = json!({"label": label, "score": score, "confidence": confidence}).to_string();
            for content in [words.clone(), format!("{around}{words}"), format!("<think>{around}</think>{words}")] {
                if let Ok(found) = super::rating(&content) {
                    prop_assert!((-1.0..=1.0).contains(&found.value) && (0.0..=1.0).contains(&found.confidence));
                }
            }
        }
    }
}
