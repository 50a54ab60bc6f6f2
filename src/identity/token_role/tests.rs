//! What roles accept, and what they hand out.

use proptest::prelude::*;

use super::glob::fits;
use super::*;
use crate::limits::LEASE_HARD_MAX;

const HOUR: Duration = Duration::from_secs(3600);

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}

fn role(update: TokenRoleUpdate) -> TokenRole {
    TokenRole::create("Role", update).unwrap()
}

fn allowing(names: &[&str], globs: &[&str]) -> TokenRoleUpdate {
    TokenRoleUpdate {
        allowed_policies: Some(texts(names)),
        allowed_policies_glob: Some(texts(globs)),
        ..TokenRoleUpdate::default()
    }
}

fn asking(role: &TokenRole, policies: &[&str], own: &[&str]) -> Result<Vec<String>, String> {
    let policies = texts(policies);
    let wish = RoleWish { policies: &policies, renewable: true, ..RoleWish::default() };
    role.grant(&wish, &texts(own)).map(|g| g.policies).map_err(|e| e.to_string())
}

#[test]
fn allowed_policies_are_handed_out_whatever_the_caller_has() {
    let role = role(allowing(&["p1", "P2 "], &["app-*"]));
    assert_eq!(asking(&role, &[], &["mint"]).unwrap(), ["default", "p1", "p2"]);
    assert_eq!(asking(&role, &["p1"], &["mint"]).unwrap(), ["default", "p1"]);
    assert_eq!(asking(&role, &[" APP-x"], &["mint"]).unwrap(), ["app-x", "default"]);
    let text = "token policies ([\"default\" \"mint\"]) must be subset of the role's allowed policies \
                ([\"default\" \"p1\" \"p2\"]) or glob policies ([\"app-*\"])";
    assert_eq!(asking(&role, &["mint"], &["mint"]).unwrap_err(), text);
}

#[test]
fn a_role_that_only_refuses_leaves_the_rest_to_the_callers_lease() {
    let refusing = TokenRoleUpdate {
        disallowed_policies: Some(texts(&["p2", "root"])),
        disallowed_policies_glob: Some(texts(&["adm*"])),
        ..TokenRoleUpdate::default()
    };
    let role = role(refusing);
    let own = texts(&["mint"]);
    for policies in [texts(&["p1"]), Vec::new()] {
        let wish = RoleWish { policies: &policies, ..RoleWish::default() };
        let granted = role.grant(&wish, &own).unwrap();
        assert!(!granted.policies_by_role, "{granted:?}");
        assert_eq!(granted.policies, policies);
    }
    for (asked, own) in [(vec!["P2"], "mint"), (vec!["admin"], "mint"), (vec![], "root")] {
        let refused = asking(&role, &asked, &[own]).unwrap_err();
        assert!(refused.ends_with("is disallowed by this role"), "{refused}");
    }
}

#[test]
fn default_stays_away_where_role_or_request_says_so() {
    let no_default = || TokenRoleUpdate { no_default_policy: Some(true), ..allowing(&["p1"], &[]) };
    assert_eq!(asking(&role(no_default()), &[], &["mint"]).unwrap(), ["p1"]);
    let refused = TokenRoleUpdate {
        disallowed_policies: Some(texts(&["default"])),
        ..allowing(&["p1"], &[])
    };
    let refused = role(refused);
    assert_eq!(asking(&refused, &[], &["mint"]).unwrap(), ["p1"]);
    assert!(asking(&refused, &["default"], &["mint"]).is_err());
    let wish = RoleWish { no_default_policy: true, ..RoleWish::default() };
    let granted = role(allowing(&[], &["*"])).grant(&wish, &texts(&["mint"])).unwrap();
    assert!(granted.policies.is_empty() && granted.policies_by_role, "{granted:?}");
}

#[test]
fn p03_no_role_lists_root_in_any_spelling_and_no_pattern_means_it() {
    for spelling in ["root", " Root ", "ROOT", "p1,root"] {
        let refused = TokenRole::create("r", allowing(&[spelling], &[]));
        assert!(refused.is_err(), "{spelling}");
        assert!(TokenRole::create("r", allowing(&[], &[spelling])).is_err(), "{spelling}");
    }
    for pattern in ["*", "r*", "*t", "ro*t", "**", "*root*", "R*"] {
        let role = role(allowing(&["p1"], &[pattern]));
        for asked in ["root", "ROOT ", "p1,Root"] {
            assert!(asking(&role, &[asked], &["root"]).is_err(), "{pattern} {asked}");
        }
    }
}

#[test]
fn the_narrower_of_role_and_request_holds() {
    let role = role(TokenRoleUpdate {
        period: Named { new: Some(HOUR), old: None },
        explicit_max_ttl: Named { new: Some(HOUR * 5), old: None },
        num_uses: Some(5),
        renewable: Some(false),
        path_suffix: Some("v-1".into()),
        ..TokenRoleUpdate::default()
    });
    let with = |period, explicit_max_ttl, num_uses| {
        let wish =
            RoleWish { period, explicit_max_ttl, num_uses, renewable: true, ..RoleWish::default() };
        let g = role.grant(&wish, &[]).unwrap();
        assert!(!g.renewable);
        assert_eq!(g.path, "auth/token/create/role/v-1");
        (g.period, g.explicit_max_ttl, g.num_uses, g.warnings.len())
    };
    assert_eq!(with(Duration::ZERO, Duration::ZERO, 0), (HOUR, HOUR * 5, 5, 0));
    assert_eq!(with(HOUR / 2, HOUR, 2), (HOUR / 2, HOUR, 2, 2));
    assert_eq!(with(HOUR * 2, LEASE_HARD_MAX, 9), (HOUR, HOUR * 5, 5, 2));
}

#[test]
fn suffixes_are_one_segment() {
    let with = |suffix: &str| {
        let path_suffix = Some(suffix.to_owned());
        TokenRole::create("r", TokenRoleUpdate { path_suffix, ..TokenRoleUpdate::default() })
    };
    for good in ["", "abc", "v_1", "a.b-c"] {
        assert!(with(good).is_ok(), "{good}");
    }
    for bad in ["a", "ab", "-abc", "abc.", "a/b/c", "a..b", "a b c", "äöü", "../x"] {
        assert!(with(bad).is_err(), "{bad}");
    }
}

#[test]
fn batch_roles_make_what_batch_tokens_could_be() {
    let with = |orphan, renewable, period| {
        let update = TokenRoleUpdate {
            token_type: Some(TokenType::Batch),
            orphan: Some(orphan),
            renewable: Some(renewable),
            period: Named { new: Some(period), old: None },
            ..TokenRoleUpdate::default()
        };
        let made = TokenRole::create("r", update);
        if let Ok(role) = &made {
            let granted = role.grant(&RoleWish::default(), &[]).unwrap();
            assert!(granted.warnings[0].starts_with("batch tokens are not issued"));
        }
        made.is_ok()
    };
    assert!(with(true, false, Duration::ZERO));
    assert!(!with(false, false, Duration::ZERO));
    assert!(!with(true, true, Duration::ZERO));
    assert!(!with(true, false, HOUR));
}

#[test]
fn old_names_are_shown_until_the_new_ones_are_used() {
    let named =
        |new, old| TokenRoleUpdate { period: Named { new, old }, ..TokenRoleUpdate::default() };
    let first = role(named(None, Some(HOUR)));
    assert!(first.legacy_period && first.period == HOUR);
    let kept = first.updated(TokenRoleUpdate::default()).unwrap();
    assert!(kept.legacy_period && kept.period == HOUR);
    let both = kept.updated(named(Some(HOUR * 2), Some(HOUR * 3))).unwrap();
    assert!(!both.legacy_period && both.period == HOUR * 2);
}

#[test]
fn entity_aliases_are_those_listed_and_only_of_orphans() {
    let with = |orphan| {
        role(TokenRoleUpdate {
            orphan: Some(orphan),
            allowed_entity_aliases: Some(texts(&["Alice", "svc-*"])),
            ..TokenRoleUpdate::default()
        })
    };
    assert!(with(true).check_alias("alice").is_ok() && with(true).check_alias("svc-1").is_ok());
    assert_eq!(with(true).check_alias("bob"), Err(TokenRoleError::EntityAlias));
    assert_eq!(with(false).check_alias("alice"), Err(TokenRoleError::EntityAliasOfChild));
    let none = role(TokenRoleUpdate { orphan: Some(true), ..TokenRoleUpdate::default() });
    assert!(none.check_alias("alice").is_err());
}

/// The obvious way, at whatever cost.
fn slowly(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|i| slowly(rest, &text[i..])),
        Some((c, rest)) => text.first() == Some(c) && slowly(rest, &text[1..]),
    }
}

proptest! {
    #[test]
    fn patterns_fit_what_they_say(pattern in "[ab*]{0,8}", text in "[ab]{0,8}") {
        prop_assert_eq!(fits(&pattern, &text), slowly(pattern.as_bytes(), text.as_bytes()));
    }

    /// Whatever is handed out by the role alone is on its lists; the rest is what was asked for.
    #[test]
    fn a_role_hands_out_what_it_lists_and_nothing_it_refuses(
        allowed in policies(), globs in policies(), refused in policies(), asked in policies(),
        own in policies(), no_default: bool,
    ) {
        let update = TokenRoleUpdate {
            disallowed_policies: Some(refused.clone()),
            ..allowing(&[], &[])
        };
        let update = TokenRoleUpdate {
            allowed_policies: Some(allowed.clone()),
            allowed_policies_glob: Some(globs.clone()),
            ..update
        };
        let Ok(role) = TokenRole::create("r", update) else {
            prop_assert!(allowed.iter().chain(&globs).any(|p| p == "root"));
            return Ok(());
        };
        let wish = RoleWish { policies: &asked, no_default_policy: no_default, ..RoleWish::default() };
        let Ok(granted) = role.grant(&wish, &own) else { return Ok(()) };
        let lists = !allowed.is_empty() || !globs.is_empty();
        prop_assert_eq!(granted.policies_by_role, lists);
        for policy in &granted.policies {
            prop_assert!(!refused.contains(policy));
            if lists {
                prop_assert!(policy != "root");
                let listed = allowed.contains(policy) || globs.iter().any(|g| fits(g, policy));
                prop_assert!(listed || policy == "default", "{} {:?}", policy, role);
            } else {
                prop_assert!(asked.contains(policy));
            }
        }
        prop_assert!(!(lists && no_default && !asked.contains(&"default".into())
            && !allowed.contains(&"default".into())
            && granted.policies.contains(&"default".into())));
    }
}

fn policies() -> impl Strategy<Value = Vec<String>> {
    let name = prop::sample::select(vec!["p1", "p2", "app-1", "app-*", "*", "default", "root"]);
    prop::collection::vec(name.prop_map(String::from), 0..3)
}
