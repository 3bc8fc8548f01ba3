//! A disk that hangs: an fsync that does not return holds up nobody beyond the deadline.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use llm_audit::{CallStart, Drained};

use crate::application::{CALLS, a_call, adopted, assert_all_there, nowhere};
use crate::part::{Part, Player};

#[test]
fn a_shutdown_returns_though_an_fsync_hangs() {
    if let Some(part) = Part::of_this_process() {
        let audit = nowhere(&part.data_dir).build().unwrap();
        audit.flush().unwrap();
        part.say(&std::process::id().to_string());
        assert!(part.hear().is_some());
        (0..CALLS).for_each(|_| part.say(&a_call(&audit).to_string()));
        drop(audit.start(CallStart::new("chat")).unwrap());
        let begun = Instant::now();
        let drained = audit.shutdown(Duration::from_secs(1));
        assert!(matches!(drained, Drained::Remaining(1..)), "{drained:?}");
        part.say(&format!("ended after {} ms", begun.elapsed().as_millis()));
        assert_eq!(part.hear(), None);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let test = "hanging::a_shutdown_returns_though_an_fsync_hangs";
    let mut player = Player::start(test, "hangs", directory.path(), &[]);
    let process = player.hear().unwrap();
    let Some(hang) = Hang::of(&process) else {
        player.say("go on");
        return;
    };
    player.say("go on");
    let mut heard: Vec<String> = std::iter::from_fn(|| player.hear())
        .take(CALLS + 1)
        .collect();
    let ended = heard.pop().unwrap();
    let millis = ended.split(' ').nth(2).unwrap().parse::<u64>().unwrap();
    assert!((1000..20_000).contains(&millis), "{ended}");
    drop(hang);
    player.kill();
    assert_all_there(&adopted(directory.path()), &heard);
}

/// Lets no fsync of a process begin before a minute, until it is dropped.
struct Hang(Child);

impl Hang {
    /// None, and said loudly, where there is no strace or it may not look.
    fn of(process: &str) -> Option<Self> {
        let started = Command::new("strace")
            .args(["-f", "-p", process, "-e", "trace=fsync,fdatasync"])
            .args(["-e", "inject=fsync,fdatasync:delay_enter=60000000"])
            .stderr(Stdio::piped())
            .spawn();
        let strict = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        let mut strace = match started {
            Ok(strace) => strace,
            Err(error) => {
                assert!(!strict, "no strace: {error}");
                println!("SKIPPED: no strace: {error}");
                return None;
            }
        };
        let mut told = String::new();
        BufReader::new(strace.stderr.take()?)
            .read_line(&mut told)
            .unwrap();
        if told.contains("attached") {
            return Some(Self(strace));
        }
        assert!(!strict, "strace cannot attach: {told}");
        println!("SKIPPED: strace cannot attach: {told}");
        strace.wait().ok();
        None
    }
}

impl Drop for Hang {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
