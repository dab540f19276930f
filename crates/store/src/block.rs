//! Consecutive inputs with the count and digest of what they caused.

use types::legacy::{StartV1, StartV2, StartV3, StartV4};
use types::{Effect, Input, Stamped, Timestamp};

use crate::digest::{Digest, EffectDigest, append};
use crate::error::Fault;

/// Block format written by this program, and the highest it reads.
///
/// Their starts differ: in format 1 fees were undated and there was nothing about arbitrage, in format 2 paper orders had a single
/// latency, in format 3 there was one account, and in format 4 fees had no tiers and nothing was tried between exchanges.
pub const BLOCK_FORMAT: u16 = 5;
/// Bytes of a block before its payload.
pub const HEADER_BYTES: usize = 84;
/// Most bytes of a block's payload before compression.
pub const RAW_BYTES_MAX: usize = 16 << 20;
/// Payload size at which [`BlockBuilder::fits`] asks for the block to be closed.
const RAW_BYTES_WANTED: usize = 1 << 20;

/// What stands in front of a block's inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// Sequence number of the first input.
    pub first_seq: u64,
    /// Sequence number of the last input.
    pub last_seq: u64,
    /// When the first was received.
    pub first_at: Timestamp,
    /// When the last was received: in the same UTC day.
    pub last_at: Timestamp,
    /// Number of inputs, at least one.
    pub inputs: u32,
    /// Number of effects they caused.
    pub effects: u32,
    /// Digest of those effects (see [`EffectDigest`]).
    pub effects_digest: Digest,
}

/// A closed block, as it goes to disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    header: BlockHeader,
    bytes: Vec<u8>,
}

impl Block {
    /// What is in it.
    #[must_use]
    pub const fn header(&self) -> &BlockHeader {
        &self.header
    }

    /// As written to disk.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Why an input could not be added to the open block. The block is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// Sequence numbers of a block follow one by one.
    #[error("input {found} does not follow input {last}")]
    Sequence {
        /// Last in the block.
        last: u64,
        /// What was offered.
        found: u64,
    },
    /// Times never decrease.
    #[error("input {seq} was received before the one before it")]
    Time {
        /// What was offered.
        seq: u64,
    },
    /// A block lies in one UTC day: close it first (see [`BlockBuilder::fits`]).
    #[error("input {seq} lies in another UTC day than its block")]
    Day {
        /// What was offered.
        seq: u64,
    },
    /// The block is full: close it first (see [`BlockBuilder::fits`]).
    #[error("no room for input {seq}")]
    Full {
        /// What was offered.
        seq: u64,
    },
}

/// The open block: what is lost when the plug is pulled.
#[derive(Clone, Debug, Default)]
pub struct BlockBuilder {
    raw: Vec<u8>,
    first: Option<(u64, Timestamp)>,
    last_seq: u64,
    last_at: Timestamp,
    inputs: u32,
    effects: EffectDigest,
}

impl BlockBuilder {
    /// An empty block.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an input with what it caused.
    ///
    /// # Errors
    /// [`PushError`] when it does not follow the one before, or does not fit (ask [`fits`](Self::fits) first).
    pub fn push(&mut self, stamped: &Stamped<Input>, effects: &[Effect]) -> Result<(), PushError> {
        let seq = stamped.seq;
        let (first, since) = match self.first {
            None => ((seq, stamped.at), 0),
            Some(first) => {
                if seq != self.last_seq + 1 {
                    return Err(PushError::Sequence { last: self.last_seq, found: seq });
                }
                if stamped.at < self.last_at {
                    return Err(PushError::Time { seq });
                }
                if stamped.at.day() != first.1.day() {
                    return Err(PushError::Day { seq });
                }
                (first, stamped.at.as_nanos().abs_diff(self.last_at.as_nanos()))
            }
        };
        let before = self.raw.len();
        append(&(since, &stamped.input), &mut self.raw);
        if self.raw.len() > RAW_BYTES_MAX {
            self.raw.truncate(before);
            return Err(PushError::Full { seq });
        }
        self.effects.add(effects);
        self.first = Some(first);
        self.last_seq = seq;
        self.last_at = stamped.at;
        self.inputs += 1;
        Ok(())
    }

    /// True when an input received at `at` may join the open block: same UTC day, and not grown too large.
    #[must_use]
    pub fn fits(&self, at: Timestamp) -> bool {
        self.first.is_none_or(|(_, first_at)| first_at.day() == at.day() && self.raw.len() < RAW_BYTES_WANTED)
    }

    /// Number of inputs in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.inputs as usize
    }

    /// True before the first input.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.inputs == 0
    }

    /// Bytes of its inputs before compression.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.raw.len()
    }

    /// When its first input was received.
    #[must_use]
    pub fn first_at(&self) -> Option<Timestamp> {
        self.first.map(|(_, at)| at)
    }

    /// Closes the block and starts an empty one; `None` when there is nothing in it.
    pub fn finish(&mut self) -> Option<Block> {
        let (first_seq, first_at) = self.first.take()?;
        let (effects, effects_digest) = self.effects.take();
        let header = BlockHeader {
            first_seq,
            last_seq: self.last_seq,
            first_at,
            last_at: self.last_at,
            inputs: std::mem::take(&mut self.inputs),
            effects,
            effects_digest,
        };
        let bytes = encode(&header, &self.raw);
        self.raw.clear();
        Some(Block { header, bytes })
    }
}

fn encode(header: &BlockHeader, raw: &[u8]) -> Vec<u8> {
    let (codec, payload) = compress(raw);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.extend_from_slice(&BLOCK_FORMAT.to_le_bytes());
    bytes.extend_from_slice(&[codec, 0]);
    bytes.extend_from_slice(&header.inputs.to_le_bytes());
    bytes.extend_from_slice(&header.first_seq.to_le_bytes());
    bytes.extend_from_slice(&header.last_seq.to_le_bytes());
    bytes.extend_from_slice(&header.first_at.as_nanos().to_le_bytes());
    bytes.extend_from_slice(&header.last_at.as_nanos().to_le_bytes());
    bytes.extend_from_slice(&header.effects.to_le_bytes());
    bytes.extend_from_slice(&(raw.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&header.effects_digest.0);
    seal(bytes, &payload)
}

/// Appends the checksum over what is there and `payload`, and `payload`.
pub(crate) fn seal(mut bytes: Vec<u8>, payload: &[u8]) -> Vec<u8> {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes);
    crc.update(payload);
    bytes.extend_from_slice(&crc.finalize().to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Splits sealed bytes at `head` (the place of the checksum) after checking format number and checksum.
pub(crate) fn unseal<'a>(
    bytes: &'a [u8],
    what: &'static str,
    known: u16,
    head: usize,
) -> Result<(&'a [u8], &'a [u8]), Fault> {
    let found = bytes.first_chunk().map(|b| u16::from_le_bytes(*b)).ok_or_else(|| Fault::corrupt("empty"))?;
    if found > known {
        return Err(Fault::Newer { what, found, known });
    }
    if found == 0 {
        return Err(Fault::corrupt("format 0 does not exist"));
    }
    let (header, rest) = bytes.split_at_checked(head).ok_or_else(|| Fault::corrupt("header cut short"))?;
    let (crc, payload) = rest.split_first_chunk().ok_or_else(|| Fault::corrupt("header cut short"))?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(payload);
    let (computed, written) = (hasher.finalize(), u32::from_le_bytes(*crc));
    if computed != written {
        return Err(Fault::corrupt(format!("checksum is {computed:08x}, written was {written:08x}")));
    }
    Ok((header, payload))
}

const CODEC_NONE: u8 = 0;
/// Only read: what was written before Zstandard.
const CODEC_LZ4: u8 = 1;
const CODEC_ZSTD: u8 = 2;
/// More costs much and gains little (see `docs/benchmarks.md`).
const ZSTD_LEVEL: i32 = 3;

/// The codec and the bytes: as they are where compression gains nothing.
pub(crate) fn compress(raw: &[u8]) -> (u8, Vec<u8>) {
    match zstd::bulk::compress(raw, ZSTD_LEVEL) {
        Ok(packed) if packed.len() < raw.len() => (CODEC_ZSTD, packed),
        _ => (CODEC_NONE, raw.to_vec()),
    }
}

pub(crate) fn decompress(codec: u8, payload: &[u8], raw_len: u32, max: usize) -> Result<Vec<u8>, Fault> {
    let raw_len = raw_len as usize;
    if raw_len > max {
        return Err(Fault::corrupt(format!("claims {raw_len} bytes, more than the {max} allowed")));
    }
    let raw = match codec {
        CODEC_NONE => payload.to_vec(),
        CODEC_LZ4 => lz4_flex::block::decompress(payload, raw_len)
            .map_err(|e| Fault::corrupt(format!("cannot be decompressed: {e}")))?,
        CODEC_ZSTD => zstd::bulk::decompress(payload, raw_len)
            .map_err(|e| Fault::corrupt(format!("cannot be decompressed: {e}")))?,
        other => return Err(Fault::corrupt(format!("unknown codec {other}"))),
    };
    if raw.len() != raw_len {
        return Err(Fault::corrupt(format!("{} bytes where {raw_len} were written", raw.len())));
    }
    Ok(raw)
}

/// A place in a header whose length is known: `N` bytes at `at`.
pub(crate) fn field<const N: usize>(header: &[u8], at: usize) -> [u8; N] {
    header[at..at + N].try_into().expect("the slice has N bytes")
}

/// A block as found on disk, checked except for its inputs' own encoding.
pub(crate) struct Sealed<'a> {
    pub(crate) header: BlockHeader,
    format: u16,
    codec: u8,
    raw_len: u32,
    payload: &'a [u8],
    /// As written, without the checksum.
    head: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// Checks format, checksum and that the header agrees with itself.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Fault> {
        let (head, payload) = unseal(bytes, "a journal block", BLOCK_FORMAT, HEADER_BYTES - 4)?;
        let header = BlockHeader {
            inputs: u32::from_le_bytes(field(head, 4)),
            first_seq: u64::from_le_bytes(field(head, 8)),
            last_seq: u64::from_le_bytes(field(head, 16)),
            first_at: Timestamp::from_nanos(i64::from_le_bytes(field(head, 24))),
            last_at: Timestamp::from_nanos(i64::from_le_bytes(field(head, 32))),
            effects: u32::from_le_bytes(field(head, 40)),
            effects_digest: Digest(field(head, 48)),
        };
        let follows = header.inputs > 0
            && header.first_seq.checked_add(u64::from(header.inputs) - 1) == Some(header.last_seq)
            && header.first_at <= header.last_at
            && header.first_at.day() == header.last_at.day();
        if !follows {
            return Err(Fault::corrupt("header contradicts itself"));
        }
        let format = u16::from_le_bytes(field(head, 0));
        Ok(Self { header, format, codec: head[2], raw_len: u32::from_le_bytes(field(head, 44)), payload, head })
    }

    /// The same block with its payload not compressed. All forms of a block have the same plain one.
    pub(crate) fn plain(&self) -> Result<Vec<u8>, Fault> {
        Ok(self.with(CODEC_NONE, &self.raw()?))
    }

    /// The same block with its payload compressed.
    pub(crate) fn compressed(&self) -> Result<Vec<u8>, Fault> {
        let (codec, payload) = compress(&self.raw()?);
        Ok(self.with(codec, &payload))
    }

    fn raw(&self) -> Result<Vec<u8>, Fault> {
        decompress(self.codec, self.payload, self.raw_len, RAW_BYTES_MAX)
    }

    fn with(&self, codec: u8, payload: &[u8]) -> Vec<u8> {
        let mut head = self.head.to_vec();
        head[2] = codec;
        seal(head, payload)
    }

    /// Decodes the inputs; their number, times and the end of the payload must be what the header says.
    pub(crate) fn inputs(&self) -> Result<Vec<Stamped<Input>>, Fault> {
        let raw = self.raw()?;
        // An input takes two bytes at least: a wrong count must not reserve memory it cannot fill.
        let mut inputs = Vec::with_capacity((self.header.inputs as usize).min(raw.len() / 2));
        let mut rest = raw.as_slice();
        let mut at = self.header.first_at;
        for seq in self.header.first_seq..=self.header.last_seq {
            let ((since, input), tail) = take_input(self.format, rest)
                .map_err(|e| Fault::corrupt(format!("input {seq} cannot be read: {e}")))?;
            at = at
                .as_nanos()
                .checked_add_unsigned(since)
                .map(Timestamp::from_nanos)
                .filter(|at| *at <= self.header.last_at)
                .ok_or_else(|| Fault::corrupt(format!("input {seq} lies after the block's end")))?;
            inputs.push(Stamped { seq, at, input });
            rest = tail;
        }
        if !rest.is_empty() {
            return Err(Fault::corrupt(format!("{} bytes after the last input", rest.len())));
        }
        if at != self.header.last_at {
            return Err(Fault::corrupt("the last input does not lie at the block's end"));
        }
        Ok(inputs)
    }
}

/// The next input of a payload with the time since the one before, and what follows it.
fn take_input(format: u16, bytes: &[u8]) -> postcard::Result<((u64, Input), &[u8])> {
    let (since, rest) = postcard::take_from_bytes::<u64>(bytes)?;
    // A start is the first variant of all: only its content had another shape.
    let is_start = rest.first() == Some(&0);
    let (input, tail) = match format {
        1 if is_start => {
            let (start, tail) = postcard::take_from_bytes::<StartV1>(rest)?;
            (start.into(), tail)
        }
        2 if is_start => {
            let (start, tail) = postcard::take_from_bytes::<StartV2>(rest)?;
            (start.into(), tail)
        }
        3 if is_start => {
            let (start, tail) = postcard::take_from_bytes::<StartV3>(rest)?;
            (start.into(), tail)
        }
        4 if is_start => {
            let (start, tail) = postcard::take_from_bytes::<StartV4>(rest)?;
            (start.into(), tail)
        }
        _ => postcard::take_from_bytes(rest)?,
    };
    Ok(((since, input), tail))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A sealed block around any payload: the checksum holds, so what is inside must be judged by itself.
    fn sealed(header: &BlockHeader, codec: u8, raw_len: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = encode(header, &[]);
        bytes.truncate(HEADER_BYTES - 4);
        bytes[2] = codec;
        bytes[44..48].copy_from_slice(&raw_len.to_le_bytes());
        seal(bytes, payload)
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Sealed::open(&bytes).map(|block| block.inputs().is_ok());
        }

        #[test]
        fn any_payload_is_read_or_refused(
            payload: Vec<u8>, codec in 0u8..4, raw_len in 0u32..200, inputs: u32, first_seq: u64, first_at: i64, span: u32,
        ) {
            let first = Timestamp::from_nanos(first_at);
            let header = BlockHeader {
                first_seq,
                last_seq: first_seq.saturating_add(u64::from(inputs).saturating_sub(1)),
                first_at: first,
                last_at: Timestamp::from_nanos(first_at.saturating_add(span.into())),
                inputs,
                effects: 0,
                effects_digest: Digest([0; 32]),
            };
            let bytes = sealed(&header, codec, raw_len, &payload);
            let _ = Sealed::open(&bytes).map(|block| block.inputs().is_ok());
        }

        #[test]
        fn ticks_come_back(steps in prop::collection::vec(0u32..1_000_000, 1..50), first_seq in 1u64..u64::MAX / 2) {
            let mut at = Timestamp::from_secs(1_761_955_200);
            let mut builder = BlockBuilder::new();
            let mut pushed = Vec::new();
            for (seq, step) in (first_seq..).zip(steps) {
                at = Timestamp::from_nanos(at.as_nanos() + i64::from(step));
                pushed.push(Stamped { seq, at, input: Input::Tick });
                builder.push(pushed.last().expect("just pushed"), &[]).expect("in order");
            }
            let block = builder.finish().expect("not empty");
            let opened = Sealed::open(block.as_bytes()).expect("our own");
            prop_assert_eq!(&opened.header, block.header());
            prop_assert_eq!(opened.inputs().expect("our own"), pushed);
        }
    }
}
