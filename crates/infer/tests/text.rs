//! A BERT-shaped classifier with random weights, from text to probabilities, against transformers' tokeniser and onnxruntime
//! (`data/make_text_model.py` made model and figures).

use infer::TextModel;
use sentiment::finbert::{Config, Reader};
use serde_json::Value;

const MODEL: &[u8] = include_bytes!("data/text_model.onnx");
/// Same numbers in another order of adding.
const TOLERANCE: f64 = 2e-4;

fn reader() -> Reader {
    let config = Config::parse(include_bytes!("data/text_config.json")).expect("a configuration");
    Reader::from_vocab(config, include_bytes!("data/text_vocab.txt")).expect("a vocabulary")
}

#[test]
fn tokens_and_logits_are_those_of_others() {
    let expected: Value = serde_json::from_slice(include_bytes!("data/text_expected.json")).unwrap();
    let (reader, model) = (reader(), TextModel::load(MODEL).unwrap());
    let texts = expected["texts"].as_array().unwrap();
    assert_eq!(texts.len(), 7);
    let mut worst: f64 = 0.0;
    // Twice: a plan that had to make room is made again.
    for row in texts.iter().chain(texts) {
        let text = row["text"].as_str().unwrap();
        let tokens = reader.tokens(text).unwrap();
        let ids: Vec<i64> = row["ids"].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect();
        assert_eq!(tokens.ids, ids, "{text}");
        let found = model.logits(&tokens.ids, &tokens.mask, &tokens.types).unwrap();
        let logits = row["logits"].as_array().unwrap();
        assert_eq!(found.len(), logits.len());
        for (found, logit) in found.iter().zip(logits) {
            worst = worst.max((f64::from(*found) - logit.as_f64().unwrap()).abs());
        }
        assert!(reader.opinion(&found).score().is_some());
    }
    assert!(worst < TOLERANCE, "off by {worst:e}");
}

#[test]
fn what_is_no_such_model_is_refused() {
    let refused = |bytes: &[u8]| TextModel::load(bytes).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused(b"").contains("no graph"), "{}", refused(b""));
    assert!(!refused(b"not a model").is_empty());
    assert!(!refused(&MODEL[..MODEL.len() / 2]).is_empty());
    // Another name of the same length for an input and for the output.
    let renamed = |from: &[u8], to: &[u8]| {
        let mut bytes = MODEL.to_vec();
        for at in 0..bytes.len() - from.len() {
            if bytes[at..].starts_with(from) {
                bytes[at..at + from.len()].copy_from_slice(to);
            }
        }
        refused(&bytes)
    };
    assert!(renamed(b"input_ids", b"other_ids").contains("it wants other_ids"));
    assert!(renamed(b"logits", b"scores").contains("instead of logits"));
}

#[test]
fn tokens_that_do_not_fit_are_refused() {
    let model = TextModel::load(MODEL).unwrap();
    assert!(model.logits(&[], &[], &[]).is_err());
    assert!(model.logits(&[1; 513], &[1; 513], &[0; 513]).is_err());
    assert!(model.logits(&[1, 2], &[1], &[0, 0]).is_err());
    assert!(model.logits(&[2, 100_000, 3], &[1; 3], &[0; 3]).is_err(), "a token that the network does not know");
    assert!(model.logits(&[2, 5, 3], &[1; 3], &[0; 3]).is_ok(), "and it goes on");
}
