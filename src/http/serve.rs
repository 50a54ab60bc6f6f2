//! The accept loops: TCP for clients (TLS or plain), a Unix socket for the machine's own operator.
//! Our own, because `axum::serve` has neither deadlines nor limits. What a connection does wrong is
//! its own matter: every one is a task, every wait has an end, and accepting never waits for any.
//!
//! * `tally`: those counts for the audit log
//! * `gate`: who may come in, and counts; `bodies`: what their bodies may hold together
//! * `watched`: deadlines of a stream; `refuse`: constant answers

mod bodies;
mod gate;
mod refuse;
mod tally;
mod watched;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use bodies::Held;
pub use gate::{Event, Gate};
pub use tally::record_refused;
use watched::{Phase, Watched};

use super::entry;
use crate::clock::BootTime;
use crate::limits;
use crate::vault::Vault;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub enum Peer {
    Network {
        address: SocketAddr,
        /// The leaf that it proved to hold (DER), where the listener asks for one.
        certificate: Option<Arc<[u8]>>,
    },
    /// The admin socket in the data directory (0600): the operator of this machine.
    Admin,
}

/// What a connection needs.
#[derive(Clone)]
struct Hall {
    vault: Arc<Vault>,
    gate: Arc<Gate>,
    stop: watch::Receiver<bool>,
}

/// Serves clients until `stop` turns true, then drains for at most `limits::DRAIN`.
pub async fn network(
    listener: TcpListener,
    gate: Arc<Gate>,
    vault: Arc<Vault>,
    stop: watch::Receiver<bool>,
) {
    let mut hall = Hall { vault, gate, stop };
    let refused = Arc::new(Semaphore::new(limits::REFUSED_CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut complaint = Complaint::default();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut hall.stop) => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                hall.gate.note(Event::AcceptFailed);
                complaint.about(&error, hall.vault.clock().boot());
                pause_after(&error).await;
                continue;
            }
        };
        match hall.gate.admit(address.ip()) {
            Ok(place) => {
                hall.gate.note(Event::Accepted);
                // Latency of small answers; failing to set it changes nothing else.
                let _ = stream.set_nodelay(true);
                let hall = hall.clone();
                connections.spawn(async move {
                    client(stream, address, hall).await;
                    drop(place);
                });
            }
            Err(event) => {
                hall.gate.note(event);
                // Who begins with a handshake could not read it.
                if hall.gate.tls().is_none()
                    && let Ok(permit) = refused.clone().try_acquire_owned()
                {
                    connections.spawn(async move {
                        refuse::tell(stream, refuse::TOO_MANY).await;
                        drop(permit);
                    });
                }
            }
        }
    }
    drop(listener);
    drain(connections).await;
}

/// Serves the admin socket until `stop` turns true.
pub async fn admin(
    listener: UnixListener,
    gate: Arc<Gate>,
    vault: Arc<Vault>,
    stop: watch::Receiver<bool>,
) {
    let mut hall = Hall { vault, gate, stop };
    let room = Arc::new(Semaphore::new(limits::ADMIN_CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut complaint = Complaint::default();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = async {
                let permit = room.clone().acquire_owned().await;
                listener.accept().await.map(|(stream, _)| (stream, permit))
            } => accepted,
            () = stopped(&mut hall.stop) => break,
        };
        match accepted {
            Ok((stream, permit)) => {
                let hall = hall.clone();
                connections.spawn(async move {
                    http(stream, Peer::Admin, hall).await;
                    drop(permit);
                });
            }
            Err(error) => {
                complaint.about(&error, hall.vault.clock().boot());
                pause_after(&error).await;
            }
        }
    }
    drain(connections).await;
}

/// Out of file descriptors and the like: wait a little instead of spinning. A connection that was
/// gone before it was accepted is no reason to wait.
async fn pause_after(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Says that accepting fails, now and then only.
#[derive(Default)]
struct Complaint(Option<BootTime>);

impl Complaint {
    fn about(&mut self, error: &std::io::Error, now: BootTime) {
        if self.0.is_none_or(|at| now.saturating_since(at) > limits::ACCEPT_LOG_INTERVAL) {
            tracing::warn!(%error, "accept failed; trying again");
            self.0 = Some(now);
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The guard of the watched value is not kept.
    drop(stop.wait_for(|stopped| *stopped).await);
}

async fn drain(mut connections: JoinSet<()>) {
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits::DRAIN, all).await.is_err() {
        tracing::warn!("some connections did not finish in time and were closed");
    }
}

/// The first byte of a TLS connection: a record of type handshake (RFC 8446, 5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// One client's connection from its first byte to its last.
async fn client(stream: TcpStream, address: SocketAddr, mut hall: Hall) {
    let Some(tls) = hall.gate.tls().cloned() else {
        return http(stream, Peer::Network { address, certificate: None }, hall).await;
    };
    let deadline = hall.gate.limits().handshake;
    let handshake = async {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(1) if first[0] != HANDSHAKE_RECORD && first[0].is_ascii_alphabetic() => {
                hall.gate.note(Event::PlainOnTls);
                refuse::tell(stream, refuse::PLAIN_ON_TLS).await;
                Ok(None)
            }
            Ok(_) => tls.accept(stream).await.map(Some),
            Err(error) => Err(error),
        }
    };
    let done = tokio::select! {
        done = tokio::time::timeout(deadline, handshake) => done,
        // Nothing was asked yet.
        () = stopped(&mut hall.stop) => return,
    };
    match done {
        Ok(Ok(Some(shake))) => {
            let peer = Peer::Network { address, certificate: shake.client_certificate };
            http(shake.stream, peer, hall).await;
        }
        Ok(Ok(None)) => {}
        Ok(Err(error)) => {
            hall.gate.note(Event::HandshakeFailed);
            tracing::debug!(%address, %error, "a TLS handshake failed");
        }
        Err(_) => {
            hall.gate.note(Event::HandshakeFailed);
            tracing::debug!(%address, "a TLS handshake took too long");
        }
    }
}

async fn http<IO>(io: IO, peer: Peer, hall: Hall)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let phase = Phase::new();
    let stream = Watched::new(io, phase.clone(), hall.gate.limits());
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        let (vault, gate, peer, phase) = (&hall.vault, &hall.gate, &peer, phase.clone());
        async move {
            phase.request_begins();
            // Boxed: hyper keeps room for this future in every connection, idle ones too.
            let answer = Box::pin(entry::entry(vault, gate, peer, request.map(Body::new))).await;
            phase.answer_begins();
            Ok::<_, Infallible>(answer)
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // `Watched` has the deadlines; hyper's own would count idle time as part of a head.
        .header_read_timeout(None)
        .max_headers(limits::HEADERS_MAX)
        .max_buf_size(limits::HEADER_BYTES_MAX)
        .half_close(false);
    let mut serving = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut stop = hall.stop.clone();
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stopped(&mut stop) => {
            serving.as_mut().graceful_shutdown();
            if phase.is_idle() {
                // hyper waits for the first request of a connection that had none.
                tokio::time::timeout(limits::GOODBYE, serving.as_mut()).await.unwrap_or(Ok(()))
            } else {
                serving.await
            }
        }
    };
    if phase.was_too_slow() {
        hall.gate.note(Event::TooSlow);
    }
    if let Err(error) = ended
        && error.is_parse()
    {
        hall.gate.note(Event::Malformed);
        entry::broken_head(&hall.vault, &peer, &error).await;
    }
}
