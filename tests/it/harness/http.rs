//! One HTTP/1.1 exchange over a socket, plain or TLS: what goes out is exactly what the test says.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(60);

/// An answer as it came.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// In their order, names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The JSON of a 200.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// Checks status and body of an error.
    pub fn refused(&self, status: u16, errors: &[&str]) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.json()["errors"], serde_json::json!(errors), "{self:?}");
    }
}

/// A connection to a server, whatever it speaks.
pub trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

/// What clients of an address trust.
static AUTHORITIES: LazyLock<Mutex<HashMap<SocketAddr, Arc<ClientConfig>>>> =
    LazyLock::new(Mutex::default);

/// From now on connections to this address are verified against the authority in `file`.
pub fn trust(address: &str, file: &Path) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
    AUTHORITIES.lock().unwrap().insert(socket(address), Arc::new(config));
}

/// A connection that gives up reading after `patience`.
pub fn connect(address: &str, patience: Duration) -> io::Result<Box<dyn Wire>> {
    let socket = socket(address);
    let stream = TcpStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    if !address.starts_with("https:") {
        return Ok(Box::new(stream));
    }
    let config = AUTHORITIES.lock().unwrap()[&socket].clone();
    let name = ServerName::IpAddress(socket.ip().into());
    let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
    Ok(Box::new(StreamOwned::new(connection, stream)))
}

pub fn reachable(address: &str) -> bool {
    TcpStream::connect(socket(address)).is_ok()
}

pub fn exchange(
    address: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> io::Result<Response> {
    let mut stream = connect(address, DEADLINE)?;
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", socket(address));
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = body {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("Connection: close\r\n\r\n");
    request.push_str(body.unwrap_or(""));
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::other("the answer was cut off"))
}

fn parse(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let mut response = Response { status, headers, body: String::new() };
    let body = &answer[end + 4..];
    let body = if response.header("transfer-encoding") == Some("chunked") {
        unchunked(body)?
    } else {
        // No length and no chunks: the body ends with the connection. HEAD has a length, no body.
        let length = response.header("content-length").and_then(|n| n.parse::<usize>().ok());
        if length.is_some_and(|n| n > body.len() && !body.is_empty()) {
            return None;
        }
        body.to_vec()
    };
    response.body = String::from_utf8(body).ok()?;
    Some(response)
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        let chunk = rest.get(end + 2..end + 2 + size)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunk);
        rest = rest.get(end + 2 + size + 2..)?;
    }
}

fn socket(address: &str) -> SocketAddr {
    let (_, authority) = address.split_once("://").unwrap();
    authority.trim_end_matches('/').parse().unwrap()
}
