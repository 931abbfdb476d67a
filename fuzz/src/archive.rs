//! Tar archives of data sets.

use imix_repro::data::{Form, parse};
use imix_repro::recipe::{DataSet, DataSettings, Part, Silence, Speech, Split, Words};

const BLOCK: usize = 512;

/// Reads an uncompressed archive as that of every set that comes in one. Checksums of headers are put right first: what
/// is behind them would hardly be reached.
pub fn archive(bytes: &[u8]) {
    let bytes = mended(bytes);
    let read = |set, form, speech| {
        let settings = DataSettings { speech, ..DataSettings::of(set, Part::Full) };
        if let Ok((train, test)) = parse::archive(&settings, form, bytes.clone()) {
            assert!(train > 0 && test > 0);
        }
    };
    for set in [DataSet::Cifar10, DataSet::Cifar100] {
        read(set, Form::Binary, None);
        read(set, Form::Python, None);
    }
    let words = Speech { words: Some(Words::All), ..Speech::default() };
    let keywords = Speech { words: Some(Words::Keywords), silence: Some(Silence::Zeros), ..Speech::default() };
    read(DataSet::SpeechCommands, Form::Wave, Some(words));
    read(DataSet::SpeechCommandsV2, Form::Wave, Some(keywords));
    for split in [Split::Takes, Split::Speakers] {
        read(DataSet::Fsdd, Form::Wave, Some(Speech { split: Some(split), ..Speech::default() }));
    }
}

/// An archive with the right checksum in each header.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(header) = bytes.get_mut(at..at + BLOCK) {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        let is_header = sum > 8 * u32::from(b' ');
        header[148..156].copy_from_slice(if is_header { format!("{sum:06o}\0 ") } else { "\0".repeat(8) }.as_bytes());
        let size =
            std::str::from_utf8(&header[124..136]).map(|size| size.trim_matches(['\0', ' '])).unwrap_or_default();
        let size = usize::from_str_radix(size, 8).unwrap_or(0);
        let Some(next) = size.checked_next_multiple_of(BLOCK).and_then(|size| at.checked_add(BLOCK + size)) else {
            break;
        };
        at = next;
    }
    bytes
}
