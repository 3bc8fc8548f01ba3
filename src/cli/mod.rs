//! The command line.
//!
//! One file a command; what they share is how they end ([`Exit`]), how rows are printed, and how a data directory is
//! read. A data directory holds:
//!
//! | name | what |
//! |---|---|
//! | `audit_YYYY-MM-DD.jsonl` | the records, one a line |
//! | `keyring.json` | the keyring, where it has no other place |
//! | `spool/` | records on their way |
//! | `dead-letter/` | records that nobody would take |

#[cfg(feature = "demo")]
#[doc(hidden)]
pub mod demo;
mod doctor;
mod escape;
mod exit;
mod export;
mod hash;
mod key;
mod keyring_file;
mod policy;
mod price;
mod query;
mod refused;
mod rows;
mod sanitize;
mod show;
mod trail;
mod wanted;
mod when;

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};

use clap::{Parser, Subcommand};

pub use self::exit::Exit;

/// An audit trail for LLM calls: who asked which model what kind of thing, when.
#[derive(Debug, Parser)]
#[command(name = "llm-audit", version, after_help = exit::HELP, disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "demo")]
    Demo(demo::Demo),
    Doctor(doctor::Doctor),
    Export(export::Export),
    Hash(hash::Hash),
    Key(key::Key),
    Policy(policy::PolicyCommand),
    Price(price::Price),
    Query(query::Query),
    Refused(refused::Refused),
    Sanitize(sanitize::Sanitize),
    Show(show::Show),
}

/// Runs the command that the arguments ask for, the program's name first, and tells how it ended. What went wrong is
/// printed to the standard error stream.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let command = match CommandLine::try_parse_from(arguments) {
        Ok(line) => line.command,
        Err(told) => return not_run(&told),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let ended = execute(command, &mut out).and_then(|exit| Ok(out.flush().map(|()| exit)?));
    ended.unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            return Exit::Done;
        }
        // Nobody is left to be told when this fails.
        let _ = writeln!(io::stderr(), "error: {error:#}");
        Exit::WrongUse
    })
}

fn execute(command: Command, out: &mut impl Write) -> anyhow::Result<Exit> {
    match command {
        #[cfg(feature = "demo")]
        Command::Demo(demo) => demo.run(out),
        Command::Doctor(doctor) => doctor.run(out),
        Command::Export(export) => export.run(out),
        Command::Hash(hash) => hash.run(out),
        Command::Key(key) => key.run(out),
        Command::Policy(policy) => policy.run(out),
        Command::Price(price) => price.run(out),
        Command::Query(query) => query.run(out),
        Command::Refused(refused) => refused.run(out),
        Command::Sanitize(sanitize) => sanitize.run(out),
        Command::Show(show) => show.run(out),
    }
}

/// Help and version that were asked for, or what is wrong with the arguments.
fn not_run(told: &clap::Error) -> Exit {
    let _ = told.print();
    if told.use_stderr() {
        Exit::WrongUse
    } else {
        Exit::Done
    }
}

/// Whether the reader of the output has gone, as `head` does when it has enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let of_csv = cause.downcast_ref::<csv::Error>().map(csv::Error::kind);
        let cause = match of_csv {
            Some(csv::ErrorKind::Io(cause)) => Some(cause),
            _ => cause.downcast_ref::<io::Error>(),
        };
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    })
}
