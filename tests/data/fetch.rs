//! Downloads from a local HTTP server, through the library: the file is a small one made here.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::server::{Answer, Server};
use flate2::Compression;
use flate2::write::GzEncoder;
use imix_repro::data::fetch::{FetchError, Origin, Progress, fetch};
use imix_repro::data::{PublishedContent, PublishedFile};
use imix_repro::recipe::DataSet;
use imix_repro::store::checksum;

fn gzip(content: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(content).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

/// Some 100 KB that do not compress away.
fn content() -> Vec<u8> {
    (0u64..16_000).flat_map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7).to_le_bytes()).collect()
}

struct Play {
    folder: tempfile::TempDir,
    file: PublishedFile,
    archive: Arc<Vec<u8>>,
}

impl Play {
    fn new() -> Play {
        let content = content();
        let archive = gzip(&content, 6);
        let file = PublishedFile {
            folder: "toy",
            name: "toy.data.gz",
            bytes: archive.len() as u64,
            sha256: checksum(&archive).leak(),
            content: Some(PublishedContent { bytes: content.len() as u64, sha256: checksum(&content).leak() }),
            urls: &[],
        };
        Play { folder: tempfile::tempdir().expect("a folder"), file, archive: Arc::new(archive) }
    }

    fn fetch(&self, server: &Server) -> Result<PathBuf, FetchError> {
        let origin = Origin { base: Some(format!("{}/mirror/", server.url)), stall: Duration::from_millis(300) };
        fetch(DataSet::Covtype, &self.file, self.folder.path(), &origin, &mut Silent)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("toy").join(name)
    }

    fn leave_part(&self, bytes: &[u8]) {
        fs::create_dir_all(self.folder.path().join("toy")).expect("a folder");
        fs::write(self.path("toy.data.gz.part"), bytes).expect("a file");
    }

    fn assert_fetched(&self, path: &Path) {
        assert_eq!(path, self.path("toy.data.gz"));
        assert_eq!(fs::read(path).expect("the file"), *self.archive);
        assert!(!self.path("toy.data.gz.part").exists());
    }

    /// Nothing is kept under the file's name.
    fn assert_nothing(&self) {
        assert!(!self.path("toy.data.gz").exists());
    }
}

struct Silent;

impl Progress for Silent {
    fn start(&mut self, _url: &str, _have: u64, _total: Option<u64>) {}
    fn advance(&mut self, _have: u64) {}
    fn note(&mut self, _text: &str) {}
}

/// Reports what it is told.
#[derive(Default)]
struct Log(Vec<(u64, Option<u64>)>);

impl Progress for Log {
    fn start(&mut self, _url: &str, have: u64, total: Option<u64>) {
        self.0.push((have, total));
    }
    fn advance(&mut self, have: u64) {
        self.0.push((have, None));
    }
    fn note(&mut self, _text: &str) {}
}

#[test]
fn a_whole_download() {
    let play = Play::new();
    let server = Server::start(vec![Answer::whole(&play.archive)]);
    let mut log = Log::default();
    let origin = Origin { base: Some(server.url.clone()), stall: Duration::from_secs(5) };
    let path = fetch(DataSet::Covtype, &play.file, play.folder.path(), &origin, &mut log).expect("it works");
    play.assert_fetched(&path);
    assert_eq!(server.asked()[0].path, "/toy/toy.data.gz");
    let total = play.archive.len() as u64;
    assert_eq!((log.0.first(), log.0.last()), (Some(&(0, Some(total))), Some(&(total, None))));
}

#[test]
fn a_cut_download_goes_on_where_it_stopped() {
    let play = Play::new();
    let server = Server::start(vec![
        Answer::cut(&play.archive, 1000),
        Answer::cut(&play.archive, 500),
        Answer::whole(&play.archive),
    ]);
    play.assert_fetched(&play.fetch(&server).expect("it works"));
    assert_eq!(server.ranges(), [None, Some(1000), Some(1500)]);
}

#[test]
fn what_an_earlier_process_left_is_used() {
    let play = Play::new();
    play.leave_part(&play.archive[..4321]);
    let server = Server::start(vec![Answer::whole(&play.archive)]);
    play.assert_fetched(&play.fetch(&server).expect("it works"));
    assert_eq!(server.ranges(), [Some(4321)]);
}

#[test]
fn a_complete_part_is_only_checked() {
    let play = Play::new();
    play.leave_part(&play.archive);
    let server = Server::start(vec![Answer::whole(&play.archive)]);
    play.assert_fetched(&play.fetch(&server).expect("it works"));
    assert_eq!(server.ranges(), [Some(play.archive.len())]);
}

#[test]
fn a_part_longer_than_the_file_is_dropped() {
    let play = Play::new();
    play.leave_part(&[&play.archive[..], b"more"].concat());
    let server = Server::start(vec![Answer::whole(&play.archive)]);
    play.assert_fetched(&play.fetch(&server).expect("it works"));
    assert_eq!(server.ranges(), [Some(play.archive.len() + 4), None]);
}

#[test]
fn a_part_of_another_file_is_dropped() {
    let play = Play::new();
    play.leave_part(&vec![7; 2000]);
    let server = Server::start(vec![Answer::whole(&play.archive)]);
    play.assert_fetched(&play.fetch(&server).expect("it works"));
    assert_eq!(server.ranges(), [Some(2000), None]);
}

#[test]
fn a_server_without_ranges_sends_all_of_it_again() {
    let play = Play::new();
    play.leave_part(&vec![7; 2000]);
    let server = Server::start(vec![Answer::without_ranges(&play.archive)]);
    play.assert_fetched(&play.fetch(&server).expect("it works"));
    assert_eq!(server.ranges(), [Some(2000)]);
}

#[test]
fn a_range_that_does_not_fit_is_not_appended() {
    let play = Play::new();
    play.leave_part(&play.archive[..2000]);
    let server = Server::start(vec![Answer::WrongRange(play.archive.clone(), 1000), Answer::whole(&play.archive)]);
    play.assert_fetched(&play.fetch(&server).expect("it works"));
    assert_eq!(server.ranges(), [Some(2000), None]);
}

#[test]
fn a_connection_that_is_always_cut_ends_in_an_error_and_keeps_what_came() {
    let play = Play::new();
    let server = Server::start(vec![Answer::cut(&play.archive, 100)]);
    let error = play.fetch(&server).expect_err("no file").to_string();
    let total = play.archive.len();
    assert!(error.contains(&format!("the connection ended after 400 of {total} bytes")), "{error}");
    assert_eq!(fs::read(play.path("toy.data.gz.part")).expect("the part"), play.archive[..400]);
    play.assert_nothing();
}

#[test]
fn wrong_content_is_refused_and_not_kept() {
    let play = Play::new();
    let other = Arc::new(gzip(b"something else", 6));
    let server = Server::start(vec![Answer::whole(&other)]);
    let error = play.fetch(&server).expect_err("no file").to_string();
    assert!(error.contains(&checksum(&content())), "{error}");
    assert!(error.contains(&checksum(b"something else")), "{error}");
    assert_eq!(server.asked().len(), 1, "asking again would give the same");
    play.assert_nothing();
    assert!(!play.path("toy.data.gz.part").exists());
}

#[test]
fn a_damaged_archive_is_refused() {
    let play = Play::new();
    let mut damaged = play.archive.to_vec();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let server = Server::start(vec![Answer::whole(&Arc::new(damaged))]);
    let error = play.fetch(&server).expect_err("no file").to_string();
    assert!(error.contains("does not give the published file"), "{error}");
    play.assert_nothing();
}

#[test]
fn the_same_content_compressed_otherwise_is_welcome() {
    let play = Play::new();
    let server = Server::start(vec![Answer::whole(&Arc::new(gzip(&content(), 1)))]);
    assert!(play.fetch(&server).expect("it works").exists());
}

#[test]
fn far_too_many_bytes_are_refused() {
    let play = Play::new();
    let server = Server::start(vec![Answer::whole(&Arc::new(vec![0; 3 * play.archive.len()]))]);
    let error = play.fetch(&server).expect_err("no file").to_string();
    assert!(error.contains("or more"), "{error}");
    assert!(!play.path("toy.data.gz.part").exists());
}

#[test]
fn a_missing_page_is_not_asked_for_again() {
    let play = Play::new();
    let server = Server::start(vec![Answer::Status(404, "Not Found", String::new())]);
    let error = play.fetch(&server).expect_err("no file").to_string();
    assert!(error.contains("HTTP status 404"), "{error}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_server_in_trouble_is_asked_again() {
    let play = Play::new();
    let trouble = Answer::Status(503, "Service Unavailable", String::new());
    let server = Server::start(vec![trouble, Answer::whole(&play.archive)]);
    play.assert_fetched(&play.fetch(&server).expect("it works"));
}

#[test]
fn a_redirect_is_followed() {
    let play = Play::new();
    let goal = Server::start(vec![Answer::whole(&play.archive)]);
    let headers = format!("Location: {}/elsewhere\r\n", goal.url);
    let server = Server::start(vec![Answer::Status(302, "Found", headers)]);
    play.assert_fetched(&play.fetch(&server).expect("it works"));
    assert_eq!(goal.asked()[0].path, "/elsewhere");
}

#[test]
fn a_stall_ends_and_is_resumed() {
    let play = Play::new();
    let server = Server::start(vec![Answer::Stall(play.archive.clone(), 3000), Answer::whole(&play.archive)]);
    play.assert_fetched(&play.fetch(&server).expect("it works"));
    assert_eq!(server.ranges(), [None, Some(3000)]);
}

#[test]
fn a_silent_server_is_given_up() {
    let play = Play::new();
    let server = Server::start(vec![Answer::Silence]);
    let start = Instant::now();
    let error = play.fetch(&server).expect_err("no file").to_string();
    assert!(start.elapsed() < Duration::from_secs(20), "{error}");
    assert!(error.contains("timeout"), "{error}");
}

#[test]
fn a_reset_connection_is_resumed() {
    let play = Play::new();
    let server = Server::start(vec![Answer::Reset(play.archive.clone(), 3000), Answer::whole(&play.archive)]);
    play.assert_fetched(&play.fetch(&server).expect("it works"));
}

#[test]
fn a_slow_server_is_waited_for() {
    let play = Play::new();
    let server = Server::start(vec![Answer::Drip(play.archive.clone(), Duration::from_millis(200))]);
    play.assert_fetched(&play.fetch(&server).expect("it works"));
}

#[test]
fn an_end_that_no_length_told_of_is_resumed() {
    let play = Play::new();
    let server = Server::start(vec![Answer::Unmeasured(play.archive.clone(), 3000), Answer::whole(&play.archive)]);
    play.assert_fetched(&play.fetch(&server).expect("it works"));
    assert_eq!(server.ranges(), [None, Some(3000)]);
}

#[test]
fn bytes_without_end_are_refused() {
    let play = Play::new();
    let server = Server::start(vec![Answer::Endless]);
    let error = play.fetch(&server).expect_err("no file").to_string();
    assert!(error.contains("or more"), "{error}");
    assert!(!play.path("toy.data.gz.part").exists());
}

#[test]
fn a_redirect_in_a_circle_ends_and_keeps_what_came() {
    let play = Play::new();
    play.leave_part(&play.archive[..2000]);
    let server = Server::start(vec![Answer::Circle]);
    let error = play.fetch(&server).expect_err("no file").to_string();
    assert!(error.contains("redirect"), "{error}");
    assert_eq!(fs::read(play.path("toy.data.gz.part")).expect("the part"), play.archive[..2000]);
}

#[test]
fn an_error_page_does_not_take_the_place_of_what_came() {
    let play = Play::new();
    play.leave_part(&play.archive[..2000]);
    let server = Server::start(vec![Answer::without_ranges(&Arc::new(b"Please log in.".to_vec()))]);
    let error = play.fetch(&server).expect_err("no file");
    assert!(error.to_string().contains("found 14"), "{error}");
    assert_eq!(fs::read(play.path("toy.data.gz.part")).expect("the part"), play.archive[..2000]);
}

#[test]
fn no_server_is_an_error_that_names_the_address() {
    let play = Play::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let origin = Origin { base: Some(format!("http://{port}")), stall: Duration::from_millis(300) };
    let error = fetch(DataSet::Covtype, &play.file, play.folder.path(), &origin, &mut Silent).expect_err("no file");
    assert!(error.to_string().contains(&format!("http://{port}/toy/toy.data.gz")), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let play = Play::new();
    fs::write(play.folder.path().join("toy"), "in the way").expect("a file");
    let server = Server::start(vec![Answer::whole(&play.archive)]);
    let error = play.fetch(&server).expect_err("no file");
    assert!(matches!(error, FetchError::Disk { .. }), "{error}");
    assert!(error.to_string().contains(&play.folder.path().join("toy").display().to_string()), "{error}");
}

#[test]
fn a_second_process_waits_its_turn() {
    let play = Play::new();
    fs::create_dir_all(play.folder.path().join("toy")).expect("a folder");
    let lock = fs::File::create(play.path(".toy.data.gz.lock")).expect("a file");
    lock.lock().expect("a lock");
    let server = Server::start(vec![Answer::whole(&play.archive)]);
    assert!(matches!(play.fetch(&server), Err(FetchError::Busy { .. })));
}
