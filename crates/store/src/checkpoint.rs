//! The engine's whole state at one place in the journal.

use types::Timestamp;

use crate::block::{compress, decompress, field, seal, unseal};
use crate::error::Fault;

/// Checkpoint format written by this program, and the highest it reads.
pub const CHECKPOINT_FORMAT: u16 = 1;
/// Most bytes of an engine state.
pub const STATE_BYTES_MAX: usize = 256 << 20;
/// Bytes before the payload.
const HEADER_BYTES: usize = 32;

/// The engine's state after all inputs up to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last input it contains; 0 before the first input ever.
    pub seq: u64,
    /// When that input was received; for 0, when the box first started.
    pub at: Timestamp,
    /// Version of the state's encoding, as the engine counts it.
    pub state_version: u32,
    /// The state, opaque to the store.
    pub state: Vec<u8>,
}

impl Checkpoint {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (codec, payload) = compress(&self.state);
        let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
        bytes.extend_from_slice(&CHECKPOINT_FORMAT.to_le_bytes());
        bytes.extend_from_slice(&[codec, 0]);
        bytes.extend_from_slice(&self.state_version.to_le_bytes());
        bytes.extend_from_slice(&self.seq.to_le_bytes());
        bytes.extend_from_slice(&self.at.as_nanos().to_le_bytes());
        bytes.extend_from_slice(&(self.state.len() as u32).to_le_bytes());
        seal(bytes, &payload)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let (head, payload) = unseal(bytes, "a checkpoint", CHECKPOINT_FORMAT, HEADER_BYTES - 4)?;
        if head[3] != 0 {
            return Err(Fault::corrupt("not a checkpoint"));
        }
        let raw_len = u32::from_le_bytes(field(head, 24));
        Ok(Self {
            state_version: u32::from_le_bytes(field(head, 4)),
            seq: u64::from_le_bytes(field(head, 8)),
            at: Timestamp::from_nanos(i64::from_le_bytes(field(head, 16))),
            state: decompress(head[2], payload, raw_len, STATE_BYTES_MAX)?,
        })
    }
}
