use std::process::ExitCode;

// Memory that a training step frees is the memory that the next one asks for: keep it mapped.
#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    imix_repro::cli::main()
}
