//! One HTTP transfer into a `.part` file.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::http::{Response, header};
use ureq::{Agent, Body};

use crate::data::PublishedFile;

use super::{FetchError, Progress};

const BLOCK: usize = 1 << 16;

pub(super) struct Transfer {
    agent: Agent,
    part: PathBuf,
    /// Bytes of the file as published.
    expected: u64,
    /// Whether only that very file will do, and not the same content compressed otherwise.
    exactly: bool,
}

/// `Content-Range: bytes FIRST-LAST/TOTAL`, or `bytes */TOTAL`.
#[derive(Debug, Default, PartialEq, Eq)]
struct ContentRange {
    first: Option<u64>,
    total: Option<u64>,
}

impl ContentRange {
    fn parse(text: &str) -> ContentRange {
        let Some((range, total)) = text.trim().strip_prefix("bytes").and_then(|rest| rest.trim().split_once('/'))
        else {
            return ContentRange::default();
        };
        let first = range.split_once('-').and_then(|(first, _)| first.trim().parse().ok());
        ContentRange { first, total: total.trim().parse().ok() }
    }
}

impl Transfer {
    pub fn new(file: &PublishedFile, part: &Path, stall: Duration) -> Transfer {
        let agent = Agent::config_builder()
            .timeout_resolve(Some(stall))
            .timeout_connect(Some(stall))
            .timeout_per_read(Some(stall))
            .timeout_per_write(Some(stall))
            .http_status_as_error(false)
            .user_agent(concat!("imix-repro/", env!("CARGO_PKG_VERSION")))
            // Ranges count the bytes that are sent: they must be those of the file.
            .accept_encoding("identity")
            .build()
            .new_agent();
        Transfer { agent, part: part.to_owned(), expected: file.bytes, exactly: file.content.is_none() }
    }

    pub fn part(&self) -> &Path {
        &self.part
    }

    /// Bytes already there.
    pub fn have(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |metadata| metadata.len())
    }

    /// Asks for what is missing and appends it, or starts over where the server does not resume.
    pub fn run(&self, url: &str, progress: &mut dyn Progress) -> Result<(), FetchError> {
        let have = self.have();
        let mut request = self.agent.get(url);
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        let response = request.call().map_err(|error| network(url, error))?;
        let range = text(&response, header::CONTENT_RANGE).map(ContentRange::parse).unwrap_or_default();
        match response.status().as_u16() {
            200 => {
                let total = text(&response, header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
                self.receive(url, response, 0, total, progress)
            }
            206 if range.first == Some(have) => self.receive(url, response, have, range.total, progress),
            // Nothing is missing; whether it is right the checksum tells.
            416 if range.total == Some(have) && have > 0 => Ok(()),
            206 | 416 => {
                self.discard()?;
                Err(FetchError::Mismatch { url: url.to_owned(), have })
            }
            status => Err(FetchError::Status { url: url.to_owned(), status }),
        }
    }

    fn receive(
        &self,
        url: &str,
        response: Response<Body>,
        mut have: u64,
        total: Option<u64>,
        progress: &mut dyn Progress,
    ) -> Result<(), FetchError> {
        let is_other = |total: &u64| match self.exactly {
            true => *total != self.expected,
            // Nothing compresses it twice as well; where nothing is at hand its checksum tells more.
            false => self.have() > 0 && *total < self.expected / 2,
        };
        if let Some(found) = total.filter(is_other) {
            // An error page, for instance: what came before may well be good, and stays.
            return Err(FetchError::Length { url: url.to_owned(), expected: self.expected, found });
        }
        self.check_length(url, total.unwrap_or(0))?;
        let disk = || FetchError::disk(&self.part);
        let mut part = if have > 0 { File::options().append(true).open(&self.part) } else { File::create(&self.part) }
            .map_err(disk())?;
        progress.start(url, have, total);
        let mut body = response.into_body().into_reader();
        let mut block = vec![0; BLOCK];
        loop {
            let length = match body.read(&mut block) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(interrupted(url, have, total, &error)),
            };
            have += length as u64;
            self.check_length(url, have)?;
            part.write_all(&block[..length]).map_err(disk())?;
            progress.advance(have);
        }
        part.sync_all().map_err(disk())?;
        match total {
            Some(total) if have != total => Err(FetchError::Short { url: url.to_owned(), have, total }),
            // A server that does not say how much there is may break off unseen.
            None if have < self.expected => Err(FetchError::Short { url: url.to_owned(), have, total: self.expected }),
            _ => Ok(()),
        }
    }

    /// Keeps a wrong address from filling the disk. The same content may be compressed less well.
    fn check_length(&self, url: &str, found: u64) -> Result<(), FetchError> {
        if found <= 2 * self.expected {
            return Ok(());
        }
        self.discard()?;
        Err(FetchError::TooLong { url: url.to_owned(), expected: self.expected, found })
    }

    fn discard(&self) -> Result<(), FetchError> {
        match fs::remove_file(&self.part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FetchError::disk(&self.part)(error)),
            _ => Ok(()),
        }
    }
}

fn text(response: &Response<Body>, name: header::HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

fn network(url: &str, error: ureq::Error) -> FetchError {
    FetchError::Network { url: url.to_owned(), reason: error.to_string() }
}

fn interrupted(url: &str, have: u64, total: Option<u64>, error: &io::Error) -> FetchError {
    match (error.kind(), total) {
        (io::ErrorKind::UnexpectedEof, Some(total)) => FetchError::Short { url: url.to_owned(), have, total },
        _ => FetchError::Network { url: url.to_owned(), reason: format!("{error} after {have} bytes") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_read_or_left() {
        let read = |text| {
            let ContentRange { first, total } = ContentRange::parse(text);
            (first, total)
        };
        assert_eq!(read("bytes 10-99/100"), (Some(10), Some(100)));
        assert_eq!(read("bytes 10-99/*"), (Some(10), None));
        assert_eq!(read("bytes */100"), (None, Some(100)));
        assert_eq!(read("items 10-99/100"), (None, None));
        assert_eq!(read("bytes"), (None, None));
    }
}
