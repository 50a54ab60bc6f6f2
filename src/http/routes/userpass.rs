//! What is answered below a userpass mount.

use super::{Route, Verb, routes};
use crate::http::userpass;

pub const TABLE: &[Route] = routes! {
    public "login/:user" { Write => userpass::login }
    lease "users" { List => userpass::user_list }
    lease "users/:user" {
        Read => userpass::user_read, Write => userpass::user_write,
        Delete => userpass::user_delete,
    }
    lease "users/:user/password" { Write => userpass::password_write }
    lease "users/:user/policies" { Write => userpass::policies_write }
    lease "users/:user/revoke-leases" { Write => userpass::revoke_leases }
};
