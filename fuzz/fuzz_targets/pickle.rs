#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| imix_repro_fuzz::pickle(bytes));
