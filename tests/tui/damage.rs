//! Copies of the demo database, each damaged in one way.

use northstar_engine::inspect::{self, Source};
use northstar_engine::limits::PAGE_BYTES;
use std::path::{Path, PathBuf};

/// The copy of a database that is to be damaged, and where that was done.
pub(super) struct Copy {
    _directory: tempfile::TempDir,
    /// The copied database.
    pub(super) path: PathBuf,
    /// The page that the damage is about; the first where it is about none.
    pub(super) page: u64,
}

impl Copy {
    fn of(source: &Path) -> Self {
        let (directory, path) = copy_of(source);
        Self { _directory: directory, path, page: 0 }
    }

    fn log(&self) -> PathBuf {
        self.path.with_file_name("demo.ns.log")
    }

    /// Changes a byte of a page.
    fn flip(mut self, page: u64, offset: usize) -> Self {
        let at = usize::try_from(page).expect("a small file") * PAGE_BYTES + offset;
        edit(&self.path, |bytes| bytes[at] ^= 0x10);
        self.page = page;
        self
    }
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("the copy is read");
    change(&mut bytes);
    std::fs::write(path, bytes).expect("the copy is written");
}

/// A copy of a database with all that is beside it.
pub(super) fn copy_of(source: &Path) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for entry in std::fs::read_dir(source.parent().expect("a parent")).expect("a listing") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), directory.path().join(entry.file_name())).expect("a copy");
    }
    let path = directory.path().join(source.file_name().expect("a name"));
    (directory, path)
}

/// The root of the tree that recovery opens.
fn root(path: &Path) -> inspect::tree::Root {
    let metas = inspect::metas(&Source::open(path).expect("the copy is opened"));
    let chosen = metas.chosen.expect("a sound meta");
    metas.slots[chosen.index()].root.expect("a tree")
}

/// One byte of the first leaf.
pub(super) fn leaf(source: &Path) -> Copy {
    let copy = Copy::of(source);
    let steps = {
        let opened = Source::open(&copy.path).expect("the copy is opened");
        inspect::tree::lookup(&opened, &root(&copy.path), b"alias/000000/NUL")
    };
    let leaf = steps.last().expect("a way to a leaf").pointer.page.get();
    copy.flip(leaf, 12_000)
}

/// One byte of the root.
pub(super) fn root_node(source: &Path) -> Copy {
    let copy = Copy::of(source);
    let page = root(&copy.path).pointer.page.get();
    copy.flip(page, 12_000)
}

/// One byte of the newer meta.
pub(super) fn newer_meta(source: &Path) -> Copy {
    Copy::of(source).flip(1, 100)
}

/// The second half of both metas, as if neither write had come to its end.
pub(super) fn both_metas(source: &Path) -> Copy {
    let copy = Copy::of(source);
    edit(&copy.path, |bytes| {
        for slot in 0..2 {
            bytes[slot * PAGE_BYTES + 160..slot * PAGE_BYTES + 280].fill(0xa5);
        }
    });
    copy
}

/// A bit of an operation in a record that the pages do not have yet, with sound records behind it.
pub(super) fn log_middle(source: &Path) -> Copy {
    let copy = Copy::of(source);
    let needle = b"GRINNING FACE\",\"category\":\"So\",\"since\":\"6.1\",\"seen\"";
    edit(&copy.log(), |bytes| {
        let at = bytes.windows(needle.len()).position(|window| window == needle);
        bytes[at.expect("the operation of the tail")] ^= 0x10;
    });
    copy
}

/// The log's file ends in the middle of the last commit.
pub(super) fn log_tail(source: &Path) -> Copy {
    let copy = Copy::of(source);
    let needle = b"then the lights went out";
    edit(&copy.log(), |bytes| {
        let at = bytes.windows(needle.len()).position(|window| window == needle);
        bytes.truncate(at.expect("the operation of the last commit"));
    });
    copy
}

/// No log at all, though the metas go by one.
pub(super) fn no_log(source: &Path) -> Copy {
    let copy = Copy::of(source);
    let listing = std::fs::read_dir(copy.path.parent().expect("a parent")).expect("a listing");
    for entry in listing {
        let entry = entry.expect("an entry");
        if entry.file_name().to_string_lossy().starts_with("demo.ns.log") {
            std::fs::remove_file(entry.path()).expect("the segment is removed");
        }
    }
    copy
}

/// The file ends early, within a page.
pub(super) fn cut_short(source: &Path) -> Copy {
    let mut copy = Copy::of(source);
    copy.page = 300;
    edit(&copy.path, |bytes| bytes.truncate(300 * PAGE_BYTES + 5000));
    copy
}

/// Text under the name of the database, and nothing beside it.
pub(super) fn foreign(source: &Path) -> Copy {
    let copy = no_log(source);
    std::fs::write(&copy.path, "neither page nor log\n".repeat(4000)).expect("it is written");
    copy
}

/// The last byte of a cartridge.
pub(super) fn cartridge(source: &Path) -> Copy {
    let copy = Copy::of(source);
    edit(&copy.path.with_file_name("demo.ns.prefixes.ncar"), |bytes| {
        *bytes.last_mut().expect("bytes") ^= 1;
    });
    copy
}
