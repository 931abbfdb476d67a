//! Archives that reach out of their folder, that lie about sizes, or that hold far more than they seem to.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::bench::{Bench, Ran};
use crate::tally::{Figures, family};

/// Most memory of the program, in KiB: what it takes for the largest sound file, and some more.
const MEMORY: i64 = 700 << 10;

/// Sets that are read from archives: name, place of the archive, and a file that the set has.
const SETS: [(&str, &str, &str); 4] = [
    ("cifar10", "cifar10/cifar-10-binary.tar.gz", "cifar-10-batches-bin/data_batch_1.bin"),
    ("cifar100", "cifar100/cifar-100-python.tar.gz", "cifar-100-python/train"),
    ("speech-commands", "speech-commands/speech_commands_v0.01.tar.gz", "./yes/0a7c2a8d_nohash_0.wav"),
    (
        "fsdd",
        "fsdd/free-spoken-digit-dataset-1.0.9.tar.gz",
        "free-spoken-digit-dataset-1.0.9/recordings/0_jackson_0.wav",
    ),
];

type Archive = Builder<GzEncoder<Vec<u8>>>;
type Zip = ZipWriter<Cursor<Vec<u8>>>;

fn archive(fill: impl FnOnce(&mut Archive)) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    fill(&mut builder);
    builder.into_inner().unwrap().finish().unwrap()
}

/// A header with a name as it is, whatever the crate thinks of it.
fn header(name: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    if matches!(kind, EntryType::Symlink | EntryType::Link) {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    header
}

fn noughts(archive: &mut Archive, name: &str, kind: EntryType, size: u64) {
    archive.append(&header(name, kind, size), std::io::Read::take(std::io::repeat(0), size)).unwrap();
}

/// Archives with the entry or the archive's own fault that has to be told.
fn hostile(member: &str) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let (folder, name) = member.rsplit_once('/').unwrap();
    let outside =
        [format!("../{name}"), format!("{folder}/../../../{name}"), format!("/tmp/{name}"), format!("//{name}")];
    for path in outside {
        all.push((format!("entry `{path}`"), archive(|archive| noughts(archive, &path, EntryType::Regular, 9))));
    }
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Block, EntryType::Fifo] {
        all.push((format!("entry `{member}`"), archive(|archive| noughts(archive, member, kind, 0))));
        // Also where the set has no use for the entry.
        all.push(("entry `extra`".to_owned(), archive(|archive| noughts(archive, "extra", kind, 0))));
    }
    for name in [member, "extra"] {
        let bomb = archive(|archive| noughts(archive, name, EntryType::Regular, 200 << 20));
        all.push(("times the bytes of the archive".to_owned(), bomb));
    }
    // A size that is never reached, a long name and an extended header that would fill the memory.
    all.push((
        "cut short".to_owned(),
        archive(|archive| {
            archive.get_mut().write_all(header(member, EntryType::Regular, 1 << 34).as_bytes()).unwrap();
            archive.get_mut().write_all(&[1; 4096]).unwrap();
        }),
    ));
    for kind in [EntryType::GNULongName, EntryType::XHeader, EntryType::GNULongLink] {
        let long = archive(|archive| noughts(archive, "././@LongLink", kind, 40 << 20));
        all.push(("too much in one place".to_owned(), long));
    }
    all
}

/// What the program said, and the most memory it took in KiB.
fn measured(mut command: Command) -> (Ran, i64) {
    let folder = tempfile::tempdir().unwrap();
    let files = ["stdout", "stderr"].map(|name| folder.path().join(name));
    let [stdout, stderr] = files.each_ref().map(|path| Stdio::from(fs::File::create(path).unwrap()));
    let mut child = command.stdout(stdout).stderr(stderr).spawn().unwrap();
    let mut status = 0;
    // SAFETY: all noughts are a value of this type of plain numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the child is ours and nobody else waits for it; both places are valid for writing.
    let waited = unsafe { libc::wait4(child.id() as libc::pid_t, &mut status, 0, &mut usage) };
    assert_eq!(waited, child.id() as libc::pid_t);
    // It has ended: this only lets go of it.
    let _ = child.wait();
    let [stdout, stderr] = files.map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned());
    (Ran { code: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)), stdout, stderr }, usage.ru_maxrss)
}

/// Lets the program read a file, which it has to refuse by its name and with these words.
fn refuse(command: Command, code: i32, path: &Path, words: &str, figures: &mut Figures) {
    let fault = format!("{words} in {}", path.display());
    figures.faults += 1;
    let (ran, memory) = measured(command);
    figures.ended(&ran, &[code], &fault);
    figures.named(&ran, &path.file_name().unwrap().to_string_lossy(), &fault);
    figures.named(&ran, words, &fault);
    if memory > MEMORY {
        figures.crashes += 1;
        figures.note(format!("{fault}: took {} MiB", memory >> 10));
    }
}

#[test]
fn hostile_archives_are_refused() {
    family("archives", |figures| {
        let bench = Bench::new(1);
        for (set, place, member) in SETS {
            let path = bench.path("data").join(place);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            for (words, bytes) in hostile(member) {
                fs::write(&path, bytes).unwrap();
                refuse(bench.repro(&["data", "verify", set, "--data", "data"]), 1, &path, &words, figures);
            }
        }
        many_entries(&bench, figures);
        tables(&bench, figures);
        checkpoints(&bench, figures);
        let left: Vec<PathBuf> = fs::read_dir(bench.path("")).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left.len(), 3, "{left:?}");
        Ok(())
    });
}

/// More entries than any set has, whose names do not compress away.
fn many_entries(bench: &Bench, figures: &mut Figures) {
    let path = bench.path("data/fsdd/free-spoken-digit-dataset-1.0.9.tar.gz");
    let bytes = archive(|archive| {
        let mut number = 1u64;
        for _ in 0..250_001 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            noughts(archive, &format!("{number:016x}{:016x}", number.rotate_left(32)), EntryType::Regular, 0);
        }
    });
    fs::write(&path, bytes).unwrap();
    refuse(bench.repro(&["data", "verify", "fsdd", "--data", "data"]), 1, &path, "at most 250000 entries", figures);
}

/// Compressed tables of noughts.
fn tables(bench: &Bench, figures: &mut Figures) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::copy(&mut std::io::Read::take(std::io::repeat(b'0'), 400 << 20), &mut encoder).unwrap();
    let bytes = encoder.finish().unwrap();
    for (set, name) in [("covtype", "covtype.data.gz"), ("higgs", "HIGGS.csv.gz")] {
        let path = bench.path("data").join(name);
        fs::write(&path, &bytes).unwrap();
        refuse(bench.repro(&["data", "verify", set, "--data", "data"]), 1, &path, "expected", figures);
    }
}

/// Files as `torch.save` would not write them.
fn checkpoints(bench: &Bench, figures: &mut Figures) {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let zip = |fill: &dyn Fn(&mut Zip)| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        fill(&mut zip);
        zip.finish().unwrap().into_inner()
    };
    let named = |name: &str| {
        zip(&|zip| {
            zip.start_file(name, stored).unwrap();
            zip.write_all(b"\x80\x02}.").unwrap();
        })
    };
    let all = [
        ("member `../model/data.pkl`", named("../model/data.pkl")),
        ("member `/model/data.pkl`", named("/model/data.pkl")),
        ("which is a link", zip(&|zip| zip.add_symlink("model/data.pkl", "/etc/passwd", stored).unwrap())),
        (
            "at most 65536",
            zip(&|zip| (0..65_540).for_each(|number| zip.start_file(format!("model/data/{number}"), stored).unwrap())),
        ),
    ];
    for (words, bytes) in all {
        let path = bench.path("encoder.pth");
        fs::write(&path, bytes).unwrap();
        let command = bench.repro(&["evaluate", "tiny.json", "--only", "method=npair", "--encoder", "encoder.pth"]);
        refuse(command, 2, &path, words, figures);
    }
}
