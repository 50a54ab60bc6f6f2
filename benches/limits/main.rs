//! What the machine could do if a vault cost nothing, and the load that `wrk` cannot make. Built
//! for `make bench` only; never shipped.
//!
//! * `reads`: a bare handler that answers from memory
//! * `writes`: a bare handler that answers once its bytes are synced, in groups
//! * `signatures`: a bare loop of PKCS#11 signatures
//! * `fill`: puts so many secrets into a server; `logins`: logs in so often
#![forbid(unsafe_code)]

mod client;
mod fill;
mod logins;
mod reads;
mod signatures;
mod writes;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use strongroom::clock::Clock;
use strongroom::config::Tls;
use strongroom::tls::Acceptor;

/// The server under test has it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints its address, then serves until it is killed.
    Reads {
        /// The body of every answer.
        body: PathBuf,
        /// Certificate and key (PEM): over TLS 1.3, as the server does it.
        #[arg(requires = "key")]
        certificate: Option<PathBuf>,
        key: Option<PathBuf>,
    },
    /// Prints its address, then serves until it is killed.
    Writes {
        directory: PathBuf,
        /// Bytes of one write in the first file and in the second.
        journal_bytes: usize,
        audit_bytes: usize,
        /// The body of every answer.
        body: PathBuf,
    },
    /// Prints signatures per second.
    Signatures {
        module: PathBuf,
        token_label: String,
        pin_file: PathBuf,
        threads: usize,
        seconds: u64,
    },
    /// Puts secrets number `first` to `first + count` below a directory of the mount `secret`, over
    /// 32 connections.
    Fill {
        address: String,
        token_file: PathBuf,
        body: PathBuf,
        directory: String,
        first: usize,
        count: usize,
    },
    /// Logs in `count` times by AppRole, over 32 connections; the leases are left to live.
    Logins { address: String, body: PathBuf, count: usize },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Reads { body, certificate, key } => reads::run(&body, certificate.zip(key)),
        Command::Writes { directory, journal_bytes, audit_bytes, body } => {
            writes::run(&directory, [journal_bytes, audit_bytes], &body)
        }
        Command::Signatures { module, token_label, pin_file, threads, seconds } => {
            signatures::run(module, &token_label, &pin_file, threads, seconds)
        }
        Command::Fill { address, token_file, body, directory, first, count } => {
            fill::run(&address, &token_file, &body, directory, first..first + count)
        }
        Command::Logins { address, body, count } => logins::run(&address, &body, count),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("limits: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The headers of a vault's answer.
fn headers() -> [(axum::http::HeaderName, &'static str); 4] {
    use axum::http::HeaderName;
    use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, STRICT_TRANSPORT_SECURITY};
    [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_TYPE, "application/json"),
        (STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
        (HeaderName::from_static("x-vault-index"), "100000"),
    ]
}

/// Serves on a free port, which it prints. `axum::serve` would want features that the product
/// does not have.
fn serve(router: axum::Router, tls: Option<Tls>) -> Result<(), Failure> {
    let tls = tls.map(|files| Acceptor::open(files, Clock::system())).transpose()?.map(Arc::new);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        println!("{scheme}://{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let service = TowerToHyperService::new(router.clone());
            match tls.clone() {
                None => drop(tokio::spawn(
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                )),
                Some(tls) => drop(tokio::spawn(async move {
                    let io = TokioIo::new(tls.accept(stream).await?.stream);
                    let served = http1::Builder::new().serve_connection(io, service).await;
                    served.map_err(Failure::from)
                })),
            }
        }
    })
}
