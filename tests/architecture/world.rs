//! Where the world is touched: file system, network, processes, threads, time, randomness, environment, fsync.

use std::collections::BTreeSet;

use crate::floors::{floor_of, room_of};
use crate::names::{House, Mention};
use crate::report::Violation;
use crate::source::{Kind, Source};

/// What nothing below floor 3 may name.
const WORLD: [&str; 11] = [
    "rustix",
    "std::env",
    "std::fs",
    "std::net",
    "std::os::unix::net",
    "std::process",
    "std::thread::Builder",
    "std::thread::scope",
    "std::thread::sleep",
    "std::thread::spawn",
    "tokio",
];

/// Addresses are values: who reads one opens no connection.
const ADDRESSES: [&str; 3] = [
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
];

/// The journal alone has the disk.
const DISK: [&str; 2] = ["rustix", "std::fs"];

/// Every way to ask what time it is.
const NOW: [&str; 4] = [
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
];

/// Every way to wait for the disk.
const FSYNC: [&str; 4] = ["fdatasync", "fsync", "sync_all", "sync_data"];

/// Files that may read the environment.
const ENVIRONMENT: [&str; 2] = ["src/config.rs", "src/emit/environment.rs"];

/// Below floor 3: whatever touches the world.
pub(crate) fn touched_below_floor_three(house: &House) -> Vec<Violation> {
    let rule = |mention: &Mention<'_>| {
        if floor_of(mention.source).is_none_or(|floor| floor >= 3) {
            return None;
        }
        let touched = WORLD.iter().find(|world| names(mention, world))?;
        let allowed = room_of(mention.source) == Some("journal") && DISK.contains(touched);
        let constant = mention.starts_with("std::env::consts");
        let address = ADDRESSES.iter().any(|address| mention.starts_with(address));
        (!allowed && !constant && !address).then(|| {
            format!("{touched} below floor 3; pass in what it gives, or move the code to floor 3")
        })
    };
    by_mention(house, rule)
}

/// Clock and dice outside `clock.rs`.
pub(crate) fn time_and_dice_outside_the_clock(house: &House) -> Vec<Violation> {
    let rule = |mention: &Mention<'_>| {
        let now = NOW.iter().find(|now| mention.ends_with(now)).copied();
        let touched = now.or_else(|| mention.starts_with("getrandom").then_some("getrandom"))?;
        let allowed = mention.source.path == "src/clock.rs";
        (!allowed)
            .then(|| format!("{touched} outside clock.rs; take time, ids and dice from the Clock that is passed in"))
    };
    let mut violations = by_mention(house, rule);
    violations.extend(by_token(house, |source, at| {
        let call = is_call(source, at) && source.tokens[at + 1].partner == at + 2;
        let asks = source.is_word(at, "elapsed")
            && matches!(source.before(at), Some(Kind::Mark('.')))
            && call;
        let allowed = source.path == "src/clock.rs";
        (asks && !allowed).then(|| {
            "elapsed() asks the system clock; subtract two readings of the Clock".to_owned()
        })
    }));
    violations
}

/// The environment outside the files that may read it.
pub(crate) fn environment_elsewhere(house: &House) -> Vec<Violation> {
    let rule = |mention: &Mention<'_>| {
        let free = ENVIRONMENT.contains(&mention.source.path.as_str())
            || mention.starts_with("std::env::consts");
        if free || !names(mention, "std::env") {
            return None;
        }
        let may_read_arguments = matches!(room_of(mention.source), Some("cli" | "main"));
        let member = mention.path.get(2).map(String::as_str);
        let arguments = !mention.glob && matches!(member, None | Some("args" | "args_os"));
        let what = "std::env is read in config.rs and emit/environment.rs only (arguments in cli/ and main.rs too)";
        (!(may_read_arguments && arguments)).then(|| what.to_owned())
    };
    by_mention(house, rule)
}

/// fsync outside the journal.
pub(crate) fn fsync_outside_the_journal(house: &House) -> Vec<Violation> {
    let allowed = |source: &Source| room_of(source) == Some("journal");
    let tell = |name: &str| format!("{name} outside journal/; let the journal make it durable");
    let mut violations = by_mention(house, |mention| {
        let name = FSYNC.iter().find(|name| mention.ends_with(name))?;
        (!allowed(mention.source)).then(|| tell(name))
    });
    violations.extend(by_token(house, |source, at| {
        let name = source.word(at).filter(|word| FSYNC.contains(word))?;
        let method = matches!(source.before(at), Some(Kind::Mark('.')));
        let defined = at > 0 && source.is_word(at - 1, "fn");
        // A setting may be called `fsync`; a method `sync_all` is the file's.
        let waits = if method {
            name.starts_with("sync_")
        } else {
            !defined
        };
        (waits && is_call(source, at) && !allowed(source)).then(|| tell(name))
    }));
    violations
        .into_iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// Names it, something in it, or everything around it.
fn names(mention: &Mention<'_>, world: &str) -> bool {
    let around =
        mention.glob && format!("{world}::").starts_with(&format!("{}::", mention.path.join("::")));
    mention.starts_with(world) || around
}

fn is_call(source: &Source, at: usize) -> bool {
    source.is(at + 1, &Kind::Open('('))
}

fn by_mention(house: &House, rule: impl Fn(&Mention<'_>) -> Option<String>) -> Vec<Violation> {
    let mentions = house.mentions();
    let product = mentions
        .iter()
        .filter(|mention| !mention.test && mention.source.in_src());
    let found = product.filter_map(|mention| {
        rule(mention).map(|what| Violation::at(mention.source, mention.line, what))
    });
    found.collect::<BTreeSet<_>>().into_iter().collect()
}

fn by_token(house: &House, rule: impl Fn(&Source, usize) -> Option<String>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in house.sources.iter().filter(|source| source.in_src()) {
        for at in (0..source.tokens.len()).filter(|at| !source.tokens[*at].test) {
            violations.extend(
                rule(source, at).map(|what| Violation::at(source, source.tokens[at].line, what)),
            );
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::places;

    type Law = fn(&House) -> Vec<Violation>;

    fn lines(law: Law, path: &str, text: &str) -> Vec<usize> {
        let found = places(&law(&House::planted(&[(path, text)])));
        found
            .iter()
            .filter_map(|place| place.rsplit(':').next()?.parse().ok())
            .collect()
    }

    #[test]
    fn the_world_below_floor_three_is_found() {
        let law = touched_below_floor_three;
        assert_eq!(
            lines(
                law,
                "src/policy/mod.rs",
                "use std::{io, fs as disk};\nfn f() { disk::read(); }\n"
            ),
            [1, 2]
        );
        assert_eq!(
            lines(
                law,
                "src/record/a.rs",
                "fn f() {\n    ::std::net::TcpStream::connect();\n}\n"
            ),
            [2]
        );
        assert_eq!(
            lines(
                law,
                "src/refine.rs",
                "use std as s;\nfn f() { s::thread::spawn(g); }\n"
            ),
            [2]
        );
        assert_eq!(
            lines(
                law,
                "src/siem/mod.rs",
                "use std::*;\nuse tokio::sync::mpsc;\nuse std::thread::*;\n"
            ),
            [1, 2, 3]
        );
        assert_eq!(
            lines(
                law,
                "src/journal/mod.rs",
                "use std::{fs, net};\nuse rustix::fs::flock;\n"
            ),
            [1]
        );
        assert_eq!(lines(law, "src/clock.rs", "use std::fs::File;\n"), [1]);
    }

    #[test]
    fn innocent_words_of_the_world_pass() {
        let text = "use crate::record::fs;\nuse std::{fmt, io, time::Duration};\nuse std::{net::IpAddr, thread::ThreadId};\n\
                    /// std::fs\nconst A: &str = \"std::fs::read\";\nfn f(process: u8) { net::x(); std::env::consts::OS; }\n\
                    #[cfg(test)]\nmod tests { use std::fs; }\n";
        assert_eq!(
            lines(touched_below_floor_three, "src/policy/mod.rs", text),
            [0; 0]
        );
        assert_eq!(
            lines(
                touched_below_floor_three,
                "src/emit/mod.rs",
                "use std::fs;\nuse tokio::net;\n"
            ),
            [0; 0]
        );
        assert_eq!(
            lines(
                touched_below_floor_three,
                "src/journal/mod.rs",
                "use std::fs::File;\n"
            ),
            [0; 0]
        );
    }

    #[test]
    fn a_clock_or_dice_outside_the_clock_are_found() {
        let law = time_and_dice_outside_the_clock;
        let renamed = "use std::time::SystemTime as T;\nfn f() { T::now(); }\n";
        assert_eq!(lines(law, "src/emit/mod.rs", renamed), [2]);
        assert_eq!(
            lines(
                law,
                "src/cli/mod.rs",
                "fn f() {\n    g.unwrap_or_else(std::time::Instant::now)\n}\n"
            ),
            [2]
        );
        assert_eq!(
            lines(
                law,
                "src/emit/a.rs",
                "use std::time::*;\nfn f() { info!(\"{:?}\", Instant::now()); }\n"
            ),
            [2]
        );
        assert_eq!(
            lines(
                law,
                "src/emit/a.rs",
                "fn f() { <SystemTime>::now();\n jiff::Timestamp::now();\n a.elapsed(); }"
            ),
            [1, 2, 3]
        );
        assert_eq!(
            lines(
                law,
                "src/integrity/a.rs",
                "use getrandom::fill;\nfn f() { getrandom::fill(&mut b); }"
            ),
            [1, 2]
        );
    }

    #[test]
    fn a_time_that_is_passed_in_passes() {
        let law = time_and_dice_outside_the_clock;
        let text = "use std::time::{Duration, Instant, SystemTime};\nfn f(now: SystemTime, clock: &Clock) {\n    clock.now();\n\
                    Clock::now(clock);\n    span.elapsed(clock);\n}\n";
        assert_eq!(lines(law, "src/emit/mod.rs", text), [0; 0]);
        assert_eq!(
            lines(
                law,
                "src/clock.rs",
                "fn f() { SystemTime::now(); getrandom::fill(b); }"
            ),
            [0; 0]
        );
    }

    #[test]
    fn the_environment_read_elsewhere_is_found() {
        let law = environment_elsewhere;
        assert_eq!(
            lines(
                law,
                "src/emit/layer.rs",
                "use std::env;\nfn f() { env::var(\"A\"); }\n"
            ),
            [1, 2]
        );
        assert_eq!(
            lines(
                law,
                "src/cli/mod.rs",
                "use std::env;\nfn f() { env::args(); env::temp_dir(); }\n"
            ),
            [2]
        );
        assert_eq!(
            lines(
                law,
                "src/main.rs",
                "use std::env::*;\nfn main() { std::env::var_os(\"A\"); }\n"
            ),
            [1, 2]
        );
    }

    #[test]
    fn an_environment_that_is_passed_in_or_compiled_in_passes() {
        let law = environment_elsewhere;
        assert_eq!(
            lines(
                law,
                "src/emit/environment.rs",
                "use std::env;\nfn f() { env::var(\"A\"); }\n"
            ),
            [0; 0]
        );
        assert_eq!(
            lines(
                law,
                "src/cli/mod.rs",
                "fn f() { std::env::args_os(); env!(\"CARGO_PKG_VERSION\"); }\n"
            ),
            [0; 0]
        );
        assert_eq!(
            lines(
                law,
                "src/emit/layer.rs",
                "use crate::emit::env;\nfn f() { env::var(\"A\"); }\n"
            ),
            [0; 0]
        );
    }

    #[test]
    fn an_fsync_outside_the_journal_is_found() {
        let law = fsync_outside_the_journal;
        assert_eq!(
            lines(
                law,
                "src/emit/spool.rs",
                "fn f(file: &File) {\n    file.sync_all();\n    File::sync_data(file);\n}"
            ),
            [2, 3]
        );
        assert_eq!(
            lines(
                law,
                "src/keep/store.rs",
                "use rustix::fs::*;\nfn f() { fsync(fd); }"
            ),
            [2]
        );
        assert_eq!(
            lines(
                law,
                "src/cli/key.rs",
                "use rustix::fs as r;\nfn f() { r::fdatasync(fd); }"
            ),
            [2]
        );
    }

    #[test]
    fn a_setting_called_fsync_passes() {
        let law = fsync_outside_the_journal;
        let text = "struct S { fsync: Duration }\nimpl S { fn fsync(self, every: Duration) -> S { self.fsync = every; self } }\n\
                    fn f() { builder.fsync(EVERY); }\n";
        assert_eq!(lines(law, "src/emit/mod.rs", text), [0; 0]);
        assert_eq!(
            lines(
                law,
                "src/journal/segment.rs",
                "fn f() { file.sync_data(); rustix::fs::fsync(fd); }"
            ),
            [0; 0]
        );
    }
}
