//! Where data sets lie on this machine.

use std::path::{Path, PathBuf};

use crate::recipe::{DataIdentity, DataSet, DataSettings, Part};

use super::{DataCopy, DataError, Set, Standing, cifar, covtype, descriptor, emoji, folder, higgs, imagenet, speech};

/// Folders that data sets are looked for in.
///
/// The folder given on the command line comes first, then the one that the environment variable `REPRO_DATA` names,
/// then the user's cache: `imix-repro/data` in `XDG_CACHE_HOME`, `~/.cache`, or `~/Library/Caches` on macOS. Inside
/// one, a set has the name people already have it under, such as `covtype/covtype.data.gz` or `cifar-10-batches-py`; a
/// root may also be such a file or folder itself. The first copy found is used. Files of ImageNet are listed once for each
/// library and its clones; what changes on the disk afterwards is not seen.
#[derive(Clone, Debug)]
pub struct Library {
    roots: Vec<PathBuf>,
    /// Of copies of ImageNet.
    listings: imagenet::Listings,
}

/// What there is of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Inventory {
    pub identity: DataIdentity,
    /// Training and test items, those of the subset if there is one.
    pub rows: (usize, usize),
    /// What the user should know of it before a run.
    pub warnings: Vec<String>,
}

impl Library {
    /// The library of this process, `data_option` being the value of `--data`.
    pub fn new(data_option: Option<&Path>) -> Library {
        let variable = std::env::var_os("REPRO_DATA").filter(|value| !value.is_empty()).map(PathBuf::from);
        Library::with_roots(data_option.map(Path::to_owned).into_iter().chain(variable).chain(cache()))
    }

    /// A library of these folders, in the order in which they are looked in.
    pub fn with_roots(roots: impl IntoIterator<Item = PathBuf>) -> Library {
        Library { roots: roots.into_iter().collect(), listings: imagenet::Listings::default() }
    }

    /// The folders, in the order in which they are looked in. The first is the one that data is fetched to.
    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// Every copy of a set, the one that is used first: root after root, and in each in the order of the set's layouts.
    pub fn copies(&self, set: DataSet) -> Vec<DataCopy> {
        let layouts = descriptor(set).layouts();
        self.roots.iter().flat_map(|root| layouts.iter().flat_map(|layout| layout.copies_in(root))).collect()
    }

    /// Names the content that settings ask for.
    ///
    /// # Errors
    /// As [`Library::inventory`].
    pub fn identity(&self, settings: &DataSettings) -> Result<DataIdentity, DataError> {
        self.inventory(settings).map(|inventory| inventory.identity)
    }

    /// Names the content that settings ask for and counts its items. Takes less than half a second for the largest
    /// tabular set and for extracted pictures; archives are read through. Of ImageNet's files names and sizes are read.
    ///
    /// # Errors
    /// The set is missing, is not the published one, or cannot be read by this build.
    pub fn inventory(&self, settings: &DataSettings) -> Result<Inventory, DataError> {
        match (settings.set, settings.part) {
            (DataSet::Covtype, part) => {
                let identity = match part {
                    Part::Embedded => covtype::identify_embedded(settings)?,
                    Part::Full => covtype::identify(&self.find(settings.set)?.path, settings)?,
                };
                let rows = match settings.subset {
                    None => covtype::rows(part),
                    Some(_) => self.load(settings)?.rows(),
                };
                Ok(Inventory { identity, rows, warnings: Vec::new() })
            }
            (DataSet::Higgs, Part::Full) => higgs::inventory(&self.find(settings.set)?.path, settings),
            (DataSet::Cifar10 | DataSet::Cifar100, Part::Full) => cifar::inventory(&self.find(settings.set)?, settings),
            (DataSet::Emoji | DataSet::EmojiGroups, Part::Embedded) => emoji::inventory(settings),
            (DataSet::ImageFolder, Part::Full) => folder::inventory(&self.roots, settings),
            (DataSet::ImageNet, Part::Full) => imagenet::inventory(&self.listings, &self.find(settings.set)?, settings),
            (DataSet::SpeechCommands | DataSet::SpeechCommandsV2 | DataSet::Fsdd, Part::Full) => {
                speech::inventory(settings, Some(&self.find(settings.set)?), &self.roots)
            }
            (DataSet::SyntheticSpeech, Part::Embedded) | (DataSet::SpeechFolder, Part::Full) => {
                speech::inventory(settings, None, &self.roots)
            }
            (set, part) => Err(DataError::NoSuchPart { set, part }),
        }
    }

    /// Names the published content without looking at any copy of it. It tells where the results of runs on it lie,
    /// also on a machine without the data.
    ///
    /// # Errors
    /// The set cannot be read by this build, or is one of those whose content has a name only once it has been read
    /// ([`DataError::UnknownContent`]): CIFAR, ImageNet and speech, of which any part is welcome, and folders of the
    /// user's own.
    pub fn published(settings: &DataSettings) -> Result<DataIdentity, DataError> {
        match (settings.set, settings.part) {
            (DataSet::Covtype, Part::Embedded) => covtype::identify_embedded(settings),
            (DataSet::Covtype, Part::Full) => covtype::identify_published(settings),
            (DataSet::Emoji | DataSet::EmojiGroups, Part::Embedded) => Ok(emoji::identity(settings)),
            (DataSet::SyntheticSpeech, Part::Embedded) => {
                speech::inventory(settings, None, &[]).map(|inventory| inventory.identity)
            }
            (
                set @ (DataSet::Higgs
                | DataSet::Cifar10
                | DataSet::Cifar100
                | DataSet::ImageFolder
                | DataSet::ImageNet
                | DataSet::SpeechCommands
                | DataSet::SpeechCommandsV2
                | DataSet::Fsdd
                | DataSet::SpeechFolder),
                Part::Full,
            ) => Err(DataError::UnknownContent { set }),
            (set, part) => Err(DataError::NoSuchPart { set, part }),
        }
    }

    /// Loads what settings ask for, checked against the published content where that is known.
    ///
    /// # Errors
    /// As [`Library::inventory`].
    pub fn load(&self, settings: &DataSettings) -> Result<Set, DataError> {
        let whole = match (settings.set, settings.part) {
            (DataSet::Covtype, Part::Embedded) => Set::Table(covtype::load_embedded(settings)?),
            (DataSet::Covtype, Part::Full) => Set::Table(covtype::load(&self.find(settings.set)?.path, settings)?),
            (DataSet::Higgs, Part::Full) => Set::Table(higgs::load(&self.find(settings.set)?.path, settings)?),
            (DataSet::Cifar10 | DataSet::Cifar100, Part::Full) => {
                Set::Images(cifar::load(&self.find(settings.set)?, settings)?)
            }
            (DataSet::Emoji | DataSet::EmojiGroups, Part::Embedded) => Set::Images(emoji::load(settings)?),
            (DataSet::ImageFolder, Part::Full) => Set::Images(folder::load(&self.roots, settings)?),
            (DataSet::ImageNet, Part::Full) => {
                Set::Images(imagenet::load(&self.listings, &self.find(settings.set)?, settings)?)
            }
            (DataSet::SpeechCommands | DataSet::SpeechCommandsV2 | DataSet::Fsdd, Part::Full) => {
                Set::Speech(speech::load(settings, Some(&self.find(settings.set)?), &self.roots)?)
            }
            (DataSet::SyntheticSpeech, Part::Embedded) | (DataSet::SpeechFolder, Part::Full) => {
                Set::Speech(speech::load(settings, None, &self.roots)?)
            }
            (set, part) => return Err(DataError::NoSuchPart { set, part }),
        };
        match &settings.subset {
            Some(subset) => whole.reduced(subset),
            None => Ok(whole),
        }
    }

    /// What a copy of a set is, as [`Library::verify`] says but for ImageNet, whose pictures are not decoded.
    ///
    /// # Errors
    /// As [`Library::verify`].
    pub fn standing(&self, set: DataSet, copy: &DataCopy) -> Result<Standing, DataError> {
        if set == DataSet::ImageNet { imagenet::count(&self.listings, copy) } else { self.verify(set, copy) }
    }

    /// Checks one copy of a set against what was published. Of ImageNet every picture is decoded.
    ///
    /// # Errors
    /// [`DataError::Altered`] if it reads as the set and is not what was published, [`DataError::Damaged`] or
    /// [`DataError::DamagedPictures`] if it does not read as the set.
    pub fn verify(&self, set: DataSet, copy: &DataCopy) -> Result<Standing, DataError> {
        match set {
            DataSet::Covtype => covtype::verify(&copy.path).map(|()| Standing::Official),
            DataSet::Higgs => higgs::verify(&copy.path),
            DataSet::Cifar10 | DataSet::Cifar100 => cifar::verify(copy, set),
            DataSet::ImageNet => imagenet::verify(copy),
            DataSet::SpeechCommands | DataSet::SpeechCommandsV2 | DataSet::Fsdd => {
                speech::verify(copy, descriptor(set))
            }
            // They have no layouts, and so no copies.
            DataSet::Emoji
            | DataSet::EmojiGroups
            | DataSet::ImageFolder
            | DataSet::SyntheticSpeech
            | DataSet::SpeechFolder => Err(DataError::UnknownContent { set }),
        }
    }

    fn find(&self, set: DataSet) -> Result<DataCopy, DataError> {
        let layouts = descriptor(set).layouts();
        self.copies(set).into_iter().next().ok_or_else(|| DataError::Missing {
            set,
            names: layouts.iter().filter_map(|layout| layout.paths.first()).map(|path| path.to_string()).collect(),
            looked_in: self.roots.clone(),
        })
    }
}

/// The user's cache of this program, where the platform has one.
fn cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Caches"))
    } else if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else {
        // The XDG specification has relative values ignored.
        folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))
    };
    base.map(|base| base.join("imix-repro").join("data"))
}
