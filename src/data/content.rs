//! The uncompressed content of a file and its digest.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::recipe::DataSet;

use super::{DataError, Fault, PublishedContent, PublishedFile};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BLOCK: usize = 1 << 18;

/// Uncompressed content.
pub(super) struct Content {
    pub bytes: Vec<u8>,
    /// SHA-256 in hex.
    pub digest: String,
}

/// Reads a file whole, compressed or not: its first bytes tell, not its name, since browsers uncompress what they
/// fetch and keep the name.
///
/// Content of more than twice the published size is taken for damaged, so that no file can fill the memory.
pub(super) fn read(set: DataSet, path: &Path, published: &PublishedContent) -> Result<Content, DataError> {
    let limit = 2 * published.bytes;
    let mut bytes = Vec::with_capacity(published.bytes as usize);
    let digest = stream(set, path, |block| {
        bytes.extend_from_slice(block);
        bytes.len() as u64 <= limit
    })?;
    if bytes.len() as u64 > limit {
        let expected = format!("the end of the content after {} bytes", published.bytes);
        return Err(Fault::new(format!("byte {}", limit + 1), expected, "more content").in_file(set, path));
    }
    Ok(Content { bytes, digest })
}

/// Checks that a file holds what was published: the very file, known by its checksum, or the same content compressed
/// otherwise. Says what it holds if not.
pub(super) fn check(set: DataSet, path: &Path, file: &PublishedFile) -> Result<Result<(), String>, DataError> {
    let length = std::fs::metadata(path).map_err(DataError::read(path))?.len();
    let raw = if length == file.bytes { raw_digest(path)? } else { String::new() };
    if raw == file.sha256 {
        return Ok(Ok(()));
    }
    match &file.content {
        Some(content) => {
            let (limit, mut length) = (2 * content.bytes, 0);
            let digest = stream(set, path, |block| {
                length += block.len() as u64;
                length <= limit
            })?;
            Ok(match digest {
                _ if length > limit => Err(format!("more than {limit} bytes of content")),
                digest if digest == content.sha256 => Ok(()),
                digest => Err(format!("content with SHA-256 {digest}")),
            })
        }
        None if raw.is_empty() => Ok(Err(format!("{length} bytes"))),
        None => Ok(Err(format!("SHA-256 {raw}"))),
    }
}

/// Gives the content block by block to `take` until it answers no; the digest is that of the blocks given.
pub(super) fn stream(set: DataSet, path: &Path, mut take: impl FnMut(&[u8]) -> bool) -> Result<String, DataError> {
    let mut reader = open(path)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK];
    let mut lines = 0;
    loop {
        let length = match reader.read(&mut block) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if from_decoder(&error) => {
                let place = format!("line {} of the uncompressed content", lines + 1);
                return Err(Fault::new(place, "gzip data to its end", trouble(&error)).in_file(set, path));
            }
            Err(source) => return Err(DataError::read(path)(source)),
        };
        let block = &block[..length];
        lines += block.iter().filter(|byte| **byte == b'\n').count();
        hasher.update(block);
        if !take(block) {
            break;
        }
    }
    Ok(hex(&hasher.finalize()))
}

pub(super) fn open(path: &Path) -> Result<Box<dyn Read>, DataError> {
    let mut file = File::open(path).map_err(DataError::read(path))?;
    let mut head = Vec::new();
    Read::by_ref(&mut file).take(2).read_to_end(&mut head).map_err(DataError::read(path))?;
    let compressed = head == GZIP_MAGIC;
    let whole = BufReader::with_capacity(BLOCK, Cursor::new(head).chain(file));
    Ok(if compressed { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}

/// What is wrong with compressed data that cannot be read on.
pub(super) fn trouble(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "an end in its middle: the file is cut short".to_owned(),
        _ => format!("damaged data ({error})"),
    }
}

/// Errors of the decompressor carry no code of the operating system; those of the disk do.
pub(super) fn from_decoder(error: &io::Error) -> bool {
    error.raw_os_error().is_none()
}

fn raw_digest(path: &Path) -> Result<String, DataError> {
    let mut file = File::open(path).map_err(DataError::read(path))?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(hex(&hasher.finalize())),
            Ok(length) => hasher.update(&block[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(DataError::read(path)(source)),
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
