//! Before an answer leaves, the disk has what it acknowledges: seen by strace.

use std::collections::HashMap;
use std::fs;

use serde_json::json;

use crate::harness::Server;

#[test]
fn the_disk_has_a_change_before_its_answer_leaves() {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let path = trace.path().to_str().unwrap();
    let calls = "trace=read,recvfrom,recvmsg,write,writev,pwrite64,sendto,sendmsg,fdatasync,fsync";
    let mut server =
        Server::start_under(&["strace", "-D", "-f", "-y", "-s", "400", "-e", calls, "-o", path]);
    let root = server.root_token();
    let doomed = server.token(&["default"]);
    let policy = r#"path "x" { capabilities = ["read"] }"#;
    let changes = [
        ("secret/data/traced-a", json!({"data": {"n": 1}})),
        ("secret/data/traced-b", json!({"data": {"n": 2}})),
        ("sys/policies/acl/traced-c", json!({ "policy": policy })),
        ("auth/token/create?traced-d", json!({"ttl": "1m"})),
        ("auth/token/revoke?traced-e", json!({ "token": doomed })),
    ];
    for (path, body) in &changes {
        let status = server.post(path, &root, body.clone()).status;
        assert!(matches!(status, 200 | 204), "{path}: {status}");
    }
    server.kill9();
    // The tracer outlives the server by a moment; its last line is the proof that it is done.
    for _ in 0..100 {
        if fs::read_to_string(path).unwrap().contains("+++ killed by SIGKILL +++") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let text = fs::read_to_string(path).unwrap();
    for (path, _) in &changes {
        let request = format!("POST /v1/{path} ");
        let between: Vec<&str> = text
            .lines()
            .skip_while(|line| !line.contains(&request))
            .take_while(|line| !line.contains("\"HTTP/1.1 20"))
            .collect();
        assert!(!between.is_empty(), "the trace has no request {path}");
        let written = between
            .iter()
            .position(|line| line.contains("pwrite64(") && line.contains("/store/journal/"));
        let written = written.unwrap_or_else(|| panic!("{path}: nothing was written before"));
        // What was begun after the write and has ended before the answer.
        let synced = synced_files(&between[written..]);
        assert!(synced.iter().any(|f| f.contains("/store/journal/")), "{path}: {synced:?}");
    }
}

/// Files whose fdatasync or fsync began and succeeded within these lines of `strace -f -y`.
fn synced_files(lines: &[&str]) -> Vec<String> {
    let mut begun: HashMap<&str, String> = HashMap::new();
    let mut done = Vec::new();
    for line in lines {
        let (thread, call) = line.split_once(' ').unwrap_or((line, ""));
        let call = call.trim_start();
        let file = || call.split(['<', '>']).nth(1).unwrap_or("").to_owned();
        let succeeded = call.ends_with("= 0");
        if call.starts_with("fdatasync(") || call.starts_with("fsync(") {
            if succeeded {
                done.push(file());
            } else if call.ends_with("<unfinished ...>") {
                begun.insert(thread, file());
            }
        } else if call.starts_with("<... fdatasync resumed>")
            || call.starts_with("<... fsync resumed>")
        {
            done.extend(begun.remove(thread).filter(|_| succeeded));
        }
    }
    done
}

#[test]
fn the_reader_of_traces_pairs_calls_that_other_threads_interrupt() {
    let lines = [
        r"12 fdatasync(7</d/journal>) = 0",
        r"12 fdatasync(8</d/audit/1> <unfinished ...>",
        r"13 fsync(9</d/failed>) = -1 EIO (Input/output error)",
        r"13 fsync(9</d/index> <unfinished ...>",
        r"12 <... fdatasync resumed>) = -1 EIO (Input/output error)",
        r"13 <... fsync resumed>)            = 0",
        r"14 fsync(3</d/late> <unfinished ...>",
    ];
    assert_eq!(synced_files(&lines), ["/d/journal", "/d/index"]);
}
