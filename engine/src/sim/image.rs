//! File contents and whole disks as values: copy-on-write, cheap to clone, compare and change.
//!
//! A content is a map of 4 KiB blocks shared between images; a block's hash is computed once. So a
//! crash state costs what it changes, not what it holds.

use crate::disk::{entropy::mix, memory::plain};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

const BLOCK_BYTES: usize = 4096;

/// A file of a simulated disk, whatever its name is now. Numbers are not used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u64);

#[derive(Debug)]
struct Block {
    bytes: Box<[u8; BLOCK_BYTES]>,
    hash: OnceLock<u64>,
}

impl Clone for Block {
    /// The copy is made to be changed, so it does not keep the hash.
    fn clone(&self) -> Self {
        Self { bytes: self.bytes.clone(), hash: OnceLock::new() }
    }
}

impl Block {
    /// Of the bytes; 0 for zeros, as for a block that is not there.
    fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| {
            let (words, _) = self.bytes.as_chunks::<8>();
            let mut any = 0;
            let mut hash = 0x6a09_e667_f3bc_c908u64;
            for word in words {
                let word = u64::from_le_bytes(*word);
                any |= word;
                hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
            }
            if any == 0 { 0 } else { mix(hash) | 1 }
        })
    }
}

/// The bytes of one file. Holes are zeros. Blocks behind the end are kept: a write whose length was
/// lost may get its length back (crash model M4).
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    len: u64,
    blocks: BTreeMap<u64, Arc<Block>>,
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Blocks that are stored, holes not counted.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.blocks.len() as u64 * BLOCK_BYTES as u64
    }

    /// Fills `buffer` from `offset`; zeros where nothing is stored. The length is not asked.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) {
        for_blocks(buffer.len(), offset, |index, within, range| {
            let target = &mut buffer[range];
            match self.blocks.get(&index) {
                Some(block) => target.copy_from_slice(&block.bytes[within..within + target.len()]),
                None => target.fill(0),
            }
        });
    }

    /// Stores bytes. The length stays.
    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        for_blocks(bytes.len(), offset, |index, within, range| {
            let source = &bytes[range];
            let block = self.blocks.entry(index).or_insert_with(|| {
                Arc::new(Block { bytes: Box::new([0; BLOCK_BYTES]), hash: OnceLock::new() })
            });
            let same = &block.bytes[within..within + source.len()] == source;
            if !same {
                let block = Arc::make_mut(block);
                block.hash = OnceLock::new();
                block.bytes[within..within + source.len()].copy_from_slice(source);
            }
        });
    }

    /// Sets the length alone.
    pub(super) fn set_len(&mut self, len: u64) {
        self.len = len;
    }

    /// Forgets everything at and behind `at`.
    pub(super) fn cut(&mut self, at: u64) {
        let (index, within) = (at / BLOCK_BYTES as u64, (at % BLOCK_BYTES as u64) as usize);
        if within == 0 {
            self.blocks.split_off(&index);
            return;
        }
        self.blocks.split_off(&(index + 1));
        if let Some(block) = self.blocks.get_mut(&index)
            && block.bytes[within..].iter().any(|&byte| byte != 0)
        {
            let block = Arc::make_mut(block);
            block.hash = OnceLock::new();
            block.bytes[within..].fill(0);
        }
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len as usize];
        self.read(&mut bytes, 0);
        bytes
    }

    fn hash(&self) -> u64 {
        let blocks = self.blocks.iter().filter(|(_, block)| block.hash() != 0);
        blocks.fold(mix(self.len), |hash, (index, block)| {
            mix(hash ^ mix(*index).wrapping_add(block.hash()))
        })
    }
}

/// Calls `each(block index, offset within the block, range of the buffer)` for a run of bytes.
fn for_blocks(bytes: usize, offset: u64, mut each: impl FnMut(u64, usize, std::ops::Range<usize>)) {
    let mut done = 0;
    while done < bytes {
        let at = offset + done as u64;
        let (index, within) = (at / BLOCK_BYTES as u64, (at % BLOCK_BYTES as u64) as usize);
        let count = (BLOCK_BYTES - within).min(bytes - done);
        each(index, within, done..done + count);
        done += count;
    }
}

/// What a disk holds after a crash, or at any moment: names and bytes.
#[derive(Clone, Debug, Default)]
pub struct SimImage {
    pub(super) files: BTreeMap<PathBuf, Content>,
}

impl SimImage {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// The names, in order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// Bytes of a file; `None` when there is none of that name.
    pub fn len_of(&self, path: impl AsRef<Path>) -> Option<u64> {
        self.files.get(&plain(path.as_ref())).map(Content::len)
    }

    /// A file's bytes.
    pub fn read(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.files.get(&plain(path.as_ref())).map(Content::to_vec)
    }

    /// Puts a file of these bytes under a name, replacing what was there.
    pub fn put(&mut self, path: impl AsRef<Path>, bytes: &[u8]) {
        let mut content = Content::default();
        content.write(bytes, 0);
        content.set_len(bytes.len() as u64);
        self.files.insert(plain(path.as_ref()), content);
    }

    /// Overwrites bytes of a file, extending it where they reach past its end. Whether there is one.
    pub fn write(&mut self, path: impl AsRef<Path>, offset: u64, bytes: &[u8]) -> bool {
        let Some(content) = self.files.get_mut(&plain(path.as_ref())) else { return false };
        content.write(bytes, offset);
        content.set_len(content.len().max(offset + bytes.len() as u64));
        true
    }

    /// Inverts the bits of `mask` in one byte. Whether there is such a byte.
    pub fn flip(&mut self, path: impl AsRef<Path>, offset: u64, mask: u8) -> bool {
        let Some(content) = self.files.get_mut(&plain(path.as_ref())) else { return false };
        if offset >= content.len() {
            return false;
        }
        let mut byte = [0];
        content.read(&mut byte, offset);
        content.write(&[byte[0] ^ mask], offset);
        true
    }

    /// Cuts or extends a file with zeros. Whether there is one.
    pub fn set_len(&mut self, path: impl AsRef<Path>, bytes: u64) -> bool {
        let Some(content) = self.files.get_mut(&plain(path.as_ref())) else { return false };
        content.cut(bytes.min(content.len()));
        content.set_len(bytes);
        true
    }

    /// Takes a name away. Whether there was one.
    pub fn remove(&mut self, path: impl AsRef<Path>) -> bool {
        self.files.remove(&plain(path.as_ref())).is_some()
    }

    /// A hash of names and bytes: images of equal hash hold the same.
    pub fn hash(&self) -> u64 {
        self.files.iter().fold(0, |hash, (path, content)| {
            let name = path.as_os_str().as_encoded_bytes();
            let name = name.iter().fold(hash, |hash, &byte| mix(hash ^ u64::from(byte)));
            mix(name ^ content.hash())
        })
    }
}
