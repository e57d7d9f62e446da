//! Seeds and reproducers through every target.

use crate::{
    load,
    targets::{self, Target},
};
use northstar_engine::disk::{Entropy, SeededEntropy};
use northstar_harness::{long, tally::Suite};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// All targets, those of the command line included.
fn all() -> impl Iterator<Item = &'static Target> {
    targets::TARGETS.iter().chain(load::TARGETS)
}

/// Does what the target of this name does.
pub fn run(name: &str, bytes: &[u8]) {
    let target = all().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("no target {name:?}")).body)(bytes);
}

/// `fuzz/seeds` or `fuzz/reproducers`.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(name)
}

/// The files of a target's folder, in order.
pub fn inputs(kind: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder(kind).join(target)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
}

/// Writes the seeds of every target anew, when asked to.
fn bless() {
    if std::env::var_os("NORTHSTAR_BLESS").is_none() {
        return;
    }
    for target in all() {
        let folder = folder("seeds").join(target.name);
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder).expect("a folder");
        for (number, seed) in (target.seeds)().into_iter().enumerate() {
            fs::write(folder.join(format!("{number:02}")), seed).expect("a file");
        }
    }
}

#[test]
fn seeds_and_reproducers_pass_every_target() {
    bless();
    let suite = Suite::begin("fuzz corpora");
    let mut total = 0;
    for target in all() {
        let seeds = inputs("seeds", target.name);
        assert!(!seeds.is_empty(), "{}: no seeds", target.name);
        let found = inputs("reproducers", target.name);
        println!("{}: {} seeds, {} reproducers", target.name, seeds.len(), found.len());
        for (path, bytes) in seeds.iter().chain(&found) {
            // What fails names its file: the panic's message is the target's own.
            println!("{}", path.display());
            run(target.name, bytes);
            total += 1;
        }
    }
    println!("{} targets", all().count());
    suite.cases(total);
}

/// Inputs of no length, one byte and noise: what a fuzzer starts with.
#[test]
fn short_and_random_inputs_pass_every_target() {
    for target in all() {
        run(target.name, b"");
        for byte in 0..=255 {
            if byte % 16 == 0 || target.name != "ops_crash" {
                run(target.name, &[byte]);
            }
        }
    }
}

/// A seed with a few bytes changed, taken out, put in, or with the end of another seed.
fn mutate(seeds: &[Vec<u8>], random: &SeededEntropy) -> Vec<u8> {
    let pick = || &seeds[random.below(seeds.len() as u64) as usize];
    let mut bytes = pick().clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        let few = random.below(9) as usize;
        match random.below(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][few % 5],
            2 => drop(bytes.drain(at..bytes.len().min(at + few))),
            3 => drop(bytes.splice(at..at, (0..few).map(|_| random.next_u64() as u8))),
            _ => {
                let other = pick();
                bytes.truncate(at);
                bytes.extend_from_slice(&other[other.len().min(at)..]);
            }
        }
    }
    bytes
}

/// What a fuzzer does, without feedback and for a moment: a failure prints the input.
#[test]
fn mutated_seeds_pass_every_target() {
    let suite = Suite::begin("mutated seeds");
    let each = 25 * long::times();
    for target in all() {
        let seeds: Vec<Vec<u8>> =
            inputs("seeds", target.name).into_iter().map(|(_, bytes)| bytes).collect();
        for seed in 0..each {
            let bytes = mutate(&seeds, &SeededEntropy::new(seed));
            let passed = std::panic::catch_unwind(|| run(target.name, &bytes));
            assert!(passed.is_ok(), "{} seed {seed}: {}", target.name, bytes.escape_ascii());
        }
    }
    suite.cases(each * all().count() as u64);
}

#[test]
fn every_target_has_its_program() {
    let manifest = fs::read_to_string(folder("Cargo.toml")).expect("the manifest");
    let programs: BTreeSet<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .filter(|name| *name != "northstar-fuzz")
        .collect();
    let targets: BTreeSet<&str> = all().map(|target| target.name).collect();
    assert_eq!(programs, targets, "fuzz/Cargo.toml and fuzz/src/targets");
}
