//! What a result was measured on: processor, memory, system, and the file system of the data folder.
//!
//! Read once a run and written to `run.json`. Every field is "unknown" (or absent) rather than a guess.
//! The fingerprint hashes what decides the speed and does not change from boot to boot; clock rates,
//! governors and kernel builds are recorded, not hashed.

mod folder;

pub use folder::FolderFacts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// The word for what could not be found out.
pub const UNKNOWN: &str = "unknown";

/// A machine, as far as it can be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Hash of the fields that decide comparability of timings; 16 hexadecimal digits.
    pub fingerprint: String,
    /// Processor model.
    pub cpu_model: String,
    /// Logical processors.
    pub cpu_count: u32,
    /// Processor architecture.
    pub architecture: String,
    /// Memory in bytes; 0 for unknown.
    pub memory_bytes: u64,
    /// Operating system and its version.
    pub system: String,
    /// Kernel version.
    pub kernel: String,
    /// Whether it is a virtual machine: "yes", "no" or "unknown".
    pub virtualised: String,
    /// Frequency governor of the first processor.
    pub governor: String,
    /// Load average over a minute when the run began, times 100; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_percent: Option<u32>,
    /// The folder that databases of class `disk` are in.
    pub data_folder: FolderFacts,
}

impl Machine {
    /// Looks at this machine, and at the file system of `data_folder`.
    #[must_use]
    pub fn look(data_folder: &Path) -> Self {
        let wanted = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(wanted);
        let cpu_model = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
        let mut machine = Self {
            fingerprint: String::new(),
            cpu_model: known(cpu_model),
            cpu_count: system.cpus().len() as u32,
            architecture: std::env::consts::ARCH.to_owned(),
            memory_bytes: system.total_memory(),
            system: known(System::long_os_version()),
            kernel: known(System::kernel_version()),
            virtualised: virtualised().to_owned(),
            governor: first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            load_percent: load_percent(),
            data_folder: FolderFacts::look(data_folder),
        };
        machine.fingerprint = machine.hash();
        machine
    }

    /// The fields that decide comparability, with their names.
    #[must_use]
    pub fn hashed_fields(&self) -> [(&'static str, String); 8] {
        [
            ("cpu_model", self.cpu_model.clone()),
            ("cpu_count", self.cpu_count.to_string()),
            ("architecture", self.architecture.clone()),
            // Rounded: the kernel's own share differs from boot to boot.
            ("memory_gib", ((self.memory_bytes + (1 << 29)) >> 30).to_string()),
            ("system", std::env::consts::OS.to_owned()),
            ("virtualised", self.virtualised.clone()),
            ("file_system", self.data_folder.file_system.clone()),
            ("device_kind", self.data_folder.device_kind.clone()),
        ]
    }

    /// The first hashed field in which two machines differ.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<String> {
        let pairs = self.hashed_fields().into_iter().zip(other.hashed_fields());
        let mut unequal = pairs.filter(|(mine, theirs)| mine.1 != theirs.1);
        unequal.next().map(|((name, mine), (_, theirs))| format!("{name}: {mine} against {theirs}"))
    }

    fn hash(&self) -> String {
        let mut sum = crate::rng::Checksum::default();
        for (name, value) in self.hashed_fields() {
            sum.add(name.as_bytes());
            sum.add(value.as_bytes());
        }
        sum.to_hex()
    }

    /// The machine in one line, for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        let virtual_word = if self.virtualised == "yes" { ", virtual" } else { "" };
        format!(
            "{} x {}, {} GiB, {}{virtual_word}, data on {} ({})",
            self.cpu_count,
            self.cpu_model,
            (self.memory_bytes + (1 << 29)) >> 30,
            self.system,
            self.data_folder.file_system,
            self.data_folder.device_kind,
        )
    }
}

/// The target of this program: architecture, system and environment.
#[must_use]
pub fn target() -> String {
    let environment = if cfg!(target_env = "gnu") {
        "-gnu"
    } else if cfg!(target_env = "musl") {
        "-musl"
    } else if cfg!(target_env = "msvc") {
        "-msvc"
    } else {
        ""
    };
    format!("{}-{}{environment}", std::env::consts::ARCH, std::env::consts::OS)
}

fn known(value: Option<String>) -> String {
    value.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| UNKNOWN.to_owned())
}

fn first_line(path: &str) -> String {
    let text = std::fs::read_to_string(path).ok();
    known(text.and_then(|text| text.lines().next().map(|line| line.trim().to_owned())))
}

fn virtualised() -> &'static str {
    let Ok(text) = std::fs::read_to_string("/proc/cpuinfo") else { return UNKNOWN };
    let Some(flags) = text.lines().find(|line| line.starts_with("flags")) else { return UNKNOWN };
    if flags.split_whitespace().any(|flag| flag == "hypervisor") { "yes" } else { "no" }
}

fn load_percent() -> Option<u32> {
    // Windows has no load average; sysinfo answers 0 there, which would be a guess.
    let has_one = cfg!(unix);
    has_one.then(|| (System::load_average().one * 100.0).round().max(0.0) as u32)
}

/// CPU time of this process, all threads; `None` where the system does not tell.
#[must_use]
pub fn process_cpu_ns() -> Option<u64> {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let seconds = u64::try_from(time.tv_sec).ok()?;
        seconds.checked_mul(1_000_000_000)?.checked_add(u64::try_from(time.tv_nsec).ok()?)
    }
    #[cfg(not(unix))]
    None
}

/// Most memory of this process that was resident at once; `None` where the system does not tell.
#[must_use]
pub fn peak_rss_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Bytes this process has handed to write calls so far, whatever became of them; `None` where the system
/// does not tell. Writes through a memory map are not in it.
#[must_use]
pub fn bytes_handed_to_writes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/io").ok()?;
    text.lines().find_map(|line| line.strip_prefix("wchar:"))?.trim().parse().ok()
}

/// Asks the system to forget the peak so far, so that set-up does not count. Best effort.
pub fn forget_peak_rss() {
    // Nothing to do about a refusal: the peak then includes the set-up, which the format allows.
    drop(std::fs::write("/proc/self/clear_refs", "5"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_twice_and_sees_the_same() {
        let folder = std::env::temp_dir();
        let (first, second) = (Machine::look(&folder), Machine::look(&folder));
        assert_eq!(first.fingerprint, second.fingerprint);
        assert_eq!(first.fingerprint.len(), 16);
        assert_eq!(first.first_difference(&second), None);
        for (name, value) in first.hashed_fields() {
            assert!(!value.is_empty(), "{name} is a value or \"unknown\"");
        }
        let other = Machine { cpu_model: "another".into(), ..second };
        let difference = first.first_difference(&other).expect("they differ");
        assert!(difference.starts_with("cpu_model: "), "{difference}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_knows_its_own_use() {
        let before = process_cpu_ns().expect("Linux tells");
        let mut sum = 0_u64;
        for number in 0..1_000_000_u64 {
            sum = std::hint::black_box(sum ^ number);
        }
        assert!(process_cpu_ns().expect("Linux tells") > before);
        assert!(peak_rss_bytes().expect("Linux tells") > 1 << 20);
        let written = bytes_handed_to_writes().expect("Linux tells");
        std::fs::write("/dev/null", [0; 5000]).expect("it takes everything");
        assert!(bytes_handed_to_writes().expect("Linux tells") >= written + 5000);
    }
}
