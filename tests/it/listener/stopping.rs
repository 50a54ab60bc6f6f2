//! SIGTERM: requests under way are finished, everything else is closed at once.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use super::configured;
use crate::harness::connect;

const PATIENT: Duration = Duration::from_secs(60);

#[test]
fn requests_under_way_are_finished_and_idle_connections_closed() {
    for tls in [false, true] {
        let mut server = configured(tls, "");
        let root = server.root_token();
        // One that never asked, one between two requests, one in the middle of its body.
        let mut fresh = connect(server.address(), PATIENT).unwrap();
        let mut idle = connect(server.address(), PATIENT).unwrap();
        let mut some = [0; 4096];
        idle.write_all(b"GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert!(idle.read(&mut some).unwrap() > 0);
        let mut busy = connect(server.address(), PATIENT).unwrap();
        let body = "{\"data\":{\"k\":\"v\"}}";
        let head = format!(
            "POST /v1/secret/data/last HTTP/1.1\r\nHost: x\r\nX-Vault-Token: {root}\r\n\
             Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        busy.write_all(head.as_bytes()).unwrap();
        // The server has begun with it once it asks for the body.
        let n = busy.read(&mut some).unwrap();
        assert!(some[..n].starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&some[..n]));
        server.signal("TERM");
        server.await_log("stopping: requests under way");
        // These are closed while the busy one keeps the server waiting.
        let _ = idle.read_to_end(&mut Vec::new());
        let _ = fresh.read_to_end(&mut Vec::new());
        busy.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        busy.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        server.stop();
        assert!(!server.log().contains("did not finish in time"), "{}", server.log());
        server.restart();
        assert_eq!(server.get("secret/data/last", Some(&root)).status, 200);
    }
}
