//! Puts a counted number of secrets into a server: a hundred to a directory.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::{Request, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Failure;

const CONNECTIONS: usize = 32;

pub fn run(address: &str, token_file: &Path, body: &Path, count: usize) -> Result<(), Failure> {
    let host: Arc<str> = address.strip_prefix("http://").unwrap_or(address).into();
    let token: Arc<str> = std::fs::read_to_string(token_file)?.trim().into();
    let body = Bytes::from(std::fs::read(body)?);
    let next = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let writers: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (host, token, body) = (host.clone(), token.clone(), body.clone());
                tokio::spawn(puts(host, token, body, next.clone(), count))
            })
            .collect();
        for writer in writers {
            writer.await??;
        }
        Ok(())
    })
}

async fn puts(
    host: Arc<str>,
    token: Arc<str>,
    body: Bytes,
    next: Arc<AtomicUsize>,
    count: usize,
) -> Result<(), Failure> {
    let stream = TcpStream::connect(&*host).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= count {
            return Ok(());
        }
        let request = Request::post(format!("/v1/secret/data/fill/{}/{}", n / 100, n % 100))
            .header(header::HOST, &*host)
            .header("x-vault-token", &*token)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.clone()))?;
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let text = answer.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("put {n}: {status}: {}", String::from_utf8_lossy(&text)).into());
        }
    }
}
