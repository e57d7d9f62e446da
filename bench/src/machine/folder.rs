//! The file system, mount and device under a folder.
//!
//! Called by `Machine::look`. Linux tells everything through /proc and /sys; elsewhere `sysinfo` knows
//! the file system and the kind of disk, and the rest is "unknown".

use super::UNKNOWN;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use sysinfo::{DiskKind, Disks};

/// What lies under a folder; each field "unknown" rather than a guess.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderFacts {
    /// Type of the file system: "ext4", "tmpfs", "apfs".
    pub file_system: String,
    /// Options it is mounted with.
    pub mount_options: String,
    /// Device it is on.
    pub device: String,
    /// Kind of that device: "memory", "ssd", "hdd", "virtual" or "unknown".
    pub device_kind: String,
}

impl FolderFacts {
    /// Looks at the deepest existing ancestor of `folder`.
    #[must_use]
    pub fn look(folder: &Path) -> Self {
        // A relative path has no existing ancestor of its own while its first part is missing.
        let folder = &std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let existing = folder.ancestors().find(|path| path.exists()).unwrap_or(folder);
        let resolved = existing.canonicalize().unwrap_or_else(|_| existing.to_owned());
        if let Ok(text) = std::fs::read_to_string("/proc/self/mountinfo")
            && let Some(facts) = Self::from_mount_info(&text, &resolved)
        {
            return facts;
        }
        Self::from_disks(&resolved)
    }

    /// The facts of the last mount in `text` (Linux `mountinfo`) that is above `folder`.
    fn from_mount_info(text: &str, folder: &Path) -> Option<Self> {
        let mut best: Option<(usize, Self)> = None;
        for line in text.lines() {
            let Some((mount_point, device_number, facts)) = parse_mount(line) else { continue };
            let depth = Path::new(&mount_point).components().count();
            // Of mounts on one point the later one hides the earlier.
            if folder.starts_with(&mount_point)
                && best.as_ref().is_none_or(|(deepest, _)| depth >= *deepest)
            {
                let device_kind = device_kind(&facts.file_system, &facts.device, &device_number);
                best = Some((depth, Self { device_kind, ..facts }));
            }
        }
        best.map(|(_, facts)| facts)
    }

    fn from_disks(folder: &Path) -> Self {
        let disks = Disks::new_with_refreshed_list();
        let above = disks.list().iter().filter(|disk| folder.starts_with(disk.mount_point()));
        let Some(disk) = above.max_by_key(|disk| disk.mount_point().components().count()) else {
            return Self::unknown();
        };
        Self {
            file_system: disk.file_system().to_string_lossy().to_lowercase(),
            mount_options: UNKNOWN.to_owned(),
            device: disk.name().to_string_lossy().into_owned(),
            device_kind: match disk.kind() {
                DiskKind::HDD => "hdd",
                DiskKind::SSD => "ssd",
                DiskKind::Unknown(_) => UNKNOWN,
            }
            .to_owned(),
        }
    }

    fn unknown() -> Self {
        let unknown = || UNKNOWN.to_owned();
        Self {
            file_system: unknown(),
            mount_options: unknown(),
            device: unknown(),
            device_kind: unknown(),
        }
    }
}

/// Mount point, "major:minor" and facts of one line of `mountinfo`; `None` for a line of another form.
fn parse_mount(line: &str) -> Option<(String, String, FolderFacts)> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(2);
    let device_number = left.next()?.to_owned();
    let mount_point = unescape(left.nth(1)?);
    let options = left.next()?.to_owned();
    let mut right = right.split(' ');
    let file_system = right.next()?.to_owned();
    let device = unescape(right.next()?);
    let facts = FolderFacts {
        file_system,
        mount_options: options,
        device,
        device_kind: UNKNOWN.to_owned(),
    };
    Some((mount_point, device_number, facts))
}

/// `mountinfo` writes blanks and backslashes as three octal digits.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

fn device_kind(file_system: &str, device: &str, device_number: &str) -> String {
    if matches!(file_system, "tmpfs" | "ramfs") {
        return "memory".to_owned();
    }
    let name = device.rsplit('/').next().unwrap_or_default();
    if name.starts_with("vd") || name.starts_with("xvd") {
        return "virtual".to_owned();
    }
    // A partition has no queue of its own; its parent has.
    for place in ["queue/rotational", "../queue/rotational"] {
        let path = format!("/sys/dev/block/{device_number}/{place}");
        match std::fs::read_to_string(path).as_deref().map(str::trim) {
            Ok("1") => return "hdd".to_owned(),
            Ok("0") if name.starts_with("nvme") => return "nvme".to_owned(),
            Ok("0") => return "ssd".to_owned(),
            _ => {}
        }
    }
    UNKNOWN.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_and_latest_mount_wins() {
        let text = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
23 22 0:21 / /dev/shm rw,nosuid - tmpfs tmpfs rw
24 22 0:30 / /mnt/a\\040b rw,noatime - xfs /dev/none0 rw
25 22 0:31 / /mnt/a\\040b ro - btrfs /dev/none1 rw
a broken line
26 22 0:32
";
        let cases = [
            ("/home/user", "ext4", "virtual", "rw,relatime"),
            ("/dev/shm/x", "tmpfs", "memory", "rw,nosuid"),
            ("/mnt/a b/c", "btrfs", UNKNOWN, "ro"),
        ];
        for (folder, file_system, kind, options) in cases {
            let facts = FolderFacts::from_mount_info(text, Path::new(folder)).expect(folder);
            assert_eq!(facts.file_system, file_system, "{folder}");
            assert_eq!(facts.device_kind, kind, "{folder}");
            assert_eq!(facts.mount_options, options, "{folder}");
        }
        assert_eq!(FolderFacts::from_mount_info("", Path::new("/")), None);
    }

    #[test]
    fn a_missing_folder_is_looked_at_through_its_parent() {
        let facts = FolderFacts::look(Path::new("/no/such/folder/at/all"));
        assert_eq!(facts, FolderFacts::look(Path::new("/")));
    }

    #[test]
    fn a_missing_relative_folder_is_looked_at_through_the_current_one() {
        let here = FolderFacts::look(Path::new("."));
        assert_ne!(here.file_system, UNKNOWN, "the tests run in a folder that exists");
        assert_eq!(FolderFacts::look(Path::new("not-made-yet/data")), here);
    }
}
