//! The same bytes on every way, right answers, staleness with its reasons.

use super::prefix_counts::{PrefixCounts, PrefixTable};
use super::*;
use crate::db::{Db, LogRetention, Options};
use crate::ids::TxnId;
use crate::queue::pending_tasks::{Pending, PendingTasks};
use crate::queue::{ClaimRequest, NewTask, Settled, TaskQueue};

/// A database with a queue that has lived a little, and other rows beside it.
pub(super) fn lived_in() -> (Db, TaskQueue) {
    let db = Options::new().log_retention(LogRetention::All).open_in_memory().unwrap();
    let queue = TaskQueue::new(db.clone());
    for n in 0..60u64 {
        let task_type: &[u8] = [&b"mail"[..], b"report", b"sweep"][(n % 3) as usize];
        let task = NewTask { priority: (n * 7 % 5) as u8, ..NewTask::new(task_type, b"payload") };
        queue.enqueue(n, &task).unwrap();
    }
    work(&queue, 20);
    let mut txn = db.begin_write().unwrap();
    for n in 0..200u32 {
        txn.put(format!("user/{}/row/{n:04}", n % 7), vec![b'v'; (n % 13) as usize]).unwrap();
    }
    txn.commit().unwrap();
    let mut txn = db.begin_write().unwrap();
    txn.del_range(&b"user/3/"[..]..&b"user/3/row/0100"[..]).unwrap();
    txn.put("user/4/row/0004", "replaced").unwrap();
    txn.commit().unwrap();
    (db, queue)
}

fn work(queue: &TaskQueue, tasks: usize) {
    for _ in 0..tasks {
        let claim = queue.claim(1_000, &ClaimRequest::any(b"w")).unwrap().unwrap();
        assert_eq!(queue.complete(1_001, claim.id, b"w").unwrap(), Settled::Yes);
    }
}

fn by(route: Route) -> BuildRequest<'static> {
    BuildRequest { route: Some(route), ..BuildRequest::default() }
}

fn same_bytes_on_every_way<T: CartridgeType>(kind: &T, incremental: bool) {
    let (db, queue) = lived_in();
    let halfway = TxnId::new(db.stats().durable_txn);
    let (early, _) = build_bytes(&db, kind, by(Route::Stream)).unwrap();
    let early = Cartridge::from_bytes(early).unwrap();
    work(&queue, 15);
    let (stream, report) = build_bytes(&db, kind, by(Route::Stream)).unwrap();
    assert_eq!(report.route, Route::Stream);
    let (snapshot, _) = build_bytes(&db, kind, by(Route::Snapshot)).unwrap();
    assert_eq!(stream, snapshot, "{}: from the stream and from a snapshot", T::NAME);
    let (again, _) = build_bytes(&db, kind, by(Route::Stream)).unwrap();
    assert_eq!(stream, again, "{}: twice", T::NAME);
    let (past, _) =
        build_bytes(&db, kind, BuildRequest { at: Some(halfway), ..by(Route::Stream) }).unwrap();
    assert_eq!(past, early.as_bytes(), "{}: an earlier state, later", T::NAME);
    let request = BuildRequest { previous: Some(&early), ..BuildRequest::default() };
    let (next, report) = build_bytes(&db, kind, request).unwrap();
    assert_eq!(next, stream, "{}: from the cartridge before", T::NAME);
    assert_eq!(report.route == Route::Incremental, incremental, "{}: {report:?}", T::NAME);
    let built = Cartridge::from_bytes(next).unwrap();
    built.verify_sections().unwrap();
    kind.check(&built).unwrap();
}

#[test]
fn the_same_state_gives_the_same_bytes() {
    same_bytes_on_every_way(&PendingTasks::default(), true);
    same_bytes_on_every_way(&PrefixCounts::default(), false);
}

#[test]
fn pending_tasks_answers_as_the_tree_does() {
    let (db, queue) = lived_in();
    let (bytes, _) = build_bytes(&db, &PendingTasks::default(), BuildRequest::default()).unwrap();
    let cartridge = Cartridge::from_bytes(bytes).unwrap();
    let pending = Pending::new(&cartridge).unwrap();
    for (task_type, counts) in queue.stats().unwrap().types {
        assert_eq!(
            pending.count(&task_type).unwrap(),
            counts.ready,
            "{}",
            task_type.escape_ascii()
        );
        let mut ids: Vec<u64> = pending.tasks(&task_type).unwrap().map(|task| task.id).collect();
        let mut claims = Vec::new();
        while let Some(claim) = queue.claim(2_000, &ClaimRequest::of(b"w", &task_type)).unwrap() {
            claims.push(claim.id);
        }
        assert_eq!(ids, claims, "the order of claims of {}", task_type.escape_ascii());
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len() as u64, counts.ready);
    }
    assert_eq!(pending.count(b"unknown").unwrap(), 0);
}

#[test]
fn prefix_counts_add_up() {
    let (db, _) = lived_in();
    let (bytes, _) = build_bytes(&db, &PrefixCounts::default(), BuildRequest::default()).unwrap();
    let cartridge = Cartridge::from_bytes(bytes).unwrap();
    let table = PrefixTable::new(&cartridge).unwrap();
    let txn = db.begin_read().unwrap();
    for prefix in [&b""[..], b"user/", b"user/3/", b"user/4/", b"\0q/"] {
        let (mut rows, mut key_bytes, mut value_bytes) = (0, 0, 0);
        for row in txn.prefix(prefix).unwrap() {
            let (key, value) = row.unwrap();
            rows += 1;
            key_bytes += key.len() as u64;
            value_bytes += value.len() as u64;
        }
        // "\0" ends a prefix too, so "\0q/" is at depth 2.
        let count = table.get(prefix).unwrap().expect("the prefix is counted");
        let found = (count.rows, count.key_bytes, count.value_bytes);
        assert_eq!(found, (rows, key_bytes, value_bytes), "{}", prefix.escape_ascii());
    }
    assert!(table.get(b"user/3/row/").unwrap().is_none(), "deeper than the options say");
    let under = |prefix: &[u8]| -> Vec<Vec<u8>> {
        table.under(prefix).unwrap().map(|entry| entry.unwrap().prefix.to_vec()).collect()
    };
    let all: Vec<Vec<u8>> = table.iter().map(|entry| entry.unwrap().prefix.to_vec()).collect();
    assert_eq!(under(b""), all);
    for prefix in [&b"user/"[..], b"user/4", b"us", b"\0", b"~", b"a"] {
        let expected: Vec<_> =
            all.iter().filter(|each| each.starts_with(prefix)).cloned().collect();
        assert_eq!(under(prefix), expected, "{}", prefix.escape_ascii());
    }
}

#[test]
fn a_build_that_is_told_to_stop_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("counts");
    let db = Options::new().open_in_memory().unwrap();
    let mut txn = db.begin_write().unwrap();
    (0..5_000u32).for_each(|n| txn.put(n.to_be_bytes(), b"v").unwrap());
    txn.commit().unwrap();
    let told = std::cell::RefCell::new(Vec::new());
    let progress = |count| {
        told.borrow_mut().push(count);
        count < 3_000
    };
    let request = BuildRequest { progress: Some(&progress), ..BuildRequest::default() };
    let stopped = build(&db, &PrefixCounts::default(), &path, request);
    assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
    assert_eq!(*told.borrow(), [1024, 2048, 3072]);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// The stream ends at the newest commit without a word: what there was went by the name of a state to come, and was
/// taken for fresh once that had come.
#[test]
fn a_state_that_is_yet_to_come_is_not_built() {
    let (db, _) = lived_in();
    let kind = PrefixCounts::default();
    let (bytes, _) = build_bytes(&db, &kind, BuildRequest::default()).unwrap();
    let previous = Cartridge::from_bytes(bytes).unwrap();
    let at = Some(db.newest().next());
    let routes = [Route::Stream, Route::Snapshot, Route::Incremental].map(Some);
    for route in routes.into_iter().chain([None]) {
        let request = BuildRequest { at, route, previous: Some(&previous), progress: None };
        let built = build_bytes(&db, &kind, request).map(|(_, report)| report);
        assert!(matches!(built, Err(Error::SnapshotNotFound { .. })), "{route:?}: {built:?}");
    }
}

#[test]
fn options_come_back_from_a_cartridge() {
    let (db, _) = lived_in();
    let kind = PrefixCounts { delimiters: b"/".to_vec(), depth_max: 3 };
    let (bytes, _) = build_bytes(&db, &kind, BuildRequest::default()).unwrap();
    let cartridge = Cartridge::from_bytes(bytes).unwrap();
    assert_eq!(type_of::<PrefixCounts>(&cartridge).unwrap(), kind);
    let wrong = type_of::<PendingTasks>(&cartridge);
    assert!(matches!(wrong, Err(Error::InvalidArgument(_))), "{wrong:?}");
    let long = PendingTasks::with_prefix(&[b'x'; 5000]);
    let refused = build_bytes(&db, &long, BuildRequest::default());
    assert!(matches!(refused, Err(Error::InvalidArgument(_))), "options that do not fit");
}

/// When the log no longer reaches back to the first commit, a snapshot is the way in, and the tail of
/// the log leads on from an earlier cartridge.
#[test]
fn a_trimmed_log_gives_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trimmed.ns");
    let options = Options::new().log_retention(LogRetention::Recovery);
    let db = options.open(&path).unwrap();
    let queue = TaskQueue::new(db.clone());
    let kind = PendingTasks::default();
    let payload = vec![b'p'; 60_000];
    let add = |count: usize| {
        for n in 0..count {
            queue.enqueue(n as u64, &NewTask::new(b"mail", &payload)).unwrap();
        }
    };
    add(60);
    db.checkpoint().unwrap();
    add(60);
    db.checkpoint().unwrap();
    add(5);
    let (early, report) = build_bytes(&db, &kind, BuildRequest::default()).unwrap();
    let early_rows = report.rows;
    let early = Cartridge::from_bytes(early).unwrap();
    let gone = build_bytes(&db, &kind, by(Route::Stream));
    assert!(matches!(gone, Err(Error::SnapshotNotFound { .. })), "{:?}", gone.map(|built| built.1));
    add(5);
    work(&queue, 20);
    let (snapshot, report) = build_bytes(&db, &kind, BuildRequest::default()).unwrap();
    assert_eq!((report.route, report.rows), (Route::Snapshot, early_rows + 5 - 20));
    let request = BuildRequest { previous: Some(&early), ..by(Route::Incremental) };
    let (incremental, report) = build_bytes(&db, &kind, request).unwrap();
    assert_eq!((report.route, report.commits), (Route::Incremental, 45));
    assert_eq!(incremental, snapshot);
}

#[test]
fn staleness_gives_its_reasons() {
    let (db, queue) = lived_in();
    let kind = PendingTasks::default();
    let (bytes, _) = build_bytes(&db, &kind, BuildRequest::default()).unwrap();
    let cartridge = Cartridge::from_bytes(bytes).unwrap();
    let judge = |policy: &Policy| staleness(&db, &kind, &cartridge, policy, None).unwrap().reasons;
    assert_eq!(judge(&Policy::default()), [], "just built");

    let mut txn = db.begin_write().unwrap();
    txn.put("elsewhere", "x").unwrap();
    txn.commit().unwrap();
    assert_eq!(judge(&Policy::default()), [], "a commit that touched no input");
    let counting = Policy { txns_max: Some(0), ..Policy::default() };
    assert_eq!(judge(&counting), [Reason::TxnsPassed { passed: 1, allowed: 0 }]);

    queue.enqueue(0, &NewTask::new(b"mail", b"x")).unwrap();
    let touched = TxnId::new(db.stats().durable_txn);
    let changed = Reason::InputChanged { first: touched, last: touched, commits: 1 };
    assert_eq!(judge(&Policy::default()), [changed]);

    let age = Some(std::time::Duration::from_secs(9));
    let policy = Policy {
        age_max: Some(std::time::Duration::from_secs(5)),
        on_input_change: false,
        txns_max: None,
    };
    let old = staleness(&db, &kind, &cartridge, &policy, age).unwrap();
    assert_eq!(old.reasons, [Reason::TooOld { age_ms: 9_000, allowed_ms: 5_000 }]);

    let other = Options::new().open_in_memory().unwrap();
    let foreign = staleness(&other, &kind, &cartridge, &Policy::default(), None).unwrap();
    assert_eq!(foreign.reasons, [Reason::OtherDatabase]);
}

/// A copy of the file goes its own way: its transaction 2 is another one, in the same place of the log.
#[test]
fn a_cartridge_of_a_copy_that_went_another_way_is_stale() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let open = |name: &str| Options::new().log_retention(LogRetention::All).open(at(name)).unwrap();
    let add = |db: &Db, payload: &[u8]| {
        TaskQueue::new(db.clone()).enqueue(0, &NewTask::new(b"mail", payload)).unwrap();
    };
    let db = open("a.ns");
    add(&db, b"shared");
    db.close().unwrap();
    std::fs::copy(at("a.ns"), at("b.ns")).unwrap();
    std::fs::copy(at("a.ns.log"), at("b.ns.log")).unwrap();
    let (db, copy) = (open("a.ns"), open("b.ns"));
    assert_eq!(db.uuid(), copy.uuid());
    add(&db, b"here");
    add(&copy, b"there");
    let kind = PendingTasks::default();
    let (bytes, _) = build_bytes(&copy, &kind, BuildRequest::default()).unwrap();
    let cartridge = Cartridge::from_bytes(bytes).unwrap();
    let judge =
        |db: &Db| staleness(db, &kind, &cartridge, &Policy::default(), None).unwrap().reasons;
    assert_eq!(judge(&copy), []);
    assert_eq!(judge(&db), [Reason::OtherHistory]);
    let request = BuildRequest { previous: Some(&cartridge), ..by(Route::Incremental) };
    let refused = build_bytes(&db, &kind, request);
    assert!(matches!(refused, Err(Error::InvalidArgument(_))), "it is no start for a build either");
}

/// The files of a log alone, read beside the open database, judge as the database itself does.
#[test]
fn log_files_judge_as_the_open_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.ns");
    let db = Options::new().log_retention(LogRetention::Recovery).open(&path).unwrap();
    let queue = TaskQueue::new(db.clone());
    let kind = PendingTasks::default();
    let payload = vec![b'p'; 60_000];
    queue.enqueue(0, &NewTask::new(b"mail", b"x")).unwrap();
    let (bytes, _) = build_bytes(&db, &kind, BuildRequest::default()).unwrap();
    let cartridge = Cartridge::from_bytes(bytes).unwrap();
    let policy = Policy { txns_max: Some(3), ..Policy::default() };
    let judge = |expected: &dyn Fn(&[Reason]) -> bool, what: &str| {
        let files = LogFiles::of(&path, db.uuid(), db.newest()).unwrap();
        let [by_files, by_db] = [&files as &dyn Past, &db]
            .map(|past| staleness(past, &kind, &cartridge, &policy, None).unwrap());
        assert_eq!(by_files, by_db, "{what}");
        assert!(expected(&by_db.reasons), "{what}: {by_db:?}");
    };
    judge(&|reasons| reasons.is_empty(), "just built");
    let mut txn = db.begin_write().unwrap();
    txn.put("elsewhere", "x").unwrap();
    txn.commit().unwrap();
    judge(&|reasons| reasons.is_empty(), "no input was touched");
    queue.enqueue(0, &NewTask::new(b"mail", b"y")).unwrap();
    judge(&|reasons| matches!(reasons, [Reason::InputChanged { commits: 1, .. }]), "one was");
    for round in 0..90 {
        queue.enqueue(0, &NewTask::new(b"mail", &payload)).unwrap();
        if round % 30 == 29 {
            db.checkpoint().unwrap();
        }
    }
    let unknown = |reasons: &[Reason]| {
        matches!(reasons, [Reason::Unknown, Reason::TxnsPassed { passed: 92, allowed: 3 }])
    };
    judge(&unknown, "the log was trimmed");
    let other = LogFiles::of(&path, crate::ids::FileUuid::default(), db.newest()).unwrap();
    let foreign = staleness(&other, &kind, &cartridge, &policy, None).unwrap();
    assert_eq!(foreign.reasons, [Reason::OtherDatabase]);
}

#[test]
fn files_are_replaced_whole_and_rebuilt_when_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pending.ncar");
    let (db, queue) = lived_in();
    let kind = PendingTasks::default();
    let rebuild = || rebuild_if_stale(&db, &kind, &path, &Policy::default(), None).unwrap();
    assert!(rebuild().is_some(), "missing: built");
    assert!(rebuild().is_none(), "fresh: left alone");
    let mapped = Cartridge::open(&path).unwrap();
    let before = Pending::new(&mapped).unwrap().count(b"mail").unwrap();
    queue.enqueue(0, &NewTask::new(b"mail", b"x")).unwrap();
    assert_eq!(rebuild().map(|report| report.route), Some(Route::Incremental));
    assert_eq!(Pending::new(&mapped).unwrap().count(b"mail").unwrap(), before, "an open one stays");
    let now = Cartridge::read(&path).unwrap();
    assert_eq!(Pending::new(&now).unwrap().count(b"mail").unwrap(), before + 1);

    let mut bytes = now.as_bytes().to_vec();
    let last = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    bytes[last] ^= 1;
    let damaged = directory.path().join("damaged");
    std::fs::write(&damaged, &bytes).unwrap();
    std::fs::rename(&damaged, &path).unwrap();
    assert!(rebuild().is_some(), "damaged: built again");
    assert!(rebuild().is_none());
    let names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "no temporary file is left");
}

#[test]
fn a_keeper_follows_the_stream() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pending.ncar");
    let (db, queue) = lived_in();
    let keeper = Keeper::spawn(db, PendingTasks::default(), &path, Policy::default()).unwrap();
    let count = || {
        let cartridge = Cartridge::open(&path).unwrap();
        Pending::new(&cartridge).unwrap().count(b"mail").unwrap()
    };
    let before = count();
    queue.enqueue(0, &NewTask::new(b"mail", b"x")).unwrap();
    // Waits for an event with a bound, not for a time to pass.
    let mut patience = 500;
    while count() != before + 1 && patience > 0 {
        std::thread::sleep(std::time::Duration::from_millis(10));
        patience -= 1;
    }
    let state = keeper.stop();
    assert!(state.error.is_none(), "{:?}", state.error);
    assert_eq!((count(), state.builds), (before + 1, 2));
}
