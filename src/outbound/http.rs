//! Batches of lines by POST over https. The certificate is verified always, the address is checked
//! after the name was resolved and is the one connected to, redirects are not followed (P36).

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tokio::runtime::{Builder, Runtime};

use super::address::may_reach;
use crate::audit::Receiver;
use crate::config::HttpTo;
use crate::limits::AUDIT_SINK_ANSWER_BYTES_MAX;
use crate::tls::{Connector, Trust};

/// What takes batches at a URL.
pub struct Post {
    to: HttpTo,
    deadline: Duration,
    open: Option<Open>,
}

/// A connection lives on the runtime of this sink, which runs while a call is under way.
struct Open {
    runtime: Runtime,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Post {
    pub fn new(to: HttpTo, deadline: Duration) -> Self {
        Self { to, deadline, open: None }
    }

    fn open(&mut self) -> Result<Open, String> {
        match self.open.take() {
            Some(open) => Ok(open),
            None => {
                let runtime = Builder::new_current_thread().enable_all().build();
                Ok(Open { runtime: runtime.map_err(|e| e.to_string())?, sender: None })
            }
        }
    }
}

impl Receiver for Post {
    fn take(&mut self, lines: &[u8]) -> Result<(), String> {
        let mut open = self.open()?;
        let (to, deadline) = (&self.to, self.deadline);
        let body = Bytes::copy_from_slice(lines);
        let kept = open.sender.take();
        let exchange = async {
            // The other end may have closed what stood idle: then once more, over a new connection.
            if let Some(sender) = kept
                && let Ok(done) = post(to, sender, body.clone()).await
            {
                return done.map(Some);
            }
            let sender = connect(to).await?;
            post(to, sender, body).await.map_err(|error| error.to_string())?.map(Some)
        };
        let timed = open.runtime.block_on(async { tokio::time::timeout(deadline, exchange).await });
        match timed.unwrap_or_else(|_| Err("it does not answer in time".into())) {
            Ok(sender) => {
                self.open = Some(Open { sender, ..open });
                Ok(())
            }
            Err(reason) => {
                // A name that is still being looked up holds nobody up.
                open.runtime.shutdown_background();
                Err(reason)
            }
        }
    }

    fn check(&mut self) -> Result<Option<String>, String> {
        Ok(None)
    }

    fn confirms(&self) -> bool {
        true
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.runtime.shutdown_background();
        }
    }
}

async fn connect(to: &HttpTo) -> Result<SendRequest<Full<Bytes>>, String> {
    let trust = Trust {
        ca_cert: to.ca_file.clone(),
        client_cert: to.client_cert.clone(),
        client_key: to.client_key.clone(),
        ..Trust::default()
    };
    let connector = Connector::new(&trust, to.bare_host()).map_err(|e| e.to_string())?;
    let stream = TcpStream::connect(resolve(to).await?).await.map_err(|e| e.to_string())?;
    let stream = connector.connect(stream).await.map_err(|e| e.to_string())?;
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}

/// The first address of the name that may be reached.
async fn resolve(to: &HttpTo) -> Result<SocketAddr, String> {
    let found = lookup_host((to.bare_host(), to.port)).await.map_err(|e| e.to_string())?;
    let mut all = found.peekable();
    if all.peek().is_none() {
        return Err("its name has no address".into());
    }
    all.find(|address| may_reach(address.ip(), &to.allow)).ok_or_else(|| {
        "its address is not public; name its network in `allow` if that is meant".to_owned()
    })
}

/// The outer error: the connection is of no use. The inner: the answer is no success.
async fn post(
    to: &HttpTo,
    mut sender: SendRequest<Full<Bytes>>,
    body: Bytes,
) -> Result<Result<SendRequest<Full<Bytes>>, String>, hyper::Error> {
    sender.ready().await?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(&to.path)
        .header(HOST, to.authority())
        .header(CONTENT_TYPE, "application/x-ndjson")
        .body(Full::new(body));
    let request = match request {
        Ok(request) => request,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    if !status.is_success() {
        let more = if status.is_redirection() { "; redirects are not followed" } else { "" };
        return Ok(Err(format!("it answered {}{more}", status.as_u16())));
    }
    // Read to its end, so that the connection can be used again.
    let read = Limited::new(answer.into_body(), AUDIT_SINK_ANSWER_BYTES_MAX).collect().await;
    Ok(read.map(|_| sender).map_err(|error| error.to_string()))
}
