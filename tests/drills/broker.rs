//! Apache Kafka itself: a single broker, which is its own controller.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command};

use tempfile::TempDir;

use crate::collector::ready_when;

/// A broker, running or not. Its address and its storage stay the same from one life to the next.
pub(crate) struct Broker {
    launcher: PathBuf,
    directory: TempDir,
    address: String,
    running: Option<Child>,
}

impl Broker {
    /// One that is not running, with storage that is empty. None, and said loudly, where `LLM_AUDIT_TEST_KAFKA` does not
    /// name the launcher.
    pub(crate) fn absent() -> Option<Self> {
        let Some(launcher) = std::env::var_os("LLM_AUDIT_TEST_KAFKA") else {
            println!("SKIPPED: set LLM_AUDIT_TEST_KAFKA to what .ci/kafka prints");
            return None;
        };
        let free = || TcpListener::bind("127.0.0.1:0").unwrap();
        let [address, controller] =
            [free(), free()].map(|listener| listener.local_addr().unwrap().to_string());
        let broker = Self {
            launcher: launcher.into(),
            directory: tempfile::tempdir().unwrap(),
            address,
            running: None,
        };
        let storage = broker.directory.path().join("storage");
        let properties = [
            "process.roles=broker,controller".to_owned(),
            "node.id=1".to_owned(),
            format!("controller.quorum.voters=1@{controller}"),
            format!(
                "listeners=PLAINTEXT://{},CONTROLLER://{controller}",
                broker.address
            ),
            "controller.listener.names=CONTROLLER".to_owned(),
            format!("log.dirs={}", storage.display()),
            "auto.create.topics.enable=false".to_owned(),
            "offsets.topic.replication.factor=1".to_owned(),
            "offsets.topic.num.partitions=1".to_owned(),
            "group.initial.rebalance.delay.ms=0".to_owned(),
        ];
        fs::write(broker.properties(), properties.join("\n")).unwrap();
        let mut format = broker.command("storage");
        format
            .args(["format", "-t", CLUSTER, "-c"])
            .arg(broker.properties());
        succeeds(&mut format);
        Some(broker)
    }

    /// Starts it; returns when it says that it is ready.
    pub(crate) fn start(&mut self) {
        let mut command = self.command("server");
        command.arg(self.properties());
        self.running = Some(ready_when(&mut command, "Kafka Server started"));
    }

    /// Kills it (SIGKILL).
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.running.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Makes a topic.
    pub(crate) fn make_topic(&self, name: &str) {
        let mut topics = self.command("topics");
        topics.args(["--bootstrap-server", &self.address]);
        succeeds(topics.args(["--create", "--partitions", "3", "--topic", name]));
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new(&self.launcher);
        command.arg(what);
        command
    }

    fn properties(&self) -> PathBuf {
        self.directory.path().join("server.properties")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
}

/// Any UUID in base64 will do.
const CLUSTER: &str = "bGxtLWF1ZGl0LWRyaWxscw";
