//! Counts the syncs of a durable commit from outside, with strace, where it is installed.
//!
//! A worker runs the workload `peers/durable_commit_1` twice, the second time with more commits; the
//! difference of the syncs over the difference of the commits leaves set-up and closing out. Engines of
//! every language are counted alike, by what they ask of the system: sync calls, and writes to a file that
//! was opened with `O_DSYNC` or `O_SYNC` (so LMDB writes its meta page).

use crate::{
    catalog,
    error::{Error, Result},
    events::PROTOCOL,
    plan,
    profile::Profile,
    report::peers::EngineFacts,
    result::{ParameterValue, StorageKind},
    worker::{ARGUMENT, Inject, Job},
};
use std::{
    collections::BTreeSet,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

const WORKLOAD: &str = "peers/durable_commit_1";
/// System calls that make something durable.
const SYNCS: [&str; 4] = ["fsync", "fdatasync", "msync", "sync_file_range"];
/// System calls that do so on a file opened for synchronous writing.
const WRITES: [&str; 5] = ["write", "pwrite64", "writev", "pwritev", "pwritev2"];
/// System calls that say which files those are.
const OPENS: [&str; 3] = ["open", "openat", "close"];
/// Commits of the first run; the second does twice as many.
const COMMITS: u64 = 100;
const RECORDS: u64 = 1_000;

/// Fills in what is measured; engines that cannot be watched keep their documented figure alone.
/// Whether strace could be used at all.
///
/// # Errors
/// A worker that fails under strace, or a folder that cannot be written.
pub fn measure(program: &Path, folder: &Path, engines: &mut [EngineFacts]) -> Result<bool> {
    if !is_available() {
        return Ok(false);
    }
    for facts in engines {
        let first = count(program, folder, &facts.name, COMMITS)?;
        let second = count(program, folder, &facts.name, 2 * COMMITS)?;
        let each = second.saturating_sub(first) as f64 / COMMITS as f64;
        facts.syncs_per_commit_measured = Some(each);
    }
    Ok(true)
}

/// Whether strace is installed and may watch a process of ours.
fn is_available() -> bool {
    let run = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    run.is_ok_and(|status| status.success())
}

/// Syncs of a whole worker that does `commits` commits.
fn count(program: &Path, folder: &Path, engine: &str, commits: u64) -> Result<u64> {
    let entry = catalog::find(WORKLOAD)?;
    let sets = entry.parameter_sets(Profile::Ci, Some(RECORDS));
    let word = ParameterValue::Word(engine.to_owned());
    let params = sets.into_iter().find(|set| set.get("engine") == Some(&word));
    let params = params.ok_or_else(|| Error::Usage(format!("no engine is called {engine:?}")))?;
    let mut identity = plan::identity(&entry, Profile::Ci, params, 1);
    (identity.ops, identity.warmup_ops) = (commits, 10);
    identity.storage = StorageKind::Disk;
    let data = folder.join("syncs");
    std::fs::create_dir_all(&data).map_err(|e| Error::io("create", &data, e))?;
    let job = Job {
        v: PROTOCOL,
        identity,
        warmup_ns: 0,
        folder: data.clone(),
        count_allocations: false,
        inject: Inject::default(),
    };
    let trace = folder.join("syncs.trace");
    let outcome = watch(program, &job, &trace);
    let counted = outcome.and_then(|()| {
        let text =
            std::fs::read_to_string(&trace).map_err(|error| Error::io("read", &trace, error))?;
        Ok(syncs_in(&text))
    });
    std::fs::remove_dir_all(&data).map_err(|e| Error::io("remove", &data, e))?;
    // Only a trace of what was counted is left if this fails.
    std::fs::remove_file(&trace).unwrap_or_default();
    counted
}

/// Runs `job` in a worker under strace, which writes the calls to `trace`.
fn watch(program: &Path, job: &Job, trace: &Path) -> Result<()> {
    let calls = [&SYNCS[..], &WRITES, &OPENS].concat().join(",");
    let mut child = Command::new("strace")
        .args(["-f", "-qq", "-s", "0", "-e", &format!("trace={calls}"), "-e", "signal=none", "-o"])
        .arg(trace)
        .arg(program)
        .arg(ARGUMENT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| Error::io("start", "strace", error))?;
    let text = serde_json::to_vec(job).map_err(|error| Error::Worker(error.to_string()))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(&text).map_err(|e| Error::io("write to", "a worker", e))?;
    }
    let output = child.wait_with_output().map_err(|e| Error::io("wait for", "strace", e))?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stdout);
    let last = told.lines().last().unwrap_or_default();
    Err(Error::Worker(format!("under strace: {} {last:.200}", output.status)))
}

/// Syncs in a trace. A call that was interrupted has two lines and counts once, where it begins.
fn syncs_in(trace: &str) -> u64 {
    let mut synchronous: BTreeSet<&str> = BTreeSet::new();
    let mut count = 0;
    for line in trace.lines() {
        let call = line.split_once(' ').map_or("", |(_, call)| call.trim_start());
        let Some((name, arguments)) = call.split_once('(') else { continue };
        let file = arguments.split([',', ')', ' ']).next().unwrap_or_default();
        if SYNCS.contains(&name) || WRITES.contains(&name) && synchronous.contains(file) {
            count += 1;
        } else if name == "close" {
            synchronous.remove(file);
        } else if arguments.contains("O_DSYNC") || arguments.contains("O_SYNC") {
            synchronous.extend(arguments.rsplit_once("= ").map(|(_, opened)| opened.trim()));
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_call_counts_once() {
        let trace = "10 fsync(3) = 0\n\
                     11 fdatasync(4 <unfinished ...>\n\
                     10 fsync(3) = 0\n\
                     11 <... fdatasync resumed>) = 0\n\
                     11 +++ exited with 0 +++\n";
        assert_eq!(syncs_in(trace), 3);
        assert_eq!(syncs_in(""), 0);
    }

    #[test]
    fn a_synchronous_write_counts_as_a_sync() {
        let trace = "10 openat(AT_FDCWD, \"data.mdb\", O_WRONLY|O_DSYNC|O_CLOEXEC) = 7\n\
                     10 openat(AT_FDCWD, \"other\", O_RDWR) = 8\n\
                     10 pwrite64(8, \"\"..., 4096, 0) = 4096\n\
                     10 pwrite64(7, \"\"..., 64, 0) = 64\n\
                     10 close(7) = 0\n\
                     10 write(7, \"\"..., 64) = 64\n";
        assert_eq!(syncs_in(trace), 1);
    }
}
