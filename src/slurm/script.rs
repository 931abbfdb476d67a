//! The batch script of an array.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::runner::WORKER_ENVIRONMENT;
use crate::store::Results;

use super::{After, Submission};

/// Seconds before the time limit at which a task is told to write a checkpoint, a quarter of a limit that is short. Slurm
/// looks every half minute.
const NOTICE: u64 = 120;

/// A path that cannot stand in a batch script.
#[derive(Debug, Error)]
pub enum ScriptError {
    #[error("{} is not UTF-8, which a batch script has to be", path.display())]
    NotText { path: PathBuf },
    #[error(
        "{path:?} has a {what} in it, which Slurm does not take in the name of a log; choose another folder with --results DIR"
    )]
    Unusable { path: PathBuf, what: &'static str },
}

/// What tasks find on their node, besides the results folder.
#[derive(Clone, Debug)]
pub struct Node {
    /// This program, as an absolute path.
    pub program: PathBuf,
    /// Variables that tasks get, by name.
    pub environment: Vec<(String, PathBuf)>,
}

/// The script of one array of a submission. `results` is an absolute path, as tasks begin in another folder.
///
/// # Errors
/// A path that is not text, or that Slurm would change.
pub fn script(submission: &Submission, array: usize, node: &Node, results: &Results) -> Result<String, ScriptError> {
    let tasks = submission.arrays.get(array).map_or(0, |array| array.tasks.len());
    let asked = &submission.resources;
    let folder = submission.folder(results);
    let folder = text(&folder)?;
    for (character, what) in [('\\', "backslash"), ('\n', "line break")] {
        if folder.contains(character) {
            return Err(ScriptError::Unusable { path: folder.into(), what });
        }
    }
    let limit = asked.array_limit.map_or(String::new(), |limit| format!("%{limit}"));
    let notice = asked.time.as_ref().map_or(NOTICE, |time| NOTICE.min(time.seconds() / 4));
    let mut options = vec![
        format!("job-name={}", submission.job_name(array)),
        format!("array=0-{}{limit}", tasks.saturating_sub(1)),
        "nodes=1".to_owned(),
        "ntasks=1".to_owned(),
        format!("cpus-per-task={}", asked.cpus.max(1)),
    ];
    // Unlike --gpus-per-task it is taken by every scheduler of Slurm, and the one task needs no binding.
    options.extend(asked.gpus.map(|gpus| format!("gres=gpu:{gpus}")));
    options.extend(asked.time.as_ref().map(|time| format!("time={time}")));
    options.extend(asked.partition.as_ref().map(|partition| format!("partition={}", option_value(partition))));
    options.extend([
        "requeue".to_owned(),
        "open-mode=append".to_owned(),
        format!("signal=B:USR1@{notice}"),
        format!("chdir={}", option_value(folder)),
        format!("output={}", option_value(&format!("{}/{array}-%a.log", folder.replace('%', "%%")))),
    ]);
    let options: String = options.iter().map(|option| format!("#SBATCH --{option}\n")).collect();

    let mut exports = String::new();
    for (name, value) in WORKER_ENVIRONMENT {
        exports += &format!("export {name}={value}\n");
    }
    for (name, value) in &node.environment {
        exports += &format!("export {name}={}\n", word(text(value)?));
    }
    let program = word(text(&node.program)?);
    let root = word(text(results.root())?);
    let id = &submission.id;
    Ok(format!(
        r#"#!/bin/bash
{options}
{exports}
program=
told=
checkpoint() {{
  if [ -n "$program" ]; then kill -TERM "$program" 2>/dev/null; fi
}}
# USR1 comes before the time limit, and before a preemption where the cluster is set up so; TERM with the end.
trap 'told=USR1; checkpoint' USR1
trap 'told=${{told:-TERM}}; checkpoint' TERM

{program} slurm-task --results {root} {id} {array} &
program=$!
if [ -n "$told" ]; then checkpoint; fi
# A signal ends `wait` before the program has ended.
while kill -0 "$program" 2>/dev/null; do wait "$program"; done
wait "$program"
code=$?

# 130: stopped with a checkpoint. 143: told to stop before it had begun.
if [ "$told" = USR1 ] && {{ [ "$code" = 130 ] || [ "$code" = 143 ]; }}; then
  for attempt in 1 2 3 4 5; do
    if scontrol requeue "$SLURM_JOB_ID"; then exit 0; fi
    sleep 5
  done
  echo "this task could not be requeued; run the same command again to go on" >&2
fi
exit "$code"
"#
    ))
}

/// The arguments of `sbatch` that go before an array's script. `after` is the job that [`After::Array`] stands for.
pub fn sbatch_arguments(submission: &Submission, array: usize, after: &dyn Fn(usize) -> String) -> Vec<String> {
    let dependency = match submission.arrays.get(array).map(|array| array.after) {
        Some(After::Array(other)) => Some(format!("aftercorr:{}", after(other))),
        Some(After::Task(task)) => Some(format!("afterok:{task}")),
        Some(After::Nothing) | None => None,
    };
    let mut arguments = vec!["--parsable".to_owned()];
    // Where the pretext run fails, what waits for it goes as well.
    let kill = "--kill-on-invalid-dep=yes".to_owned();
    arguments.extend(dependency.into_iter().flat_map(|on| [format!("--dependency={on}"), kill.clone()]));
    arguments.extend(submission.resources.extra.iter().cloned());
    arguments
}

/// A command line as one would type it.
pub fn command_line(words: impl IntoIterator<Item = String>) -> String {
    words.into_iter().map(|text| word(&text)).collect::<Vec<_>>().join(" ")
}

fn text(path: &Path) -> Result<&str, ScriptError> {
    path.to_str().ok_or_else(|| ScriptError::NotText { path: path.to_owned() })
}

/// A word for the shell.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// A value for a line of `#SBATCH`, in which a backslash takes the next character as it is, also between quotes.
fn option_value(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::runner::{Graph, trial};
    use crate::slurm::submission::tests::submission as record;
    use crate::slurm::{Resources, group};

    fn submission(resources: Resources) -> Submission {
        let trials: Vec<_> = (0..3).map(|seed| trial("a", seed)).collect();
        let arrays = group(&Graph::new(&trials), &HashMap::new(), 100);
        record("1795756000-0a1b2c3d", resources, arrays)
    }

    fn node() -> Node {
        let environment = vec![("REPRO_DATA".to_owned(), "/data sets/née".into())];
        Node { program: "/opt/my tools/repro".into(), environment }
    }

    #[test]
    fn a_script_asks_for_what_was_asked_and_quotes_what_has_to_be() {
        let resources = Resources {
            partition: Some("gpu,long".to_owned()),
            gpus: Some(1),
            cpus: 4,
            time: Some("2:00:00".parse().unwrap()),
            array_limit: Some(20),
            extra: vec!["--mem=8G".to_owned(), "--comment=two words".to_owned()],
        };
        let submission = submission(resources);
        let text = script(&submission, 0, &node(), &Results::new("/home/it's \"100%\"/résultats")).unwrap();
        insta::assert_snapshot!(text);
        let arguments = sbatch_arguments(&submission, 1, &|array| format!("10{array}"));
        insta::assert_snapshot!(
            command_line(arguments),
            @"--parsable --dependency=aftercorr:100 --kill-on-invalid-dep=yes --mem=8G '--comment=two words'"
        );
    }

    #[test]
    fn notice_of_a_short_time_limit_leaves_time_to_work() {
        let with = |time: Option<&str>| {
            let time = time.map(|time| time.parse().unwrap());
            let submission = submission(Resources { time, ..Resources::default() });
            script(&submission, 0, &node(), &Results::new("/r")).unwrap()
        };
        assert!(with(None).contains("--signal=B:USR1@120\n") && with(Some("1-0")).contains("--signal=B:USR1@120\n"));
        assert!(with(Some("2")).contains("--signal=B:USR1@30\n"));
        assert!(with(None).contains("--array=0-2\n") && with(None).contains("--cpus-per-task=1\n"));
    }

    #[test]
    fn a_folder_whose_name_slurm_changes_is_refused() {
        let at = |root: &str| {
            script(&submission(Resources::default()), 0, &node(), &Results::new(root))
                .map_err(|error| error.to_string())
        };
        let error = at("/back\\slash").unwrap_err();
        assert!(error.contains("has a backslash in it") && error.contains("--results DIR"), "{error}");
        assert!(at("/two\nlines").unwrap_err().contains("has a line break in it"));
    }
}
