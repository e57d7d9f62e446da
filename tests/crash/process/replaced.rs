//! Files that are renamed, removed or replaced while the database is open: the handle goes on with the
//! files it has, or says so; a stranger's file is never written to, and never read as ours.

use super::{commit, folder, model, step_of};
use northstar_engine::{Db, Durability, Error, Options, TxnId};
use northstar_harness::{rows::same_rows, tally::Suite};
use std::{
    fs,
    path::{Path, PathBuf},
};

const SEED: u64 = 4;
const COMMITS: u64 = 12;

/// What happens to a file, given its path and a stranger's file.
type Act = fn(&Path, &Path);
/// What is done to the database afterwards.
type Deed = fn(&Db, &Path) -> Result<(), Error>;

const ACTS: &[(&str, Act)] = &[
    ("renamed", |path, _| fs::rename(path, path.with_extension("away")).expect("rename")),
    ("removed", |path, _| fs::remove_file(path).expect("remove")),
    ("replaced by another database", |path, other| replace(path, &fs::read(other).expect("bytes"))),
    ("replaced by its own copy", |path, _| replace(path, &fs::read(path).expect("bytes"))),
    ("replaced by noise", |path, _| replace(path, &[0xa5; 70_000])),
];

const DEEDS: &[(&str, Deed)] = &[
    ("commit", |db, _| commit(db, SEED, COMMITS + 1, Durability::Immediate)),
    ("checkpoint", |db, _| db.checkpoint()),
    ("backup", |db, path| db.backup(path.with_extension("copy"))),
    ("commits and compact", |db, _| {
        commit(db, SEED, COMMITS + 1, Durability::Immediate)?;
        db.compact().map(drop)
    }),
    ("the stream", |db, _| db.commits(TxnId::new(1)..)?.try_for_each(|record| record.map(drop))),
];

/// Another file under the same name: a new inode, as editors and `mv` make it.
fn replace(path: &Path, bytes: &[u8]) {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, bytes).expect("write");
    fs::rename(&temporary, path).expect("rename");
}

fn made(path: &Path, seed: u64) -> Db {
    let db = Options::new().background(false).open(path).expect("create");
    for t in 1..=COMMITS {
        commit(&db, seed, t, Durability::Immediate).expect("commit");
        if t == COMMITS / 2 {
            db.checkpoint().expect("checkpoint");
        }
    }
    db
}

#[test]
fn files_replaced_under_an_open_database() {
    let suite = Suite::begin("files replaced");
    let mut cases = 0;
    for (act, change) in ACTS {
        for (deed, work) in DEEDS {
            for target in ["app.ns", "app.ns.log"] {
                let folder = folder();
                let (path, other) = (folder.path().join("app.ns"), folder.path().join("other.ns"));
                drop(made(&other, SEED + 1));
                let stranger = folder.path().join(target.replace("app", "other"));
                let db = made(&path, SEED);
                let target = folder.path().join(target);
                change(&target, &stranger);
                let name = format!("{} {act}, {deed}", target.display());
                let put_there = fs::read(&target).ok();
                let worked = work(&db, &path);
                if let Err(error) = &worked {
                    let typed =
                        matches!(error, Error::Io { .. } | Error::Poisoned | Error::Corrupt(_));
                    assert!(typed, "{name}: {error:?}");
                }
                if worked.is_ok() && *deed == "backup" {
                    check_copy(&path.with_extension("copy"), &name);
                }
                let shown = db.begin_read().expect("reads go on");
                let step = step_of(&shown).unwrap_or(0);
                same_rows(&shown, &model(SEED, step))
                    .unwrap_or_else(|what| panic!("{name}: {what}"));
                drop((shown, db));
                untouched(&target, put_there, act, &name);
                reopened(&path, &name);
                cases += 1;
            }
        }
    }
    suite.cases(cases);
}

/// A stranger's file has the bytes it had, under whatever name it is now.
fn untouched(target: &Path, put_there: Option<Vec<u8>>, act: &str, name: &str) {
    let Some(bytes) = put_there.filter(|_| act.contains("noise") || act.contains("another")) else {
        return;
    };
    let folder = target.parent().expect("a folder");
    let mut files = folder.read_dir().expect("a folder").map(|entry| entry.expect("entry").path());
    let there = files.any(|path: PathBuf| fs::read(path).is_ok_and(|found| found == bytes));
    assert!(there, "{name}: the stranger's file was written to");
}

fn check_copy(copy: &Path, name: &str) {
    let db = Options::new().read_only(true).open(copy).expect(name);
    let read = db.begin_read().expect(name);
    let step = step_of(&read).expect(name);
    assert_eq!(step, COMMITS, "{name}: the copy's state");
    same_rows(&read, &model(SEED, step)).unwrap_or_else(|what| panic!("{name}: copy: {what}"));
}

/// What is under the name now opens as what it is, or is refused with a reason.
fn reopened(path: &Path, name: &str) {
    match Options::new().background(false).create(false).open(path) {
        Ok(db) => {
            let read = db.begin_read().expect(name);
            let step = step_of(&read).expect(name);
            let rows = [SEED, SEED + 1].map(|seed| same_rows(&read, &model(seed, step)));
            assert!(rows.iter().any(Result::is_ok), "{name}: reopened at {step}: {rows:?}");
        }
        Err(Error::Corrupt(_) | Error::Io { .. } | Error::UnsupportedFormat { .. }) => {}
        Err(other) => panic!("{name}: reopening: {other:?}"),
    }
}
