//! A disk that runs full: writes are refused in clear words, reads go on while they can be recorded,
//! and with room everything works again, without a restart.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Response, Server};

/// The data directory becomes a small file system of its own, which goes with the process.
const MOUNT: &str = r#"for directory; do :; done
mkdir -p "$directory" && mount -t tmpfs -o size=288m,mode=700 strongroom-test "$directory" &&
exec "$@""#;
/// Below what the store keeps back for its index.
const LITTLE_BYTES: u64 = 64 << 20;

fn may_mount() -> bool {
    let tried =
        Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    tried.is_ok_and(|output| output.status.success())
}

/// A full server.
struct Crowded {
    server: Server,
    root: String,
}

impl Crowded {
    /// A path of the server's data as this process reaches it.
    fn data(server: &Server, name: &str) -> PathBuf {
        let inside = server.data().join(name);
        PathBuf::from(format!("/proc/{}/root{}", server.pid(), inside.display()))
    }

    fn free_bytes(&self) -> u64 {
        let found = rustix::fs::statvfs(Self::data(&self.server, "")).unwrap();
        found.f_bavail * found.f_frsize
    }

    /// Fills the disk until so much is free.
    fn leave(&self, bytes: u64, file: &str) {
        let take = self.free_bytes().saturating_sub(bytes).to_string();
        let path = Self::data(&self.server, file);
        let filled = Command::new("fallocate").args(["-l", &take]).arg(path).status().unwrap();
        assert!(filled.success());
    }

    fn give_back(&self, file: &str) {
        std::fs::remove_file(Self::data(&self.server, file)).unwrap();
    }

    fn put(&self, name: &str) -> Response {
        self.server.post(&format!("secret/data/{name}"), &self.root, json!({"data": {"n": name}}))
    }

    fn get(&self, name: &str) -> Response {
        self.server.get(&format!("secret/data/{name}"), Some(&self.root))
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
    if !may_mount() {
        eprintln!("skipped: this user may not mount a file system (it takes root)");
        return;
    }
    let server = Server::start_under(&["unshare", "-m", "sh", "-c", MOUNT, "sh"]);
    let token = std::fs::read_to_string(Crowded::data(&server, "root-token")).unwrap();
    let full = Crowded { server, root: token.trim().to_owned() };
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
    let unaudited = full.get_while(200);
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
        .arg(Crowded::data(&full.server, "audit"))
        .output()
        .unwrap();
    assert!(matches!(verify.status.code(), Some(0 | 2)), "{verify:?}");
}
