//! What a hostile file costs: bytes allocated at once, resident memory and address space.
//!
//! Measured in a process of its own, because the counts are those of the whole process. `prlimit`
//! gives it little address space, so that an allocation sized by a number in the file aborts it.

use crate::replay::{inputs, run};
use northstar_bench::alloc;
use northstar_engine::limits::PAGE_BYTES;
use northstar_harness::{
    answers::exercise,
    forge::{Base, Case, base, built_by_hand, forged_logs, put_meta},
    long::stride,
    runner::{CACHE_BYTES, PATH},
};
use std::process::Command;

const CHILD: &str = "NORTHSTAR_MEMORY_CHILD";
/// Beyond the cache: what the promise allows.
const BYTES_BEYOND_CACHE: u64 = 64 << 20;
/// Program, stacks and libraries take their share of it, too.
const ADDRESS_SPACE: u64 = 1 << 30;

/// Metas that claim many pages, in files that really are so long: sparse, of a few blocks.
fn sparse_files(base: &Base) -> Vec<Case> {
    let counts = [1 << 18, (1 << 18) + 1, 1 << 22, 1 << 26];
    let claim = |count: u64| {
        let mut image = base.image.clone();
        image.set_len(PATH, count * PAGE_BYTES as u64);
        for slot in 0..2 {
            put_meta(base, &mut image, slot, "page_count", count);
        }
        (format!("{count} pages, sparse"), image)
    };
    counts.into_iter().map(claim).collect()
}

/// Not a test of its own: what the child process runs.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let base = base();
    let mut cases: Vec<Case> = Vec::new();
    cases.extend(built_by_hand(&base).into_iter().step_by(stride(12)));
    cases.extend(forged_logs(&base).into_iter().step_by(stride(8)));
    cases.extend(sparse_files(&base));
    let (mut most, mut worst) = (0, String::new());
    let mut measure = |name: String, act: &dyn Fn()| {
        alloc::reset();
        act();
        let peak = alloc::counted().peak_bytes;
        assert!(
            peak <= CACHE_BYTES as u64 + BYTES_BEYOND_CACHE,
            "{name}: {peak} bytes at once, {CACHE_BYTES} of them may be cache"
        );
        if peak > most {
            (most, worst) = (peak, name);
        }
    };
    alloc::set_counting(true);
    let count = cases.len();
    for (name, image) in cases {
        measure(name.clone(), &|| {
            exercise(&image).unwrap_or_else(|wrong| panic!("{name}: {wrong}"))
        });
    }
    let images = ["open_image", "open_image_restamp", "inspect_any", "cartridge_open", "log_scan"];
    let mut seeds = 0;
    for target in images {
        for (path, bytes) in
            inputs("seeds", target).into_iter().chain(inputs("reproducers", target))
        {
            seeds += 1;
            measure(path.display().to_string(), &|| run(target, &bytes));
        }
    }
    alloc::set_counting(false);
    println!("hostile memory: {count} files, {seeds} seeds; most at once {most} bytes ({worst})");
    if let Some(resident) = resident_bytes_max() {
        println!("hostile memory: resident at most {resident} bytes");
        let allowed = CACHE_BYTES as u64 + BYTES_BEYOND_CACHE + (64 << 20);
        assert!(resident <= allowed, "resident {resident}, the program and its cases included");
    }
}

/// The high-water mark of resident memory, where the system tells it.
fn resident_bytes_max() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

#[test]
fn hostile_files_take_little_memory() {
    let own = std::env::current_exe().expect("a path");
    let limit = format!("--as={ADDRESS_SPACE}");
    let limited = Command::new("prlimit").args([&limit, "true"]).status();
    let mut command = if limited.is_ok_and(|status| status.success()) {
        let mut command = Command::new("prlimit");
        command.arg(&limit).arg(own);
        command
    } else {
        println!("no prlimit here: address space is not limited");
        Command::new(own)
    };
    command.args(["--exact", "memory::child", "--nocapture", "--test-threads", "1"]);
    // One heap: others reserve address space that nobody asked for.
    let output = command.env(CHILD, "1").env("MALLOC_ARENA_MAX", "1").output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{text}\n{told}", output.status);
    text.lines()
        .filter(|line| line.starts_with("hostile memory"))
        .for_each(|line| println!("{line}"));
}
