//! The route table: every path that is answered, with its verbs. `:name` captures one segment,
//! `*name` captures the rest, which may be empty. `:role`, `:user`, `*known` and `*name` are names
//! that the vault knows in any case of letters, or in any spelling. One file a kind of mount.

mod approle;
mod cubbyhole;
mod identity;
mod kv;
mod kv1;
mod system;
mod token;
mod userpass;

use std::pin::Pin;

use super::reply::Outcome;
use super::request::{Ctx, Verb};
use crate::access::PolicyName;
use crate::identity::approle::Role;
use crate::identity::canonical;
use crate::mounts::EngineKind;

/// What answers one verb of one route.
pub type Handler = for<'c> fn(&'c Ctx) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'c>>;

/// One path and its verbs.
pub struct Route {
    pub pattern: &'static str,
    pub verbs: &'static [(Verb, Handler)],
    /// Answered without a lease: the whole list stands in `tests/golden/public-routes.txt`.
    pub public: bool,
}

impl Route {
    /// Whether a description of `pattern` is one of this route: its own, or one below its rest.
    pub fn describes(&self, pattern: &str) -> bool {
        let below = pattern.strip_prefix(self.pattern).filter(|_| self.pattern.contains('*'));
        below.is_some_and(|rest| rest.starts_with('/')) || self.pattern == pattern
    }
}

/// A match.
pub struct Found {
    pub captured: Vec<String>,
    /// The path with its names in the spelling that they are stored under, where that differs.
    pub folded: Option<String>,
    /// `None`: the path is known, the verb is not.
    pub handler: Option<Handler>,
    pub public: bool,
    pub route: &'static Route,
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
use routes;

/// The table that answers below a mount.
pub fn below(kind: EngineKind) -> &'static [Route] {
    match kind {
        EngineKind::System => system::TABLE,
        EngineKind::Kv2 => kv::TABLE,
        EngineKind::Token => token::TABLE,
        EngineKind::AppRole => approle::TABLE,
        EngineKind::Kv1 => kv1::TABLE,
        EngineKind::Userpass => userpass::TABLE,
        EngineKind::Cubbyhole => cubbyhole::TABLE,
        EngineKind::Identity => identity::TABLE,
    }
}

/// Every table with the prefix that documents name it by.
#[cfg(test)]
pub const ALL: &[(&str, &[Route])] = &[
    ("sys", system::TABLE),
    ("KV", kv::TABLE),
    ("auth/token", token::TABLE),
    ("auth/APPROLE", approle::TABLE),
    ("auth/USERPASS", userpass::TABLE),
    ("cubbyhole", cubbyhole::TABLE),
    ("KV1", kv1::TABLE),
    ("identity", identity::TABLE),
];

/// The first pattern that fits; tables have the exact before the general.
pub fn find(table: &'static [Route], path: &str, verb: Verb) -> Option<Found> {
    table.iter().find_map(|route| {
        let captured = fits(route.pattern, path)?;
        let handler = route.verbs.iter().find(|(v, _)| *v == verb).map(|(_, h)| *h);
        let folds = FOLDED.iter().any(|name| route.pattern.contains(name));
        let folded = folds.then(|| folded(route.pattern, path)).filter(|f| f != path);
        Some(Found { captured, folded, handler, public: route.public, route })
    })
}

/// The parts of patterns that [`folded`] spells anew.
const FOLDED: [&str; 4] = [":role", ":user", "*known", "*name"];

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
            ":user" => out.extend(segments.next().map(canonical)),
            // Entities and groups.
            "*known" => {
                let rest: Vec<&str> = segments.by_ref().collect();
                out.push(canonical(&rest.join("/")));
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
        assert_eq!(fold("entity/name/*known", "entity/name/ Team/B"), "entity/name/team/b");
        assert_eq!(fold("data/*secret", "data/A/B"), "data/A/B");
        assert_eq!(fold("login", "login"), "login");
        assert_eq!(fold("login/:user", "login/ BOB "), "login/bob");
    }

    /// P22: what is answered without a lease is this list, which only grows on purpose.
    #[test]
    fn p22_the_routes_without_a_lease_are_those_of_the_golden_list() {
        let mut open: Vec<String> =
            vec!["/v1/sys/health GET HEAD".into(), "/.well-known/jwks.json GET".into()];
        for (prefix, table) in ALL {
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
