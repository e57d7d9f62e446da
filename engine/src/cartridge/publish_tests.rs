//! A cartridge's file is the old one or the new one at every moment; what dead builders left is removed,
//! what living ones hold is not.

use super::publish::{is_temporary, publish};
use crate::disk::{Entropy, LockRange, MemoryStorage, OpenMode, SeededEntropy, Storage};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

const PATH: &str = "/pending.ncar";

fn temporary(digits: u64) -> PathBuf {
    PathBuf::from(format!("{PATH}.{digits:016x}.tmp"))
}

fn put(storage: &dyn Storage, path: &Path, bytes: &[u8]) -> std::sync::Arc<dyn crate::disk::File> {
    let file = storage.open(path, OpenMode::CreateNew).expect("a new file");
    file.write_at(bytes, 0).expect("a write");
    file
}

fn read(storage: &dyn Storage, path: &Path) -> Vec<u8> {
    let file = storage.open(path, OpenMode::Read).expect("the file is there");
    let mut bytes = vec![0; usize::try_from(file.len().expect("a length")).expect("small")];
    file.read_at(&mut bytes, 0).expect("a read");
    bytes
}

fn names(storage: &dyn Storage) -> Vec<String> {
    storage.list(Path::new("/"), "").expect("a listing")
}

#[test]
fn names_of_temporary_files_are_told_from_others() {
    let cases = [
        ("p.ncar.0123456789abcdef.tmp", true),
        ("p.0123456789abcdef.tmp", true),
        (".0123456789abcdef.tmp", false),
        ("p.ncar.0123456789ABCDEF.tmp", false),
        ("p.ncar.0123456789abcde.tmp", false),
        ("p.ncar.0123456789abcdef0.tmp", false),
        ("p.ncar.0123456789abcdeg.tmp", false),
        ("p.ncar.0123456789abcdef", false),
        ("p.ncar", false),
        ("", false),
    ];
    for (name, expected) in cases {
        assert_eq!(is_temporary(OsStr::new(name)), expected, "{name}");
    }
}

#[test]
fn what_dead_builders_left_is_removed_and_nothing_else() {
    let storage = MemoryStorage::default();
    // Dead: closed, so its lock is gone. One of it had written nothing yet.
    drop(put(&storage, &temporary(1), b"half a cartr"));
    drop(put(&storage, &temporary(2), b""));
    // Alive: open and locked.
    let alive = put(&storage, &temporary(3), b"being written");
    assert!(alive.try_lock(LockRange::Writer, true).expect("a lock"));
    let others = ["/pending.ncar.tmp", "/pending.ncar.backup", "/other.ncar.0000000000000004.tmp"];
    others.iter().for_each(|name| drop(put(&storage, Path::new(name), b"somebody else's")));
    publish(&storage, &SeededEntropy::new(1), Path::new(PATH), b"a cartridge").expect("published");
    assert_eq!(read(&storage, Path::new(PATH)), b"a cartridge");
    let left = [
        "other.ncar.0000000000000004.tmp",
        "pending.ncar",
        "pending.ncar.0000000000000003.tmp",
        "pending.ncar.backup",
        "pending.ncar.tmp",
    ];
    assert_eq!(names(&storage), left);
    drop(alive);
    publish(&storage, &SeededEntropy::new(2), Path::new(PATH), b"the next").expect("published");
    assert!(!names(&storage).contains(&left[2].to_owned()), "now its builder is dead");
}

/// Two builders of one name: each holds its own temporary file, neither takes the other's away.
#[test]
fn a_builder_leaves_the_file_of_another_alone() {
    /// Draws a number, and publishes the same name in between: what another process might do just then.
    #[derive(Debug)]
    struct Meanwhile<'a>(&'a MemoryStorage);

    impl Entropy for Meanwhile<'_> {
        fn next_u64(&self) -> u64 {
            let path = Path::new(PATH);
            publish(self.0, &SeededEntropy::new(5), path, b"theirs").expect("published");
            7
        }
    }

    let storage = MemoryStorage::default();
    let held = put(&storage, &temporary(9), b"a third one's");
    assert!(held.try_lock(LockRange::Writer, true).expect("a lock"));
    publish(&storage, &Meanwhile(&storage), Path::new(PATH), b"ours").expect("published");
    assert_eq!(read(&storage, Path::new(PATH)), b"ours", "the last rename wins, whole");
    assert_eq!(names(&storage), ["pending.ncar", "pending.ncar.0000000000000009.tmp"]);
}

/// Somebody takes a new temporary file for a dead one's, between its creation and its lock.
#[test]
fn a_file_taken_for_a_leftover_is_made_anew() {
    #[derive(Clone, Debug)]
    struct Hasty(MemoryStorage);

    impl Storage for Hasty {
        fn open(
            &self,
            path: &Path,
            mode: OpenMode,
        ) -> crate::error::Result<std::sync::Arc<dyn crate::disk::File>> {
            let file = self.0.open(path, mode)?;
            if mode == OpenMode::CreateNew && path == temporary(1) {
                self.0.unlink(path)?;
            }
            Ok(file)
        }
        fn exists(&self, path: &Path) -> crate::error::Result<bool> {
            self.0.exists(path)
        }
        fn rename(&self, from: &Path, to: &Path) -> crate::error::Result<()> {
            self.0.rename(from, to)
        }
        fn rename_new(&self, from: &Path, to: &Path) -> crate::error::Result<()> {
            self.0.rename_new(from, to)
        }
        fn unlink(&self, path: &Path) -> crate::error::Result<()> {
            self.0.unlink(path)
        }
        fn sync_dir(&self, directory: &Path) -> crate::error::Result<()> {
            self.0.sync_dir(directory)
        }
        fn list(&self, directory: &Path, prefix: &str) -> crate::error::Result<Vec<String>> {
            self.0.list(directory, prefix)
        }
        fn canonical(&self, path: &Path) -> crate::error::Result<PathBuf> {
            self.0.canonical(path)
        }
    }

    /// 1, 2, 3, …
    #[derive(Debug, Default)]
    struct Counting(std::sync::atomic::AtomicU64);

    impl Entropy for Counting {
        fn next_u64(&self) -> u64 {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1
        }
    }

    let storage = Hasty(MemoryStorage::default());
    publish(&storage, &Counting::default(), Path::new(PATH), b"a cartridge").expect("published");
    assert_eq!(read(&storage, Path::new(PATH)), b"a cartridge");
    assert_eq!(names(&storage), ["pending.ncar"]);
}

/// The power fails at every moment of a second build: the file is the old or the new one, whole, the new
/// one once the build has returned, and the next build leaves nothing else behind.
#[test]
#[cfg(feature = "sim")]
fn a_power_cut_leaves_the_old_cartridge_or_the_new() {
    use crate::sim::{Model, Search, SimDisk};
    let disk = SimDisk::new();
    let (old, new) = (vec![b'o'; 3_000], vec![b'n'; 5_000]);
    let path = Path::new(PATH);
    publish(&disk, &SeededEntropy::new(1), path, &old).expect("published");
    let start = disk.op_count();
    publish(&disk, &SeededEntropy::new(2), path, &new).expect("published");
    let end = disk.op_count();
    let (mut states, mut leftovers) = (0, 0);
    for point in disk.trace().crash_points(start) {
        for model in Model::HONEST {
            let search = Search { exhaustive_bits: 6, samples: 8, ..Search::new(model) };
            for state in point.states(&search) {
                states += 1;
                let image = &state.image;
                let found = image.read(path).expect("there was one before");
                let place = format!("{}:{model}:{}", point.at(), state.choice);
                assert!(found == new || (found == old && point.at() < end), "{place}");
                leftovers += u64::from(image.paths().count() > 1);
                let after = image.to_disk();
                publish(&after, &SeededEntropy::new(3), path, b"the next").expect("published");
                assert_eq!(names(&after), ["pending.ncar"], "{place}");
            }
        }
    }
    println!("{states} crash states of a build, {leftovers} of them with a temporary file");
    assert!(states > 20 && leftovers > 5, "{states} states, {leftovers} with a temporary file");
}
