//! The ways in which a data set lies on disk, and finding a copy of it.

use std::fs;
use std::path::{Path, PathBuf};

/// A way in which a set lies on disk.
#[derive(Debug)]
pub struct Layout {
    pub form: Form,
    pub container: Container,
    /// Paths under a root, in the order in which they are tried.
    pub paths: &'static [&'static str],
    /// Names of the files or folders inside that hold training items; a `*` stands for any text.
    pub train: &'static [&'static str],
    /// Names of the files inside that hold test items.
    pub test: &'static [&'static str],
}

/// What the files hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines of numbers.
    Text,
    /// Records of fixed length.
    Binary,
    /// Python pickles.
    Python,
    Parquet,
    /// WAV files, one for each item.
    Wave,
    /// PNG or JPEG files, one for each item.
    Picture,
}

/// What a path of a layout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// One file, compressed or not.
    File,
    Folder,
    /// A compressed tar archive.
    Archive,
}

/// Which items a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Train,
    Test,
}

/// A copy of a set on this machine.
#[derive(Clone, Debug)]
pub struct DataCopy {
    pub path: PathBuf,
    pub layout: &'static Layout,
}

impl Layout {
    /// Which items the file of that name inside the container holds; none if it is no file of the set.
    pub(super) fn side(&self, name: &str) -> Option<Side> {
        let among = |names: &[&str]| names.iter().any(|pattern| matches(pattern, name));
        if among(self.train) { Some(Side::Train) } else { among(self.test).then_some(Side::Test) }
    }

    /// The copies under a root, which may also be a copy itself.
    pub(super) fn copies_in(&'static self, root: &Path) -> Vec<DataCopy> {
        let itself = self.paths.iter().any(|path| Path::new(path).file_name() == root.file_name());
        let below = self.paths.iter().map(|path| root.join(path));
        let candidates = itself.then(|| root.to_owned()).into_iter().chain(below);
        candidates.filter(|path| self.is_at(path)).map(|path| DataCopy { path, layout: self }).collect()
    }

    fn is_at(&self, path: &Path) -> bool {
        match self.container {
            Container::File | Container::Archive => path.is_file(),
            Container::Folder => fs::read_dir(path).is_ok_and(|entries| {
                entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(|name| self.side(name).is_some()))
            }),
        }
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(matches("train-*.parquet", "train-00000-of-00001.parquet"));
        assert!(!matches("train-*.parquet", "train-.parque"));
        assert!(!matches("ab*ba", "aba"), "the two ends must not overlap");
        assert!(matches("test_batch", "test_batch") && !matches("test_batch", "test_batch.bin"));
    }
}
