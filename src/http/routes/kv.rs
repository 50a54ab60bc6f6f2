//! What is answered below a KV mount of version 2.

use super::{Route, Verb, routes};
use crate::http::kv;

pub const TABLE: &[Route] = routes! {
    lease "config" { Read => kv::config_read, Write => kv::config_write }
    lease "data" {
        Read => kv::root, Write => kv::root, Patch => kv::root, Delete => kv::root,
    }
    lease "data/*secret" {
        Read => kv::read, Write => kv::put, Patch => kv::patch, Delete => kv::delete_latest,
    }
    lease "delete/*secret" { Write => kv::delete }
    lease "undelete/*secret" { Write => kv::undelete }
    lease "destroy/*secret" { Write => kv::destroy }
    lease "metadata" {
        Read => kv::root, Write => kv::root, Patch => kv::root, Delete => kv::root,
        List => kv::list, Scan => kv::scan,
    }
    lease "metadata/*secret" {
        Read => kv::metadata_read, Write => kv::metadata_put, Patch => kv::metadata_patch,
        Delete => kv::metadata_delete, List => kv::list, Scan => kv::scan,
    }
    lease "subkeys/*secret" { Read => kv::subkeys }
    lease "*secret" {
        Read => kv::unversioned, Write => kv::unversioned, Patch => kv::unversioned,
        Delete => kv::unversioned, List => kv::unversioned,
        Scan => kv::unversioned,
    }
};
