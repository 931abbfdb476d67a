//! A small HTTP server that answers as it is told, and remembers what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How the server answers one request.
#[derive(Clone)]
pub enum Answer {
    /// The bytes, or from a position if a range is asked for, cut after so many bytes if given.
    Serve {
        bytes: Arc<Vec<u8>>,
        ranges: bool,
        cut: Option<usize>,
    },
    Status(u16, &'static str, String),
    /// A 206 that starts at a position of its own.
    WrongRange(Arc<Vec<u8>>, usize),
    /// A `Content-Length` and some bytes, and then nothing for ever.
    Stall(Arc<Vec<u8>>, usize),
    /// Takes the connection and never answers.
    Silence,
}

impl Answer {
    pub fn whole(bytes: &Arc<Vec<u8>>) -> Answer {
        Answer::Serve { bytes: bytes.clone(), ranges: true, cut: None }
    }

    pub fn cut(bytes: &Arc<Vec<u8>>, after: usize) -> Answer {
        Answer::Serve { bytes: bytes.clone(), ranges: true, cut: Some(after) }
    }

    pub fn without_ranges(bytes: &Arc<Vec<u8>>) -> Answer {
        Answer::Serve { bytes: bytes.clone(), ranges: false, cut: None }
    }
}

/// A request as it came: its path and the position it asks to start from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub path: String,
    pub from: Option<usize>,
}

pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Gives the answers in order, the last one for ever.
    pub fn start(answers: Vec<Answer>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a local port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let answer = answers[index.min(answers.len() - 1)].clone();
                let log = log.clone();
                // A client that hangs up early is part of the play.
                std::thread::spawn(move || stream.and_then(|stream| respond(stream, &answer, &log)));
            }
        });
        Server { url, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic while locked").clone()
    }

    /// The positions asked for, in order.
    pub fn ranges(&self) -> Vec<Option<usize>> {
        self.asked().into_iter().map(|asked| asked.from).collect()
    }
}

fn respond(mut stream: TcpStream, answer: &Answer, log: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let asked = request(&stream)?;
    log.lock().expect("no panic while locked").push(asked.clone());
    match answer {
        Answer::Serve { bytes, ranges, cut } => {
            let total = bytes.len();
            let start = asked.from.filter(|_| *ranges).unwrap_or(0);
            if start >= total {
                return head(
                    &mut stream,
                    "416 Range Not Satisfiable",
                    0,
                    &format!("Content-Range: bytes */{total}\r\n"),
                );
            }
            let body = &bytes[start..];
            if start > 0 {
                let range = format!("Content-Range: bytes {start}-{}/{total}\r\n", total - 1);
                head(&mut stream, "206 Partial Content", body.len(), &range)?;
            } else {
                head(&mut stream, "200 OK", body.len(), "")?;
            }
            stream.write_all(&body[..cut.unwrap_or(body.len()).min(body.len())])
        }
        Answer::Status(status, reason, headers) => head(&mut stream, &format!("{status} {reason}"), 0, headers),
        Answer::WrongRange(bytes, start) => {
            let range = format!("Content-Range: bytes {start}-{}/{}\r\n", bytes.len() - 1, bytes.len());
            head(&mut stream, "206 Partial Content", bytes.len() - start, &range)?;
            stream.write_all(&bytes[*start..])
        }
        Answer::Stall(bytes, after) => {
            head(&mut stream, "200 OK", bytes.len(), "")?;
            stream.write_all(&bytes[..*after])?;
            stream.flush()?;
            std::thread::sleep(Duration::from_secs(600));
            Ok(())
        }
        Answer::Silence => {
            std::thread::sleep(Duration::from_secs(600));
            Ok(())
        }
    }
}

fn head(stream: &mut TcpStream, status: &str, length: usize, headers: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n")
}

fn request(stream: &TcpStream) -> std::io::Result<Asked> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut from = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
    }
    Ok(Asked { path, from })
}
