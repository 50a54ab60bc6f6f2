//! What is answered below a KV mount of version 1.

use super::{Route, Verb, routes};
use crate::http::kv1;

pub const TABLE: &[Route] = routes! {
    lease "*secret" {
        Read => kv1::read, Write => kv1::put, Delete => kv1::delete, List => kv1::list,
        Scan => kv1::scan,
    }
};
