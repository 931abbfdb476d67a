//! Workers as processes of this program.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use super::protocol::{from_line, to_line};
use super::{Event, Launcher, Reply, Report, Reports, Request, WorkerHandle};

/// Lines of a worker's stderr that are kept to explain its end.
const KEPT_LINES: usize = 12;

/// Environment variables of every process that does work. candle's pool for elementwise operations spins, and costs small
/// tensors far more than it gives.
pub const WORKER_ENVIRONMENT: [(&str, &str); 1] = [("CANDLE_NUM_THREADS", "1")];

/// Starts `PROGRAM worker`.
#[derive(Clone, Debug)]
pub struct WorkerProcesses {
    program: PathBuf,
}

impl WorkerProcesses {
    pub fn new(program: PathBuf) -> WorkerProcesses {
        WorkerProcesses { program }
    }
}

impl Launcher for WorkerProcesses {
    fn launch(&mut self, worker: u64, reports: Reports) -> io::Result<Box<dyn WorkerHandle>> {
        let mut command = Command::new(&self.program);
        command
            .arg("worker")
            .envs(WORKER_ENVIRONMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // A process group of its own keeps the terminal's Ctrl-C away: the run decides what its workers do.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let stderr = stderr.map(|stderr| std::thread::spawn(move || last_lines(BufReader::new(stderr))));
        if let Some(stdout) = stdout {
            std::thread::spawn(move || listen(worker, BufReader::new(stdout), &reports));
        }
        Ok(Box::new(WorkerProcess { child, stdin, stderr }))
    }
}

/// Passes on what a worker says until it is gone.
fn listen(worker: u64, output: impl BufRead, reports: &Reports) {
    for line in output.lines() {
        let Ok(line) = line else { break };
        let reply = from_line(&line)
            .unwrap_or_else(|_| Reply::Event(Event::Warning(format!("a worker process printed: {line}"))));
        if reports.send(Report::Said { worker, reply }).is_err() {
            return;
        }
    }
    // The scheduler may have ended before its last worker.
    let _ = reports.send(Report::Gone { worker });
}

fn last_lines(output: impl BufRead) -> Vec<String> {
    let mut kept = VecDeque::new();
    for line in output.split(b'\n') {
        let Ok(line) = line else { break };
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(String::from_utf8_lossy(&line).into_owned());
    }
    kept.into()
}

struct WorkerProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    stderr: Option<JoinHandle<Vec<String>>>,
}

impl WorkerHandle for WorkerProcess {
    fn send(&mut self, request: &Request) -> io::Result<()> {
        let line = to_line(request).map_err(io::Error::other)?;
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(line.as_bytes())?;
        stdin.flush()
    }

    fn kill(&mut self) {
        // It fails only where the process has ended already.
        let _ = self.child.kill();
    }

    fn obituary(&mut self) -> String {
        self.stdin = None;
        let how = match self.child.wait() {
            Ok(status) => describe(status),
            Err(error) => format!("ended, and its status cannot be had: {error}"),
        };
        let lines = self.stderr.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
        let said = lines.join("\n");
        let said = said.trim();
        if said.is_empty() { format!("the worker process {how}") } else { format!("the worker process {how}: {said}") }
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.child.wait();
    }
}

fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let hint = if signal == 9 { ", perhaps for want of memory" } else { "" };
        return format!("was killed by signal {signal}{hint}");
    }
    match status.code() {
        Some(code) => format!("ended with exit code {code}"),
        None => "ended without an exit code".to_owned(),
    }
}
