//! HTTP itself: two readers of one request must never see two requests.

use std::time::Duration;

use crate::harness::{Server, connect};

/// Takes what comes back until the server closes, or has nothing to say for a second.
fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect(server.address(), Duration::from_secs(1)).unwrap();
    // It may refuse and close before all of it is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Status lines of all answers.
fn statuses(answer: &str) -> Vec<u16> {
    answer.split("HTTP/1.1 ").skip(1).map(|a| a[..3].parse().unwrap()).collect()
}

/// Each with a second request hidden in it, which would be answered with 405.
const HIDDEN: &str = "POST /v1/sys/health HTTP/1.1\r\nHost: x\r\n\r\n";

pub fn every_shape(server: &Server) {
    let head = "POST /v1/sys/capabilities-self HTTP/1.1\r\nHost: x\r\n";
    let with = |headers: &str, body: &str| format!("{head}{headers}\r\n\r\n{body}{HIDDEN}");
    let smuggled = [
        ("length and chunks", with("Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        ("chunks and length", with("Transfer-Encoding: chunked\r\nContent-Length: 4", "0\r\n\r\n")),
        ("two lengths", with("Content-Length: 2\r\nContent-Length: 40", "{}")),
        ("a list of lengths", with("Content-Length: 2, 40", "{}")),
        ("a signed length", with("Content-Length: +2", "{}")),
        ("a negative length", with("Content-Length: -2", "{}")),
        ("a hexadecimal length", with("Content-Length: 0x2", "{}")),
        ("a huge length", with("Content-Length: 99999999999999999999999", "{}")),
        ("another coding", with("Transfer-Encoding: xchunked", "0\r\n\r\n")),
        ("chunked not last", with("Transfer-Encoding: chunked, identity", "0\r\n\r\n")),
        ("a blank before the colon", with("Content-Length : 2", "{}")),
        ("folded", with("X-A: b\r\n c: d\r\nTransfer-Encoding:\r\n chunked", "0\r\n\r\n")),
        ("a bad chunk size", with("Transfer-Encoding: chunked", "zz\r\n{}\r\n0\r\n\r\n")),
        ("a huge chunk size", with("Transfer-Encoding: chunked", "ffffffffffffffffff\r\n{}\r\n")),
        ("a signed chunk size", with("Transfer-Encoding: chunked", "-2\r\n{}\r\n0\r\n\r\n")),
        ("a chunk too long", with("Transfer-Encoding: chunked", "1\r\n{}\r\n0\r\n\r\n")),
    ];
    for (what, request) in smuggled {
        let answer = raw(server, request.as_bytes());
        let seen = statuses(&answer);
        assert!(!seen.contains(&405), "{what}: the hidden request was answered: {answer}");
        assert!(seen.iter().all(|s| (400..500).contains(s)) && seen.len() <= 1, "{what}: {answer}");
    }
    let heads: [(&str, &[u8]); 16] = [
        ("HTTP/0.9", b"GET /v1/sys/mounts\r\n\r\n"),
        ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
        ("HTTP/3.7", b"GET /v1/sys/mounts HTTP/3.7\r\nHost: x\r\n\r\n"),
        ("asterisk", b"GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("OPTIONS asterisk", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("CONNECT", b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("absolute", b"GET http://elsewhere/v1/sys/mounts HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("TRACE", b"TRACE /v1/sys/mounts HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a control character in the name", b"GET /v1/sys/mounts HTTP/1.1\r\nX\x01: y\r\n\r\n"),
        ("NUL in a header", b"GET /v1/sys/mounts HTTP/1.1\r\nX: a\x00b\r\n\r\n"),
        ("a tab as separator", b"GET\t/v1/sys/mounts\tHTTP/1.1\r\nHost: x\r\n\r\n"),
        ("no path", b"GET  HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("raw bytes in the path", b"GET /v1/sys/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("no header name", b"GET /v1/sys/mounts HTTP/1.1\r\n: y\r\n\r\n"),
        ("a method of bytes", b"\x00\x01\x02 / HTTP/1.1\r\n\r\n"),
    ];
    for (what, request) in heads {
        let answer = raw(server, request);
        let seen = statuses(&answer);
        assert!(seen.iter().all(|s| (400..500).contains(s)) && seen.len() <= 1, "{what}: {answer}");
    }
    let paths = [
        "%",
        "%2",
        "%zz",
        "%2F",
        "%00",
        "%0a",
        "%7f",
        "%c0%af",
        "%c0%80",
        "%ed%a0%80",
        "%f5%80",
        "%fe",
        "..",
        ".",
        "%2e%2e",
        "%2E/x",
        "a//b",
        "//",
        "..%2fsys",
        "%252e%252e/%",
    ];
    let token = server.root_token();
    for path in paths {
        for prefix in ["sys/", "secret/data/", "auth/approle/", ""] {
            let target = format!("{prefix}{path}");
            let answer = server.get(&target, Some(&token));
            assert!((400..500).contains(&answer.status), "{target}: {answer:?}");
            assert!(answer.json()["errors"].is_array(), "{target}: {answer:?}");
        }
    }
    let headers = [
        ("X-Vault-Token", "a b"),
        ("X-Vault-Token", "\u{e9}"),
        ("X-Vault-Index", "%%%"),
        ("X-Vault-Index", "e30="),
        ("X-Vault-Wrap-TTL", "1e9"),
        ("X-Vault-Wrap-TTL", "999999999h"),
        ("X-Vault-Namespace", "../x"),
        ("Authorization", "Basic eA=="),
        ("Authorization", "Bearer"),
    ];
    for (name, value) in headers {
        let answer = server.request("GET", "sys/mounts", None, &[(name, value)], None);
        assert!((400..500).contains(&answer.status), "{name}: {value}: {answer:?}");
    }
    // What traces ask is never a reason to refuse.
    for value in ["", "00", "ff-zz-zz-01", "00-0-0-0", &"0".repeat(4_000)] {
        let answer =
            server.request("GET", "sys/mounts", Some(&token), &[("traceparent", value)], None);
        assert_eq!(answer.status, 200, "{value}: {answer:?}");
    }
    // Requests in one packet are answered each, in their order.
    let both = "GET /v1/sys/leader HTTP/1.1\r\nHost: x\r\n\r\nPOST /v1/sys/health HTTP/1.1\r\n\
                Host: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert_eq!(statuses(&raw(server, both.as_bytes())), [200, 405]);
}
