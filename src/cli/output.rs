//! Where words go: results to stdout, everything else to stderr.

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a result could not be written to stdout.
static LOST: AtomicBool = AtomicBool::new(false);

/// The two streams of a command.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    quiet: bool,
}

impl Output {
    pub fn new(quiet: bool) -> Output {
        Output { quiet }
    }

    /// A line of the result, on stdout. Where nobody reads on, as behind `head`, the work goes on without words.
    pub fn result(&self, text: impl AsRef<str>) {
        let written = writeln!(std::io::stdout().lock(), "{}", text.as_ref());
        if let Err(error) = written.and_then(|()| std::io::stdout().flush())
            && error.kind() != ErrorKind::BrokenPipe
            && !LOST.swap(true, Ordering::Relaxed)
        {
            self.error(&anyhow::Error::new(error).context("cannot write the result to stdout"));
        }
    }

    /// Whether a result could not be written, other than for want of a reader.
    pub fn lost_a_result(&self) -> bool {
        LOST.load(Ordering::Relaxed)
    }

    /// A line about what goes on, on stderr; silent with `--quiet`.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
        }
    }

    /// An error with its causes, on stderr, always.
    pub fn error(&self, error: &anyhow::Error) {
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "error: {error}");
        for cause in error.chain().skip(1) {
            let _ = writeln!(stderr, "  caused by: {cause}");
        }
    }

    pub fn quiet(&self) -> bool {
        self.quiet
    }

    /// Whether stderr takes progress bars.
    pub fn interactive(&self) -> bool {
        !self.quiet && std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    /// Whether stdout takes colour.
    pub fn colour(&self) -> bool {
        std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }
}
