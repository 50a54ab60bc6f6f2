//! TLS as clients see it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use super::configured;
use crate::harness::{Server, connect, exchange, finish};

/// What openssl's client says about the server, given these arguments.
fn openssl(server: &Server, args: &[&str]) -> String {
    let at = server.address().trim_start_matches("https://");
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", at, "-CAfile"]).arg(server.authority()).args(args);
    let run = finish(command.stdin(Stdio::null()));
    run.stdout + &run.stderr
}

/// Replaces a file as renewals do.
fn replace(path: &std::path::Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn every_client_speaks_tls_and_verifies() {
    let server = Server::start_tls();
    let root = server.root_token();
    assert!(server.address().starts_with("https://"));
    let put = server.post("secret/data/x", &root, json!({"data": {"k": "v"}}));
    assert_eq!(put.status, 200);
    assert!(server.bao(&root, &["kv", "get", "-field=k", "secret/x"]).ok().contains('v'));
    assert!(
        server.strongroom(&root, &["kv", "get", "--field", "k", "secret/x"]).ok().contains('v')
    );
    server.python("kv.py", &[]).ok();
    // Without the authority nobody trusts it, and the token never leaves.
    for program in [env!("CARGO_BIN_EXE_strongroom"), crate::harness::venv("bao").to_str().unwrap()]
    {
        let mut command = Command::new(program);
        let command = server.client(command.args(["kv", "get", "secret/x"]), &root);
        let run = finish(command.env_remove("BAO_CACERT"));
        assert_ne!(run.code, Some(0), "{program}: {run:?}");
        let text = run.stdout + &run.stderr;
        assert!(text.to_lowercase().contains("certificate"), "{program}: {text}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    let command = server.client(command.args(["kv", "get", "--field", "k", "secret/x"]), &root);
    let run = finish(command.env_remove("BAO_CACERT").env("VAULT_SKIP_VERIFY", "true"));
    assert!(run.stderr.contains("WARNING"), "{run:?}");
    assert!(run.ok().contains('v'));
}

#[test]
fn tls_1_2_is_refused_and_plain_http_is_told() {
    let server = Server::start_tls();
    assert!(openssl(&server, &["-tls1_3"]).contains("Verify return code: 0 (ok)"));
    let old = openssl(&server, &["-tls1_2"]);
    assert!(old.contains("alert protocol version"), "{old}");
    let plain = server.address().replace("https://", "http://");
    let told = exchange(&plain, "GET", "/v1/sys/health", &[], None).unwrap();
    assert_eq!(told.status, 400);
    assert!(told.body.contains("https://"), "{told:?}");
    assert_eq!(server.get("sys/health", None).status, 200);
}

/// A bad connection is its own matter (half a handshake, garbage, silence, a hang-up).
#[test]
fn p28_a_bad_connection_affects_only_itself() {
    let server = configured(true, "handshake_timeout = \"5s\"");
    let at = server.address().trim_start_matches("https://").to_owned();
    let hello = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
    let beginnings: [&[u8]; 6] = [
        b"",
        &hello,
        b"\x16\x03\x01\xff\xff\0\0\0\0",
        b"\0\0\0\0",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        b"GET / HT",
    ];
    let mut open: Vec<TcpStream> = Vec::new();
    for beginning in beginnings.iter().cycle().take(60) {
        let mut stream = TcpStream::connect(&at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let _ = stream.write_all(beginning);
        open.push(stream);
    }
    assert_eq!(server.get("sys/health", None).status, 200);
    // All are ended by the server, whatever they wait for.
    for mut stream in open {
        let mut rest = Vec::new();
        match stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset, "still open"),
        }
    }
    assert_eq!(server.get("sys/health", None).status, 200);
}

#[test]
fn a_new_pair_is_served_after_sighup_and_by_itself_and_old_connections_go_on() {
    let mut server = Server::start_tls();
    server.reconfigure(|text| text);
    server.restart();
    let mut old = connect(server.address(), Duration::from_secs(60)).unwrap();
    let ask = b"GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut talk = move || {
        old.write_all(ask).unwrap();
        let mut some = [0; 4096];
        let n = old.read(&mut some).unwrap();
        assert!(some[..n].starts_with(b"HTTP/1.1 200"));
    };
    talk();
    let serial = |server: &Server| {
        let shown = openssl(server, &["-showcerts"]);
        let (_, rest) = shown.split_once("-----BEGIN CERTIFICATE-----").expect(&shown);
        rest.split("-----END").next().unwrap().to_owned()
    };
    let first = serial(&server);

    // Another pair, made by another dev server.
    let other = Server::start_tls();
    let file = |server: &Server, name: &str| server.data().join("tls").join(name);
    for name in ["key.pem", "cert.pem", "ca.pem"] {
        replace(&file(&server, name), &fs::read_to_string(file(&other, name)).unwrap());
    }
    server.signal("HUP");
    server.await_log("SIGHUP: the configuration was read again");
    let second = serial(&server);
    assert_ne!(first, second);
    talk();

    // A bad key: the second pair stays, loudly.
    let key = fs::read_to_string(file(&server, "key.pem")).unwrap();
    replace(&file(&server, "key.pem"), "garbage");
    server.await_log("a changed certificate can't be used; the old one stays");
    assert_eq!(serial(&server), second);
    // What is made good is picked up without a signal.
    let taken = server.log().matches("new connections get").count();
    replace(&file(&server, "key.pem"), &key);
    for _ in 0..600 {
        if server.log().matches("new connections get").count() > taken {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(server.log().matches("new connections get").count() > taken, "{}", server.log());
    talk();
}

#[test]
fn sighup_applies_what_is_safe_and_names_what_waits() {
    let mut server = Server::start();
    server.reconfigure(|text| text);
    server.restart();
    let config = fs::read_to_string(server.config()).unwrap();
    let changed = config
        .replace("level = \"info\"", "level = \"debug\"")
        .replace("default_ttl = \"15m\"", "default_ttl = \"16m\"");
    fs::write(server.config(), &changed).unwrap();
    server.signal("HUP");
    server.await_log("changed=log.level");
    server.await_log("keys=lease.default_ttl");
    assert!(server.log().contains("take effect only by a restart"), "{}", server.log());
    // A broken file changes nothing, not even what it says rightly.
    let limit =
        changed.replacen("[listener]\n", "[listener]\nconnections_max = 1\nnonsense = 1\n", 1);
    fs::write(server.config(), limit).unwrap();
    server.signal("HUP");
    server.await_log("nothing was changed");
    let _held = connect(server.address(), Duration::from_secs(60)).unwrap();
    assert_eq!(server.get("sys/health", None).status, 200);
}
