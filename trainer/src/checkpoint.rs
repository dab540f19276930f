//! Where a fit stands, so that it can go on after an interruption.
//!
//! One file: "TBXCKPT" and the format number (one byte, 2), the header's length (4 bytes, little-endian), the header
//! (JSON), the three records it gives lengths of, and the SHA-256 of all before.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, ensure};
use bundle::Digest;
use burn::module::Module as _;
use burn::optim::OptimizerRecord;
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use serde::{Deserialize, Serialize};

use crate::fit::{Settings, State};
use crate::net::Net;
use crate::run;

const MAGIC: &[u8; 8] = b"TBXCKPT\x02";

/// The epochs so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Training and validation loss of each epoch. 32 bits: these survive JSON exactly.
    pub losses: Vec<(f32, f32)>,
    /// Which epoch had the smallest validation loss, from 0.
    pub best: usize,
}

impl Progress {
    /// Epochs done.
    pub fn epochs(&self) -> usize {
        self.losses.len()
    }

    /// Notes an epoch; true when it is the best so far.
    pub fn note(&mut self, train: f32, validation: f32) -> bool {
        let is_best = self.losses.get(self.best).is_none_or(|(_, best)| validation < *best);
        if is_best {
            self.best = self.losses.len();
        }
        self.losses.push((train, validation));
        is_best
    }

    /// Whether the fit is over.
    pub fn is_over(&self, settings: &Settings) -> bool {
        self.epochs() >= settings.epochs || (self.epochs() > 0 && self.epochs() - 1 - self.best >= settings.patience)
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    identity: String,
    progress: Progress,
    lengths: [usize; 3],
}

/// A checkpoint as read.
pub struct Checkpoint {
    header: Header,
    records: [Vec<u8>; 3],
}

impl Checkpoint {
    /// Reads a checkpoint; `None` where there is none.
    pub fn load(path: &Path) -> anyhow::Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        let (body, digest) = bytes.split_last_chunk::<32>().context("too short")?;
        ensure!(body.starts_with(MAGIC), "not a checkpoint of this version");
        ensure!(Digest::of(body).0 == *digest, "damaged: delete it to start this fit again");
        let (len, rest) = body[MAGIC.len()..].split_first_chunk::<4>().context("cut off")?;
        let (header, mut rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize).context("cut off")?;
        let header: Header = serde_json::from_slice(header)?;
        let mut records = [const { Vec::new() }; 3];
        for (record, len) in records.iter_mut().zip(header.lengths) {
            let (bytes, tail) = rest.split_at_checked(len).context("cut off")?;
            *record = bytes.to_vec();
            rest = tail;
        }
        Ok(Some(Self { header, records }))
    }
}

impl State {
    /// Writes the file.
    pub(crate) fn save(&self, path: &Path, identity: &str) -> anyhow::Result<()> {
        let records = [
            self.net.clone().into_record().into_bytes()?,
            self.best.clone().into_record().into_bytes()?,
            self.optimiser.to_record().into_bytes()?,
        ];
        let header = Header {
            identity: identity.to_owned(),
            progress: self.progress.clone(),
            lengths: records.each_ref().map(|record| record.len()),
        };
        let header = serde_json::to_vec(&header)?;
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&(header.len() as u32).to_le_bytes());
        out.extend_from_slice(&header);
        for record in &records {
            out.extend_from_slice(record);
        }
        let digest = Digest::of(&out);
        out.extend_from_slice(&digest.0);
        run::write(path, &out)
    }

    /// Goes on from a checkpoint of the same task.
    pub(crate) fn resume(self, checkpoint: Checkpoint, identity: &str) -> anyhow::Result<Self> {
        let Checkpoint { header, records: [net, best, optimiser] } = checkpoint;
        ensure!(
            header.identity == identity,
            "the run folder was begun with other settings or data: choose another one, or delete it"
        );
        let load = |net: Net, bytes: Vec<u8>| -> anyhow::Result<Net> {
            Ok(net.try_load_record(ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes))?)?)
        };
        let optimiser = OptimizerRecord::from_bytes(Bytes::from_bytes_vec(optimiser))?;
        Ok(Self {
            net: load(self.net, net)?,
            best: load(self.best, best)?,
            optimiser: self.optimiser.load_record(optimiser),
            progress: header.progress,
        })
    }
}

/// A network's weights as bytes.
pub fn net_to_bytes(net: &Net) -> anyhow::Result<Vec<u8>> {
    Ok(net.clone().into_record().into_bytes()?.to_vec())
}

/// Puts weights into a network of the same shape.
pub fn net_from_bytes(net: Net, bytes: Vec<u8>) -> anyhow::Result<Net> {
    Ok(net.try_load_record(ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes))?)?)
}
