//! The accept loops: TCP for clients, a Unix socket for the machine's own operator. Our own,
//! because `axum::serve` has no header deadline and no limit on connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::dispatch;
use crate::limits;
use crate::vault::Vault;

/// Who is at the other end of a connection; parsed once a connection.
#[derive(Clone, Copy, Debug)]
pub enum Peer {
    Network(SocketAddr),
    /// The admin socket in the data directory (0600): the operator of this machine.
    Admin,
}

/// Serves clients until `stop` turns true, then drains for at most `limits::DRAIN`.
pub async fn network(listener: TcpListener, vault: Arc<Vault>, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = room.clone().acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopped| *stopped) => break,
        };
        match accepted {
            Ok((stream, address)) => {
                // Latency of small answers; failing to set it changes nothing else.
                let _ = stream.set_nodelay(true);
                let vault = vault.clone();
                let stop = stop.clone();
                connections.spawn(async move {
                    connection(TokioIo::new(stream), Peer::Network(address), vault, stop).await;
                    drop(permit);
                });
            }
            Err(error) => pause_after(&error).await,
        }
    }
    drain(connections).await;
}

/// Serves the admin socket until `stop` turns true.
pub async fn admin(listener: UnixListener, vault: Arc<Vault>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopped| *stopped) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let vault = vault.clone();
                let stop = stop.clone();
                connections.spawn(connection(TokioIo::new(stream), Peer::Admin, vault, stop));
            }
            Err(error) => pause_after(&error).await,
        }
    }
    drain(connections).await;
}

/// Out of file descriptors and the like: wait a little instead of spinning.
async fn pause_after(error: &std::io::Error) {
    tracing::warn!(%error, "accept failed; trying again");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

async fn drain(mut connections: JoinSet<()>) {
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits::DRAIN, all).await.is_err() {
        tracing::warn!("some connections did not finish in time and were closed");
    }
}

async fn connection<IO>(io: IO, peer: Peer, vault: Arc<Vault>, mut stop: watch::Receiver<bool>)
where
    IO: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        let vault = &vault;
        async move { Ok::<_, Infallible>(dispatch::entry(vault, peer, request.map(Body::new)).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits::HEADER_DEADLINE)
        .max_headers(limits::HEADERS_MAX)
        .max_buf_size(limits::HEADER_BYTES_MAX)
        .half_close(false);
    let mut serving = std::pin::pin!(http.serve_connection(io, service));
    tokio::select! {
        _ = serving.as_mut() => {}
        // The guard of the watched value is not kept over the await below.
        () = async { drop(stop.wait_for(|stopped| *stopped).await) } => {
            serving.as_mut().graceful_shutdown();
            let _ = serving.await;
        }
    }
}
