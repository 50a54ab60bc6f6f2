//! What was acknowledged survives a kill -9, because it is on the disk before the answer leaves.

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::harness::Server;

const WRITERS: usize = 4;
const CYCLES: u64 = 50;

/// The counter that a writer last tried, and the last one that the server acknowledged.
#[derive(Clone, Copy, Default)]
struct Progress {
    tried: u64,
    acknowledged: u64,
}

/// STRONGROOM_KILL_CYCLES sets how often.
#[test]
fn acknowledged_writes_survive_kill_9_under_load() {
    let given = std::env::var("STRONGROOM_KILL_CYCLES").ok().and_then(|n| n.parse().ok());
    let cycles = given.unwrap_or(CYCLES);
    let mut server = Server::start();
    let root = server.root_token();
    let mut progress = [Progress::default(); WRITERS];
    for cycle in 0..cycles {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for (writer, progress) in progress.iter_mut().enumerate() {
                let (server, root, stop) = (&server, &root, &stop);
                scope.spawn(move || write_until(stop, server, root, writer, progress));
            }
            // Every cycle meets the server at another point of its work.
            std::thread::sleep(Duration::from_millis(20 + cycle * 37 % 180));
            server.signal_kill();
            stop.store(true, Ordering::Relaxed);
        });
        server.restart();
        for (writer, progress) in progress.iter_mut().enumerate() {
            let n = current(&server, &root, writer);
            assert!(
                (progress.acknowledged..=progress.tried).contains(&n),
                "cycle {cycle}, writer {writer}: {n} is there, {} was acknowledged, {} tried",
                progress.acknowledged,
                progress.tried
            );
            *progress = Progress { tried: n, acknowledged: n };
        }
    }
    let total: u64 = progress.iter().map(|p| p.acknowledged).sum();
    assert!(total > cycles, "only {total} writes in {cycles} cycles: that was no load");
}

fn write_until(stop: &AtomicBool, server: &Server, root: &str, writer: usize, at: &mut Progress) {
    let path = format!("secret/data/crash/{writer}");
    while !stop.load(Ordering::Relaxed) {
        at.tried += 1;
        let body = json!({"data": {"n": at.tried}}).to_string();
        match server.try_request("POST", &path, Some(root), &[], Some(&body)) {
            Ok(answer) if answer.status == 200 => at.acknowledged = at.tried,
            Ok(answer) => panic!("{answer:?}"),
            Err(_) => return,
        }
    }
}

/// What the writer's secret says, 0 where there is none.
fn current(server: &Server, root: &str, writer: usize) -> u64 {
    let answer = server.get(&format!("secret/data/crash/{writer}"), Some(root));
    if answer.status == 404 {
        return 0;
    }
    answer.ok()["data"]["data"]["n"].as_u64().unwrap()
}

#[test]
fn leases_and_revocations_survive_kill_9() {
    let mut server = Server::start();
    let root = server.root_token();
    let (kept, revoked) = (server.token(&["default"]), server.token(&["default"]));
    assert_eq!(server.post("auth/token/revoke", &root, json!({ "token": revoked })).status, 204);
    server.restart();
    assert_eq!(server.get("auth/token/lookup-self", Some(&kept)).status, 200);
    assert_eq!(server.get("auth/token/lookup-self", Some(&revoked)).status, 403);
}

#[test]
fn the_disk_has_a_write_before_its_answer_leaves() {
    const WRITES: usize = 5;
    let trace = tempfile::NamedTempFile::new().unwrap();
    let path = trace.path().to_str().unwrap();
    let calls = "trace=read,recvfrom,recvmsg,write,writev,sendto,sendmsg,fdatasync,fsync";
    let mut server =
        Server::start_under(&["strace", "-D", "-f", "-y", "-s", "400", "-e", calls, "-o", path]);
    let root = server.root_token();
    for n in 0..WRITES {
        let path = format!("secret/data/traced-{n}-end");
        server.post(&path, &root, json!({"data": {"n": n}})).ok();
    }
    server.kill9();
    // The tracer outlives the server by a moment; its last line is the proof that it is done.
    for _ in 0..100 {
        if fs::read_to_string(path).unwrap().contains("+++ killed by SIGKILL +++") {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let text = fs::read_to_string(path).unwrap();
    for n in 0..WRITES {
        let request = format!("POST /v1/secret/data/traced-{n}-end ");
        let between: Vec<&str> = text
            .lines()
            .skip_while(|line| !line.contains(&request))
            .take_while(|line| !line.contains("\"HTTP/1.1 200"))
            .collect();
        assert!(!between.is_empty(), "the trace has no request {n}");
        let synced = synced_files(&between);
        // The audit log is synced as well; what has to be there is the store.
        assert!(synced.iter().any(|file| !file.contains("/audit")), "request {n}: {synced:?}");
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
