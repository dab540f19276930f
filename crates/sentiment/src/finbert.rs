//! FinBERT without the network: labels, tokens, and probabilities from what the network answers.
//!
//! The model is Araci, *FinBERT: financial sentiment analysis with pre-trained language models* (2019), published as
//! `ProsusAI/finbert`. The network itself runs in `infer::text`. In which order its three answers stand is read from its `config.json`:
//! the published one tells positive, negative, neutral, others do not.

use std::collections::BTreeMap;

use serde::Deserialize;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{Tokenizer, TruncationParams};

use crate::{Engine, Label, NoOpinion, Opinion, Probabilities, Score, normalise};

/// Longest input of BERT, in tokens.
pub const TOKENS_MAX: usize = 512;
/// Bytes of a text that are looked at: more than 512 tokens of any language.
const BYTES_MAX: usize = 32_768;
/// Largest `tokenizer.json` or `vocab.txt`.
pub const VOCABULARY_BYTES_MAX: usize = 16 << 20;
/// Largest `config.json`.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;

/// Why files of a model are refused.
#[derive(Debug, thiserror::Error)]
pub enum FinbertError {
    /// A file is larger than any real one.
    #[error("{file} has {found} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Its name.
        file: &'static str,
        /// Its size.
        found: usize,
        /// The most.
        limit: usize,
    },
    /// The configuration cannot be read.
    #[error("config.json: {0}")]
    Config(#[source] serde_json::Error),
    /// The labels are not the three.
    #[error("config.json: id2label must name negative, neutral and positive once each, found {0}")]
    Labels(String),
    /// The vocabulary cannot be used.
    #[error("{file}: {reason}")]
    Vocabulary {
        /// Which file.
        file: &'static str,
        /// What the tokeniser says.
        reason: String,
    },
}

/// What `config.json` says that matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The label of each answer of the network.
    pub labels: [Label; 3],
    /// Longest input, in tokens, at most [`TOKENS_MAX`].
    pub tokens_max: usize,
    /// How many tokens the network knows. `None` when it does not tell.
    pub vocabulary: Option<usize>,
}

#[derive(Deserialize)]
struct RawConfig {
    id2label: BTreeMap<String, String>,
    #[serde(default)]
    max_position_embeddings: Option<usize>,
    #[serde(default)]
    vocab_size: Option<usize>,
}

impl Config {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// When it is too large, no JSON, or does not name the three labels.
    pub fn parse(bytes: &[u8]) -> Result<Self, FinbertError> {
        check_size("config.json", bytes, CONFIG_BYTES_MAX)?;
        let raw: RawConfig = serde_json::from_slice(bytes).map_err(FinbertError::Config)?;
        let by_index = |index: usize| raw.id2label.get(&index.to_string()).and_then(|name| Label::parse(name));
        let labels = [by_index(0), by_index(1), by_index(2)];
        let is_complete = raw.id2label.len() == 3 && Label::ALL.iter().all(|label| labels.contains(&Some(*label)));
        let [Some(first), Some(second), Some(third)] = labels else {
            return Err(FinbertError::Labels(format!("{:?}", raw.id2label)));
        };
        if !is_complete {
            return Err(FinbertError::Labels(format!("{:?}", raw.id2label)));
        }
        let tokens_max = raw.max_position_embeddings.unwrap_or(TOKENS_MAX).clamp(8, TOKENS_MAX);
        Ok(Self { labels: [first, second, third], tokens_max, vocabulary: raw.vocab_size })
    }
}

/// A text as the network reads it; all three have one entry for each token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Numbers of the tokens, the special ones at both ends included.
    pub ids: Vec<i64>,
    /// 1 for each token.
    pub mask: Vec<i64>,
    /// Which sentence each belongs to: 0.
    pub types: Vec<i64>,
}

/// Text to tokens, and the network's answer to an opinion.
pub struct Reader {
    config: Config,
    tokenizer: Tokenizer,
}

impl Reader {
    /// From `tokenizer.json`.
    ///
    /// # Errors
    /// A file that is too large, that cannot be read, or whose tokens the network does not know.
    pub fn from_tokenizer_json(config: Config, bytes: &[u8]) -> Result<Self, FinbertError> {
        const FILE: &str = "tokenizer.json";
        check_size(FILE, bytes, VOCABULARY_BYTES_MAX)?;
        Self::with(config, FILE, Tokenizer::from_bytes(bytes).map_err(refused(FILE))?)
    }

    /// From `vocab.txt`, one token a line, as BERT without capitals reads text.
    ///
    /// # Errors
    /// As [`Reader::from_tokenizer_json`], and when a special token is missing.
    pub fn from_vocab(config: Config, bytes: &[u8]) -> Result<Self, FinbertError> {
        const FILE: &str = "vocab.txt";
        check_size(FILE, bytes, VOCABULARY_BYTES_MAX)?;
        let vocab = WordPiece::read_bytes(bytes).map_err(refused(FILE))?;
        let special = |token: &str| match vocab.get(token) {
            Some(id) => Ok((token.to_owned(), *id)),
            None => Err(FinbertError::Vocabulary { file: FILE, reason: format!("no token {token}") }),
        };
        let (separator, class) = (special("[SEP]")?, special("[CLS]")?);
        special("[UNK]")?;
        let model = WordPiece::builder().vocab(vocab.clone()).unk_token("[UNK]".to_owned()).build();
        let mut tokenizer = Tokenizer::new(model.map_err(refused(FILE))?);
        tokenizer.with_normalizer(Some(BertNormalizer::new(true, true, None, true))).map_err(refused(FILE))?;
        tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
        tokenizer.with_post_processor(Some(BertProcessing::new(separator, class)));
        Self::with(config, FILE, tokenizer)
    }

    fn with(config: Config, file: &'static str, mut tokenizer: Tokenizer) -> Result<Self, FinbertError> {
        let size = tokenizer.get_vocab_size(true);
        if config.vocabulary.is_some_and(|known| size > known) {
            let reason = format!("{size} tokens, the network knows {}", config.vocabulary.unwrap_or_default());
            return Err(FinbertError::Vocabulary { file, reason });
        }
        // Whatever the file says of length and padding: the limit is the network's, and padding is done where it runs.
        let truncation = TruncationParams { max_length: config.tokens_max, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(refused(file))?;
        tokenizer.with_padding(None);
        // Text that spells a special token must not become one.
        tokenizer.set_encode_special_tokens(true);
        Ok(Self { config, tokenizer })
    }

    /// What the network says of itself.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The tokens of a text, cut to what the network can read.
    ///
    /// # Errors
    /// A text without letters and digits, or one that the tokeniser cannot read.
    pub fn tokens(&self, text: &str) -> Result<Tokens, NoOpinion> {
        let normal = normalise(text);
        if !normal.chars().any(char::is_alphanumeric) {
            return Err(NoOpinion::EmptyText);
        }
        let normal = &normal[..normal.floor_char_boundary(BYTES_MAX)];
        let found = self.tokenizer.encode(normal, true).map_err(|error| NoOpinion::Failed(error.to_string()))?;
        let wide = |values: &[u32]| values.iter().map(|value| i64::from(*value)).collect();
        Ok(Tokens {
            ids: wide(found.get_ids()),
            mask: wide(found.get_attention_mask()),
            types: wide(found.get_type_ids()),
        })
    }

    /// The opinion that the network's three logits mean.
    #[must_use]
    pub fn opinion(&self, logits: &[f32]) -> Opinion {
        let mut ordered = [f64::NAN; 3];
        if logits.len() == 3 {
            for (label, logit) in self.config.labels.iter().zip(logits) {
                ordered[label.index()] = f64::from(*logit);
            }
        }
        match Probabilities::of_logits(ordered) {
            Some(probabilities) => Opinion::Scored(Score::of_probabilities(Engine::Finbert, probabilities)),
            None => Opinion::NoOpinion(NoOpinion::Unreadable(format!("logits {logits:?}"))),
        }
    }
}

const fn check_size(file: &'static str, bytes: &[u8], limit: usize) -> Result<(), FinbertError> {
    if bytes.len() > limit { Err(FinbertError::TooLarge { file, found: bytes.len(), limit }) } else { Ok(()) }
}

fn refused(file: &'static str) -> impl Fn(tokenizers::Error) -> FinbertError {
    move |error| FinbertError::Vocabulary { file, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: &str =
        r#"{"id2label":{"0":"positive","1":"negative","2":"neutral"},"max_position_embeddings":512}"#;

    fn reader() -> Reader {
        let vocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nbit\n##coin\nfalls\ncafe\n,\n[\n]\nsep\n";
        Reader::from_vocab(Config::parse(PUBLISHED.as_bytes()).unwrap(), vocab.as_bytes()).unwrap()
    }

    #[test]
    fn the_order_of_labels_is_the_configurations() {
        let reader = reader();
        assert_eq!(reader.config().labels, [Label::Positive, Label::Negative, Label::Neutral]);
        let label = |logits: &[f32]| reader.opinion(logits).score().map(|score| score.label);
        assert_eq!(label(&[3.0, 0.0, 0.0]), Some(Label::Positive));
        assert_eq!(label(&[0.0, 3.0, 0.0]), Some(Label::Negative));
        assert_eq!(label(&[0.0, 0.0, 3.0]), Some(Label::Neutral));
        assert_eq!(label(&[0.0, f32::NAN, 3.0]), None);
        assert_eq!(label(&[0.0, 1.0]), None);
    }

    #[test]
    fn configurations_without_the_three_labels_are_refused() {
        for config in [
            "{}",
            "[",
            r#"{"id2label":{"0":"LABEL_0","1":"LABEL_1","2":"LABEL_2"}}"#,
            r#"{"id2label":{"0":"positive","1":"negative"}}"#,
            r#"{"id2label":{"0":"positive","1":"positive","2":"neutral"}}"#,
            r#"{"id2label":{"0":"positive","1":"negative","2":"neutral","3":"neutral"}}"#,
        ] {
            assert!(Config::parse(config.as_bytes()).is_err(), "{config}");
        }
    }

    #[test]
    fn words_become_tokens_between_the_special_ones() {
        let reader = reader();
        assert_eq!(reader.tokens("Bitcoin falls, Café").unwrap().ids, [2, 4, 5, 6, 8, 7, 3]);
        assert_eq!(reader.tokens("unheard").unwrap().ids, [2, 1, 3]);
        assert_eq!(reader.tokens("[SEP] falls").unwrap().ids, [2, 9, 11, 10, 6, 3], "spelled, not meant");
        let long = reader.tokens(&"bitcoin ".repeat(5_000)).unwrap();
        assert_eq!((long.ids.len(), long.ids[0], long.ids[511], long.mask.len()), (512, 2, 3, 512));
        assert_eq!(reader.tokens("?! "), Err(NoOpinion::EmptyText));
    }

    #[test]
    fn vocabularies_that_do_not_fit_are_refused() {
        let config = || Config::parse(PUBLISHED.as_bytes()).unwrap();
        assert!(Reader::from_vocab(config(), b"a\nb\n").is_err());
        assert!(Reader::from_vocab(config(), &[0xff, 0xfe]).is_err());
        assert!(Reader::from_tokenizer_json(config(), b"{}").is_err());
        let small = Config { vocabulary: Some(3), ..config() };
        let error = Reader::from_vocab(small, b"[UNK]\n[CLS]\n[SEP]\na\n").err().unwrap().to_string();
        assert_eq!(error, "vocab.txt: 4 tokens, the network knows 3");
    }
}
