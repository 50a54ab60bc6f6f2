//! A thin HTTP/1.1 client: one connection a call, over TLS, TCP or a Unix socket, with deadlines and
//! a bound on what it reads. Follows no redirects: a token goes only where it was told to go. An
//! https address is never downgraded.

mod answer;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

pub use answer::{Answer, Object, text_of};

use super::error::CliError;
use crate::limits;
use crate::sensitive::SecretText;
use crate::tls::{Connector, Trust};

const MERGE_PATCH: &str = "application/merge-patch+json";

/// One server, and who asks it.
#[derive(Debug)]
pub struct Client {
    address: String,
    target: Target,
    trust: Trust,
    token: Option<SecretText>,
    namespace: Option<String>,
    wrap_ttl: Option<String>,
    /// For a whole answer.
    deadline: Duration,
}

#[derive(Debug)]
enum Target {
    /// Host as a name, an IPv4 address or an IPv6 address in brackets; port.
    Tcp(String, u16),
    Tls(String, u16),
    Unix(PathBuf),
}

impl Client {
    /// `address` is `https://HOST[:PORT]`, `http://HOST[:PORT]` or `unix:///PATH`.
    pub fn new(address: &str) -> Result<Self, CliError> {
        let target = target(address).ok_or_else(|| {
            CliError::usage(format!(
                "the address {address:?} is not of the form https://HOST:PORT, http://HOST:PORT or \
                 unix:///PATH; set --address or STRONGROOM_ADDR"
            ))
        })?;
        Ok(Self {
            address: address.to_owned(),
            target,
            trust: Trust::default(),
            token: None,
            namespace: None,
            wrap_ttl: None,
            deadline: limits::CLIENT_CALL_MAX,
        })
    }

    /// Whom it trusts where the address is https, and who it is itself.
    pub fn with_trust(self, trust: Trust) -> Self {
        Self { trust, ..self }
    }

    /// Waits this long for a whole answer.
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    pub fn with_token(self, token: Option<SecretText>) -> Self {
        Self { token, ..self }
    }

    pub fn with_namespace(self, namespace: Option<String>) -> Self {
        Self { namespace, ..self }
    }

    /// Answers are to be wrapped for so long.
    pub fn with_wrap_ttl(self, wrap_ttl: Option<String>) -> Self {
        Self { wrap_ttl, ..self }
    }

    /// For calls whose answers a command needs itself; what they would have been wrapped for.
    pub fn without_wrapping(mut self) -> (Self, Option<String>) {
        let wrap_ttl = self.wrap_ttl.take();
        (self, wrap_ttl)
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// `path` as a person writes it, without `/v1/`; it is encoded here. `query` is sent as it is.
    pub fn get(&self, path: &str, query: &str) -> Result<Answer, CliError> {
        self.call("GET", path, query, None)
    }

    pub fn list(&self, path: &str) -> Result<Answer, CliError> {
        self.call("LIST", path, "", None)
    }

    pub fn put(&self, path: &str, body: &impl Serialize) -> Result<Answer, CliError> {
        self.call("PUT", path, "", Some(encoded(body)?))
    }

    /// A JSON merge patch (RFC 7386).
    pub fn patch(&self, path: &str, body: &impl Serialize) -> Result<Answer, CliError> {
        self.call("PATCH", path, "", Some(encoded(body)?))
    }

    pub fn delete(&self, path: &str) -> Result<Answer, CliError> {
        self.call("DELETE", path, "", None)
    }

    fn call(
        &self,
        method: &'static str,
        path: &str,
        query: &str,
        body: Option<Bytes>,
    ) -> Result<Answer, CliError> {
        let request = self.request(method, path, query, body)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| CliError::Io { doing: "start the client", source })?;
        let (status, body) = runtime
            .block_on(async { tokio::time::timeout(self.deadline, self.send(request)).await })
            .unwrap_or_else(|_| Err(format!("no complete answer within {:?}", self.deadline)))
            .map_err(|reason| CliError::Unreachable { address: self.address.clone(), reason })?;
        let body = String::from_utf8(body.into())
            .map_err(|_| CliError::Answer("it is not UTF-8".into()))?;
        let answer = Answer::new(method, path, status, body)?;
        if self.wraps(path) && answer.wrapping().is_some() {
            return Err(CliError::Wrapped(Box::new(answer)));
        }
        Ok(answer)
    }

    /// The look at a mount before a `kv` command is for the command, not for who asked.
    fn wraps(&self, path: &str) -> bool {
        self.wrap_ttl.is_some() && !path.starts_with("sys/internal/ui/mounts")
    }

    fn request(
        &self,
        method: &'static str,
        path: &str,
        query: &str,
        body: Option<Bytes>,
    ) -> Result<Request<Full<Bytes>>, CliError> {
        let wrong = |e: hyper::http::Error| CliError::usage(format!("the path is unusable: {e}"));
        let host = match &self.target {
            Target::Tcp(host, port) | Target::Tls(host, port) => format!("{host}:{port}"),
            Target::Unix(_) => "localhost".into(),
        };
        let mut uri = format!("/v1/{}", encode_path(path));
        if !query.is_empty() {
            uri = format!("{uri}?{query}");
        }
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).map_err(|e| wrong(e.into()))?)
            .uri(uri)
            .header(HOST, host)
            // Agents and proxies may demand it: browsers and naive forgeries don't send it.
            .header("x-vault-request", "true");
        if body.is_some() {
            let kind = if method == "PATCH" { MERGE_PATCH } else { "application/json" };
            request = request.header(CONTENT_TYPE, kind);
        }
        if let Some(namespace) = &self.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        if let Some(ttl) = self.wrap_ttl.as_ref().filter(|_| self.wraps(path)) {
            request = request.header("x-vault-wrap-ttl", ttl);
        }
        if let Some(token) = &self.token {
            // The token goes into the one header that is there for it.
            let mut value = HeaderValue::from_str(token.expose()).map_err(|_| {
                CliError::usage("the token has characters that no token has; log in again")
            })?;
            value.set_sensitive(true);
            request = request.header("x-vault-token", value);
        }
        request.body(Full::new(body.unwrap_or_default())).map_err(wrong)
    }

    /// The reason for a failure as text: whatever it is, the person's next step is the same.
    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), String> {
        match &self.target {
            Target::Tcp(host, port) => exchange(tcp(bare(host), *port).await?, request).await,
            Target::Tls(host, port) => {
                let host = bare(host);
                let connector = Connector::new(&self.trust, host).map_err(|e| e.to_string())?;
                let stream = tcp(host, *port).await?;
                let stream = connected(connector.connect(stream)).await.map_err(|e| {
                    format!("{e} (who must be trusted: --ca-cert FILE or STRONGROOM_CACERT)")
                })?;
                exchange(stream, request).await
            }
            Target::Unix(path) => {
                exchange(connected(UnixStream::connect(path)).await?, request).await
            }
        }
    }
}

/// An IPv6 address without its brackets.
fn bare(host: &str) -> &str {
    host.trim_matches(['[', ']'])
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, String> {
    let stream = connected(TcpStream::connect((host, port))).await?;
    // One small request: it should leave at once. Where this fails, it leaves later.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

async fn connected<S>(connecting: impl Future<Output = std::io::Result<S>>) -> Result<S, String> {
    match tokio::time::timeout(limits::CLIENT_CONNECT_MAX, connecting).await {
        Ok(outcome) => outcome.map_err(|e| e.to_string()),
        Err(_) => Err(format!("no connection within {} s", limits::CLIENT_CONNECT_MAX.as_secs())),
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    // The connection's own error reaches us through the request it breaks.
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), limits::CLIENT_ANSWER_BYTES_MAX);
    let body = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
    driver.abort();
    Ok((status, body))
}

fn target(address: &str) -> Option<Target> {
    if let Some(path) = address.strip_prefix("unix://") {
        return path.starts_with('/').then(|| Target::Unix(path.into()));
    }
    let uri: Uri = address.parse().ok()?;
    let authority = uri.authority()?;
    // User information in an address would be a password on a command line.
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.as_str().contains('@')
    {
        return None;
    }
    let (host, port) = (authority.host().to_owned(), authority.port_u16());
    match uri.scheme_str()? {
        "http" => Some(Target::Tcp(host, port.unwrap_or(80))),
        "https" => Some(Target::Tls(host, port.unwrap_or(443))),
        _ => None,
    }
}

fn encoded(body: &impl Serialize) -> Result<Bytes, CliError> {
    // The error's text is not shown: it could quote the value.
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|_| CliError::usage("the values cannot be written as JSON"))
}

/// Percent-encodes all but RFC 3986's unreserved characters and `/`.
fn encode_path(path: &str) -> String {
    encode(path.trim_start_matches('/'), "/")
}

/// `k=v&k=v`, encoded.
pub fn encode_query<'a>(pairs: impl Iterator<Item = (&'a str, String)>) -> String {
    let pairs = pairs.map(|(key, value)| format!("{}={}", encode(key, ""), encode(&value, "")));
    pairs.collect::<Vec<_>>().join("&")
}

fn encode(text: &str, also: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        let char = char::from(b);
        if char.is_ascii_alphanumeric() || "-._~".contains(char) || also.contains(char) {
            out.push(char);
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests;
