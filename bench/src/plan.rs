//! From a request to a list of repeats: what runs, with which parameters, in which order.
//!
//! The order interleaves: repeat 0 of everything, then repeat 1 of everything backwards, and so on, so
//! that a slow minute of the machine does not hit one benchmark alone.

use crate::{
    catalog::{self, Entry},
    error::{Error, Result},
    machine,
    profile::Profile,
    result::{Build, Identity, Parameters, PlannedBench, StorageKind, params_slug},
};

/// Most repeats of a benchmark: file names have three digits.
pub const REPEATS_MAX: u32 = 1000;

/// What somebody wants to run. `None` means the profile's own value.
#[derive(Clone, Debug)]
pub struct Request {
    /// Parts of names; none for all.
    pub filters: Vec<String>,
    /// Suites; none for all.
    pub suites: Vec<String>,
    /// The size.
    pub profile: Profile,
    /// Repeats of each benchmark.
    pub repeats: Option<u32>,
    /// Operations of warm-up.
    pub warmup_ops: Option<u64>,
    /// Least nanoseconds of warm-up.
    pub warmup_ns: u64,
    /// Rows, where a benchmark has that parameter.
    pub records: Option<u64>,
    /// Seed of everything random.
    pub seed: u64,
    /// Where databases lie.
    pub storage: Option<StorageKind>,
    /// Words to keep of the benchmarks that come in several (`engine=lmdb`); none for all.
    pub words: Vec<String>,
}

impl Request {
    /// Everything in `profile`.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Self {
            filters: Vec::new(),
            suites: Vec::new(),
            profile,
            repeats: None,
            warmup_ops: None,
            warmup_ns: 0,
            records: None,
            seed: 1,
            storage: None,
            words: Vec::new(),
        }
    }
}

/// What will run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The size.
    pub profile: Profile,
    /// Seed of everything random.
    pub seed: u64,
    /// Repeats of each benchmark.
    pub repeats: u32,
    /// The benchmarks, in the order of the catalog.
    pub benches: Vec<PlannedBench>,
}

/// What makes a result of `entry` under `profile` comparable.
#[must_use]
pub fn identity(entry: &Entry, profile: Profile, params: Parameters, seed: u64) -> Identity {
    Identity {
        bench: entry.id.to_owned(),
        bench_version: entry.version,
        ops: entry.ops(profile, &params),
        params,
        warmup_ops: profile.pick(entry.warmup_ops.0, entry.warmup_ops.1),
        seed,
        class: entry.class,
        storage: profile.storage(),
        target: machine::target(),
        build: Build::current(),
    }
}

impl Plan {
    /// Turns `request` into a plan.
    ///
    /// # Errors
    /// [`Error::Usage`] when nothing matches or a number is out of range.
    pub fn new(request: &Request) -> Result<Self> {
        let repeats = request.repeats.unwrap_or_else(|| request.profile.repeats());
        if !(1..=REPEATS_MAX).contains(&repeats) {
            return Err(Error::Usage(format!("repeats must be 1 to {REPEATS_MAX}, not {repeats}")));
        }
        if request.records == Some(0) {
            return Err(Error::Usage("records must be at least 1".into()));
        }
        let mut benches = Vec::new();
        for entry in catalog::choose(&request.filters, &request.suites)? {
            for params in entry.parameter_sets(request.profile, request.records) {
                let kept = entry.words.is_none_or(|(name, _)| {
                    let word = params.get(name).map(ToString::to_string).unwrap_or_default();
                    request.words.is_empty() || request.words.contains(&word)
                });
                if kept {
                    benches.push(planned(request, &entry, params));
                }
            }
        }
        if benches.is_empty() {
            return Err(Error::Usage("the words given leave no benchmark".into()));
        }
        if let Some(bench) = benches.iter().find(|bench| bench.identity.ops == 0) {
            let id = &bench.identity.bench;
            return Err(Error::Usage(format!("{id}: too few records for one operation")));
        }
        Ok(Self { profile: request.profile, seed: request.seed, repeats, benches })
    }

    /// Index of the benchmark and number of the repeat, in the order they run.
    pub fn order(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        (0..self.repeats).flat_map(move |repeat| {
            let count = self.benches.len();
            (0..count).map(move |at| (if repeat % 2 == 0 { at } else { count - 1 - at }, repeat))
        })
    }
}

fn planned(request: &Request, entry: &Entry, params: Parameters) -> PlannedBench {
    let mut identity = identity(entry, request.profile, params, request.seed);
    if let Some(warmup_ops) = request.warmup_ops {
        identity.warmup_ops = warmup_ops;
    }
    if let Some(storage) = request.storage {
        identity.storage = storage;
    }
    let full = entry.parameter_sets(Profile::DevNvme, None);
    let trimmed = !full.contains(&identity.params)
        || identity.ops < entry.ops(Profile::DevNvme, &identity.params);
    PlannedBench {
        folder: format!("{}/{}", entry.id, params_slug(&identity.params)),
        identity,
        warmup_ns: request.warmup_ns,
        trimmed,
        critical: entry.critical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_interleaves_and_turns_round() {
        let mut request = Request::new(Profile::Ci);
        request.filters = vec!["pager/".into()];
        request.repeats = Some(3);
        let plan = Plan::new(&request).expect("a plan");
        let count = plan.benches.len();
        let order: Vec<(usize, u32)> = plan.order().collect();
        assert_eq!(order.len(), count * 3);
        assert_eq!(order[..2], [(0, 0), (1, 0)]);
        assert_eq!(order[count], (count - 1, 1), "the second round goes backwards");
        assert_eq!(order[count * 2], (0, 2));
    }

    #[test]
    fn requests_are_honoured_or_refused() {
        let mut request = Request::new(Profile::Ci);
        request.filters = vec!["btree/delete_10pct".into()];
        request.records = Some(5000);
        request.warmup_ops = Some(3);
        request.seed = 9;
        let plan = Plan::new(&request).expect("a plan");
        let identity = &plan.benches[0].identity;
        assert_eq!((identity.ops, identity.warmup_ops, identity.seed), (500, 3, 9));
        assert!(plan.benches[0].trimmed, "5000 records are not a million");
        assert!(plan.benches[0].folder.starts_with("btree/delete_10pct/"));

        type Change = fn(&mut Request);
        let cases: &[(&str, Change)] = &[
            ("no repeats", |r| r.repeats = Some(0)),
            ("too many repeats", |r| r.repeats = Some(REPEATS_MAX + 1)),
            ("no records", |r| r.records = Some(0)),
            ("too few records", |r| r.records = Some(1)),
            ("no such name", |r| r.filters = vec!["zebra".into()]),
        ];
        for (name, change) in cases {
            let mut request = request.clone();
            change(&mut request);
            assert!(matches!(Plan::new(&request), Err(Error::Usage(_))), "{name}");
        }
    }

    #[test]
    fn the_full_profile_is_not_trimmed() {
        let plan = Plan::new(&Request::new(Profile::DevNvme)).expect("a plan");
        assert!(plan.benches.iter().all(|bench| !bench.trimmed));
    }
}
