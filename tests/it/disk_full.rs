//! A disk that runs full: writes are refused in clear words, reads go on while they can be recorded,
//! and with room everything works again, without a restart.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::harness::{Response, Server};

/// Started with a namespace and a command: the data directory that the command ends with becomes a
/// small file system of its own there, at the first start.
const MOUNT: &str = r#"inside="nsenter --mount=$1"; shift
for last; do :; done
if [ "${last%.toml}" = "$last" ]; then
    mkdir -p "$last" &&
    $inside mount -t tmpfs -o size=288m,mode=700 strongroom-test "$last" || exit 1
fi
exec $inside "$@""#;
/// Below what the store keeps back for its index.
const LITTLE_BYTES: u64 = 64 << 20;

fn may_mount() -> bool {
    let tried =
        Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    tried.is_ok_and(|output| output.status.success())
}

/// A server on a disk that gets full.
struct Crowded {
    server: Server,
    root: String,
    /// Keeps the namespace with the file system, which goes with it.
    holder: Child,
}

impl Drop for Crowded {
    fn drop(&mut self) {
        self.server.kill9();
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

impl Crowded {
    /// `None` where this user may not mount.
    fn start() -> Option<Self> {
        if !may_mount() {
            eprintln!("skipped: this user may not mount a file system (it takes root)");
            return None;
        }
        let mut holder = Command::new("unshare")
            .args(["-m", "sh", "-c", "echo ready; exec sleep 3600"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let namespace = format!("/proc/{}/ns/mnt", holder.id());
        let server = Server::start_under(&["sh", "-c", MOUNT, "sh", &namespace]);
        let mut full = Self { server, root: String::new(), holder };
        let token = std::fs::read_to_string(full.data("root-token")).unwrap();
        full.root = token.trim().to_owned();
        Some(full)
    }

    /// A path of the server's data as this process reaches it.
    fn data(&self, name: &str) -> PathBuf {
        let inside = self.server.data().join(name);
        PathBuf::from(format!("/proc/{}/root{}", self.holder.id(), inside.display()))
    }

    fn token(&self, policy: &str) -> String {
        let body = json!({"ttl": "10m", "policies": [policy]});
        let made = self.server.post("auth/token/create", &self.root, body).ok();
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    fn is_good(&self, token: &str) -> bool {
        self.server.get("auth/token/lookup-self", Some(token)).status == 200
    }

    fn free_bytes(&self) -> u64 {
        let found = rustix::fs::statvfs(self.data("")).unwrap();
        found.f_bavail * found.f_frsize
    }

    /// Fills the disk until so much is free.
    fn leave(&self, bytes: u64, file: &str) {
        // The server may take some of it between the look and the filling: then it is looked again.
        for _ in 0..100 {
            let take = self.free_bytes().saturating_sub(bytes).to_string();
            let path = self.data(file);
            let filled = Command::new("fallocate").args(["-l", &take]).arg(path).output().unwrap();
            if filled.status.success() {
                return;
            }
        }
        panic!("the disk could not be filled to {bytes} free bytes");
    }

    fn give_back(&self, file: &str) {
        std::fs::remove_file(self.data(file)).unwrap();
    }

    fn put(&self, name: &str) -> Response {
        self.server.post(&format!("secret/data/{name}"), &self.root, json!({"data": {"n": name}}))
    }

    fn get(&self, name: &str) -> Response {
        self.server.get(&format!("secret/data/{name}"), Some(&self.root))
    }

    /// Reads until the log has no room for it; the answer that says so.
    fn use_up(&self) -> Response {
        for _ in 0..20_000 {
            let answer = self.get("before");
            if answer.status != 200 {
                return answer;
            }
        }
        panic!("the log finds room for all of them");
    }

    /// The first answer that differs from `status`, or the hundredth.
    fn get_while(&self, status: u16) -> Response {
        for _ in 0..100 {
            let answer = self.get("before");
            if answer.status != status {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.get("before")
    }
}

#[test]
fn a_full_disk_refuses_writes_and_works_again_with_room() {
    let Some(full) = Crowded::start() else { return };
    full.put("before").ok();
    let kept = full.server.post("auth/token/create", &full.root, json!({"ttl": "10m"})).ok();
    let kept = kept["auth"]["client_token"].as_str().unwrap();

    full.leave(LITTLE_BYTES, "ballast");
    let refused = full.put("refused");
    assert_eq!(refused.status, 507, "{refused:?}");
    assert!(refused.body.contains("no room left on the disk"), "{refused:?}");
    let policy = json!({"policy": r#"path "x" { capabilities = ["read"] }"#});
    for (path, body) in [
        ("auth/token/create", json!({"ttl": "10m"})),
        ("sys/policies/acl/refused", policy),
        ("sys/mounts/refused", json!({"type": "kv", "options": {"version": "2"}})),
    ] {
        let answer = full.server.post(path, &full.root, body);
        assert_eq!(answer.status, 507, "{path}: {answer:?}");
    }
    assert_eq!(full.get("before").ok()["data"]["data"]["n"], "before");
    assert_eq!(
        full.server.list("secret/metadata", &full.root).ok()["data"]["keys"],
        json!(["before"])
    );
    assert_eq!(full.server.get("auth/token/lookup-self", Some(kept)).status, 200);
    assert_eq!(full.get("refused").status, 404);
    let health = full.server.get("sys/health", None).ok();
    assert!(health.to_string().contains("no room"), "{health}");

    // Now the audit log has no room either, and nothing is served that it can't take.
    full.leave(0, "more-ballast");
    let unaudited = full.use_up();
    assert_eq!(unaudited.status, 503, "{unaudited:?}");
    assert!(unaudited.body.contains("audit"), "{unaudited:?}");
    assert!(unaudited.header("retry-after").is_some(), "{unaudited:?}");
    assert!(!unaudited.body.contains("before"), "{unaudited:?}");
    let health = full.server.get("sys/health", None).ok();
    assert!(health["degraded"]["reason"].is_string(), "{health}");

    full.give_back("more-ballast");
    let again = full.get_while(503);
    assert_eq!(again.ok()["data"]["data"]["n"], "before");
    assert_eq!(full.put("still-refused").status, 507);
    full.give_back("ballast");
    // Health knows before anyone has written.
    let health = full.server.get("sys/health", None).ok();
    assert!(health["degraded"].is_null(), "{health}");
    full.put("after").ok();
    full.server.post("auth/token/create", &full.root, json!({"ttl": "10m"})).ok();
    let listed = full.server.list("secret/metadata", &full.root).ok();
    assert_eq!(listed["data"]["keys"], json!(["after", "before"]));
    let health = full.server.get("sys/health", None).ok();
    assert!(health["degraded"].is_null(), "{health}");
    let verify = Command::new(env!("CARGO_BIN_EXE_strongroom"))
        .args(["audit", "verify"])
        .arg(full.data("audit"))
        .output()
        .unwrap();
    assert!(matches!(verify.status.code(), Some(0 | 2)), "{verify:?}");
}

/// Others fill the disk to the last byte; the room that was set aside is not theirs.
#[test]
fn on_a_full_disk_access_can_be_taken_away_and_still_after_a_restart() {
    let Some(mut full) = Crowded::start() else { return };
    full.put("before").ok();
    let policy = |may: &str| json!({"policy": format!("path \"secret/data/before\" {{ capabilities = [\"{may}\"] }}")});
    let written = full.server.post("sys/policies/acl/reader", &full.root, policy("read"));
    assert_eq!(written.status, 204, "{written:?}");
    let tokens: Vec<String> = (0..6).map(|_| full.token("reader")).collect();
    full.leave(0, "ballast");

    let (server, root) = (&full.server, &full.root);
    // Whatever room entries had ahead is used up, and then nothing more is served …
    full.use_up();
    assert_eq!(full.get("before").status, 503);
    assert_eq!(full.put("refused").status, 503);
    // … but for what takes access away.
    let revoke = |token: &str| server.post("auth/token/revoke", root, json!({"token": token}));
    assert_eq!(revoke(&tokens[0]).status, 204);
    assert_eq!(server.post("auth/token/revoke-self", &tokens[1], json!({})).status, 204);
    let narrowed = server.post("sys/policies/acl/reader", root, policy("deny"));
    assert_eq!(narrowed.status, 204, "{narrowed:?}");
    assert_eq!(server.delete("sys/policies/acl/reader", root).status, 204);
    let prefix = server.request("POST", "sys/leases/revoke-prefix/nobody", Some(root), &[], None);
    assert_eq!(prefix.status, 204, "{prefix:?}");
    // Nothing else uses that room: not what is denied, not what gives.
    assert_eq!(server.post("auth/token/revoke", &tokens[2], json!({"token": root})).status, 503);
    assert_eq!(server.post("sys/policies/acl/new", root, policy("read")).status, 503);
    let health = server.get("sys/health", None).ok();
    assert!(health["degraded"]["reason"].is_string(), "{health}");

    // The server starts on the full disk as it is.
    full.server.leave_dev();
    full.server.restart();
    for token in &tokens[..2] {
        assert!(!full.is_good(token));
    }
    let server = &full.server;
    let revoke =
        |token: &str| server.post("auth/token/revoke", &full.root, json!({"token": token}));
    assert_eq!(revoke(&tokens[3]).status, 204);
    assert!(matches!(full.put("refused").status, 503 | 507));

    full.give_back("ballast");
    assert_eq!(full.get_while(503).ok()["data"]["data"]["n"], "before");
    for (i, token) in tokens.iter().enumerate() {
        assert_eq!(full.is_good(token), matches!(i, 2 | 4 | 5), "token {i}");
    }
    full.put("after").ok();
    assert_eq!(full.server.get("sys/policies/acl/reader", Some(&full.root)).status, 404);
    let verify = Command::new(env!("CARGO_BIN_EXE_strongroom"))
        .args(["audit", "verify"])
        .arg(full.data("audit"))
        .output()
        .unwrap();
    assert!(matches!(verify.status.code(), Some(0 | 2)), "{verify:?}");
}
