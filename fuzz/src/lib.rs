//! The bodies of the fuzz targets: plain functions from bytes to nothing, which panic when a promise
//! is broken. `fuzz_targets/` hands them to libFuzzer; `tests/fuzz` replays seeds and reproducers
//! through them in every test run. How to run them: `fuzz/README.md`.

#[cfg(feature = "load")]
#[path = "targets/load.rs"]
mod load;
#[path = "targets/table.rs"]
mod targets;

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
