//! The zip archive that `torch.save` writes: `NAME/data.pkl` beside one file for each storage, `NAME/data/KEY`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{Cursor, Read};

use zip::{CompressionMethod, ZipArchive};

use super::error::{Fault, shortened};

/// An archive in memory. Members are checked against their CRC as they are read.
pub struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    bytes: usize,
    /// What every name begins with, with its slash.
    root: String,
}

impl<'a> Archive<'a> {
    pub fn open(bytes: &'a [u8]) -> Result<Archive<'a>, Fault> {
        let zip = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| Fault::new(format!("a zip archive that cannot be read ({error})"), WHOLE))?;
        if zip.len() > MEMBERS {
            return Err(Fault::new(
                format!("{} members", zip.len()),
                format!("at most {MEMBERS}, as torch.save writes"),
            ));
        }
        let mut root = None;
        for name in zip.file_names() {
            let name = name.map_err(|error| Fault::new(error.to_string(), WHOLE))?;
            if name.starts_with(['/', '\\']) || name.split(['/', '\\']).any(|part| part == "..") {
                let found = format!("member `{}`, a path that leads out of the archive", shortened(&name));
                return Err(Fault::new(found, WHOLE));
            }
            if let Some(start) = name.strip_suffix("data.pkl")
                && (start.is_empty() || start.ends_with('/'))
            {
                root = Some(start.to_owned());
            }
        }
        let root = root.ok_or_else(|| Fault::new("a zip archive without data.pkl", "what torch.save writes"))?;
        Ok(Archive { zip, bytes: bytes.len(), root })
    }

    /// The pickled object.
    pub fn pickle(&mut self) -> Result<Vec<u8>, Fault> {
        if let Ok(order) = self.member("byteorder")
            && order != b"little"
        {
            let found = shortened(&String::from_utf8_lossy(&order));
            return Err(Fault::new(format!("byte order `{found}`"), "`little`: save it again on such a machine"));
        }
        self.member("data.pkl")
    }

    /// Storages by their keys, each read once.
    pub fn storages<'k>(&mut self, keys: impl Iterator<Item = &'k str>) -> Result<HashMap<&'k str, Vec<u8>>, Fault> {
        let mut storages = HashMap::new();
        let mut total = 0;
        for key in keys {
            if let Entry::Vacant(place) = storages.entry(key) {
                let storage = self.member(&format!("data/{key}"))?;
                total += storage.len();
                // Members may be made to share their bytes; storages never do.
                if total > self.bytes {
                    return Err(Fault::new("more bytes in members than in the file", WHOLE));
                }
                place.insert(storage);
            }
        }
        Ok(storages)
    }

    fn member(&mut self, name: &str) -> Result<Vec<u8>, Fault> {
        let name = format!("{}{name}", self.root);
        let shown = shortened(&name);
        let damaged = |error: &dyn std::fmt::Display| Fault::new(format!("member `{shown}`: {error}"), WHOLE);
        let member = self.zip.by_name(&name).map_err(|error| damaged(&error))?;
        if !member.is_file() {
            return Err(Fault::new(format!("member `{shown}`, which is a link or a folder"), WHOLE));
        }
        if member.compression() != CompressionMethod::Stored {
            let found = format!("member `{shown}` compressed by {}", member.compression());
            return Err(Fault::new(found, "members that are stored as they are, as torch.save does"));
        }
        // The declared size is only a claim; what is stored cannot be longer than the file.
        let mut bytes = Vec::with_capacity(usize::try_from(member.size()).unwrap_or(usize::MAX).min(self.bytes));
        member.take(self.bytes as u64 + 1).read_to_end(&mut bytes).map_err(|error| damaged(&error))?;
        Ok(bytes)
    }
}

/// More than any network has parameters.
const MEMBERS: usize = 1 << 16;
const WHOLE: &str = "a whole file as torch.save writes it: copy or download it again";
