#![no_main]

use std::sync::Once;

static HOOK: Once = Once::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // The program catches panics of the library it reads parquet with; the fuzzer's own hook would end it at the first.
    HOOK.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    imix_repro_fuzz::cifar_parquet(bytes);
});
