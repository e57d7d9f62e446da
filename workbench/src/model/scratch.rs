//! Scratch databases for the lessons: made in a private folder, written by a real engine of this
//! program, removed with the lesson.
//!
//! The screens look at such a file as at any other: read-only and without a lock. The engine beside
//! them is a [`Hand`] that jobs move; what it counts is shown too, which for an engine of another
//! process nobody could.

use crate::demo::{self, Demo};
use crate::job::{Data, Desk, Job};
use crate::model::deed::{Hand, Script};
use crate::model::engine;
use crate::model::latency::{self, Latencies};
use crate::model::lessons::{Exercise, Stage};
use crate::model::pagemap::pool::PoolView;
use northstar_engine::cartridge::prefix_counts::PrefixCounts;
use northstar_engine::cartridge::{BuildRequest, Cartridge, Route, build};
use northstar_engine::db::Stats;
use northstar_engine::db::options::Tuning;
use northstar_engine::disk::clock::SystemClock;
use northstar_engine::disk::entropy::SeededEntropy;
use northstar_engine::disk::file::RealStorage;
use northstar_engine::{Options, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Every scratch database is the same: lessons may name its keys.
const SEED: u64 = 2026;
/// Entries of a node on the bonsai stage.
const BONSAI_CELLS: usize = 8;

/// A scratch database; removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    // In this order: the engine lets go of the file before the folder goes.
    hand: Mutex<Option<Hand>>,
    _home: Home,
}

#[derive(Debug)]
enum Home {
    Demo { _demo: Demo },
    Folder { _folder: tempfile::TempDir },
}

impl Scratch {
    /// Makes the database of a stage.
    ///
    /// # Errors
    /// A sentence: the temporary folder cannot be made or written.
    pub fn new(stage: Stage) -> std::result::Result<Self, String> {
        let (script, cells) = match stage {
            Stage::Lab(_) | Stage::Demo => {
                let demo = demo::build().map_err(|error| error.to_string())?;
                let path = demo.path();
                return Ok(Self {
                    path,
                    hand: Mutex::new(None),
                    _home: Home::Demo { _demo: demo },
                });
            }
            Stage::Garden => ("fill k 600, checkpoint", None),
            Stage::Bonsai => ("fill k 6, checkpoint", Some(BONSAI_CELLS)),
        };
        let folder = tempfile::Builder::new()
            .prefix("northstar-lesson-")
            .tempdir()
            .map_err(|error| error.to_string())?;
        let path = folder.path().join("scratch.ns");
        let hand = open(&path, cells).and_then(|mut hand| {
            let script: Script = script.parse().unwrap_or_else(|why| panic!("{script}: {why}"));
            for deed in script.deeds() {
                hand.perform(deed)?;
            }
            Ok(hand)
        });
        let hand = Mutex::new(Some(hand.map_err(|error| error.to_string())?));
        Ok(Self { path, hand, _home: Home::Folder { _folder: folder } })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn hand(&self) -> MutexGuard<'_, Option<Hand>> {
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: &Path, cells_max: Option<usize>) -> Result<Hand> {
    let db = Options::new()
        .background(false)
        .tuning(Tuning { cells_max, ..Tuning::default() })
        .open_on(
            Arc::new(RealStorage::new()),
            Arc::new(SeededEntropy::new(SEED)),
            Arc::new(SystemClock::new()),
            path,
        )?;
    Ok(Hand::new(db))
}

/// Makes the scratch database of a lesson.
#[derive(Debug)]
pub struct MakeScratch {
    /// Index of the lesson.
    pub lesson: usize,
    /// Its stage.
    pub stage: Stage,
}

/// A scratch database for a lesson.
#[derive(Clone, Debug)]
pub struct Made {
    /// Index of the lesson.
    pub lesson: usize,
    /// Its database.
    pub scratch: Arc<Scratch>,
    /// The pool of its engine; none where no engine has it open.
    pub pool: Option<Arc<PoolView>>,
}

impl Job for MakeScratch {
    fn name(&self) -> String {
        "make a scratch database".to_owned()
    }

    fn run(self: Box<Self>, _: &mut Desk<'_>) -> std::result::Result<Data, String> {
        let scratch = Arc::new(Scratch::new(self.stage)?);
        let pool = scratch.hand().as_ref().map(|hand| Arc::new(PoolView::of(hand.db())));
        Ok(Box::new(Made { lesson: self.lesson, scratch, pool }))
    }
}

/// What an exercise did.
#[derive(Clone, Debug)]
pub struct Exercised {
    /// In a line.
    pub report: String,
    /// What the engine counts now.
    pub stats: Stats,
    /// What its pool holds now. It does nothing by itself, so this holds until the next exercise.
    pub pool: Arc<PoolView>,
    /// What was timed, if something was.
    pub latencies: Option<Arc<Latencies>>,
}

/// Lets the engine of a scratch database do an exercise.
#[derive(Debug)]
pub struct Perform {
    /// Whose.
    pub scratch: Arc<Scratch>,
    /// Which.
    pub exercise: Exercise,
}

impl Job for Perform {
    fn name(&self) -> String {
        "let the engine work".to_owned()
    }

    fn run(self: Box<Self>, desk: &mut Desk<'_>) -> std::result::Result<Data, String> {
        let mut hand = self.scratch.hand();
        let hand = hand.as_mut().ok_or("no engine has this file open")?;
        let before = hand.stats();
        let mut latencies = None;
        let what = match self.exercise {
            Exercise::Deeds(deeds) => {
                let script: Script = deeds.parse()?;
                for deed in script.deeds() {
                    hand.perform(deed).map_err(|error| error.to_string())?;
                }
                deeds.to_owned()
            }
            Exercise::Cartridge => cartridge(hand, self.scratch.path())?,
            Exercise::Measure => {
                let measured = latency::measure(hand, desk)?;
                let what = format!("{} commits timed", measured.samples().len());
                latencies = Some(Arc::new(measured));
                what
            }
        };
        let stats = hand.stats();
        let report = format!("{what}: {}", engine::written(&before, &stats));
        let pool = Arc::new(PoolView::of(hand.db()));
        Ok(Box::new(Exercised { report, stats, pool, latencies }))
    }
}

/// Builds the cartridge beside the database, from the one before where there is one.
fn cartridge(hand: &Hand, database: &Path) -> std::result::Result<String, String> {
    let path = database.with_extension("ns.prefixes.ncar");
    let previous = Cartridge::read(&path).ok();
    let request = BuildRequest { previous: previous.as_ref(), ..BuildRequest::default() };
    let report = build(hand.db(), &PrefixCounts::default(), &path, request)
        .map_err(|error| error.to_string())?;
    let way = match report.route {
        Route::Incremental => "from the one before and the commits since",
        Route::Snapshot => "from all rows of that state",
        Route::Stream => "from all commits",
    };
    Ok(format!("cartridge for txn {} {way}", report.txn_id))
}
