//! What is answered below `auth/token/`.

use super::{Route, Verb, routes};
use crate::http::{token, token_role};

pub const TABLE: &[Route] = routes! {
    lease "create" { Write => token::create }
    lease "create/:role" { Write => token::create_by_role }
    lease "roles" { List => token_role::list }
    lease "roles/:role" {
        Read => token_role::read, Write => token_role::write, Delete => token_role::delete,
    }
    lease "create-orphan" { Write => token::create_orphan }
    lease "lookup" { Read => token::lookup, Write => token::lookup }
    lease "lookup-self" { Read => token::lookup_self, Write => token::lookup_self }
    lease "lookup-accessor" { Write => token::lookup_accessor }
    lease "renew" { Write => token::renew }
    lease "renew-self" { Write => token::renew_self }
    lease "renew-accessor" { Write => token::renew_accessor }
    lease "revoke" { Write => token::revoke }
    lease "revoke-self" { Write => token::revoke_self }
    lease "revoke-accessor" { Write => token::revoke_accessor }
    lease "revoke-orphan" { Write => token::revoke_orphan }
    lease "accessors" { List => token::accessors }
    lease "tidy" { Write => token::tidy }
};
