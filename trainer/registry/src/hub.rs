//! A repository of a Hugging Face Hub.

use anyhow::{Context as _, ensure};
use hf_hub::repository::{CommitOperation, RepoTreeEntry};
use hf_hub::{HFClient, HFClientSync, HFError, HFRepositorySync, RepoTypeModel};

use super::{Access, Place};

/// The usual Hub.
const ENDPOINT: &str = "https://huggingface.co";

/// A model repository, which the first push makes.
pub struct Hub {
    repository: String,
    client: HFClientSync,
    files: HFRepositorySync<RepoTypeModel>,
}

impl Hub {
    /// By `OWNER/REPOSITORY`; nothing is asked yet. Without credentials the token counts that Hugging Face's own tools keep.
    ///
    /// # Errors
    /// The name or the endpoint cannot be used, or the token cannot be read.
    pub fn open(repository: &str, access: &Access) -> anyhow::Result<Self> {
        let (owner, name) = repository.split_once('/').context("a Hub's repository is OWNER/NAME")?;
        ensure!(!owner.is_empty() && !name.is_empty() && !name.contains('/'), "{repository:?} is not OWNER/NAME");
        let mut builder =
            HFClient::builder().endpoint(access.endpoint.as_deref().unwrap_or(ENDPOINT)).cache_enabled(false);
        if let Some(path) = &access.credentials {
            let token = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
            builder = builder.token(token.trim());
        }
        let client = builder.build_sync().with_context(|| format!("hf://{repository}"))?;
        let files = client.model(owner, name);
        Ok(Self { repository: repository.to_owned(), client, files })
    }

    /// Path and size of every file; nothing where there is no repository yet.
    fn tree(&self) -> anyhow::Result<Vec<(String, u64)>> {
        let entries = match self.files.list_tree().recursive(true).send() {
            Err(HFError::Http { context }) if context.status.as_u16() == 404 => Vec::new(),
            entries => entries.with_context(|| self.name())?,
        };
        let file = |entry| match entry {
            RepoTreeEntry::File { path, size, .. } => Some((path, size)),
            RepoTreeEntry::Directory { .. } => None,
        };
        Ok(entries.into_iter().filter_map(file).collect())
    }
}

impl Place for Hub {
    fn name(&self) -> String {
        format!("hf://{}", self.repository)
    }

    fn list(&self, folder: &str) -> anyhow::Result<Vec<String>> {
        let inside = |path: &String| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        Ok(self.tree()?.into_iter().map(|(path, _)| path).filter(inside).collect())
    }

    fn get(&self, path: &str, bytes_max: u64) -> anyhow::Result<Option<Vec<u8>>> {
        let Some((_, size)) = self.tree()?.into_iter().find(|(there, _)| there == path) else { return Ok(None) };
        ensure!(size <= bytes_max, "{path} of {} has {size} bytes, more than {bytes_max}", self.name());
        let bytes = self.files.download_file_to_bytes().filename(path).send();
        Ok(Some(bytes.with_context(|| format!("{path} of {}", self.name()))?.to_vec()))
    }

    /// All in one commit.
    fn put(&self, files: Vec<(String, Vec<u8>)>, message: &str) -> anyhow::Result<()> {
        let make = self.client.create_repository().repo_id(&self.repository).repo_type(RepoTypeModel).exist_ok(true);
        make.send().with_context(|| self.name())?;
        let operations = files.into_iter().map(|(path, bytes)| CommitOperation::add_bytes(path, bytes)).collect();
        self.files
            .create_commit()
            .operations(operations)
            .commit_message(message)
            .send()
            .with_context(|| self.name())?;
        Ok(())
    }

    fn card_path(&self, _: &str) -> String {
        "README.md".to_owned()
    }
}
