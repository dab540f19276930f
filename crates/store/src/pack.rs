//! Many blocks compressed together: about half the room that they take one by one.

use crate::block::{Sealed, compress, decompress, field, seal, unseal};
use crate::error::Fault;

/// Pack format written by this program, and the highest it reads.
pub(crate) const PACK_FORMAT: u16 = 1;
/// Bytes before the payload.
const HEADER_BYTES: usize = 32;
/// Tells a pack from a checkpoint, whose header is laid out alike.
const KIND: u8 = 1;
/// Most bytes of all blocks of a pack.
const RAW_BYTES_MAX: usize = 64 << 20;
/// Size that a pack is to have. The database gives a value a power of two of pages, of which its own few bytes are one part.
const WANTED_BYTES: usize = (256 << 10) - 256;
/// First guess of how much smaller blocks become.
const RATIO_FIRST: f64 = 4.0;

/// A pack as it goes to disk.
pub(crate) struct Pack {
    pub(crate) first_seq: u64,
    pub(crate) bytes: Vec<u8>,
    /// Its blocks, plain.
    pub(crate) blocks: Vec<Vec<u8>>,
}

/// Collects blocks until they fill a pack.
#[derive(Debug)]
pub(crate) struct Packer {
    /// Uncompressed blocks with their first and last numbers.
    blocks: Vec<(u64, u64, Vec<u8>)>,
    raw: usize,
    /// Bytes before and after compression, of the pack before.
    ratio: f64,
}

impl Packer {
    pub(crate) const fn new() -> Self {
        Self { blocks: Vec::new(), raw: 0, ratio: RATIO_FIRST }
    }

    /// Adds the next block, in its uncompressed form.
    pub(crate) fn push(&mut self, first_seq: u64, last_seq: u64, plain: Vec<u8>) {
        self.raw += plain.len();
        self.blocks.push((first_seq, last_seq, plain));
    }

    /// Whether there are blocks enough for a pack.
    pub(crate) fn is_full(&self) -> bool {
        let wanted = (WANTED_BYTES as f64 * self.ratio) as usize;
        self.raw >= wanted.min(RAW_BYTES_MAX / 2)
    }

    /// The plain blocks that are in no pack yet.
    pub(crate) fn rest(&self) -> impl Iterator<Item = &[u8]> {
        self.blocks.iter().map(|(_, _, plain)| plain.as_slice())
    }

    /// The next pack, once there are blocks enough for it.
    pub(crate) fn full(&mut self) -> Option<Pack> {
        if self.is_full() { self.take() } else { None }
    }

    /// A pack of what fits into one; `None` when there is nothing left.
    pub(crate) fn take(&mut self) -> Option<Pack> {
        let mut count = self.blocks.len();
        let mut pack = self.pack(count)?;
        while pack.bytes.len() > WANTED_BYTES && count > 1 {
            // Less by what it was too large, and a little.
            count = (count * WANTED_BYTES / pack.bytes.len() * 15 / 16).clamp(1, count - 1);
            pack = self.pack(count)?;
        }
        pack.blocks = self.blocks.drain(..count).map(|(_, _, plain)| plain).collect();
        let raw: usize = pack.blocks.iter().map(Vec::len).sum();
        self.raw -= raw;
        self.ratio = raw as f64 / pack.bytes.len() as f64;
        Some(pack)
    }

    fn pack(&self, count: usize) -> Option<Pack> {
        let blocks = &self.blocks[..count];
        let (first, last) = (blocks.first()?, blocks.last()?);
        let mut raw = Vec::with_capacity(blocks.iter().map(|(_, _, plain)| plain.len() + 4).sum());
        for (_, _, plain) in blocks {
            raw.extend_from_slice(&(plain.len() as u32).to_le_bytes());
            raw.extend_from_slice(plain);
        }
        let (codec, payload) = compress(&raw);
        let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
        bytes.extend_from_slice(&PACK_FORMAT.to_le_bytes());
        bytes.extend_from_slice(&[codec, KIND]);
        bytes.extend_from_slice(&(blocks.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&first.0.to_le_bytes());
        bytes.extend_from_slice(&last.1.to_le_bytes());
        bytes.extend_from_slice(&(raw.len() as u32).to_le_bytes());
        Some(Pack { first_seq: first.0, bytes: seal(bytes, &payload), blocks: Vec::new() })
    }
}

/// The blocks of a pack in their uncompressed form, after checking it.
pub(crate) fn open(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
    let (head, payload) = unseal(bytes, "a journal pack", PACK_FORMAT, HEADER_BYTES - 4)?;
    if head[3] != KIND {
        return Err(Fault::corrupt("not a pack"));
    }
    let raw = decompress(head[2], payload, u32::from_le_bytes(field(head, 24)), RAW_BYTES_MAX)?;
    let count = u32::from_le_bytes(field(head, 4));
    let mut blocks = Vec::new();
    let mut rest = raw.as_slice();
    while let Some((len, tail)) = rest.split_first_chunk() {
        let (block, tail) = tail
            .split_at_checked(u32::from_le_bytes(*len) as usize)
            .ok_or_else(|| Fault::corrupt("a block of the pack is cut short"))?;
        blocks.push(block.to_vec());
        rest = tail;
    }
    let ends = (blocks.first().zip(blocks.last())).map(|(first, last)| (Sealed::open(first), Sealed::open(last)));
    let is_sound = matches!(&ends, Some((Ok(first), Ok(last)))
        if first.header.first_seq == u64::from_le_bytes(field(head, 8))
            && last.header.last_seq == u64::from_le_bytes(field(head, 16)));
    if rest.is_empty() && blocks.len() == count as usize && is_sound {
        Ok(blocks)
    } else {
        Err(Fault::corrupt("the pack does not hold the blocks that it says"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use types::{Input, Stamped, Timestamp};

    use super::*;
    use crate::BlockBuilder;

    /// A block of ticks at odd times, which do not compress.
    fn plain(first_seq: u64, inputs: u64, seed: u64) -> Vec<u8> {
        let mut builder = BlockBuilder::new();
        let (mut random, mut at) = (seed.rotate_left(23) ^ 0x9E37_79B9_7F4A_7C15, 1_761_955_200_000_000_000);
        for n in 0..inputs {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            at += (random >> 36) as i64;
            let at = Timestamp::from_nanos(at);
            builder.push(&Stamped { seq: first_seq + n, at, input: Input::Tick }, &[]).expect("in order");
        }
        let block = builder.finish().expect("not empty");
        Sealed::open(block.as_bytes()).and_then(|sealed| sealed.plain()).expect("our own")
    }

    #[test]
    fn packs_are_full_and_no_block_is_lost() {
        let mut packer = Packer::new();
        let (mut packs, mut pushed, mut next) = (Vec::new(), Vec::new(), 1);
        let mut random = 7u64;
        for _ in 0..3_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let inputs = 200 + (random >> 56);
            let block = plain(next, inputs, random);
            packer.push(next, next + inputs - 1, block.clone());
            pushed.push(block);
            next += inputs;
            while let Some(pack) = packer.full() {
                packs.push(pack);
            }
        }
        let full = packs.len();
        while let Some(pack) = packer.take() {
            packs.push(pack);
        }
        assert!(full > 3, "{full} full packs");
        assert!(packs.iter().all(|pack| pack.bytes.len() <= WANTED_BYTES));
        let stored: usize = packs[..full].iter().map(|pack| pack.bytes.len()).sum();
        assert!(stored * 10 > full * WANTED_BYTES * 7, "{stored} bytes in {full} packs");
        let opened: Vec<Vec<u8>> = packs.iter().flat_map(|pack| open(&pack.bytes).expect("our own")).collect();
        assert!(opened == pushed);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, codec in 0u8..4, count in 0u32..4, raw_len in 0u32..200) {
            let _ = open(&bytes);
            // With a checksum that holds, what is inside must be judged by itself.
            let mut head = vec![0; HEADER_BYTES - 4];
            head[0] = 1;
            (head[2], head[3]) = (codec, KIND);
            head[4..8].copy_from_slice(&count.to_le_bytes());
            head[24..28].copy_from_slice(&raw_len.to_le_bytes());
            let _ = open(&seal(head, &bytes));
        }

        #[test]
        fn a_flipped_bit_is_found(place in 0usize..400, bit in 0u8..8) {
            let mut packer = Packer::new();
            packer.push(1, 50, plain(1, 50, 1_000));
            packer.push(51, 90, plain(51, 40, 1_000));
            let mut bytes = packer.take().expect("two blocks").bytes;
            let place = place % bytes.len();
            bytes[place] ^= 1 << bit;
            prop_assert!(open(&bytes).is_err());
        }
    }
}
