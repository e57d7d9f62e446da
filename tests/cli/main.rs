//! The command line as its users meet it: every test runs the real binary in a folder of its own.
//!
//! [`support`] runs it; one module a theme. Goldens: `goldens/cli`, renewed with `NORTHSTAR_BLESS=1`.

mod bench;
mod cartridge;
mod damage;
mod help;
mod json;
mod kill;
mod load;
mod queue;
mod rows;
#[cfg(unix)]
mod signals;
mod support;
mod terminal;
