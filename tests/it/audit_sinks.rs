//! Sinks of the audit log beside its files, with receivers that behave as receivers do: away,
//! deaf, slow, full, cut.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Response, Server, root};

/// A server of an operator's with these sinks.
fn start_with(server: &mut Server, sinks: &str) {
    server.reconfigure(|text| text + sinks);
    server.restart();
}

fn socket_sink(path: &Path, more: &str) -> String {
    let address = format!("unix:{}", path.display());
    format!(
        "\n[[audit.sink]]\nname = \"collector\"\ntype = \"socket\"\naddress = {address:?}\n{more}\n"
    )
}

fn file_sink(path: &Path, more: &str) -> String {
    format!("\n[[audit.sink]]\nname = \"copy\"\ntype = \"file\"\npath = {path:?}\n{more}\n")
}

const REQUIRED: &str = "required = true\ndeadline = \"500ms\"";

/// Asks until the answer has this status.
fn until(status: u16, mut ask: impl FnMut() -> Response) -> Response {
    for _ in 0..600 {
        let answer = ask();
        if answer.status == status {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("never {status}: {:?}", ask());
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("never {what}");
}

fn get(server: &Server, root: &str) -> Response {
    server.get("secret/data/app", Some(root))
}

/// Every entry from the first to the last is there, in order where each came first.
fn assert_gapless(lines: &[Value]) {
    let mut next = 0;
    for line in lines {
        assert_ne!(line["type"], "gap", "{line}");
        if let Some(seq) = line["seq"].as_u64() {
            assert!(seq <= next, "{next} is missing before {seq}");
            next = next.max(seq + 1);
        }
    }
    assert!(next > 0);
}

fn parsed(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")))
        .collect()
}

fn has(lines: &[Value], request_id: &Value) -> bool {
    lines.iter().any(|line| line["request_id"] == *request_id)
}

/// Listens on a Unix socket and keeps what comes, one connection after the other.
struct Collector {
    /// Milliseconds between reads of a few bytes; the maximum: it accepts and never reads.
    pause_ms: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    text: mpsc::Receiver<Vec<u8>>,
    read: Vec<u8>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

const DEAF: u64 = u64::MAX;

impl Collector {
    fn listen(path: &Path, pause_ms: u64) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (pause_ms, stop) =
            (Arc::new(AtomicU64::new(pause_ms)), Arc::new(AtomicBool::new(false)));
        let (send, text) = mpsc::channel();
        let (pause, stopped) = (pause_ms.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut open = None;
            while !stopped.load(Ordering::SeqCst) {
                if open.is_none() {
                    open = listener.accept().ok().map(|(stream, _)| stream);
                }
                let pause = pause.load(Ordering::SeqCst);
                let Some(stream) = open.as_mut().filter(|_| pause != DEAF) else {
                    std::thread::sleep(Duration::from_millis(10));
                    continue;
                };
                std::thread::sleep(Duration::from_millis(pause));
                stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
                let mut bytes = vec![0; if pause == 0 { 1 << 16 } else { 512 }];
                match stream.read(&mut bytes) {
                    Ok(0) => {
                        // Half a line at the end of a connection comes again.
                        let _ = send.send(b"\0".to_vec());
                        open = None;
                    }
                    Ok(n) => drop(send.send(bytes[..n].to_vec())),
                    Err(_) => {}
                }
            }
            let _ = send.send(b"\0".to_vec());
        });
        Self { pause_ms, stop, text, read: Vec::new(), thread: Some(thread), path: path.to_owned() }
    }

    /// Whole lines so far.
    fn lines(&mut self) -> Vec<Value> {
        while let Ok(bytes) = self.text.try_recv() {
            if bytes == b"\0" {
                let whole = self.read.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
                self.read.truncate(whole);
            } else {
                self.read.extend(bytes);
            }
        }
        let whole = self.read.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
        parsed(std::str::from_utf8(&self.read[..whole]).unwrap())
    }

    fn end(mut self) -> Vec<Value> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        fs::remove_file(&self.path).unwrap();
        self.lines()
    }
}

#[test]
fn a_sink_gets_the_whole_log_in_order_with_its_checkpoints_over_restarts() {
    let mut server = Server::start_dev();
    let root = server.root_token();
    server.post("secret/data/app", &root, json!({"data": {"k": "v"}})).ok();
    let copy = server.file("copy.jsonl");
    start_with(&mut server, &file_sink(&copy, ""));
    get(&server, &root).ok();
    server.stop();
    server.restart();
    get(&server, &root).ok();
    server.stop();

    let text = fs::read_to_string(&copy).unwrap();
    let lines = parsed(&text);
    assert_gapless(&lines);
    let entries: String = text
        .lines()
        .filter(|l| l.starts_with("{\"v\":1,\"seq\""))
        .map(|l| format!("{l}\n"))
        .collect();
    let log = fs::read_to_string(server.audit().join("00000000000000000000.jsonl")).unwrap();
    assert_eq!(entries, log);
    // Anchors leave the host: the last checkpoint is one that the log can be held against.
    let last = lines.iter().rev().find(|line| line["type"] == "checkpoint").unwrap();
    let anchor = server.file("anchor");
    fs::write(&anchor, last["note"].as_str().unwrap()).unwrap();
    let mut verify = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    verify.args(["audit", "verify", "--anchor"]).arg(&anchor).arg(server.audit());
    let verified = verify.output().unwrap();
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
}

#[test]
fn answers_wait_for_a_required_sink_that_is_away_and_come_back_with_it() {
    let mut server = Server::start_dev();
    let root = server.root_token();
    server.post("secret/data/app", &root, json!({"data": {"k": "v"}})).ok();
    let socket = server.file("s");
    start_with(&mut server, &socket_sink(&socket, REQUIRED));

    let refused = until(503, || get(&server, &root));
    assert!(refused.body.contains("the audit sink `collector` is unavailable"), "{refused:?}");
    assert!(refused.body.contains("No such file"), "{refused:?}");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    assert!(!refused.body.contains("\"k\""), "{refused:?}");
    let health = server.get("sys/health", None).ok();
    assert!(health["degraded"]["reason"].as_str().unwrap().contains("collector"), "{health}");
    // What an operator needs waits for nobody.
    server.get("sys/audit", Some(&root)).ok();
    server.get("sys/seal-status", None).ok();
    assert_eq!(server.get("sys/metrics", Some(&root)).status, 200);

    for _ in 0..2 {
        let mut collector = Collector::listen(&socket, 0);
        until(200, || get(&server, &root));
        let answered = get(&server, &root).ok()["request_id"].clone();
        eventually("the entry came", || has(&collector.lines(), &answered));
        assert_gapless(&collector.end());
        let again = until(503, || get(&server, &root));
        assert!(again.body.contains("collector"), "{again:?}");
    }
    let mut collector = Collector::listen(&socket, 0);
    until(200, || get(&server, &root));
    let health = server.get("sys/health", None).ok();
    assert!(health["degraded"].is_null(), "{health}");
    eventually("it is on record", || {
        let lines = collector.lines();
        lines.iter().any(|l| {
            l["detail"].as_str().is_some_and(|d| d.contains("required sink collector was away"))
        })
    });
    server.stop();
}

#[test]
fn syslog_gets_each_entry_as_a_message_with_the_time_of_the_entry() {
    let mut server = Server::start_dev();
    let root = server.root_token();
    server.post("secret/data/app", &root, json!({"data": {"k": "v"}})).ok();
    let path = server.file("log");
    let there = UnixDatagram::bind(&path).unwrap();
    there.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let address = format!("unix-datagram:{}", path.display());
    start_with(
        &mut server,
        &format!("\n[[audit.sink]]\nname = \"local\"\ntype = \"syslog\"\naddress = {address:?}\n"),
    );
    let answer = get(&server, &root).ok();
    let wanted = answer["request_id"].clone();
    let (mut lines, mut room) = (Vec::new(), vec![0; 64 << 10]);
    while !has(&lines, &wanted) {
        let read = there.recv(&mut room).unwrap();
        let message = std::str::from_utf8(&room[..read]).unwrap();
        let parts: Vec<&str> = message.splitn(8, ' ').collect();
        assert_eq!((parts[0], parts[3], parts[5]), ("<86>1", "strongroom", "audit"), "{message}");
        let line: Value = serde_json::from_str(parts[7]).unwrap();
        let time = line.get("time").and_then(Value::as_str).unwrap_or("-");
        assert_eq!(parts[1], time);
        lines.push(line);
    }
    assert_gapless(&lines);
}

#[test]
fn a_required_sink_that_never_reads_gates_answers_and_hangs_nothing() {
    let mut server = Server::start_dev();
    let root = server.root_token();
    server.post("secret/data/app", &root, json!({"data": {"k": "v"}})).ok();
    let socket = server.file("s");
    let mut collector = Collector::listen(&socket, DEAF);
    start_with(&mut server, &socket_sink(&socket, REQUIRED));
    // Until its buffers are full, lines are with the other end.
    let long = format!("secret/data/{}", vec!["x".repeat(200); 10].join("/"));
    let refused = (0..2_000).map(|_| server.get(&long, Some(&root))).find(|a| a.status == 503);
    let refused = refused.expect("its buffers never were full");
    assert!(refused.body.contains("collector"), "{refused:?}");
    server.get("sys/health", None).ok();
    server.get("sys/audit", Some(&root)).ok();

    collector.pause_ms.store(0, Ordering::SeqCst);
    until(200, || get(&server, &root));
    assert_gapless(&collector.lines());
    server.stop();
}

#[test]
fn an_optional_sink_that_is_away_or_slow_delays_nobody_and_misses_nothing() {
    let mut server = Server::start_dev();
    let root = server.root_token();
    server.post("secret/data/app", &root, json!({"data": {"k": "v"}})).ok();
    let socket = server.file("s");
    start_with(&mut server, &socket_sink(&socket, ""));
    server.await_log("an audit sink takes no entries");
    for _ in 0..50 {
        get(&server, &root).ok();
    }
    let mut collector = Collector::listen(&socket, 20);
    let last = get(&server, &root).ok()["request_id"].clone();
    eventually("all of it came", || has(&collector.lines(), &last));
    assert_gapless(&collector.lines());
    eventually("checkpoints came", || {
        collector.lines().iter().any(|line| line["type"] == "checkpoint")
    });
    server.kill9();
    server.restart();
    let after = get(&server, &root).ok()["request_id"].clone();
    eventually("it went on", || has(&collector.lines(), &after));
    let lines = collector.end();
    assert_gapless(&lines);
    let numbers: Vec<u64> = lines.iter().filter_map(|line| line["seq"].as_u64()).collect();
    let once: BTreeSet<&u64> = numbers.iter().collect();
    assert!(once.len() > 50);
    server.stop();
}

#[test]
fn a_copy_that_is_deleted_or_cut_under_the_server_is_noticed_and_goes_on() {
    let mut server = Server::start_dev();
    let root = server.root_token();
    let copy = server.file("copy.jsonl");
    start_with(&mut server, &file_sink(&copy, REQUIRED));
    server.post("secret/data/app", &root, json!({"data": {"k": "v"}})).ok();
    assert!(fs::metadata(&copy).unwrap().len() > 0);

    let recorded = |what: &str| {
        let log = fs::read_to_string(server.audit().join("00000000000000000000.jsonl")).unwrap();
        log.contains(what)
    };
    fs::OpenOptions::new().write(true).open(&copy).unwrap().set_len(10).unwrap();
    eventually("the cut is on record", || {
        recorded("sink copy: its file was cut: 10 bytes instead of")
    });
    get(&server, &root).ok();
    fs::remove_file(&copy).unwrap();
    eventually("the deletion is on record", || {
        recorded("sink copy: its file was deleted or moved away")
    });
    let id = get(&server, &root).ok()["request_id"].clone();
    assert!(has(&parsed(&fs::read_to_string(&copy).unwrap()), &id));
    assert!(server.log().contains("something happened to an audit sink"));
    server.stop();
}

#[test]
fn sinks_are_switched_over_the_api_but_declared_and_placed_by_the_configuration_alone() {
    let mut server = Server::start_dev();
    let root = server.root_token();
    server.post("secret/data/app", &root, json!({"data": {"k": "v"}})).ok();
    let copy = server.file("copy.jsonl");
    // Required, and there is no directory for it.
    let away = server.file("absent/copy.jsonl");
    let away = file_sink(&away, REQUIRED).replace("\"copy\"", "\"away\"");
    let described = "description = \"second\"";
    start_with(&mut server, &format!("{}{away}", file_sink(&copy, described)));
    until(503, || get(&server, &root));

    // The repair needs no answer of the sink that is away.
    assert_eq!(server.delete("sys/audit/away", &root).status, 204);
    get(&server, &root).ok();
    let listed = server.get("sys/audit", Some(&root)).ok()["data"].clone();
    let place = copy.to_str().unwrap();
    let options = json!({"file_path": place, "format": "json"});
    assert_eq!(listed["copy/"]["options"], options);
    for (field, value) in [
        ("type", json!("file")),
        ("description", json!("second")),
        ("path", json!("copy/")),
        ("local", json!(true)),
        ("required", json!(false)),
    ] {
        assert_eq!(listed["copy/"][field], value, "{listed}");
    }
    assert!(listed["file/"].is_object() && listed.get("away/").is_none(), "{listed}");
    let all = server.get("sys/audit?all=true", Some(&root)).ok();
    assert_eq!(all["data"]["away/"]["state"], "off");

    // P35: what is declared can be named, nothing else can be said.
    let same = json!({"type": "file", "options": options, "description": "second"});
    for good in [json!({}), json!({"type": "file"}), same] {
        assert_eq!(server.post("sys/audit/copy", &root, good).status, 204);
    }
    for bad in [
        json!({"type": "socket"}),
        json!({"options": {"file_path": "/tmp/elsewhere"}}),
        json!({"options": {"mode": "0666"}}),
        json!({"options": {"prefix": "x"}}),
        json!({"description": "another"}),
    ] {
        let refused = server.post("sys/audit/copy", &root, bad);
        assert_eq!(refused.status, 400);
        assert!(refused.body.contains("change the configuration"), "{refused:?}");
    }
    for (path, body) in [
        ("sys/audit/new", json!({"type": "file", "options": {"file_path": "/tmp/x"}})),
        ("sys/audit/file", json!({"type": "file"})),
        ("sys/audit-hash/copy", json!({"input": "x"})),
    ] {
        assert_eq!(server.post(path, &root, body).status, 400, "{path}");
    }
    for path in ["sys/audit/file", "sys/audit/new"] {
        assert_eq!(server.delete(path, &root).status, 400, "{path}");
    }
    server.policy(
        "some",
        r#"path "sys/audit*" { capabilities = ["create", "read", "update", "delete"] }"#,
    );
    let some = server.token(&["some"]);
    assert_eq!(server.get("sys/audit", Some(&some)).status, 403);
    assert_eq!(server.delete("sys/audit/copy", &some).status, 403);
    assert_eq!(server.post("sys/audit/copy", &some, json!({})).status, 403);

    // What was off is off after a restart, and gets what it missed when it is on again.
    let listed = server.strongroom(&root, &["audit", "sinks"]).ok();
    assert!(listed.lines().any(|l| l.starts_with("away") && l.contains("off")), "{listed}");
    server.strongroom(&root, &["audit", "disable", "copy"]).ok();
    let missed = get(&server, &root).ok()["request_id"].clone();
    server.restart();
    get(&server, &root).ok();
    let so_far = || parsed(&fs::read_to_string(&copy).unwrap());
    assert!(!has(&so_far(), &missed));
    let metrics = server.get("sys/metrics", Some(&root)).body;
    assert!(metrics.contains("strongroom_audit_sink_up{sink=\"copy\"} 0"), "{metrics}");
    server.strongroom(&root, &["audit", "enable", "copy"]).ok();
    eventually("it got what it missed", || has(&so_far(), &missed));
    assert_gapless(&so_far());
    let health = server.get("sys/health", None).ok();
    assert_eq!(health["audit_sinks"][1], json!({"name": "away", "required": true, "state": "off"}));

    // Other clients.
    assert!(server.bao(&root, &["audit", "list"]).ok().contains("copy/"));
    server.bao(&root, &["audit", "disable", "copy/"]).ok();
    assert!(!server.bao(&root, &["audit", "list"]).ok().contains("copy/"));
    let option = format!("file_path={place}");
    server.bao(&root, &["audit", "enable", "-path=copy", "file", &option]).ok();
    server.python("audit.py", &[place]).ok();
    let changes = so_far();
    let told = |op: &str| {
        let is = |l: &&Value| l["path"] == "sys/audit/copy" && l["operation"] == op;
        changes.iter().filter(is).count()
    };
    assert!(told("delete") >= 3 && told("update") >= 4, "{changes:?}");
    server.stop();
}

/// An https server, which ends with the test.
struct Https {
    child: Child,
    port: u16,
}

impl Https {
    fn start(server: &Server, out: &Path) -> Self {
        let tls = server.data().join("tls");
        let mut child = Command::new("python3")
            .arg(root().join("tests/it/clients/collector.py"))
            .args([&tls.join("cert.pem"), &tls.join("key.pem"), out])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, port: port.trim().parse().unwrap() }
    }
}

impl Drop for Https {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn p36_batches_go_over_verified_https_to_allowed_addresses_and_follow_no_redirect() {
    let mut server = Server::start_operated();
    let root = server.root_token();
    server.post("secret/data/app", &root, json!({"data": {"k": "v"}})).ok();
    let out = server.file("collected");
    let mut collector = Https::start(&server, &out);
    let sink = |more: &str| {
        let url = format!("https://127.0.0.1:{}/audit", collector.port);
        format!(
            "\n[[audit.sink]]\nname = \"web\"\ntype = \"http\"\nurl = {url:?}\n{REQUIRED}\n{more}\n"
        )
    };
    let plain = fs::read_to_string(server.config()).unwrap();
    let ca = format!("ca_file = {:?}\n", server.authority());
    let allow = "allow = [\"127.0.0.0/8\"]\n";
    let good = sink(&format!("{ca}{allow}"));
    for (sinks, reason) in [
        (sink(&ca), "its address is not public"),
        (sink(allow), "invalid peer certificate"),
        (good.clone(), "it answered 302; redirects are not followed"),
    ] {
        server.reconfigure(|_| format!("{plain}{sinks}"));
        server.restart();
        server.await_log(reason);
    }
    until(200, || get(&server, &root));
    let id = get(&server, &root).ok()["request_id"].clone();
    let lines = parsed(&fs::read_to_string(&out).unwrap());
    assert!(has(&lines, &id));
    assert_gapless(&lines);
    collector.child.kill().unwrap();
    let refused = until(503, || get(&server, &root));
    assert!(refused.body.contains("`web`"), "{refused:?}");
    server.stop();
}

/// A small file system for the copy, which goes with the process.
const MOUNT: &str =
    r#"mount -t tmpfs -o size=512k,mode=700 strongroom-test "$1" && shift && exec "$@""#;

#[test]
fn a_full_disk_under_a_required_copy_gates_answers_until_there_is_room() {
    let tried =
        Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this user may not mount a file system (it takes root)");
        return;
    }
    let small = tempfile::tempdir().unwrap();
    let at = small.path().to_str().unwrap();
    let mut server = Server::start_under(&["unshare", "-m", "sh", "-c", MOUNT, "sh", at]);
    let root = server.root_token();
    server.post("secret/data/app", &root, json!({"data": {"k": "v"}})).ok();
    start_with(&mut server, &file_sink(&small.path().join("copy"), REQUIRED));
    get(&server, &root).ok();
    let inside = |name: &str| PathBuf::from(format!("/proc/{}/root{at}/{name}", server.pid()));
    let mut ballast = fs::File::create(inside("ballast")).unwrap();
    while ballast.write_all(&[0; 512]).is_ok() {}

    let full = until(503, || get(&server, &root));
    assert!(full.body.contains("the audit sink `copy` is unavailable: No space left"), "{full:?}");
    server.get("sys/health", None).ok();
    fs::remove_file(inside("ballast")).unwrap();
    drop(ballast);
    until(200, || get(&server, &root));
    assert_gapless(&parsed(&fs::read_to_string(inside("copy")).unwrap()));
    server.stop();
}
