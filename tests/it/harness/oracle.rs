//! `bao server` with storage of its own, initialised and open: what our answers are compared with.
//! Not its development mode, which leaves out what only a stored revision can tell.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::{self, Response};
use super::venv;

pub struct Oracle {
    directory: TempDir,
    child: Child,
    pub address: String,
    pub root_token: String,
}

impl Oracle {
    /// Lives are bounded as by our own defaults, so that both sides answer the same numbers.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (api, cluster) = (port(), port());
        let config = json!({
            "storage": {"raft": {"path": directory.path(), "node_id": "oracle"}},
            "listener": [{"tcp": {
                "address": format!("127.0.0.1:{api}"),
                "cluster_address": format!("127.0.0.1:{cluster}"),
                "tls_disable": true,
            }}],
            "api_addr": format!("http://127.0.0.1:{api}"),
            "cluster_addr": format!("https://127.0.0.1:{cluster}"),
            "default_lease_ttl": "15m",
            "max_lease_ttl": "24h",
        });
        let path = directory.path().join("oracle.json");
        fs::write(&path, config.to_string()).unwrap();
        let log = fs::File::create(directory.path().join("oracle.log")).unwrap();
        let child = Command::new(venv("bao-server"))
            .args(["server", "-config"])
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let address = format!("http://127.0.0.1:{api}");
        let mut oracle = Self { directory, child, address, root_token: String::new() };
        oracle.open();
        oracle
    }

    fn open(&mut self) {
        self.until("sys/health", 501);
        let shares = json!({"secret_shares": 1, "secret_threshold": 1});
        let made = self.put("sys/init", &shares).ok();
        self.root_token = made["root_token"].as_str().unwrap().to_owned();
        self.put("sys/unseal", &json!({"key": made["keys"][0]})).ok();
        self.until("sys/health", 200);
        let kv = json!({"type": "kv", "options": {"version": "2"}});
        assert_eq!(self.put("sys/mounts/secret", &kv).status, 204);
        // A fresh KV engine refuses work until it has set itself up.
        self.until("secret/data/absent", 404);
    }

    fn put(&self, path: &str, body: &Value) -> Response {
        let headers = [("X-Vault-Token", self.root_token.as_str())];
        let target = format!("/v1/{path}");
        http::exchange(&self.address, "PUT", &target, &headers, Some(&body.to_string())).unwrap()
    }

    fn until(&mut self, path: &str, status: u16) {
        for _ in 0..600 {
            // Whoever answers on the port of a dead process is somebody else.
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the oracle ended:\n{}", self.log());
            let headers = [("X-Vault-Token", self.root_token.as_str())];
            let target = format!("/v1/{path}");
            match http::exchange(&self.address, "GET", &target, &headers, None) {
                Ok(answer) if answer.status == status => return,
                _ => std::thread::sleep(Duration::from_millis(100)),
            }
        }
        panic!("the oracle does not answer {status} to {path}:\n{}", self.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("oracle.log")).unwrap_or_default()
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // It may be gone already; either way it is reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
