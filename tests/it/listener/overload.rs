//! More than the server takes: requests, bodies, descriptors, handshakes. It says so, goes on
//! serving those it has, and is as before once they are gone.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::{configure, configured, resident_kib};
use crate::harness::{Faulty, Server, finish};

const PATIENT: Duration = Duration::from_secs(60);

fn open(server: &Server) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(server.address().split_once("://").unwrap().1)?;
    stream.set_read_timeout(Some(PATIENT))?;
    Ok(stream)
}

/// What `sys/metrics` says of a line.
fn metric(server: &Server, name: &str) -> f64 {
    let text = server.get("sys/metrics", Some(&server.root_token())).body;
    let line = text.lines().find(|line| line.starts_with(name) && !line.starts_with('#'));
    line.unwrap_or_else(|| panic!("no {name}:\n{text}"))
        .rsplit(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

fn event(server: &Server, name: &str) -> f64 {
    metric(server, &format!("strongroom_listener_events_total{{event=\"{name}\"}}"))
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("never came: {what}");
}

/// Two requests wait for an HSM that does not answer, and there are two places.
#[test]
fn p25_a_request_without_a_place_is_told_and_health_and_the_admin_socket_are_answered() {
    let faulty = Faulty::new();
    let mut server = Server::start_on(&faulty);
    configure(&mut server, "requests_max = 2");
    let root = server.root_token();
    let login = |server: &Server| {
        let mut stream = open(server).unwrap();
        let request = format!(
            "POST /v1/auth/token/create HTTP/1.1\r\nHost: x\r\nX-Vault-Token: {root}\r\n\
             Content-Length: 2\r\n\r\n{{}}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    faulty.control("C_Sign hang");
    let mut waiting = Vec::new();
    let mut shed = None;
    // They leave their places after the HSM's deadline: others come in their stead.
    until("a request is shed", || {
        waiting.push(login(&server));
        waiting.push(login(&server));
        let answer = server.get("sys/mounts", Some(&root));
        if answer.status == 503 && answer.body.contains("too many requests") {
            assert_eq!(server.get("sys/health", None).status / 100, 2);
            shed = Some(answer);
        }
        shed.is_some()
    });
    assert_eq!(shed.unwrap().header("retry-after"), Some("1"));
    let socket = server.data().join("data/admin.sock");
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.args(["operator", "status", "--socket"]).arg(socket);
    finish(server.client(&mut command, "")).ok();
    faulty.control("");
    drop(waiting);
    until("places come back", || server.get("sys/mounts", Some(&root)).status == 200);
    assert!(event(&server, "shed") > 0.0);
    // No entry for each, and yet the log tells of all of them.
    let told = || -> f64 {
        let of_a_line = |line: &str| -> f64 {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            let detail = entry["detail"].as_str().filter(|_| entry["type"] == "shed");
            let counts = detail.unwrap_or_default().split(' ');
            let counts = counts.filter_map(|pair| pair.strip_prefix("shed="));
            counts.map(|n| n.parse::<f64>().unwrap()).sum()
        };
        let log = std::fs::read_to_string(server.audit().join(format!("{:020}.jsonl", 0)));
        log.unwrap().lines().filter(|line| line.contains("\"shed\"")).map(of_a_line).sum()
    };
    until("the log counts what was shed", || told() >= event(&server, "shed"));
    assert!(told() <= event(&server, "shed"));
}

/// Strangers fill what bodies may hold; who has a lease writes all the same.
#[test]
fn p25_bodies_of_strangers_are_bounded_and_take_nothing_from_those_with_a_lease() {
    const LENGTH: usize = 64 << 10;
    let server = configured(false, "body_timeout = \"10m\"\nconnections_per_address_max = 2048");
    let root = server.root_token();
    let head = format!(
        "POST /v1/auth/approle/login HTTP/1.1\r\nHost: x\r\nContent-Length: {LENGTH}\r\n\r\n"
    );
    let all_but_one = vec![b' '; LENGTH - 1];
    let mut held = Vec::new();
    // 32 MiB, and some for those that are cut short.
    for _ in 0..(32 << 20) / LENGTH + 8 {
        let mut stream = open(&server).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        // One that is refused is closed, perhaps while it still sends.
        let _ = stream.write_all(&all_but_one);
        held.push(stream);
    }
    until("a body is refused", || event(&server, "bodies_full") > 0.0);
    assert!(metric(&server, "strongroom_request_bodies_bytes") <= f64::from(32 << 20));
    // Two that were refused at once both gave back what they held: until it is filled again, there
    // is room for a whole body.
    let stranger = || server.login("auth/approle/login", json!({"role_id": "x".repeat(60 << 10)}));
    let mut refused = stranger();
    until("the room is full", || {
        if refused.status != 503 {
            let mut stream = open(&server).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            let _ = stream.write_all(&all_but_one);
            held.push(stream);
            refused = stranger();
        }
        refused.status == 503
    });
    assert_eq!(refused.header("retry-after"), Some("1"));
    let large = json!({"data": {"k": "x".repeat(400 << 10)}});
    server.post("secret/data/large", &root, large).ok();
    drop(held);
    until("the room comes back", || metric(&server, "strongroom_request_bodies_bytes") == 0.0);
    let served = stranger();
    assert_ne!(served.status, 503, "{served:?}");
}

#[test]
fn p28_a_listener_without_descriptors_survives() {
    let server = configured(false, "");
    let root = server.root_token();
    server.post("secret/data/x", &root, json!({"data": {"k": "v"}})).ok();
    let used = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count();
    let limit = |number: usize| {
        let mut command = Command::new("prlimit");
        command.args(["--pid", &server.pid().to_string()]);
        finish(command.arg(format!("--nofile={number}:"))).ok();
    };
    limit(used + 8);
    let held: Vec<TcpStream> = (0..64).map(|_| open(&server).unwrap()).collect();
    server.await_log("accept failed; trying again");
    drop(held);
    // Those that waited are accepted and found closed; then there is room again.
    until("it serves again", || {
        server.try_request("GET", "sys/health", None, &[], None).is_ok_and(|a| a.status == 200)
    });
    limit(4096);
    assert!(event(&server, "accept_failed") > 0.0);
    server.post("secret/data/x", &root, json!({"data": {"k": "w"}})).ok();
}

#[test]
fn p28_thousands_of_handshakes_that_never_end_cost_little_and_are_ended() {
    const MANY: usize = 2_000;
    let server = configured(
        true,
        "handshake_timeout = \"10s\"\nconnections_max = 4096\nconnections_per_address_max = 4096",
    );
    let before = resident_kib(&server);
    // The beginning of a record with a ClientHello of 508 bytes.
    let hello = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
    let mut held = Vec::with_capacity(MANY);
    for _ in 0..MANY {
        let mut stream = open(&server).unwrap();
        stream.write_all(&hello).unwrap();
        held.push(stream);
    }
    assert_eq!(server.get("sys/health", None).status, 200);
    let each = resident_kib(&server).saturating_sub(before) as f64 / MANY as f64;
    assert!(each < 64.0, "{each:.1} KiB for each handshake");
    for mut stream in held {
        match stream.read_to_end(&mut Vec::new()) {
            Ok(_) => {}
            Err(e) => assert_eq!(e.kind(), ErrorKind::ConnectionReset, "still open"),
        }
    }
    until("all are counted", || event(&server, "handshake_failed") >= MANY as f64);
    // The one that asks.
    until("all are gone", || metric(&server, "strongroom_connections") <= 1.0);
    let left = metric(&server, "strongroom_certificate_expiry_seconds");
    assert!(left > 86_400.0, "{left}");
}
