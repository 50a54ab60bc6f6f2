//! What is answered below an AppRole mount.

use super::{Route, Verb, routes};
use crate::http::approle;

pub const TABLE: &[Route] = routes! {
    public "login" { Write => approle::login, Read => approle::login_read }
    lease "tidy/secret-id" { Write => approle::tidy }
    lease "role" { List => approle::role_list }
    lease "role/:role" {
        Read => approle::role_read, Write => approle::role_write, Delete => approle::role_delete,
    }
    lease "role/:role/role-id" { Read => approle::role_id_read, Write => approle::role_id_write }
    lease "role/:role/secret-id" {
        Write => approle::secret_id_create, List => approle::secret_id_list,
    }
    lease "role/:role/custom-secret-id" { Write => approle::secret_id_custom }
    lease "role/:role/secret-id/lookup" { Write => approle::secret_id_lookup }
    lease "role/:role/secret-id/destroy" {
        Write => approle::secret_id_destroy, Delete => approle::secret_id_destroy,
    }
    lease "role/:role/secret-id-accessor/lookup" { Write => approle::accessor_lookup }
    lease "role/:role/secret-id-accessor/destroy" {
        Write => approle::accessor_destroy, Delete => approle::accessor_destroy,
    }
    lease "role/:role/revoke-leases" { Write => approle::revoke_leases }
    lease "role/:role/:field" {
        Read => approle::field_read, Write => approle::field_write,
        Delete => approle::field_delete,
    }
};
