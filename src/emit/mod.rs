//! In the application: layer, guard, spool and sender.

mod pulse;
mod sender;
mod spool;
