//! The contract of the public API: every promise, limit and error that programs rely on, one test
//! each. Whoever changes one of these changes the interface.

mod care;
mod errors;
mod files;
mod history;
mod reading;
mod support;
mod time_travel;
mod writing;
