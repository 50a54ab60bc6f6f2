//! The route table: every path that is answered, with its verbs. `:name` captures one segment,
//! `*name` captures the rest, which may be empty. `:role` and `*name` are names that the vault
//! knows in any case of letters.

use std::pin::Pin;

use super::reply::Outcome;
use super::request::{Ctx, Verb};
use super::{approle, kv, lease, mount, policy, system, token};
use crate::access::PolicyName;
use crate::identity::approle::Role;

/// What answers one verb of one route.
pub type Handler = for<'c> fn(&'c Ctx) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>>;

/// One path and its verbs.
pub struct Route {
    pub pattern: &'static str,
    pub verbs: &'static [(Verb, Handler)],
    /// Answered without a lease: the whole list stands in `tests/golden/public-routes.txt`.
    pub public: bool,
}

/// A match.
pub struct Found {
    pub captured: Vec<String>,
    /// The path with its names in the spelling that they are stored under, where that differs.
    pub folded: Option<String>,
    /// `None`: the path is known, the verb is not.
    pub handler: Option<Handler>,
    pub public: bool,
}

macro_rules! routes {
    ($($access:ident $pattern:literal { $($verb:ident => $handler:path),+ $(,)? })+) => {
        &[$(Route {
            pattern: $pattern,
            verbs: &[$((Verb::$verb, |ctx| Box::pin($handler(ctx)))),+],
            public: routes!(@$access),
        }),+]
    };
    (@public) => { true };
    (@lease) => { false };
}

/// Below `sys/`.
pub const SYSTEM: &[Route] = routes! {
    public "seal-status" { Read => system::seal_status }
    public "leader" { Read => system::leader }
    public "init" { Read => system::init_status, Write => system::init }
    public "unseal" { Write => system::unseal }
    public "internal/ui/mounts" { Read => system::visible_mounts }
    lease "internal/ui/mounts/*path" { Read => system::preflight }
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
    lease "policies/acl" { List => policy::list }
    lease "policies/acl/*name" {
        Read => policy::read, Write => policy::write, Delete => policy::delete,
    }
    lease "policy" { Read => policy::legacy_list, List => policy::legacy_list }
    lease "policy/*name" {
        Read => policy::legacy_read, Write => policy::legacy_write, Delete => policy::delete,
    }
    lease "leases/lookup" { Write => lease::lookup }
    lease "leases/renew" { Write => lease::renew }
    lease "leases/renew/*lease" { Write => lease::renew }
    lease "leases/revoke" { Write => lease::revoke }
    lease "leases/revoke/*lease" { Write => lease::revoke }
    lease "leases/revoke-prefix/*prefix" { Write => lease::revoke_prefix }
    lease "leases/revoke-force/*prefix" { Write => lease::revoke_prefix }
    lease "leases/revoke-subject" { Write => lease::revoke_subject }
    lease "renew" { Write => lease::renew }
    lease "renew/*lease" { Write => lease::renew }
    lease "revoke" { Write => lease::revoke }
    lease "revoke/*lease" { Write => lease::revoke }
    lease "revoke-prefix/*prefix" { Write => lease::revoke_prefix }
};

/// Below a KV mount of version 2.
pub const KV: &[Route] = routes! {
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
        List => kv::list,
    }
    lease "metadata/*secret" {
        Read => kv::metadata_read, Write => kv::metadata_put, Patch => kv::metadata_patch,
        Delete => kv::metadata_delete, List => kv::list,
    }
    lease "subkeys/*secret" { Read => kv::subkeys }
    lease "*secret" {
        Read => kv::unversioned, Write => kv::unversioned, Patch => kv::unversioned,
        Delete => kv::unversioned, List => kv::unversioned,
    }
};

/// Below `auth/token/`.
pub const TOKEN: &[Route] = routes! {
    lease "create" { Write => token::create }
    lease "create/:role" { Write => token::create_by_role }
    lease "roles" { List => token::no_role }
    lease "roles/:role" { Read => token::no_role }
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
};

/// Below an AppRole mount.
pub const APPROLE: &[Route] = routes! {
    public "login" { Write => approle::login, Read => approle::login_read }
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

/// The first pattern that fits; tables have the exact before the general.
pub fn find(table: &'static [Route], path: &str, verb: Verb) -> Option<Found> {
    table.iter().find_map(|route| {
        let captured = fits(route.pattern, path)?;
        let handler = route.verbs.iter().find(|(v, _)| *v == verb).map(|(_, h)| *h);
        let folded = Some(folded(route.pattern, path)).filter(|f| f != path);
        Some(Found { captured, folded, handler, public: route.public })
    })
}

/// `path`, which fits, with its names as they are stored.
fn folded(pattern: &str, path: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut segments = path.split('/');
    for part in pattern.split('/') {
        match part {
            "*name" => {
                let rest: Vec<&str> = segments.by_ref().collect();
                out.push(PolicyName::spelling(&rest.join("/")));
            }
            ":role" => out.extend(segments.next().map(Role::canonical_name)),
            _ if part.starts_with('*') => out.extend(segments.by_ref().map(str::to_owned)),
            _ => out.extend(segments.next().map(str::to_owned)),
        }
    }
    out.join("/")
}

fn fits(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut captured = Vec::new();
    let mut rest = Some(path).filter(|p| !p.is_empty());
    for part in pattern.split('/') {
        if part.starts_with('*') {
            captured.push(rest.unwrap_or("").to_owned());
            return Some(captured);
        }
        let here = rest?;
        let (segment, after) = match here.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (here, None),
        };
        if part.starts_with(':') {
            captured.push(segment.to_owned());
        } else if part != segment {
            return None;
        }
        rest = after;
    }
    rest.is_none().then_some(captured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_capture_segments_and_the_rest() {
        assert_eq!(fits("a/:x/*y", "a/b/c/d"), Some(vec!["b".into(), "c/d".into()]));
        assert_eq!(fits("data/*s", "data"), Some(vec![String::new()]));
        assert_eq!(fits("a/:x", "a"), None);
        assert_eq!(fits("a", "a/b"), None);
        assert_eq!(fits("a", "ab"), None);
    }

    #[test]
    fn names_are_folded_and_nothing_else_is() {
        let fold = |pattern, path| folded(pattern, path);
        assert_eq!(fold("role/:role/:field", "role/Admin/Token-ttl"), "role/admin/Token-ttl");
        assert_eq!(
            fold("policies/acl/*name", "policies/acl/ Team/Admin "),
            "policies/acl/team/admin"
        );
        assert_eq!(fold("policies/acl/*name", "policies/acl"), "policies/acl/");
        assert_eq!(fold("data/*secret", "data/A/B"), "data/A/B");
        assert_eq!(fold("login", "login"), "login");
    }

    /// P22: what is answered without a lease is this list, which only grows on purpose.
    #[test]
    fn p22_the_routes_without_a_lease_are_those_of_the_golden_list() {
        let mut open: Vec<String> =
            vec!["/v1/sys/health GET HEAD".into(), "/.well-known/jwks.json GET".into()];
        for (prefix, table) in
            [("sys", SYSTEM), ("KV", KV), ("auth/token", TOKEN), ("auth/APPROLE", APPROLE)]
        {
            for route in table.iter().filter(|r| r.public) {
                let verbs: Vec<String> =
                    route.verbs.iter().map(|(v, _)| format!("{v:?}")).collect();
                open.push(format!("/v1/{prefix}/{} {}", route.pattern, verbs.join(" ")));
            }
        }
        let golden = include_str!("../../tests/golden/public-routes.txt");
        assert_eq!(open, golden.lines().collect::<Vec<_>>());
    }
}
