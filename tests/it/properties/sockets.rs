//! What comes over the wire before anybody is known: too large, too deep, too odd, half.

use std::time::Duration;

use serde_json::json;

use super::stands;
use crate::harness::{Server, connect};

/// Sends these bytes and takes what comes back until the server closes, or has nothing to say for
/// `patience`.
fn raw(server: &Server, bytes: &[u8], patience: Duration) -> String {
    let mut stream = connect(server.address(), patience).unwrap();
    // The server may refuse and close before all of it is sent, or keep the connection open: what
    // came until then is the answer.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

const PATIENT: Duration = Duration::from_secs(20);
/// Of a request that is not whole there is no answer.
const HASTY: Duration = Duration::from_millis(100);

fn status(answer: &str) -> Option<u16> {
    answer.split(' ').nth(1)?.parse().ok()
}

#[test]
fn p25_limits_hold_before_anybody_is_known() {
    let server = Server::start();
    let root = server.root_token();
    let json = [("Content-Type", "application/json")];
    let post = |path: &str, token: Option<&str>, body: &str| {
        server.try_request("POST", path, token, &json, Some(body)).map_or(413, |a| a.status)
    };
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let many = format!("[{}1]", "1,".repeat(20_000));
    let strings = format!("[{}\"a\"]", "\"a\",".repeat(15_000));
    for path in ["auth/approle/login", "sys/unseal", "sys/init", "secret/data/x", "nowhere/x"] {
        for token in [None, Some("hvs.none")] {
            assert_eq!(post(path, token, &format!("{{\"a\":{deep}}}")), 400, "{path} deep");
            assert_eq!(post(path, token, "{\"a\":"), 400, "{path} half");
            assert_eq!(post(path, token, "\u{0}"), 400, "{path} NUL");
            assert_eq!(post(path, token, "[]"), 400, "{path} array");
            for (what, value) in [("many", &many), ("strings", &strings)] {
                let status = post(path, token, &format!("{{\"a\":{value}}}"));
                assert!(matches!(status, 400 | 403 | 413), "{path} {what} {status}");
            }
            let large = format!("{{\"a\":\"{}\"}}", "x".repeat(100 << 10));
            assert_eq!(post(path, token, &large), 413, "{path} large");
        }
    }
    // A lease lets larger ones in, up to a limit as well.
    let large = |bytes: usize| json!({"data": {"k": "x".repeat(bytes)}}).to_string();
    assert_eq!(post("secret/data/x", Some(&root), &large(200 << 10)), 200);
    assert_eq!(post("secret/data/x", Some(&root), &large(5 << 20)), 413);
    for value in [&deep, &strings] {
        let body = format!("{{\"data\":{{\"k\":{value}}}}}");
        assert_eq!(post("secret/data/x", Some(&root), &body), 400);
    }
    // Announced and never sent: refused by what was announced, not by what came.
    let half = raw(
        &server,
        b"POST /v1/auth/approle/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n{",
        PATIENT,
    );
    assert!(matches!(status(&half), Some(400 | 413)), "{half}");
    // Headers: number and size; a path beyond any.
    let many: String = (0..100).map(|i| format!("X-{i}: y\r\n")).collect();
    for head in [many, format!("X-Large: {}\r\n", "y".repeat(64 << 10))] {
        let answer =
            raw(&server, format!("GET /v1/sys/health HTTP/1.1\r\n{head}\r\n").as_bytes(), PATIENT);
        assert!(matches!(status(&answer), None | Some(431)), "{answer}");
    }
    let long = server.try_request("GET", &"a/".repeat(9_000), None, &[], None);
    assert!(long.is_ok_and(|a| a.status == 400));
    assert_eq!(post("auth/token/lookup-self", Some(&"x".repeat(9_000)), "{}"), 403);
    assert!(stands(&server, &root));
}

/// Demands that this server can't meet are refused, also where they come twice or as no text.
#[test]
fn p16_headers_that_would_change_the_meaning_are_never_overlooked() {
    let server = Server::start();
    let root = server.root_token();
    let read = |headers: &[u8]| {
        let token = format!("X-Vault-Token: {root}\r\n");
        let head = b"GET /v1/auth/token/lookup-self HTTP/1.1\r\nConnection: close\r\nHost: x\r\n";
        status(&raw(&server, &[head, token.as_bytes(), headers, b"\r\n"].concat(), PATIENT))
    };
    assert_eq!(read(b""), Some(200));
    assert_eq!(read(b"X-Vault-Namespace: root\r\n"), Some(200));
    for namespace in [&b"team"[..], b"root/team", b"\xff", b"root\r\nX-Vault-Namespace: team"] {
        let header = [b"X-Vault-Namespace: ", namespace, b"\r\n"].concat();
        assert_eq!(read(&header), Some(404), "{namespace:?}");
    }
    for ttl in [&b"sixty"[..], b"-1h", b"\xff", b"0\r\nX-Vault-Wrap-TTL: 60"] {
        let header = [b"X-Vault-Wrap-TTL: ", ttl, b"\r\n"].concat();
        assert_eq!(read(&header), Some(400), "{ttl:?}");
    }
}

/// Numbers of a fixed seed (splitmix64): the same requests every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    fn of<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }
}

#[test]
fn p26_no_request_brings_the_server_down() {
    let server = Server::start();
    let root = server.root_token();
    let methods =
        ["GET", "POST", "PUT", "PATCH", "DELETE", "LIST", "SCAN", "HEAD", "TRACE", "", "\0"];
    let targets = [
        "/v1/secret/data/x",
        "/v1/secret/metadata/?list=true",
        "/v1/auth/token/create",
        "*",
        "/",
        "",
        "/v1/sys/health?activecode=99",
        "/v1/sys/health?activecode=-1&x=%zz",
        "http://x/v1/sys/init",
        "/v1/secret/data/x?version=99999999999999999999",
        "/v1/secret/subkeys/x?depth=-9",
        "/v1/secret/metadata/?list=1&limit=9223372036854775807&after=%00",
        "/v1/sys/mounts/a/tune",
        "/v1/secret/data/x?version=-1",
        "/v1/auth/approle/login",
        "/v1/sys/policies/acl/p",
        "/v1/%",
        "/v1/sys/leases/revoke-prefix/x",
        "/v1/sys/capabilities-self",
        "/v1/auth/approle/role/r",
    ];
    let heads = [
        "Host: x\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 5, 6\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Expect: 100-continue\r\n",
        "Connection: upgrade\r\nUpgrade: h2c\r\n",
        "Content-Type: application/merge-patch+json\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "X-Vault-Token: \u{ff}\r\n",
        ": x\r\n",
        "X-Vault-Token: a.b.c\r\n",
        "Authorization: Bearer \r\n",
        "X: \r\n y\r\n",
        "Range: bytes=0-1\r\n",
        "traceparent: 00-0-0-0\r\n",
        "TOKEN\r\n",
    ];
    let bodies = [
        "",
        "{}",
        "{\"data\":{\"a\":1}}",
        "{\"ttl\":-1}",
        "{\"policies\":[[]]}",
        "{\"policies\":null}",
        "5\r\n{\"a\":\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n",
        "a=b&c=%zz",
        "{\"a\":1e999}",
        "\u{1f600}",
        "{\"data\":{},\"options\":{\"cas\":-9223372036854775808}}",
        "{\"versions\":[-1,0,1e9,\"x\"]}",
        "{\"policy\":\"path \\\"\\\" {\"}",
        "{\"role_id\":{},\"secret_id\":[]}",
        "{\"paths\":[\"\",\"//\"]}",
        "{\"max_versions\":99999999999,\"delete_version_after\":\"-9999999h\"}",
        "{\"type\":{}}",
        "{\"num_uses\":4294967296,\"meta\":\"x\",\"period\":[]}",
        "{\"\\ud800\":1}",
    ];
    let one = |dice: &mut Dice| {
        let mut bytes = Vec::new();
        let (method, target) = (dice.of(&methods), dice.of(&targets));
        let version = dice.of(&["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/9", ""]);
        bytes.extend(format!("{method} {target} {version}\r\n").bytes());
        if dice.roll(2) == 0 {
            bytes.extend(format!("X-Vault-Token: {root}\r\n").bytes());
        }
        for _ in 0..dice.roll(4) {
            bytes.extend(dice.of(&heads).bytes());
        }
        let body = dice.of(&bodies);
        if dice.roll(4) != 0 {
            bytes.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(body.bytes());
        for _ in 0..dice.roll(3).saturating_sub(1) {
            let at = dice.roll(bytes.len());
            bytes[at] = u8::try_from(dice.roll(256)).unwrap();
        }
        if dice.roll(8) == 0 {
            bytes.truncate(dice.roll(bytes.len()));
        }
        let answer = raw(&server, &bytes, HASTY);
        let shown = String::from_utf8_lossy(&bytes);
        // Our own answers say what is wrong; a broken head may be answered by nothing at all.
        assert!(status(&answer).is_none_or(|s| s != 500), "{shown}\n{answer}");
    };
    std::thread::scope(|scope| {
        for seed in 0..16 {
            let one = &one;
            scope.spawn(move || {
                let mut dice = Dice(seed);
                (0..80).for_each(|_| one(&mut dice));
            });
        }
    });
    assert!(stands(&server, &root));
    assert_eq!(server.get("sys/health", None).status, 200);
    let log = server.log();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
}
