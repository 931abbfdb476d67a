//! `repro` re-runs the i-Mix paper (Lee et al., ICLR 2021, arXiv 2010.08887) and says, number by number,
//! whether it came out.
//!
//! Arrows run downwards only: `cli` -> `runner`, `report` -> `experiment`; `runner` -> `evaluate` -> `train` ->
//! `objective`, `model`, `mix`, `augment`, `data` -> `kernels` -> the ground floor (`recipe`, `random`, `store`,
//! `speech`, `pickle`, `quiet`); `cli`, `runner` -> `memory` -> `experiment`, `evaluate`; `cli` -> `slurm` -> `runner`;
//! `cli` -> `bench` -> `experiment`, `train`; `cli` -> `selftest` -> `train`; `cli` -> `interchange` -> `model`; `cli`
//! -> `views` -> `train`; `report` and `views` -> `drawing`.

pub mod augment;
pub mod bench;
pub mod cli;
pub mod data;
pub mod drawing;
pub mod evaluate;
pub mod experiment;
pub mod interchange;
pub mod kernels;
pub mod memory;
pub mod mix;
pub mod model;
pub mod objective;
pub mod paper;
pub mod pickle;
mod quiet;
pub mod random;
pub mod recipe;
pub mod report;
pub mod runner;
pub mod selftest;
pub mod slurm;
pub mod speech;
pub mod store;
pub mod train;
pub mod views;
