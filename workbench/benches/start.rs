//! How fast the program is there and gone, and what it takes, on a sparse file of 10 GiB.
//!
//! `cargo bench -p northstar --bench start` runs the real program in a pseudo-terminal and prints the time
//! from the start of the process to its first whole frame, from `q` to its end, and its peak memory
//! (Linux) after it has looked at the file for two seconds. Fails when a median is over its bar:
//! 50 ms, 100 ms, 64 MiB.

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_northstar");
const RUNS: usize = 9;
const FIRST_FRAME_MS: f64 = 50.0;
const QUIT_MS: f64 = 100.0;
const PEAK_MIB: f64 = 64.0;
const FILE_BYTES: u64 = 10 << 30;
/// How long it looks at the file before its memory is read.
const LOOK: Duration = Duration::from_secs(2);

/// What one run took.
struct Run {
    first_frame_ms: f64,
    quit_ms: f64,
    peak_mib: Option<f64>,
}

fn main() -> ExitCode {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("sparse.ns");
    let file = std::fs::File::create(&path).expect("the file is made");
    file.set_len(FILE_BYTES).expect("a sparse file");
    let path = path.to_str().expect("a printable path");
    let runs: Vec<Run> = (0..RUNS).map(|_| run(path)).collect();
    println!("10 GiB, sparse, {RUNS} runs{:>22}{:>10}{:>10}", "median", "longest", "bar");
    let first = runs.iter().map(|run| run.first_frame_ms).collect();
    let quit = runs.iter().map(|run| run.quit_ms).collect();
    let peak: Vec<f64> = runs.iter().filter_map(|run| run.peak_mib).collect();
    let mut fine = line("first frame, ms", first, FIRST_FRAME_MS);
    fine &= line("quit, ms", quit, QUIT_MS);
    fine &= peak.is_empty() || line("peak memory, MiB", peak, PEAK_MIB);
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn line(name: &str, mut values: Vec<f64>, bar: f64) -> bool {
    values.sort_by(f64::total_cmp);
    let (median, max) = (values[values.len() / 2], values[values.len() - 1]);
    let mark = if median < bar { "" } else { "  over the bar" };
    println!("{name:<36}{median:>10.1}{max:>10.1}{bar:>10.1}{mark}");
    median < bar
}

fn run(path: &str) -> Run {
    let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
    let mut command = CommandBuilder::new(BINARY);
    command.arg(path);
    command.env("TERM", "xterm-256color");
    let mut reader = pair.master.try_clone_reader().expect("a reader");
    let mut writer = pair.master.take_writer().expect("a writer");
    let (sender, frames) = channel();
    let start = Instant::now();
    let mut child = pair.slave.spawn_command(command).expect("northstar starts");
    std::thread::spawn(move || {
        let mut screen = vt100::Parser::new(24, 80, 0);
        let mut bytes = [0; 65536];
        while let Ok(count) = reader.read(&mut bytes) {
            screen.process(&bytes[..count]);
            let whole = screen.screen().contents().contains("? help");
            if count == 0 || whole && sender.send(Instant::now()).is_err() {
                return;
            }
        }
    });
    let first_frame = first(&frames).duration_since(start);
    std::thread::sleep(LOOK);
    let peak_mib = child.process_id().and_then(peak);
    let asked = Instant::now();
    writer.write_all(b"q").expect("a key is sent");
    writer.flush().expect("a key is sent");
    let status = child.wait().expect("the child is waited for");
    assert!(status.success(), "it quits");
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    Run { first_frame_ms: ms(first_frame), quit_ms: ms(asked.elapsed()), peak_mib }
}

fn first(frames: &Receiver<Instant>) -> Instant {
    frames.recv_timeout(Duration::from_secs(30)).expect("a first frame")
}

/// Most memory a process has had resident.
fn peak(id: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}
