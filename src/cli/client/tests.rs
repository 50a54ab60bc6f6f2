//! Tests of the client: addresses, encoding, sockets, and what a token never shows.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use super::*;

/// Reads one request's head and body from `stream`, answers, and gives back what it read.
fn answering<S: Read + Write + Send + 'static>(
    accept: impl FnOnce() -> S + Send + 'static,
    answer: &'static str,
) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut stream = BufReader::new(accept());
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let from = head.len();
            stream.read_line(&mut head).unwrap();
            if let Some(n) = head[from..].to_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        stream.get_mut().write_all(answer.as_bytes()).unwrap();
        head + &String::from_utf8(body).unwrap()
    })
}

#[test]
fn a_call_goes_over_a_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let server = answering(move || listener.accept().unwrap().0, "HTTP/1.1 204 No Content\r\n\r\n");
    let client = Client::new(&format!("unix://{}", path.display())).unwrap();
    let answer = client.put("sys/seal", &serde_json::json!({})).unwrap().ok().unwrap();
    assert_eq!((answer.status, answer.body()), (204, ""));
    let request = server.join().unwrap().to_lowercase();
    assert!(request.starts_with("put /v1/sys/seal http/1.1\r\n"), "{request}");
    assert!(request.contains("x-vault-request: true\r\n"), "{request}");
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
    assert!(request.ends_with("{}"), "{request}");
}

/// What a client makes of this answer over TCP.
fn outcome(answer: &'static str) -> Result<Answer, CliError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = answering(move || listener.accept().unwrap().0, answer);
    let outcome = Client::new(&address).unwrap().get("x", "list=true");
    assert!(server.join().unwrap().starts_with("GET /v1/x?list=true "));
    outcome
}

#[test]
fn broken_and_foreign_answers_are_errors() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{";
    assert!(matches!(outcome(cut), Err(CliError::Unreachable { .. })));
    assert!(matches!(outcome("SSH-2.0-x\r\n"), Err(CliError::Unreachable { .. })));
    let elsewhere = "HTTP/1.1 307 T\r\nlocation: http://h/\r\ncontent-length: 0\r\n\r\n";
    assert!(matches!(outcome(elsewhere), Err(CliError::Answer(_))));
    let good = outcome("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    assert_eq!(good.ok().unwrap().body(), "{}");
}

#[test]
fn only_https_http_and_unix_sockets_are_addresses() {
    for good in [
        "https://h",
        "https://[::1]:8200/",
        "http://127.0.0.1:8200",
        "http://[::1]:1/",
        "http://host",
        "unix:///a/b",
    ] {
        assert!(Client::new(good).is_ok(), "{good}");
    }
    for bad in [
        "https://h:1/v1",
        "ftp://h:1",
        "h:1",
        "http://h/x",
        "http://u:p@h",
        "unix://a",
        "",
        "http://h?x",
    ] {
        assert!(Client::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn paths_are_encoded_once_and_keep_their_slashes() {
    assert_eq!(encode_path("/secret/data/a b/é?#%"), "secret/data/a%20b/%C3%A9%3F%23%25");
}

#[test]
fn a_token_is_sent_marked_as_sensitive_and_never_shown() {
    let token = Some(SecretText::new("marker".into()));
    let client = Client::new("http://h:1").unwrap().with_token(token);
    let request = client.request("GET", "x", "", None).unwrap();
    assert_eq!(request.headers()["x-vault-token"], "marker");
    assert!(!format!("{request:?} {client:?}").contains("marker"));
    let broken = Client::new("http://h:1").unwrap();
    let broken = broken.with_token(Some(SecretText::new("marker\n".into())));
    let refusal = broken.request("GET", "x", "", None).unwrap_err();
    assert!(!format!("{refusal:?} {refusal}").contains("marker"));
}

#[test]
fn p30_an_answer_without_end_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut sent = 0_usize;
        let chunk = vec![b'x'; 1 << 20];
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        // Until the client has hung up.
        while stream.write_all(&chunk).is_ok() {
            sent += chunk.len();
        }
        sent
    });
    let outcome = Client::new(&address).unwrap().get("x", "");
    assert!(matches!(outcome, Err(CliError::Unreachable { .. })), "{outcome:?}");
    // What it read, and what stood in the sockets' buffers.
    assert!(server.join().unwrap() < limits::CLIENT_ANSWER_BYTES_MAX + (16 << 20));
}
