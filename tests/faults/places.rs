//! Paths with spaces and characters of many scripts.

use std::fs;

use crate::bench::{METHODS, Ran};
use crate::calls::short;
use crate::processes::{children, signal};
use crate::reference::Reference;
use crate::tally::family;

const NAMES: [&str; 5] = ["two words", " größer als ∅ ", "実験/結果 ☃", "a 'quoted' \"name\" & $HOME; #1", "-n"];

#[test]
fn a_folder_may_have_any_name() {
    family("spaces and Unicode in paths", |figures| {
        let bench = short(2);
        let only = [&["--jobs", "2", "--checkpoint-every", "0"][..]].concat();
        let reference = Reference::of(&bench, &only);
        for name in NAMES {
            figures.faults += 1;
            let (results, reports) = (format!("{name}/results"), format!("{name}/reports"));
            let (results, reports) = (format!("--results={results}"), format!("--reports={reports}"));
            let arguments = [&only[..], &[&results, &reports]].concat();
            let mut first = bench.start(&arguments);
            let folder = bench.path(name);
            while reference.finished(&folder.join("results")).len() < METHODS.len()
                && first.try_wait().unwrap().is_none()
            {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            children(first.id()).into_iter().for_each(|worker| signal(worker, libc::SIGKILL));
            signal(first.id(), libc::SIGKILL);
            first.wait().unwrap();
            let before = reference.finished(&folder.join("results"));
            let ran = bench.run(&arguments);
            reference.check(&folder.join("results"), &before, figures, name);
            reference.check_end(&ran, &folder.join("results"), &folder.join("reports"), figures, name);
            // What is wrong there is named as it is.
            let result = bench.files(&format!("{name}/results"), "eval", "result.json").into_values().next().unwrap();
            fs::write(&result, "{").unwrap();
            let damaged = result.strip_prefix(bench.path("")).unwrap().display().to_string();
            let ran: Ran = bench.run(&arguments);
            figures.named(&ran, &damaged, name);
            bench.assert_same("reference", &format!("{name}/results"));
        }
        Ok(())
    });
}
