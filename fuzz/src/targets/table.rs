//! The targets of the engine: name, what it does with bytes, and seeds that reach its depth.
//!
//! A body returns when all answers were right data or typed errors, and panics otherwise. Bodies are
//! deterministic, touch no file, and bound the work an input can ask for.

mod cartridge;
mod image;
mod input;
mod log;
mod ops;
mod page;
mod text;

/// A target.
pub struct Target {
    /// Its name, and that of its program.
    pub name: &'static str,
    /// What it does with an input.
    pub body: fn(&[u8]),
    /// Inputs to start from, made from what the engine itself writes.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them; `load.rs` has those of the command line.
pub const TARGETS: &[Target] = &[
    Target { name: "open_image", body: image::open, seeds: image::whole_files },
    Target { name: "open_image_restamp", body: image::open_restamped, seeds: image::changes },
    Target { name: "inspect_any", body: image::inspect, seeds: image::whole_files },
    Target { name: "page_decode", body: page::decode, seeds: page::seeds },
    Target { name: "log_scan", body: log::scan, seeds: log::seeds },
    Target { name: "replay", body: log::replay, seeds: log::changes },
    Target { name: "ops_vs_model", body: ops::against_model, seeds: ops::programs },
    Target { name: "ops_crash", body: ops::crashed, seeds: ops::crashes },
    Target { name: "cartridge_open", body: cartridge::open, seeds: cartridge::seeds },
    Target { name: "render_escape", body: text::escape, seeds: text::escape_seeds },
    Target { name: "key_separator_order", body: text::separators, seeds: text::key_seeds },
];
