//! `repro run --executor slurm`.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::arguments::Common;
use super::executor::SlurmOptions;
use super::ledger::{cluster, ledger};
use super::waiting::wait;
use super::{Exit, Output};
use crate::runner::{self, Graph, JobState, count, mark_finished};
use crate::slurm::{
    Array, Cluster, Ledger, Node, SlurmError, Submission, command_line, group, open_work, sbatch_arguments, script,
    submit,
};
use crate::store::{Claim, Results, RunFolder};

/// What is handed over besides the work.
pub struct Order<'a> {
    pub options: &'a SlurmOptions,
    pub common: &'a Common,
    pub checkpoint_seconds: f64,
    pub command: Vec<String>,
}

/// Submits what is not done, and waits for it if asked to. Returns how the command ends where there is nothing to report
/// yet, and nothing where every job came to an end.
pub fn hand_over(graph: &mut Graph, order: &Order, output: &Output) -> anyhow::Result<Option<Exit>> {
    let results = Results::new(absolute(&order.common.results)?);
    mark_finished(graph, &results);
    runner::observer(output.quiet(), false).begins(graph);
    if graph.count(|state| *state == JobState::Pending) == 0 {
        return Ok(None);
    }
    if order.options.dry_run {
        show(graph, order, &results, output)?;
        return Ok(Some(Exit::Done));
    }
    let cluster = cluster(output).context(
        "nothing can be submitted; --dry-run shows the scripts without Slurm, and --executor local runs the trials here",
    )?;
    let claim = claim(&results)?;
    let ledger = ledger(&results, &cluster, output)?;
    let (mut submission, scripts) = prepare(graph, &ledger, &cluster, order, &results, output)?;
    if !submission.arrays.is_empty() {
        submit(&mut submission, &scripts, &results)?;
        output.note(described(&submission));
    }
    drop(claim);
    if order.options.wait {
        return wait(graph, &results, &cluster, output);
    }
    output.note("`repro status` says how they are; the same command with --wait waits and writes the report");
    Ok(Some(Exit::Done))
}

/// Prints what would be submitted. Where there is no Slurm, one with its defaults is thought of.
fn show(graph: &Graph, order: &Order, results: &Results, output: &Output) -> anyhow::Result<()> {
    // Asked once: without an answer the scripts are much the same.
    let (cluster, ledger) = match crate::slurm::cluster() {
        Ok(cluster) => {
            let ledger = ledger(results, &cluster, output)?;
            (cluster, ledger)
        }
        Err(SlurmError::Missing { .. }) => Default::default(),
        Err(error) => {
            output.note(format!("warning: these scripts are for a Slurm with its defaults, because {error}"));
            Default::default()
        }
    };
    let (submission, scripts) = prepare(graph, &ledger, &cluster, order, results, output)?;
    for (array, script) in scripts.iter().enumerate() {
        let mut words = vec!["sbatch".to_owned()];
        words.extend(sbatch_arguments(&submission, array, &|other| format!("JOB{other}")));
        words.push(submission.script_path(results, array).display().to_string());
        output.result(format!("# JOB{array}: {}\n{script}", command_line(words)));
    }
    Ok(())
}

/// Keeps others from submitting at the same time: the same work would be handed over twice.
fn claim(results: &Results) -> anyhow::Result<Claim> {
    let folder = RunFolder::at(Submission::all_in(results));
    folder.claim()?.with_context(|| {
        format!("another repro is submitting from {} at this moment; try again", results.root().display())
    })
}

/// The submission of what is neither done nor with Slurm already, and its scripts.
fn prepare(
    graph: &Graph,
    ledger: &Ledger,
    cluster: &Cluster,
    order: &Order,
    results: &Results,
    output: &Output,
) -> anyhow::Result<(Submission, Vec<String>)> {
    anyhow::ensure!(cluster.largest_array > 0, "the cluster {} takes no job arrays: MaxArraySize is 0", cluster.name);
    let taken = ledger.taken();
    let known = open_work(graph).iter().filter(|address| taken.contains_key(address)).count();
    if known > 0 {
        let verb = if known == 1 { "is" } else { "are" };
        output.note(format!("{known} of them {verb} queued or running in Slurm already and not submitted again"));
    }
    let now = crate::store::now();
    let submission = Submission {
        id: Submission::new_id(results, now),
        cluster: cluster.name.clone(),
        submitted_at: now,
        command: order.command.clone(),
        data: order.common.data.as_deref().map(absolute).transpose()?,
        checkpoint_seconds: order.checkpoint_seconds,
        resources: order.options.resources(),
        arrays: group(graph, &taken, cluster.largest_array),
    };
    let node = node()?;
    let scripts = (0..submission.arrays.len()).map(|array| script(&submission, array, &node, results));
    let scripts = scripts.collect::<Result<Vec<String>, _>>()?;
    Ok((submission, scripts))
}

fn described(submission: &Submission) -> String {
    let array = |array: &Array| {
        let job = array.job.map_or(String::new(), |job| format!("{job} of "));
        format!("{job}{}", count(array.tasks.len(), "task"))
    };
    let arrays: Vec<String> = submission.arrays.iter().map(array).collect();
    let what = if arrays.len() == 1 { "job array" } else { "job arrays" };
    format!("submitted {what} {}", arrays.join(", "))
}

/// What tasks need to find: this program, and data where it is found here.
fn node() -> anyhow::Result<Node> {
    let program = std::env::current_exe().and_then(|program| program.canonicalize());
    let program = program.context("cannot find this program, which tasks have to start")?;
    let mut environment = Vec::new();
    for name in ["REPRO_DATA", "XDG_CACHE_HOME"] {
        if let Some(folder) = std::env::var_os(name).filter(|folder| !folder.is_empty()) {
            environment.push((name.to_owned(), absolute(Path::new(&folder))?));
        }
    }
    Ok(Node { program, environment })
}

/// A path as it is from any folder, without links where it exists: a node may have other ones.
fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    let found = path.canonicalize().or_else(|_| std::path::absolute(path));
    found.with_context(|| format!("cannot find the folder {}", path.display()))
}
