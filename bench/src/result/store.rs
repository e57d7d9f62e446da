//! Result folders: stable names, checked before write and after read, written whole or not at all.
//!
//! Called by the runner, compare, gate, report and the workbench. A file appears under its name only
//! when it is complete (temporary name, then rename), so an interrupted run leaves valid files.

use crate::{
    error::{Error, Result},
    result::{BenchSummary, RepeatFile, RunFile, SummaryFile, schema},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Longest result file that is read: a repeat is under 100 KB, a run under 1 MB.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A folder of results.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// The folder `root`; nothing is created yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `OUT/run.json`.
    #[must_use]
    pub fn run_path(&self) -> PathBuf {
        self.root.join("run.json")
    }

    /// `OUT/<suite>/<bench>.json`.
    #[must_use]
    pub fn summary_path(&self, bench: &str) -> PathBuf {
        self.root.join(format!("{bench}.json"))
    }

    /// `OUT/<suite>/<bench>/<params>/r000.json`.
    #[must_use]
    pub fn repeat_path(&self, folder: &str, repeat: u32) -> PathBuf {
        self.root.join(folder).join(format!("r{repeat:03}.json"))
    }

    /// Checks and writes the run's own file.
    pub fn write_run(&self, run: &RunFile) -> Result<()> {
        write(&self.run_path(), run)
    }

    /// Reads and checks the run's own file.
    pub fn read_run(&self) -> Result<RunFile> {
        read(&self.run_path())
    }

    /// Checks and writes one repeat.
    pub fn write_repeat(&self, folder: &str, repeat: &RepeatFile) -> Result<PathBuf> {
        let path = self.repeat_path(folder, repeat.repeat);
        write(&path, repeat)?;
        Ok(path)
    }

    /// The repeats of `folder` that are there, in order. A folder that is missing has none.
    pub fn read_repeats(&self, folder: &str) -> Result<Vec<RepeatFile>> {
        let path = self.root.join(folder);
        let mut names = Vec::new();
        for name in list(&path)? {
            let digits = name.strip_prefix('r').and_then(|rest| rest.strip_suffix(".json"));
            if digits.is_some_and(|digits| digits.chars().all(|c| c.is_ascii_digit())) {
                names.push(name);
            }
        }
        names.iter().map(|name| read(&path.join(name))).collect()
    }

    /// Reads the repeats of `folder` again and writes the benchmark's summary.
    pub fn refresh_summary(&self, bench: &str, folder: &str) -> Result<Option<BenchSummary>> {
        let path = self.summary_path(bench);
        let mut file = if path.exists() { read(&path)? } else { SummaryFile::new(bench) };
        let Some(summary) = BenchSummary::of(folder, &self.read_repeats(folder)?) else {
            return Ok(None);
        };
        file.insert(summary.clone());
        write(&path, &file)?;
        Ok(Some(summary))
    }

    /// Every summary of the folder, by the folder of its repeats.
    ///
    /// # Errors
    /// The first file that is not valid: a gate never skips what it cannot read.
    pub fn read_summaries(&self) -> Result<BTreeMap<String, BenchSummary>> {
        if !self.root.is_dir() {
            return Err(Error::Usage(format!("{} is no folder of results", self.root.display())));
        }
        let mut summaries = BTreeMap::new();
        for suite in list(&self.root)? {
            let folder = self.root.join(&suite);
            if !folder.is_dir() {
                continue;
            }
            for name in list(&folder)?.iter().filter(|name| name.ends_with(".json")) {
                let file: SummaryFile = read(&folder.join(name))?;
                for summary in file.results {
                    summaries.insert(summary.folder.clone(), summary);
                }
            }
        }
        Ok(summaries)
    }
}

/// Checks `value` against the schema and writes it under `path`, whole or not at all.
pub fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let document = serde_json::to_value(value).map_err(|error| Error::Schema {
        path: path.to_owned(),
        problems: vec![error.to_string()],
    })?;
    schema::check(&document, path)?;
    let mut text = serde_json::to_string_pretty(&document).map_err(|error| Error::Schema {
        path: path.to_owned(),
        problems: vec![error.to_string()],
    })?;
    text.push('\n');
    write_whole(path, text.as_bytes())
}

/// Writes `bytes` under `path` by way of a temporary name.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    fs::write(&temporary, bytes).map_err(|error| Error::io("write", &temporary, error))?;
    fs::rename(&temporary, path).map_err(|error| Error::io("rename", &temporary, error))
}

/// Reads `path` and checks it against the schema.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::metadata(path).map_err(|error| Error::io("read", path, error))?.len();
    let refuse = |problem: String| Error::Schema { path: path.to_owned(), problems: vec![problem] };
    if bytes > FILE_BYTES_MAX {
        return Err(refuse(format!("{bytes} bytes are more than a result file has")));
    }
    let text = fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
    let document = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    schema::check(&document, path)?;
    serde_json::from_value(document).map_err(|error| refuse(error.to_string()))
}

/// Names in `folder`, sorted; none when it is missing.
fn list(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", folder, error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("list", folder, error))?;
        names.extend(entry.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::result::{
        Build, Class, Counters, FORMAT, Identity, Latency, Measured, Observer, Process, RepeatKind,
        Slice, StorageKind, params_slug,
    };

    /// A sound repeat, for tests of everything that reads one.
    pub(crate) fn repeat_file(repeat: u32) -> RepeatFile {
        let mut counters = Counters::default();
        for (value, name) in Counters::NAMES.iter().enumerate() {
            counters.set(name, 1000 + value as u64);
        }
        RepeatFile {
            format: FORMAT.into(),
            kind: RepeatKind::Repeat,
            identity: Identity {
                bench: "btree/point_get_hot_1m".into(),
                bench_version: 1,
                params: [("records".to_owned(), crate::result::ParameterValue::Number(1000))]
                    .into(),
                ops: 20_000,
                warmup_ops: 10,
                seed: 1,
                class: Class::Exact,
                storage: StorageKind::Memory,
                target: "x86_64-linux".into(),
                build: Build::Release,
            },
            profile: "ci".into(),
            trimmed: true,
            repeat,
            observer: Observer::None,
            machine: "0123456789abcdef".into(),
            measured: Measured {
                ops: 20_000,
                errors: 0,
                duration_ns: 1_000_000_000,
                ops_per_second: 20_000.0 + f64::from(repeat),
                warmup_ns: 5,
                warmup_ops: 10,
                latency: Latency {
                    samples: 20_000,
                    sample_every: 1,
                    min_ns: 1,
                    p50_ns: 50_000,
                    p95_ns: 60_000,
                    p99_ns: 70_000,
                    p999_ns: 80_000,
                    max_ns: 90_000,
                    mean_ns: 50_001.5,
                    histogram: String::new(),
                },
                counters,
                process: Process { cpu_ns: Some(900_000_000), peak_rss_bytes: Some(1 << 20) },
                metrics: Vec::new(),
                series: vec![Slice { at_ns: 1_000_000_000, ops: 20_000 }],
                checksum: "00ff".into(),
                notes: Vec::new(),
            },
        }
    }

    #[test]
    fn names_are_stable_and_files_round_trip() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path());
        let place = "btree/point_get_hot_1m/records=1000";
        for repeat in 0..3 {
            let path = store.write_repeat(place, &repeat_file(repeat)).expect("written");
            let expected = folder.path().join(place).join(format!("r00{repeat}.json"));
            assert_eq!(path, expected);
        }
        let repeats = store.read_repeats(place).expect("read");
        assert_eq!(repeats, (0..3).map(repeat_file).collect::<Vec<_>>());
        let summary = store.refresh_summary("btree/point_get_hot_1m", place).expect("written");
        assert_eq!(summary.as_ref().map(|s| s.repeats), Some(3));
        assert!(folder.path().join("btree/point_get_hot_1m.json").is_file());
        let all = store.read_summaries().expect("read");
        assert_eq!(all.get(place), summary.as_ref());
        assert!(store.read_repeats("no/such").expect("none").is_empty());
    }

    #[test]
    fn an_invalid_file_is_neither_written_nor_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path());
        let mut broken = repeat_file(0);
        broken.format = "something else".into();
        assert!(matches!(store.write_repeat("a/b/c", &broken), Err(Error::Schema { .. })));
        assert!(!folder.path().join("a").exists(), "nothing appeared");

        let path = store.write_repeat("a/b/c", &repeat_file(0)).expect("written");
        let text = fs::read_to_string(&path).expect("text");
        for (name, damaged) in [
            ("cut", text[..text.len() / 2].to_owned()),
            ("field renamed", text.replace("\"checksum\"", "\"chekcsum\"")),
            ("empty", String::new()),
        ] {
            fs::write(&path, damaged).expect("damaged");
            assert!(matches!(store.read_repeats("a/b/c"), Err(Error::Schema { .. })), "{name}");
        }
    }

    #[test]
    fn slugs_hold_safe_characters_only() {
        let mut params = crate::result::Parameters::new();
        assert_eq!(params_slug(&params), "default");
        params.insert("records".into(), crate::result::ParameterValue::Number(1000));
        params.insert("engine".into(), crate::result::ParameterValue::Word("SQLite 3/../x".into()));
        assert_eq!(params_slug(&params), "engine=sqlite-3-..-x,records=1000");
    }
}
