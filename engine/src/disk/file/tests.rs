//! Tests of the real disk: transfer loops, refusals, names, locks.

use super::*;
use std::time::Duration;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn io_kind(error: &Error) -> Option<ErrorKind> {
    match error {
        Error::Io { source, .. } => Some(source.kind()),
        _ => None,
    }
}

#[test]
fn transfers_go_on_after_short_and_interrupted_calls() {
    let data: Vec<u8> = (0..=255).collect();
    for step in [1, 3, 100, 255, 256, 1000] {
        let mut out = vec![0; 300];
        let mut calls = 0;
        write_whole(&data, 7, |rest, at| {
            calls += 1;
            if calls % 2 == 1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let count = step.min(rest.len());
            out[at as usize..at as usize + count].copy_from_slice(&rest[..count]);
            Ok(count)
        })
        .unwrap();
        assert_eq!(out[7..263], data, "written in steps of {step}");
        let mut back = vec![0; 256];
        read_whole(&mut back, 7, |rest, at| {
            calls += 1;
            if calls % 2 == 1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let count = step.min(rest.len());
            rest[..count].copy_from_slice(&out[at as usize..at as usize + count]);
            Ok(count)
        })
        .unwrap();
        assert_eq!(back, data, "read in steps of {step}");
    }
}

#[cfg(unix)]
#[test]
fn vectored_transfers_go_on_across_slices() {
    let slices = [&b""[..], b"abc", b"", b"defgh", b"i"].map(IoSlice::new);
    for step in [1, 2, 4, 9] {
        let mut out = Vec::new();
        write_whole_vectored(&slices, 0, |rest, at| {
            assert_eq!(at as usize, out.len());
            let all: Vec<u8> = rest.iter().flat_map(|slice| slice.to_vec()).collect();
            out.extend_from_slice(&all[..step.min(all.len())]);
            Ok(step.min(all.len()))
        })
        .unwrap();
        assert_eq!(out, b"abcdefghi", "steps of {step}");
    }
}

#[test]
fn a_transfer_of_nothing_is_an_error_and_not_a_loop() {
    let written = write_whole(b"abc", 0, |_, _| Ok(0)).unwrap_err();
    assert_eq!(written.kind(), ErrorKind::WriteZero);
    let read = read_whole(&mut [0; 3], 0, |_, _| Ok(0)).unwrap_err();
    assert_eq!(read.kind(), ErrorKind::UnexpectedEof);
    #[cfg(unix)]
    {
        let slices = [IoSlice::new(b"abc")];
        let error = write_whole_vectored(&slices, 0, |_, _| Ok(0)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WriteZero);
    }
}

#[test]
fn bytes_come_back_and_the_end_is_an_error() {
    let folder = folder();
    let path = folder.path().join("f");
    let storage = RealStorage::new();
    let file = storage.open(&path, OpenMode::CreateNew).unwrap();
    file.write_at(b"hello", 3).unwrap();
    file.write_vectored_at(&[IoSlice::new(b"ab"), IoSlice::new(b"cd")], 8).unwrap();
    assert_eq!(file.len().unwrap(), 12);
    let mut all = [9; 12];
    file.read_at(&mut all, 0).unwrap();
    assert_eq!(&all, b"\0\0\0helloabcd");
    let past = file.read_at(&mut [0; 2], 11).unwrap_err();
    assert_eq!(io_kind(&past), Some(ErrorKind::UnexpectedEof));
    file.read_at(&mut [], 99).expect("nothing is read anywhere");
    file.set_len(4).unwrap();
    file.set_len(6).unwrap();
    let mut cut = [9; 6];
    file.read_at(&mut cut, 0).unwrap();
    assert_eq!(&cut, b"\0\0\0h\0\0", "new bytes are zero");
    file.sync(SyncKind::Data).unwrap();
    file.sync(SyncKind::Full).unwrap();
    storage.sync_dir(folder.path()).unwrap();
}

#[test]
fn many_slices_are_written_in_several_calls() {
    let folder = folder();
    let file = RealStorage.open(&folder.path().join("f"), OpenMode::CreateNew).unwrap();
    let page = vec![7u8; 100];
    let slices: Vec<IoSlice<'_>> = (0..3000).map(|_| IoSlice::new(&page)).collect();
    file.write_vectored_at(&slices, 5).unwrap();
    assert_eq!(file.len().unwrap(), 300_005);
}

#[test]
fn create_never_replaces_and_is_private() {
    let folder = folder();
    let path = folder.path().join("f");
    let _first = RealStorage.open(&path, OpenMode::CreateNew).unwrap();
    let again = RealStorage.open(&path, OpenMode::CreateNew).unwrap_err();
    assert_eq!(io_kind(&again), Some(ErrorKind::AlreadyExists));
    let missing = RealStorage.open(&folder.path().join("no"), OpenMode::ReadWrite).unwrap_err();
    assert_eq!(io_kind(&missing), Some(ErrorKind::NotFound));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_file_opened_for_reading_is_not_written() {
    let folder = folder();
    let path = folder.path().join("f");
    RealStorage.open(&path, OpenMode::CreateNew).unwrap().write_at(b"x", 0).unwrap();
    let file = RealStorage.open(&path, OpenMode::Read).unwrap();
    assert!(file.write_at(b"y", 0).is_err());
    assert!(file.set_len(0).is_err());
    assert_eq!(fs::read(&path).unwrap(), b"x");
}

#[cfg(unix)]
#[test]
fn special_files_are_refused_without_waiting() {
    let folder = folder();
    let fifo = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let mut cases = vec![
        ("directory", folder.path().to_path_buf()),
        ("device", PathBuf::from("/dev/null")),
        ("socket", socket),
    ];
    if made.is_ok_and(|status| status.success()) {
        cases.push(("pipe", fifo));
    }
    for (name, path) in cases {
        for mode in [OpenMode::Read, OpenMode::ReadWrite] {
            let path = path.clone();
            let (sender, receiver) = std::sync::mpsc::channel();
            std::thread::spawn(move || sender.send(RealStorage.open(&path, mode).map(drop)));
            let result = receiver.recv_timeout(Duration::from_secs(10));
            let result = result.unwrap_or_else(|_| panic!("{name}: the open hangs"));
            assert!(matches!(result, Err(Error::UnsupportedFormat { .. })), "{name}: {result:?}");
        }
    }
}

#[test]
fn names_move_and_are_listed() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    for name in ["a.ns", "a.ns.log", "a.ns.log.2", "b"] {
        RealStorage.open(&at(name), OpenMode::CreateNew).unwrap();
    }
    let names = RealStorage.list(folder.path(), "a.ns.log").unwrap();
    assert_eq!(names, ["a.ns.log", "a.ns.log.2"]);
    let taken = RealStorage.rename_new(&at("b"), &at("a.ns")).unwrap_err();
    assert_eq!(io_kind(&taken), Some(ErrorKind::AlreadyExists));
    RealStorage.rename_new(&at("b"), &at("c")).unwrap();
    assert!(!RealStorage.exists(&at("b")).unwrap());
    assert!(RealStorage.exists(&at("c")).unwrap());
    RealStorage.rename(&at("c"), &at("a.ns")).unwrap();
    RealStorage.unlink(&at("a.ns")).unwrap();
    assert!(!RealStorage.exists(&at("a.ns")).unwrap());
    assert!(RealStorage.unlink(&at("a.ns")).is_err());
}

#[test]
fn the_fallback_of_rename_new_does_not_replace() {
    let folder = folder();
    let (a, b, c) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
    fs::write(&a, "a").unwrap();
    fs::write(&b, "b").unwrap();
    assert_eq!(link_and_unlink(&a, &b).unwrap_err().kind(), ErrorKind::AlreadyExists);
    link_and_unlink(&a, &c).unwrap();
    assert!(!a.exists());
    assert_eq!(fs::read(&c).unwrap(), b"a");
}

#[cfg(unix)]
#[test]
fn links_resolve_to_one_path_and_one_identity() {
    let folder = folder();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    let file = RealStorage.open(&real, OpenMode::CreateNew).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let storage = RealStorage;
    assert_eq!(storage.canonical(&link).unwrap(), storage.canonical(&real).unwrap());
    let missing = storage.canonical(&folder.path().join("./no")).unwrap();
    assert_eq!(missing, fs::canonicalize(folder.path()).unwrap().join("no"));
    let through = storage.open(&link, OpenMode::Read).unwrap();
    assert_eq!(through.identity().unwrap(), file.identity().unwrap());
    let other = storage.open(&folder.path().join("other"), OpenMode::CreateNew).unwrap();
    assert_ne!(other.identity().unwrap(), file.identity().unwrap());
    assert!(file.still_named().unwrap());
    storage.rename(&folder.path().join("other"), &real).unwrap();
    assert!(!file.still_named().unwrap(), "another file took the name");
    storage.unlink(&real).unwrap();
    assert!(!file.still_named().unwrap(), "the name is gone");
    assert!(storage.exists(&link).unwrap(), "a dangling link still takes the name");
}

#[test]
fn two_opens_of_one_file_conflict_as_two_processes_do() {
    let folder = folder();
    let path = folder.path().join("f");
    let one = RealStorage.open(&path, OpenMode::CreateNew).unwrap();
    let two = RealStorage.open(&path, OpenMode::ReadWrite).unwrap();
    assert!(one.try_lock(LockRange::Writer, true).unwrap());
    assert!(!two.try_lock(LockRange::Writer, true).unwrap());
    let Some(none) = one.foreign_readers().unwrap() else { return };
    assert!(none.is_empty());
    let reader = RealStorage.open(&path, OpenMode::Read).unwrap();
    let range = LockRange::ReaderOf { sequence: 12 };
    assert!(reader.try_lock(range, false).unwrap(), "readers do not meet the writer");
    assert!(two.try_lock(range, false).unwrap(), "readers share a sequence");
    assert_eq!(one.foreign_readers().unwrap(), Some(vec![12]));
    two.unlock(range).unwrap();
    drop(reader);
    assert_eq!(one.foreign_readers().unwrap(), Some(vec![]), "gone with its file");
    // Closing an unrelated open of the same file must not drop the lock (the trap of POSIX locks).
    drop(RealStorage.open(&path, OpenMode::ReadWrite).unwrap());
    assert!(!two.try_lock(LockRange::Writer, true).unwrap());
    drop(one);
    assert!(two.try_lock(LockRange::Writer, true).unwrap());
}

#[test]
fn a_file_that_can_be_written_is_on_no_read_only_mount() {
    let folder = folder();
    let path = folder.path().join("f");
    let file = RealStorage::new().open(&path, OpenMode::CreateNew).unwrap();
    file.write_at(b"x", 0).unwrap();
    assert!(!file.is_on_read_only_mount());
    assert!(!RealStorage::new().open(&path, OpenMode::Read).unwrap().is_on_read_only_mount());
}
