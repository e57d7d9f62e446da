//! `northstar-headless`: the command line over the engine and the benchmarks.
//!
//! A library only so that tests can look at the argument tree and the pieces; programs use
//! `northstar-engine`. The contract with scripts: exit statuses in [`exit`], JSON field names in
//! `spec/cli_json_v0.md`.
//!
//! Never here: reading a database's bytes by another way than the engine's public API; printing data
//! otherwise than through [`output`].
#![forbid(unsafe_code)]

pub mod cli;
pub mod commands;
pub mod exit;
pub mod output;
