//! Benchmarks: one library, two faces.
