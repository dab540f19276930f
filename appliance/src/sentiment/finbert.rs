//! FinBERT from files: `config.json`, `vocab.txt` or `tokenizer.json`, and `model.onnx`.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use infer::{TEXT_MODEL_BYTES_MAX, TextModel};
use sentiment::finbert::{CONFIG_BYTES_MAX, Config, Reader, VOCABULARY_BYTES_MAX};
use sentiment::{Engine, Identity, NoOpinion, Opinion, content_hash};
use sha2::{Digest, Sha256};

/// The files of a model, and the most that each may have, bytes.
pub(super) const FILES: [(&str, usize); 4] = [
    ("config.json", CONFIG_BYTES_MAX),
    ("vocab.txt", VOCABULARY_BYTES_MAX),
    ("tokenizer.json", VOCABULARY_BYTES_MAX),
    ("model.onnx", TEXT_MODEL_BYTES_MAX),
];
/// Changes with what is done around the network.
const VERSION: &str = "finbert-1";

/// A model that is ready to score.
pub(crate) struct Finbert {
    reader: Reader,
    model: TextModel,
    digest: String,
}

impl Finbert {
    /// Reads a folder of files and proves that the model runs.
    ///
    /// # Errors
    /// Which file is missing or wrong, and why.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let wanted = |name| read(folder, name)?.with_context(|| format!("{}: no {name}", folder.display()));
        let config = Config::parse(&wanted("config.json")?).with_context(|| folder.display().to_string())?;
        let reader = match (read(folder, "tokenizer.json")?, read(folder, "vocab.txt")?) {
            (Some(json), _) => Reader::from_tokenizer_json(config, &json),
            (None, Some(vocab)) => Reader::from_vocab(config, &vocab),
            (None, None) => bail!("{}: neither tokenizer.json nor vocab.txt", folder.display()),
        };
        let reader = reader.with_context(|| folder.display().to_string())?;
        let bytes = wanted("model.onnx")?;
        let model = TextModel::load(&bytes).with_context(|| folder.join("model.onnx").display().to_string())?;
        let digest = Sha256::digest(&bytes);
        let found = Self { reader, model, digest: hex(&digest) };
        // The first and the last token of the table, and three logits: that vocabulary, network and labels belong together.
        let opinion = found.score("Bitcoin falls after the exchange was hacked.");
        ensure!(opinion.score().is_some(), "{}: a plain sentence gives {opinion:?}", folder.display());
        Ok(found)
    }

    /// What a text says. Takes from tens of milliseconds to seconds: not on the engine's or a web thread.
    pub(crate) fn score(&self, text: &str) -> Opinion {
        let tokens = match self.reader.tokens(text) {
            Ok(tokens) => tokens,
            Err(reason) => return Opinion::NoOpinion(reason),
        };
        match self.model.logits(&tokens.ids, &tokens.mask, &tokens.types) {
            Ok(logits) => self.reader.opinion(&logits),
            Err(error) => Opinion::NoOpinion(NoOpinion::Failed(error.to_string())),
        }
    }

    /// What a score is filed under.
    pub(crate) fn identity(&self, text: &str) -> Identity {
        Identity {
            engine: Engine::Finbert,
            model: self.digest.clone(),
            version: VERSION.to_owned(),
            content: content_hash(text),
        }
    }

    /// SHA-256 of `model.onnx`.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }
}

/// A file of the model; `None` where it is not there.
fn read(folder: &Path, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
    let path = folder.join(name);
    let limit = FILES.iter().find(|(file, _)| *file == name).map_or(0, |(_, limit)| *limit);
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).with_context(|| path.display().to_string())?;
    ensure!(bytes.len() <= limit, "{}: larger than {limit} bytes", path.display());
    Ok(Some(bytes))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
