//! Every limit and deadline of the listener, with small numbers.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::{configured, resident_kib};
use crate::harness::Server;

const PATIENT: Duration = Duration::from_secs(60);

fn open(server: &Server) -> TcpStream {
    let at = server.address().split_once("://").unwrap().1;
    let stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENT)).unwrap();
    stream
}

/// Everything until the server closes; an error where it does not.
fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset, "still open"),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

const ASK: &[u8] = b"GET /v1/sys/seal-status HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn p28_slow_heads_bodies_readers_and_idlers_are_dropped() {
    let deadlines = "header_timeout = \"300ms\"\nbody_timeout = \"300ms\"\n\
                     write_timeout = \"300ms\"\nidle_timeout = \"2s\"";
    let server = configured(false, deadlines);
    let root = server.root_token();
    // Half a head, and one that trickles.
    let mut half = open(&server);
    half.write_all(b"GET /v1/sys/health HTTP/1.1\r\nX-A: ").unwrap();
    assert_eq!(rest(&mut half), "");
    let mut trickle = open(&server);
    let ended = (0..6_000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        trickle.write_all(b"X").is_err()
    });
    assert!(ended, "a trickling head was never ended");
    // A body that does not come is answered.
    let mut body = open(&server);
    body.write_all(
        b"POST /v1/auth/approle/login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
    )
    .unwrap();
    assert!(rest(&mut body).starts_with("HTTP/1.1 408"));
    // Idle, before and after a request.
    assert_eq!(rest(&mut open(&server)), "");
    let mut idle = open(&server);
    idle.write_all(ASK).unwrap();
    assert!(rest(&mut idle).starts_with("HTTP/1.1 200"));
    // Asks for much and reads nothing: its answers are more than the buffers between.
    let large = json!({"data": {"k": "x".repeat(400 << 10)}});
    assert_eq!(server.post("secret/data/large", &root, large).status, 200);
    let mut reader = open(&server);
    let ask =
        format!("GET /v1/secret/data/large HTTP/1.1\r\nHost: x\r\nX-Vault-Token: {root}\r\n\r\n");
    reader.write_all(ask.repeat(100).as_bytes()).unwrap();
    let mut gone = false;
    for _ in 0..600 {
        std::thread::sleep(Duration::from_millis(100));
        // What the server hears after it has closed is answered by a reset.
        gone = reader.write_all(b"G").is_err();
        if gone {
            break;
        }
    }
    assert!(gone, "a client that never reads was kept");
    assert_eq!(server.get("sys/health", None).status, 200);
}

#[test]
fn connections_past_the_limit_are_told_and_come_back() {
    let server = configured(false, "connections_max = 8");
    let mut held: Vec<TcpStream> = (0..8).map(|_| open(&server)).collect();
    for stream in &mut held {
        stream.write_all(ASK).unwrap();
        let mut some = [0; 1024];
        assert!(stream.read(&mut some).unwrap() > 0);
    }
    let mut ninth = open(&server);
    ninth.write_all(ASK).unwrap();
    let told = rest(&mut ninth);
    assert!(told.starts_with("HTTP/1.1 503") && told.contains("Retry-After: 1"), "{told}");
    assert!(told.contains("too many connections"), "{told}");
    drop(held);
    for _ in 0..600 {
        let answer = server.try_request("GET", "sys/health", None, &[], None);
        if answer.is_ok_and(|a| a.status == 200) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("places did not come back");
}

#[test]
fn one_address_has_a_limit_of_its_own() {
    let server = configured(false, "connections_per_address_max = 2");
    let mut held = [open(&server), open(&server)];
    for stream in &mut held {
        stream.write_all(ASK).unwrap();
        let mut some = [0; 1024];
        assert!(stream.read(&mut some).unwrap() > 0);
    }
    assert!(rest(&mut open(&server)).starts_with("HTTP/1.1 503"));
    drop(held);
}

/// More connections than there are places, all idle: memory stays bounded and the server serves.
#[test]
fn ten_thousand_idle_connections_cost_little() {
    const MANY: usize = 10_000;
    let keys = format!("connections_max = {}\nconnections_per_address_max = {0}", MANY + 100);
    let server = configured(false, &keys);
    let before = resident_kib(&server);
    let mut held = Vec::with_capacity(MANY);
    let at = server.address().split_once("://").unwrap().1.to_owned();
    for n in 0..MANY {
        match TcpStream::connect(&at) {
            Ok(stream) => held.push(stream),
            // This machine grants fewer descriptors: what there are will do, if they are many.
            Err(error) => {
                assert!(n > 500, "{error}");
                break;
            }
        }
    }
    // Frees some descriptors for the question, where there were too few.
    let open = held.len() - 20;
    held.truncate(open);
    assert_eq!(server.get("sys/health", None).status, 200);
    let each = (resident_kib(&server).saturating_sub(before)) as f64 / open as f64;
    // About 30 with buffers of 8 KiB for each direction.
    assert!(each < 64.0, "{each:.1} KiB for each of {open} idle connections");
    drop(held);
}
