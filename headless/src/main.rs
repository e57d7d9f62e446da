//! The command line over the engine and the benchmarks.
fn main() {}
