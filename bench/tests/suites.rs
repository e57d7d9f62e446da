//! Every benchmark of the catalog, small, in this process: it runs and its own check of the result holds.

use northstar_bench::{catalog, result::Class, worker::run_small};
use std::collections::BTreeMap;

#[test]
fn every_benchmark_proves_its_result() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut failures = BTreeMap::new();
    for entry in catalog::all().iter().filter(|entry| entry.suite() != "peers") {
        match run_small(entry.id, 2_000, 64, folder.path()) {
            Ok(results) => {
                for result in results {
                    assert_eq!(result.errors, 0, "{}", entry.id);
                    assert!(result.ops > 0 && result.duration_ns > 0, "{}", entry.id);
                    assert!(result.latency.samples > 0, "{}", entry.id);
                }
            }
            Err(error) => {
                failures.insert(entry.id, error.to_string());
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn exact_benchmarks_count_the_same_twice() {
    let mut different = Vec::new();
    for entry in catalog::all().iter().filter(|entry| entry.class == Class::Exact) {
        let run = || {
            let folder = tempfile::tempdir().expect("a folder");
            run_small(entry.id, 2_000, 64, folder.path()).unwrap_or_default()
        };
        let (first, second) = (run(), run());
        for (first, second) in first.iter().zip(&second) {
            if first.checksum != second.checksum {
                different.push(format!("{}: checksums", entry.id));
            }
            for (name, a, b) in first.counters.differences(&second.counters) {
                different.push(format!("{}: {name} {a:?} and {b:?}", entry.id));
            }
        }
    }
    assert!(different.is_empty(), "{different:#?}");
}
