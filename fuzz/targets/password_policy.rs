//! See `strongroom::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| strongroom::fuzzing::run("password_policy", data));
