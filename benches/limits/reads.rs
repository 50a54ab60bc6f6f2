//! The limit of reads: the same answer from memory, nothing asked and nothing recorded.

use std::path::{Path, PathBuf};

use axum::Router;
use bytes::Bytes;
use strongroom::config::{ClientAuth, Tls};

use super::{Failure, headers, serve};

pub fn run(body: &Path, tls: Option<(PathBuf, PathBuf)>) -> Result<(), Failure> {
    let tls =
        tls.map(|(cert, key)| Tls { cert, key, client_auth: ClientAuth::Off, client_ca: None });
    let body = Bytes::from(std::fs::read(body)?);
    let router = Router::new().fallback(move || {
        let body = body.clone();
        async move { (headers(), body) }
    });
    serve(router, tls)
}
