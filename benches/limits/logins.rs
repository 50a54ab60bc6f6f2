//! Logs in a counted number of times and leaves the leases to live.

use std::path::Path;

use axum::body::Body;
use axum::http::{Request, header};
use bytes::Bytes;

use super::{Failure, client};

pub fn run(address: &str, body: &Path, count: usize) -> Result<(), Failure> {
    let body = Bytes::from(std::fs::read(body)?);
    client::send_each(address, 0..count, move |host, _| {
        Request::post("/v1/auth/approle/login")
            .header(header::HOST, host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.clone()))
    })
}
