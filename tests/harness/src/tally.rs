//! What the suites judged, in numbers: printed by each, and summed in one place.
//!
//! With `NORTHSTAR_TALLY=FILE` every suite appends a line `name, cases, states, images, nested,
//! milliseconds` to the file; `.ci/tally FILE` adds them up.

use crate::explore::Tally;
use std::{fs::OpenOptions, io::Write, time::Instant};

/// A suite under way.
pub struct Suite {
    name: String,
    begun: Instant,
}

impl Suite {
    pub fn begin(name: impl Into<String>) -> Self {
        Self { name: name.into(), begun: Instant::now() }
    }

    /// Tells how many crash states were judged.
    pub fn states(self, tally: &Tally) {
        println!("{}: {tally}", self.name);
        let Tally { states, images, nested, .. } = tally;
        self.note(&format!("{states}\t{states}\t{images}\t{nested}"));
    }

    /// Tells how many cases were judged.
    pub fn cases(self, cases: u64) {
        println!("{}: {cases} cases", self.name);
        self.note(&format!("{cases}\t0\t0\t0"));
    }

    fn note(&self, numbers: &str) {
        let Some(path) = std::env::var_os("NORTHSTAR_TALLY") else { return };
        let line = format!("{}\t{numbers}\t{}\n", self.name, self.begun.elapsed().as_millis());
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.unwrap_or_else(|error| panic!("NORTHSTAR_TALLY={}: {error}", path.display()));
    }
}
