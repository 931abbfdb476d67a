//! Servers that stall, break off, send too little, too much or something else.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use imix_repro::data::fetch::{Origin, Progress, fetch};
use imix_repro::data::{PublishedContent, PublishedFile};
use imix_repro::recipe::DataSet;
use imix_repro::store::checksum;

use crate::bench::{Bench, Ran};
use crate::server::{Answer, Asked, Server};
use crate::tally::{Figures, family};

/// Fewer bytes than published, so that the program cannot yet tell that they are others.
pub fn bytes() -> Arc<Vec<u8>> {
    Arc::new((0u32..3_000_000).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect())
}

/// Ends the download that the program began. It knows the published file only; the library is told what was served.
///
/// # Errors
/// It could not be ended from what was there.
pub fn end_download(root: &Path, bytes: &Arc<Vec<u8>>, have: usize) -> Result<(), String> {
    let sum: &'static str = checksum(bytes).leak();
    let length = bytes.len() as u64;
    let content = Some(PublishedContent { bytes: length, sha256: sum });
    let file =
        PublishedFile { folder: "covtype", name: "covtype.data.gz", bytes: length, sha256: sum, content, urls: &[] };
    let server = Server::start(vec![Answer::whole(bytes)]);
    let origin = Origin { base: Some(server.url.clone()), stall: Duration::from_secs(5) };
    let path = fetch(DataSet::Covtype, &file, root, &origin, &mut Silent).map_err(|error| error.to_string())?;
    if fs::read(path).unwrap() != **bytes {
        return Err("the file differs from what was served".to_owned());
    }
    let from = (have > 0).then_some(have);
    let asked = Asked { path: "/covtype/covtype.data.gz".to_owned(), from };
    if server.asked() == [asked] { Ok(()) } else { Err(format!("asked for {:?}, not from {have}", server.asked())) }
}

struct Silent;

impl Progress for Silent {
    fn start(&mut self, _url: &str, _have: u64, _total: Option<u64>) {}
    fn advance(&mut self, _have: u64) {}
    fn note(&mut self, _text: &str) {}
}

/// What a server does, what the program has to say, and the bytes that it has to keep.
type Play = (Vec<Answer>, &'static str, usize);

fn plays(bytes: &Arc<Vec<u8>>) -> Vec<Play> {
    let status = |code, reason| Answer::Status(code, reason, String::new());
    let half = bytes.len() / 2;
    vec![
        (vec![Answer::Silence], "timeout", 0),
        (vec![Answer::Stall(bytes.clone(), 70_000), Answer::Silence], "timeout", 70_000),
        (vec![Answer::cut(bytes, 100_000)], "the connection ended after 400000 of 12000000 bytes", 400_000),
        (vec![Answer::Reset(bytes.clone(), 0)], "http://", 0),
        (vec![Answer::Reset(bytes.clone(), 50_000)], "http://", 0),
        (vec![Answer::Unmeasured(bytes.clone(), 90_000), status(404, "Not Found")], "HTTP status 404", 90_000),
        (vec![Answer::cut(bytes, half), Answer::Endless], "or more", 0),
        (vec![Answer::without_ranges(&Arc::new(vec![7; 30_000_000]))], "or more", 0),
        (vec![Answer::whole(bytes)], "does not give the published file: expected SHA-256", 0),
        (vec![Answer::cut(bytes, half), Answer::WrongRange(bytes.clone(), 3)], "does not continue", 0),
        (vec![Answer::Circle], "redirect", 0),
        (vec![Answer::cut(bytes, half), Answer::Circle], "redirect", half),
        (vec![Answer::cut(bytes, half), status(404, "Not Found")], "HTTP status 404", half),
        (vec![Answer::cut(bytes, half), status(503, "Service Unavailable")], "HTTP status 503", half),
        (vec![Answer::cut(bytes, half), status(200, "OK")], "expected 11240707 bytes, found 0", half),
    ]
}

#[test]
fn whatever_a_server_does_is_told_and_what_is_good_is_kept() {
    family("servers", |figures| {
        let bytes = bytes();
        // All at once: most of the time they wait.
        let begun: Vec<_> = plays(&bytes)
            .into_iter()
            .map(|(answers, words, kept)| {
                let (bench, server) = (Bench::new(1), Server::start(answers));
                let mut command = bench.repro(&["data", "fetch", "covtype", "--data", "data"]);
                command.env("REPRO_DATA_URL", &server.url).env("REPRO_DATA_TIMEOUT", "0.5");
                let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
                (bench, server, run, words, kept)
            })
            .collect();
        for (index, (bench, server, run, words, kept)) in begun.into_iter().enumerate() {
            let fault = format!("server {index}");
            figures.faults += 1;
            let ran: Ran = run.wait_with_output().unwrap().into();
            figures.ended(&ran, &[2], &fault);
            figures.named(&ran, &format!("{}/covtype/covtype.data.gz", server.url), &fault);
            figures.named(&ran, words, &fault);
            assert!(!server.ranges().is_empty());
            check_part(&bench, &bytes, kept, figures, &fault);
        }
        Ok(())
    });
}

/// Of what came before the fault, this much has to be there still, and the download has to go on from there.
fn check_part(bench: &Bench, bytes: &Arc<Vec<u8>>, kept: usize, figures: &mut Figures, fault: &str) {
    if bench.path("data/covtype/covtype.data.gz").exists() {
        figures.wrong += 1;
        figures.note(format!("{fault}: a file that was not published has its name"));
    }
    let part = fs::read(bench.path("data/covtype/covtype.data.gz.part")).unwrap_or_default();
    if part.len() < kept || part[..] != bytes[..part.len()] {
        figures.lost += 1;
        figures.note(format!("{fault}: {} bytes are left, expected {kept} of those sent", part.len()));
    } else if let Err(error) = end_download(&bench.path("data"), bytes, part.len()) {
        figures.lost += 1;
        figures.note(format!("{fault}: {error}"));
    }
}

#[test]
fn an_error_page_in_place_of_the_file_does_not_cost_what_came() {
    let bench = Bench::new(1);
    let bytes = Arc::new(bytes()[..11_975_353].to_vec());
    let page = Arc::new(b"<html>Please log in to the network.</html>".to_vec());
    let server = Server::start(vec![Answer::cut(&bytes, 5_000_000), Answer::without_ranges(&page)]);
    let mut command = bench.repro(&["data", "fetch", "fsdd", "--data", "data"]);
    let ran: Ran = command.env("REPRO_DATA_URL", &server.url).output().unwrap().into();
    ran.ended(2).says("does not give the published file: expected 11975353 bytes, found 42");
    let part = fs::read(bench.path("data/fsdd/free-spoken-digit-dataset-1.0.9.tar.gz.part")).unwrap();
    assert!(part[..] == bytes[..5_000_000]);
}
