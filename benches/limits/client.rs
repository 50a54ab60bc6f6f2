//! The load that `wrk` cannot make: each request once, over some connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Failure;

const CONNECTIONS: usize = 32;

/// Sends `make(host, n)` for each n once; anything but success ends it.
pub fn send_each(
    address: &str,
    numbers: std::ops::Range<usize>,
    make: impl Fn(&str, usize) -> axum::http::Result<Request<Body>> + Send + Sync + 'static,
) -> Result<(), Failure> {
    let host: Arc<str> = address.strip_prefix("http://").unwrap_or(address).into();
    let (next, make) = (Arc::new(AtomicUsize::new(numbers.start)), Arc::new(make));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (host, next, make) = (host.clone(), next.clone(), make.clone());
                tokio::spawn(async move {
                    let stream = TcpStream::connect(&*host).await?;
                    stream.set_nodelay(true)?;
                    let (mut sender, connection) =
                        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
                    tokio::spawn(connection);
                    loop {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        if n >= numbers.end {
                            return Ok::<(), Failure>(());
                        }
                        sender.ready().await?;
                        let answer = sender.send_request(make(&host, n)?).await?;
                        let status = answer.status();
                        let text: Bytes = answer.into_body().collect().await?.to_bytes();
                        if !status.is_success() {
                            let text = String::from_utf8_lossy(&text).into_owned();
                            return Err(format!("request {n}: {status}: {text}").into());
                        }
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await??;
        }
        Ok(())
    })
}
