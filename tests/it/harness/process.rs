//! The server as a process: stopping it cleanly, starting it where it may refuse, half a start.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Run, Server, finish};

impl Server {
    /// A directory, and nothing in it yet.
    pub fn unstarted() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            wrapper: Vec::new(),
            configured: false,
            child: None,
            address: String::new(),
            log_level: None,
            tls: false,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Sends a signal by its name (`HUP`).
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until the log says this, which it will on any machine within a minute.
    pub fn await_log(&self, text: &str) {
        for _ in 0..600 {
            if self.log().contains(text) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the log never said {text:?}:\n{}", self.log());
    }

    /// SIGTERM, and waits until the process has ended, which must be a success.
    pub fn stop(&mut self) {
        let child = self.child.as_mut().expect("the server runs");
        let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let ended = child.wait().unwrap();
        self.child = None;
        assert!(ended.success(), "{ended}:\n{}", self.log());
    }

    /// Starts the stopped server: what it said instead of listening, where it refuses.
    pub fn try_start(&mut self) -> Result<(), String> {
        let started = self.try_spawn();
        if started.is_err() {
            self.kill9();
        }
        started
    }

    /// Begins to start, and kills it after `moment`, wherever it is then.
    pub fn start_and_kill_after(&mut self, moment: Duration) {
        let mut child = self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Begins to start, and is killed as it enters its `n`-th system call of this name. False where
    /// it had begun to listen before that.
    pub fn start_and_kill_at(&mut self, call: &str, n: u32) -> bool {
        let trace = format!("trace={call}");
        let inject = format!("inject={call}:signal=KILL:when={n}");
        let wrapper = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
        let before = std::mem::replace(&mut self.wrapper, wrapper.map(str::to_owned).to_vec());
        let killed = self.try_start().is_err();
        self.wrapper = before;
        self.kill9();
        killed
    }

    pub fn audit(&self) -> PathBuf {
        self.data().join("audit")
    }

    /// `strongroom audit verify` of this server's log.
    pub fn verify_audit(&self) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        finish(command.args(["audit", "verify"]).arg(self.audit()))
    }
}
