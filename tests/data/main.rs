//! Data sets: downloads from a local HTTP server, and `repro data` as a user meets it.

mod command;
mod fetch;
mod pictures;
mod server;
