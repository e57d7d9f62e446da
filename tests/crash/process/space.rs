//! A file system that runs out of room.

use super::{Told, commit, folder, judge, model};
use northstar_engine::{Durability, Error, LogRetention, Options};
use northstar_harness::rows::same_rows;
use std::{path::Path, process::Command};

/// A file system that is full: refused, nothing lost, and it goes on when there is room.
#[cfg(target_os = "linux")]
#[test]
fn a_full_tmpfs() {
    let folder = folder();
    let mount = folder.path().join("small");
    std::fs::create_dir(&mount).expect("a folder");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&mount)
        .output()
        .is_ok_and(|out| out.status.success());
    if !mounted {
        println!("no right to mount a tmpfs: a full file system was not tried");
        return;
    }
    let result = std::panic::catch_unwind(|| fill(&mount));
    let unmounted = Command::new("umount").arg(&mount).status();
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
    assert!(unmounted.is_ok_and(|status| status.success()), "umount");
}

#[cfg(target_os = "linux")]
fn fill(folder: &Path) {
    let path = folder.join("app.ns");
    let open =
        || Options::new().cache_bytes(1 << 20).log_retention(LogRetention::Recovery).open(&path);
    let db = open().expect("room for an empty database");
    let ballast = folder.join("ballast");
    let mut acked = 0;
    let mut refused = 0;
    for round in 0..4 {
        std::fs::write(&ballast, vec![1; 200_000]).ok();
        for _ in 0..400 {
            match commit(&db, 3, acked + 1, Durability::Immediate) {
                Ok(()) => acked += 1,
                Err(Error::OutOfSpace) => {
                    refused += 1;
                    break;
                }
                Err(other) => panic!("round {round} after {acked}: {other:?}"),
            }
            if acked % 40 == 0 {
                match db.checkpoint() {
                    Ok(()) | Err(Error::OutOfSpace) => {}
                    Err(other) => panic!("round {round}: checkpoint: {other:?}"),
                }
            }
        }
        let read = db.begin_read().expect("reads go on");
        same_rows(&read, &model(3, acked)).expect("all rows");
        drop(read);
        std::fs::remove_file(&ballast).ok();
        db.checkpoint().expect("there is room again");
    }
    assert!(refused > 0, "the disk was never full");
    drop(db);
    let told = Told { acked, issued: acked, done: true };
    judge(&path, 3, told).unwrap_or_else(|what| panic!("at the end: {what}"));
    println!("full tmpfs: refused {refused} times, {acked} commits kept");
}
