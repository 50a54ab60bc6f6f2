//! `X-Vault-Index`: which state of the store an answer stands on, and what a client may ask of the
//! node that answers him next. Base64 of `{"cluster":"<id>","value":"<revision>"}`.

use std::cell::RefCell;

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::request::header_text;
use crate::limits;
use crate::vault::{Opened, Vault};

pub const HEADER: &str = "x-vault-index";
const POLICY: &str = "x-vault-inconsistent";

#[derive(Serialize, Deserialize)]
struct Index {
    cluster: String,
    value: String,
}

/// What the headers of a request ask of the state behind its answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Demand {
    cluster: String,
    revision: u64,
    /// Worth a wait: the client said so.
    wait: bool,
}

thread_local! {
    /// The header that this thread made last: between two changes all answers have the same.
    static LAST: RefCell<Option<(String, u64, HeaderValue)>> = const { RefCell::new(None) };
}

/// The header of an answer.
pub fn header(opened: &Opened) -> Option<HeaderValue> {
    let (cluster, revision) = (&opened.cluster_id, opened.revision().0);
    LAST.with_borrow_mut(|last| {
        if let Some((known, value, header)) = last
            && known == cluster
            && *value == revision
        {
            return Some(header.clone());
        }
        let index = Index { cluster: cluster.clone(), value: revision.to_string() };
        let text = serde_json::to_string(&index).ok()?;
        let header = HeaderValue::from_str(&STANDARD.encode(text)).ok()?;
        *last = Some((index.cluster, revision, header.clone()));
        Some(header)
    })
}

impl Demand {
    /// # Errors
    /// A text for the client, when the headers can't be read.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, &'static str> {
        let wait = match header_text(headers, POLICY) {
            None | Some("fail") => false,
            // Every node answers for itself, so the state comes here or nowhere.
            Some("await-state" | "forward-active-node") => true,
            Some(_) => return Err("unknown value for \"X-Vault-Inconsistent\" header"),
        };
        let Some(given) = headers.get(HEADER) else { return Ok(None) };
        let read = || -> Option<Self> {
            let text = STANDARD.decode(given.as_bytes()).ok()?;
            let Index { cluster, value } = serde_json::from_slice(&text).ok()?;
            Some(Self { cluster, revision: value.parse().ok()?, wait })
        };
        read().map(Some).ok_or("failed to decode \"X-Vault-Index\"")
    }

    /// Whether this node has seen the state, after a wait where one was asked for. A sealed vault
    /// and the state of another cluster are not for this to judge.
    pub async fn met(&self, vault: &Vault) -> bool {
        let seen = || match vault.opened() {
            Ok(opened) => opened.cluster_id != self.cluster || opened.revision().0 >= self.revision,
            Err(_) => true,
        };
        let mut left = if self.wait { limits::INDEX_WAIT_STEPS } else { 0 };
        while !seen() && left > 0 {
            left -= 1;
            tokio::time::sleep(limits::INDEX_WAIT_STEP).await;
        }
        seen()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(index: &str, policy: Option<&str>) -> Result<Option<Demand>, &'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_str(index).unwrap());
        if let Some(policy) = policy {
            headers.insert(POLICY, HeaderValue::from_str(policy).unwrap());
        }
        Demand::of(&headers)
    }

    #[test]
    fn a_demand_is_read_from_its_headers() {
        let good = STANDARD.encode(r#"{"cluster":"c","value":"7"}"#);
        let demand = |wait| Ok(Some(Demand { cluster: "c".into(), revision: 7, wait }));
        assert_eq!(of(&good, None), demand(false));
        assert_eq!(of(&good, Some("fail")), demand(false));
        assert_eq!(of(&good, Some("await-state")), demand(true));
        assert!(of(&good, Some("zzz")).is_err());
        for bad in ["", "garbage", "7", &STANDARD.encode("{}"), &STANDARD.encode("[7]")] {
            assert_eq!(of(bad, None), Err("failed to decode \"X-Vault-Index\""), "{bad}");
        }
        let negative = STANDARD.encode(r#"{"cluster":"c","value":"-1"}"#);
        assert!(of(&negative, None).is_err());
        assert_eq!(Demand::of(&HeaderMap::new()), Ok(None));
    }
}
