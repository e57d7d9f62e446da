//! The program of every target: libFuzzer hands it bytes, its own name says what to do with them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    northstar_fuzz::run(env!("CARGO_BIN_NAME"), bytes);
});
