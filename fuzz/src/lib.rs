//! The bodies of the fuzz targets: plain functions from bytes to nothing, which panic when a promise
//! is broken. `fuzz_targets/` hands them to libFuzzer; `tests/fuzz` replays seeds and reproducers
//! through them in every test run. How to run them: `fuzz/README.md`.

#[allow(dead_code, reason = "shared with the crash suites, which use more of it")]
#[path = "../../tests/crash/hostile/answers.rs"]
mod answers;
#[allow(dead_code, reason = "shared with the crash suites, which use more of it")]
#[path = "../../tests/crash/between.rs"]
mod between;
#[allow(dead_code, reason = "shared with the crash suites, which use more of it")]
#[path = "../../tests/crash/hostile/forge.rs"]
mod forge;
#[cfg(feature = "load")]
#[path = "targets/load.rs"]
mod load;
#[allow(dead_code, reason = "shared with the crash suites, which use more of it")]
#[path = "../../tests/crash/oracle.rs"]
mod oracle;
#[allow(dead_code, reason = "shared with the crash suites, which use more of it")]
#[path = "../../tests/crash/runner.rs"]
mod runner;
#[path = "targets/table.rs"]
mod targets;
#[allow(dead_code, reason = "shared with the crash suites, which use more of it")]
#[path = "../../tests/crash/workload.rs"]
mod workload;

/// Does what the target of this name does.
///
/// # Panics
/// When there is none of that name, or a promise is broken.
pub fn run(name: &str, bytes: &[u8]) {
    let mut targets = targets::TARGETS.iter().collect::<Vec<_>>();
    #[cfg(feature = "load")]
    targets.extend(load::TARGETS);
    let target = targets.into_iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("no target {name:?}")).body)(bytes);
}
