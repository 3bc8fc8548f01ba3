//! Parts of a test that run in a process of their own, so that they can be killed.
//!
//! A test starts its own binary again, with the name of a part in the environment; the same test then finds the part and
//! plays it. The two talk over the part's standard input, a socket: what was written to it is read by the test also when
//! the part was killed right behind the write.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What this process is to play.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) data_dir: PathBuf,
    socket: Mutex<UnixStream>,
}

impl Part {
    /// The part of this process; none where it is the test itself.
    pub(crate) fn of_this_process() -> Option<Self> {
        let name = std::env::var_os(NAME)?.into_string().unwrap();
        let data_dir = PathBuf::from(std::env::var_os(DATA_DIR).unwrap());
        let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
        let socket = Mutex::new(UnixStream::from(socket));
        Some(Self {
            name,
            data_dir,
            socket,
        })
    }

    /// A setting that the test gave.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|value| value.into_string().unwrap())
    }

    /// Tells the test. It hears it, whatever happens to this process afterwards.
    pub(crate) fn say(&self, line: &str) {
        let line = format!("{line}\n");
        self.socket
            .lock()
            .unwrap()
            .write_all(line.as_bytes())
            .unwrap();
    }

    /// Waits for the next line of the test; none when the test is gone.
    pub(crate) fn hear(&self) -> Option<String> {
        let socket = self.socket.lock().unwrap().try_clone().unwrap();
        next_line(&mut BufReader::with_capacity(1, socket))
    }
}

/// A part that is being played.
pub(crate) struct Player {
    process: std::process::Child,
    socket: BufReader<UnixStream>,
    output: TempDir,
}

impl Player {
    /// Starts a part of a test. No variable but those given here is set.
    pub(crate) fn start(
        test: &str,
        part: &str,
        data_dir: &Path,
        settings: &[(&str, &str)],
    ) -> Self {
        let (own, theirs) = UnixStream::pair().unwrap();
        let output = tempfile::tempdir().unwrap();
        let file = |name| File::create(output.path().join(name)).unwrap();
        let process = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env_clear()
            .envs(settings.iter().copied())
            .env(NAME, part)
            .env(DATA_DIR, data_dir)
            .stdin(OwnedFd::from(theirs))
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        Self {
            process,
            socket: BufReader::new(own),
            output,
        }
    }

    /// The number of its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for the next line; none when the part has ended.
    pub(crate) fn hear(&mut self) -> Option<String> {
        next_line(&mut self.socket)
    }

    /// All lines that come within this time.
    pub(crate) fn hear_for(&mut self, time: Duration) -> Vec<String> {
        let end = Instant::now() + time;
        let mut lines = Vec::new();
        let mut started = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.socket.get_ref().set_read_timeout(Some(left)).unwrap();
            match self.socket.read_until(b'\n', &mut started) {
                Ok(0) => break,
                Ok(_) => lines.push(whole_line(&std::mem::take(&mut started))),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
        self.socket.get_ref().set_read_timeout(None).unwrap();
        if !started.is_empty() {
            self.socket.read_until(b'\n', &mut started).unwrap();
            lines.push(whole_line(&started));
        }
        lines
    }

    /// Says a line to the part.
    pub(crate) fn say(&mut self, line: &str) {
        self.socket
            .get_mut()
            .write_all(format!("{line}\n").as_bytes())
            .unwrap();
    }

    /// Kills it (SIGKILL), and returns what it had still said.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.process.kill().unwrap();
        let rest: Vec<String> = std::iter::from_fn(|| self.hear()).collect();
        let status = self.process.wait().unwrap();
        assert!(
            !status.success(),
            "it was still running when it was killed: {}",
            self.stderr()
        );
        assert_eq!(status.code(), None, "it ended by itself: {}", self.stderr());
        rest
    }

    /// Waits for its end, which is to be a good one, and returns what it had still said.
    pub(crate) fn end(mut self) -> (Vec<String>, String) {
        let rest: Vec<String> = std::iter::from_fn(|| self.hear()).collect();
        let status: ExitStatus = self.process.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.stderr());
        (rest, self.stderr())
    }

    /// What it wrote to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        let read = |name| fs::read(self.output.path().join(name)).unwrap();
        String::from_utf8_lossy(&[read("stdout"), read("stderr")].concat()).into_owned()
    }
}

impl Drop for Player {
    /// Nobody is left behind by a test that fails.
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn next_line(socket: &mut BufReader<UnixStream>) -> Option<String> {
    let mut line = Vec::new();
    match socket.read_until(b'\n', &mut line) {
        Ok(0) => None,
        Ok(_) => Some(whole_line(&line)),
        // The other side was killed with lines of ours unread.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
        Err(error) => panic!("{error}"),
    }
}

fn whole_line(line: &[u8]) -> String {
    let line = std::str::from_utf8(line).unwrap();
    line.strip_suffix('\n')
        .expect("a line is written by one write(2)")
        .to_owned()
}

const NAME: &str = "LLM_AUDIT_TEST_PART";
const DATA_DIR: &str = "LLM_AUDIT_TEST_DIR";
