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
    /// A `Content-Length` and some bytes, and then the connection is reset.
    Reset(Arc<Vec<u8>>, usize),
    /// The bytes in blocks of 64 KiB, with a pause after each.
    Drip(Arc<Vec<u8>>, Duration),
    /// So many of the bytes, without a word about how many there are.
    Unmeasured(Arc<Vec<u8>>, usize),
    /// Noughts for ever, without a word about how many there are.
    Endless,
    /// A redirect to where it was asked.
    Circle,
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
        Answer::Reset(bytes, after) => {
            head(&mut stream, "200 OK", bytes.len(), "")?;
            stream.write_all(&bytes[..*after])?;
            reset(stream)
        }
        Answer::Drip(bytes, pause) => {
            let start = asked.from.unwrap_or(0).min(bytes.len());
            let range = format!("Content-Range: bytes {start}-{}/{}\r\n", bytes.len() - 1, bytes.len());
            let (status, range) = if start > 0 { ("206 Partial Content", range.as_str()) } else { ("200 OK", "") };
            head(&mut stream, status, bytes.len() - start, range)?;
            for block in bytes[start..].chunks(1 << 16) {
                stream.write_all(block)?;
                std::thread::sleep(*pause);
            }
            Ok(())
        }
        Answer::Unmeasured(bytes, after) => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            stream.write_all(&bytes[..*after])
        }
        Answer::Endless => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            // Until the client has had enough.
            loop {
                stream.write_all(&[0; 1 << 16])?;
            }
        }
        Answer::Circle => {
            let location = format!("Location: {}\r\n", asked.path);
            head(&mut stream, "302 Found", 0, &location)
        }
    }
}

/// Ends a connection in a way that the other side takes for a failure.
#[cfg(unix)]
fn reset(stream: TcpStream) -> std::io::Result<()> {
    use std::os::fd::AsRawFd;
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let (value, length) = (std::ptr::from_ref(&linger).cast(), size_of::<libc::linger>() as libc::socklen_t);
    // SAFETY: the descriptor is open, and the option is read from a value of its type that outlives the call.
    let set = unsafe { libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, value, length) };
    if set == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

#[cfg(not(unix))]
fn reset(stream: TcpStream) -> std::io::Result<()> {
    stream.shutdown(std::net::Shutdown::Both)
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
