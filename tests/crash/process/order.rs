//! The order of system calls, watched by strace.

use super::{command, folder};
use std::{path::Path, process::Command};

/// One system call of interest, from strace's output.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// Bytes written to a file.
    Write {
        path: String,
        offset: u64,
    },
    Sync {
        path: String,
    },
    Rename,
    Create {
        path: String,
    },
    Say(String),
}

/// The order of system calls: no acknowledgement before the log is synced, no meta before the pages
/// are, a directory sync behind every creation and renaming.
#[test]
fn system_calls_come_in_order() {
    let has_strace =
        Command::new("strace").arg("-V").output().is_ok_and(|out| out.status.success());
    if !has_strace {
        println!("no strace here: the order of system calls was not watched");
        return;
    }
    let folder = folder();
    let (path, log) = (folder.path().join("app.ns"), folder.path().join("trace"));
    let calls = "trace=openat,write,pwrite64,pwritev,fsync,fdatasync,rename,renameat,renameat2";
    let wrapper =
        ["strace", "-f", "-y", "-s", "40", "-e", calls, "-o", log.to_str().expect("text")];
    let orders = format!("work 2 60 {}", path.display());
    let output = command(&orders, &wrapper).output().expect("strace runs");
    if !output.status.success() {
        println!("strace may not trace here: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let text = std::fs::read_to_string(&log).expect("a trace");
    let seen: Vec<Seen> = text.lines().filter_map(|line| parse_call(line, folder.path())).collect();
    let said = |seen: &Seen| matches!(seen, Seen::Say(line) if line.starts_with("ack"));
    assert!(seen.iter().filter(|seen| said(seen)).count() > 10, "too little was seen:\n{text}");
    in_order(&seen).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"));
    println!("strace: {} calls in order", seen.len());
}

fn parse_call(line: &str, folder: &Path) -> Option<Seen> {
    // "PID call(fd<path>, …) = result", a call that was interrupted is resumed later: not used here.
    let call = line.split_once(' ')?.1.trim_start();
    let (name, rest) = call.split_once('(')?;
    let named =
        |rest: &str| rest.split_once('<')?.1.split_once('>').map(|(path, _)| path.to_owned());
    let ours = |path: &String| path.starts_with(folder.to_str().unwrap_or_default());
    match name {
        "pwrite64" | "pwritev" => {
            let path = named(rest).filter(ours)?;
            let arguments = rest.rsplit_once(')')?.0;
            let offset = arguments.rsplit_once(", ")?.1.parse().ok()?;
            Some(Seen::Write { path, offset })
        }
        "fsync" | "fdatasync" => named(rest).filter(ours).map(|path| Seen::Sync { path }),
        "rename" | "renameat" | "renameat2" => rest.contains("app.ns").then_some(Seen::Rename),
        "openat" if rest.contains("O_CREAT") => {
            let path = rest.split('"').nth(1)?.to_owned();
            // The next segment is prepared in the background, and nothing hangs on it until its rename.
            (ours(&path) && !path.ends_with(".log.next")).then_some(Seen::Create { path })
        }
        "write" if rest.starts_with("1<") => {
            let line = rest.split('"').nth(1)?.trim_end_matches("\\n").to_owned();
            Some(Seen::Say(line))
        }
        _ => None,
    }
}

fn in_order(seen: &[Seen]) -> Result<(), String> {
    let is_log = |path: &str| path.contains(".log");
    let is_database = |path: &str| path.ends_with("app.ns");
    let mut log_dirty: Option<usize> = None;
    let mut pages_dirty: Option<usize> = None;
    let mut names_dirty: Option<usize> = None;
    for (at, call) in seen.iter().enumerate() {
        match call {
            Seen::Write { path, offset } if is_database(path) => {
                let meta = *offset < 2 * 16_384;
                if meta && let Some(page) = pages_dirty {
                    return Err(format!(
                        "call {at}: a meta is written, page write {page} is not synced"
                    ));
                }
                if meta && let Some(record) = log_dirty {
                    return Err(format!(
                        "call {at}: a meta is written, log write {record} is not synced"
                    ));
                }
                if !meta {
                    pages_dirty = Some(at);
                }
            }
            Seen::Write { path, .. } if is_log(path) => log_dirty = Some(at),
            Seen::Sync { path } if is_log(path) => log_dirty = None,
            Seen::Sync { path } if is_database(path) => pages_dirty = None,
            // Anything else that is synced is the directory, or a file that is renamed later.
            Seen::Sync { path } if Path::new(path).extension().is_none() => names_dirty = None,
            Seen::Rename | Seen::Create { .. } => names_dirty = Some(at),
            Seen::Say(line) if line.starts_with("ack") => {
                if let Some(record) = log_dirty {
                    return Err(format!("call {at}: {line:?} before log write {record} is synced"));
                }
                if let Some(name) = names_dirty {
                    return Err(format!(
                        "call {at}: {line:?} before the directory is synced after {name}"
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
