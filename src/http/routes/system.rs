//! What is answered below `sys/`.

use super::{Route, Verb, routes};
use crate::http::{lease, mount, policy, system, token, userpass, wrapping};

pub const TABLE: &[Route] = routes! {
    public "seal-status" { Read => system::seal_status }
    public "leader" { Read => system::leader }
    public "init" { Read => system::init_status, Write => system::init }
    public "unseal" { Write => system::unseal }
    public "internal/ui/mounts" { Read => system::visible_mounts }
    lease "internal/ui/mounts/*path" { Read => system::preflight }
    lease "internal/ui/resultant-acl" { Read => policy::resultant }
    lease "seal" { Write => system::seal }
    lease "capabilities-self" { Write => system::capabilities_self }
    lease "capabilities-accessor" { Write => system::capabilities_accessor }
    lease "capabilities" { Write => system::capabilities }
    lease "mounts" { Read => mount::list_secret }
    lease "mounts/*path" {
        Read => mount::read_secret, Write => mount::write_secret, Delete => mount::disable_secret,
    }
    lease "auth" { Read => mount::list_auth }
    lease "auth/*path" {
        Read => mount::read_auth, Write => mount::write_auth, Delete => mount::disable_auth,
    }
    lease "remount" { Write => mount::remount }
    lease "remount/status/:id" { Read => mount::remount_status }
    lease "policies/explain" { Write => policy::explain }
    lease "policies/acl" { List => policy::list }
    lease "policies/acl/*name" {
        Read => policy::read, Write => policy::write, Delete => policy::delete,
    }
    lease "policy" { Read => policy::legacy_list, List => policy::legacy_list }
    lease "policy/*name" {
        Read => policy::legacy_read, Write => policy::legacy_write, Delete => policy::delete,
    }
    lease "locked-users" { Read => userpass::locked_users }
    lease "locked-users/:accessor/unlock/:user" { Write => userpass::unlock_user }
    lease "leases/lookup" { Write => lease::lookup }
    lease "leases" { Read => lease::irrevocable }
    lease "leases/count" { Read => lease::irrevocable_count }
    lease "leases/tidy" { Write => token::tidy }
    lease "leases/lookup" { Write => lease::lookup, List => lease::list }
    lease "leases/lookup/*prefix" { List => lease::list }
    lease "leases/renew" { Write => lease::renew }
    lease "leases/renew/*lease" { Write => lease::renew }
    lease "leases/revoke" { Write => lease::revoke }
    lease "leases/revoke/*lease" { Write => lease::revoke }
    lease "leases/revoke-prefix/*prefix" { Write => lease::revoke_prefix }
    lease "leases/revoke-force/*prefix" { Write => lease::revoke_prefix }
    lease "leases/revoke-subject" { Write => lease::revoke_subject }
    lease "wrapping/wrap" { Write => wrapping::wrap }
    public "wrapping/unwrap" { Write => wrapping::unwrap }
    lease "wrapping/rewrap" { Write => wrapping::rewrap }
    public "wrapping/lookup" { Read => wrapping::lookup, Write => wrapping::lookup }
    lease "renew" { Write => lease::renew }
    lease "renew/*lease" { Write => lease::renew }
    lease "revoke" { Write => lease::revoke }
    lease "revoke/*lease" { Write => lease::revoke }
    lease "revoke-prefix/*prefix" { Write => lease::revoke_prefix }
};
