//! What is answered below `sys/`.

use super::{Route, Verb, routes};
use crate::http::{
    audit, cors, lease, mount, observing, openapi, operations, password_policy, policy, quota,
    system, token, tools, userpass, wrapping,
};

pub const TABLE: &[Route] = routes! {
    public "seal-status" { Read => system::seal_status }
    public "leader" { Read => system::leader }
    public "init" { Read => system::init_status, Write => system::init }
    public "unseal" { Write => system::unseal }
    public "internal/ui/mounts" { Read => system::visible_mounts }
    public "internal/specs/openapi" { Read => openapi::document, Write => openapi::document }
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
    lease "policies/detailed/acl" { List => policy::detailed }
    lease "policies/acl" { List => policy::list }
    lease "policies/acl/*name" {
        Read => policy::read, Write => policy::write, Delete => policy::delete,
    }
    lease "policies/password" { List => password_policy::list }
    lease "policies/password/:policy" {
        Read => password_policy::read, Write => password_policy::write,
        Delete => password_policy::delete,
    }
    lease "policies/password/:policy/generate" { Read => password_policy::generate }
    lease "policy" { Read => policy::legacy_list, List => policy::legacy_list }
    lease "policy/*name" {
        Read => policy::legacy_read, Write => policy::legacy_write, Delete => policy::delete,
    }
    lease "locked-users" { Read => userpass::locked_users }
    lease "locked-users/:accessor/unlock/:user" { Write => userpass::unlock_user }
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
    lease "metrics" { Read => observing::metrics }
    lease "in-flight-req" { Read => observing::in_flight }
    lease "host-info" { Read => observing::host_info }
    lease "monitor" { Read => observing::monitor }
    lease "loggers" {
        Read => observing::loggers, Write => observing::level_write,
        Delete => observing::level_reset,
    }
    lease "loggers/:name" {
        Read => observing::logger, Write => observing::level_write,
        Delete => observing::level_reset,
    }
    lease "tools/random" { Write => tools::random }
    lease "tools/random/:bytes" { Write => tools::random }
    lease "tools/random/:source/:bytes" { Write => tools::random }
    lease "tools/hash" { Write => tools::hash }
    lease "tools/hash/:algorithm" { Write => tools::hash }
    lease "config/cors" { Read => cors::read, Write => cors::write, Delete => cors::delete }
    lease "config/ui/headers" { List => operations::no_ui_header }
    lease "config/ui/headers/:header" {
        Read => operations::no_ui_header, Write => operations::ui_header_write,
        Delete => operations::nothing_to_delete,
    }
    lease "config/auditing/request-headers" { Read => operations::audit_headers }
    lease "config/auditing/request-headers/:header" {
        Read => operations::audit_header, Write => operations::audit_header_write,
        Delete => operations::nothing_to_delete,
    }
    lease "quotas/config" { Read => quota::config_read, Write => quota::config_write }
    lease "quotas/rate-limit" { List => quota::list }
    lease "quotas/rate-limit/:quota" {
        Read => quota::read, Write => quota::write, Delete => quota::delete,
    }
    lease "key-status" { Read => operations::key_status }
    lease "ha-status" { Read => operations::ha_status }
    lease "version-history" { List => operations::version_history }
    lease "internal/counters/requests" { Read => operations::counters_removed }
    lease "internal/ui/namespaces" { Read => operations::ui_namespaces }
    lease "namespaces" { List => operations::no_namespaces, Scan => operations::no_namespaces }
    lease "namespaces/:namespace" {
        Read => operations::no_namespaces, Write => operations::namespace_write,
        Patch => operations::no_namespaces, Delete => operations::namespace_delete,
    }
    lease "plugins/catalog" { Read => operations::catalog }
    lease "plugins/catalog/:plane" { List => operations::catalog_list }
    lease "plugins/catalog/:plane/:plugin" {
        Read => operations::catalog_read, Write => operations::catalog_write,
        Delete => operations::catalog_write,
    }
    lease "audit" { Read => audit::list }
    lease "audit/*sink" { Write => audit::enable, Delete => audit::disable }
    lease "audit-hash/*sink" { Write => audit::hash }
    lease "rotate" { Write => operations::not_yet }
    lease "rotate/*ceremony" {
        Read => operations::not_yet, Write => operations::not_yet, Delete => operations::not_yet,
    }
    lease "rekey/*ceremony" {
        Read => operations::not_yet, Write => operations::not_yet, Delete => operations::not_yet,
    }
    lease "rekey-recovery-key/*ceremony" {
        Read => operations::not_yet, Write => operations::not_yet, Delete => operations::not_yet,
    }
    lease "generate-root/*ceremony" {
        Read => operations::not_yet, Write => operations::not_yet, Delete => operations::not_yet,
    }
    lease "generate-root-token/*ceremony" {
        Read => operations::not_yet, Write => operations::not_yet, Delete => operations::not_yet,
    }
    lease "step-down" { Write => operations::step_down }
};
