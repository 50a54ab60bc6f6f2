//! Puts a counted number of secrets into a server: a hundred to a directory.

use std::ops::Range;
use std::path::Path;

use axum::body::Body;
use axum::http::{Request, header};
use bytes::Bytes;

use super::{Failure, client};

pub fn run(
    address: &str,
    token_file: &Path,
    body: &Path,
    directory: String,
    numbers: Range<usize>,
) -> Result<(), Failure> {
    let token = std::fs::read_to_string(token_file)?.trim().to_owned();
    let body = Bytes::from(std::fs::read(body)?);
    client::send_each(address, numbers, move |host, n| {
        Request::post(format!("/v1/secret/data/{directory}/{}/{}", n / 100, n % 100))
            .header(header::HOST, host)
            .header("x-vault-token", &token)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.clone()))
    })
}
