//! What is answered below `cubbyhole/`.

use super::{Route, Verb, routes};
use crate::http::cubbyhole;

pub const TABLE: &[Route] = routes! {
    lease "response" {
        Read => cubbyhole::response, Write => cubbyhole::put, Delete => cubbyhole::delete,
        List => cubbyhole::list,
    }
    lease "*path" {
        Read => cubbyhole::read, Write => cubbyhole::put, Delete => cubbyhole::delete,
        List => cubbyhole::list,
    }
};
