//! In the application: layer, guard, spool and sender.

pub(crate) mod json_lines;
mod pulse;
mod spool;
