//! The contract of the public API: every promise, limit and error that programs rely on, one test
//! each. Whoever changes one of these changes the interface.

#![allow(unreachable_pub, reason = "a test binary: its modules share freely")]

mod care;
mod errors;
mod files;
mod history;
mod reading;
mod support;
mod time_travel;
mod writing;
