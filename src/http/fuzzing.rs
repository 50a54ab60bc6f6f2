//! The headers and the query that decide who asks, what for, and of which state.

use axum::http::{HeaderMap, HeaderValue, Method, header};

use super::index::{self, Demand};
use super::request::{Verb, token, trace_id};
use crate::wire::json::Body;

/// Values of headers, one a line: index, policy of the index, token, authorisation, trace; then
/// the query.
pub(crate) fn headers(data: &[u8]) {
    let mut lines = data.splitn(6, |b| *b == b'\n');
    let mut headers = HeaderMap::new();
    let names = [index::HEADER, "x-vault-inconsistent", "x-vault-token", "", "traceparent"];
    for name in names {
        let Some(line) = lines.next() else { break };
        let Ok(value) = HeaderValue::from_bytes(line) else { continue };
        if name.is_empty() {
            headers.insert(header::AUTHORIZATION, value);
        } else {
            headers.insert(name, value);
        }
    }
    let demand = Demand::of(&headers);
    assert!(headers.contains_key(index::HEADER) || !matches!(demand, Ok(Some(_))));
    assert!(!headers.contains_key(index::HEADER) || demand != Ok(None), "a demand is overlooked");
    assert!(token(&headers).is_none_or(|t| !t.expose().is_empty()), "an empty token");
    let trace = trace_id(&headers);
    assert!(
        trace.is_empty() || (trace.len() == 32 && trace.bytes().all(|b| b.is_ascii_hexdigit()))
    );

    let query = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let Ok(query) = Body::query(Some(&query)) else { return };
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        if let Ok(verb) = Verb::of(&method, &query) {
            let verb = verb.expect("each of these is a verb");
            let reads = matches!(verb, Verb::Read | Verb::List | Verb::Scan);
            assert_eq!(reads, method == Method::GET, "a query turns reading into writing");
        }
    }
}
