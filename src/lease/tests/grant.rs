//! Issuing: TTL arithmetic, policies, lineage.

use super::*;

const MAX: &str = "exceeded the effective max_ttl of";

#[test]
fn a_login_lease_says_whose_it_is() {
    let g = issue(login_request(), Origin::Login).unwrap();
    assert_eq!(g.claims.pol, ["default", "p1", "p2"]);
    assert_eq!((g.claims.sub.as_str(), g.claims.rev), ("entity-1", 100));
    assert_eq!((g.claims.mth.as_str(), g.claims.role.as_str()), ("mount-1", "app"));
    assert_eq!(g.claims.iat, NOW.unix_seconds());
    assert_eq!(g.claims.nbf, NOW.unix_seconds() - 60);
    assert_eq!(g.claims.jti, g.row.accessor);
    assert_eq!(g.row.attribution.token_policies, g.claims.pol);
    assert!(g.row.is_orphan() && g.claims.anc.is_empty() && g.parent.is_none());
    assert_eq!((g.ttl, g.row.soft_end), (HOUR * 768, NOW + HOUR * 768));
    assert!(g.warnings.is_empty());
}

#[test]
fn ttl_is_capped_by_mount_role_and_request_with_the_known_warning() {
    let cases = [
        (HOUR * 9999, Duration::ZERO, Duration::ZERO, HOUR * 768, Some(("9999h", "768h"))),
        (HOUR * 2, Duration::ZERO, HOUR, HOUR, Some(("2h", "1h"))),
        (Duration::ZERO, Duration::ZERO, HOUR, HOUR, Some(("768h", "1h"))),
        (HOUR * 2, HOUR, Duration::ZERO, HOUR, Some(("2h", "1h"))),
        (HOUR, HOUR * 3, HOUR * 2, HOUR, None),
    ];
    for (ttl, max_ttl, explicit_max_ttl, granted, warning) in cases {
        let request = GrantRequest { ttl, max_ttl, explicit_max_ttl, ..login_request() };
        let g = issue(request, Origin::Login).unwrap();
        assert_eq!(g.ttl, granted);
        let expected = warning.map(|(asked, max)| {
            format!("TTL of \"{asked}\" {MAX} \"{max}\"; TTL value is capped accordingly")
        });
        assert_eq!(g.warnings, expected.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn the_hard_end_is_the_last_that_renewal_could_reach() {
    let g = issue(GrantRequest { ttl: HOUR, ..login_request() }, Origin::Login).unwrap();
    assert_eq!(g.row.soft_end, NOW + HOUR);
    assert_eq!(g.row.hard_end, NOW + HOUR * 768);
    assert_eq!(g.claims.exp, NOW.unix_seconds() + 768 * 3600 + 1);
}

#[test]
fn p12_root_and_periodic_leases_end_within_the_hard_maximum_and_say_so() {
    let root = GrantRequest { policies: vec!["root".into()], ..login_request() };
    let g = issue(root, Origin::Init).unwrap();
    assert_eq!(g.row.attribution.kind, Kind::Root);
    assert_eq!(g.claims.pol, ["root"]);
    assert_eq!(g.claims.exp - g.claims.iat, crate::limits::LEASE_HARD_MAX.as_secs());
    assert!(g.row.soft_end <= g.row.hard_end && !g.row.attribution.renewable);
    assert_eq!(g.warnings, ["a root token ends for good after \"8760h\""]);

    let g = issue(GrantRequest { period: HOUR, ..login_request() }, Origin::Login).unwrap();
    assert_eq!((g.ttl, g.row.attribution.period), (HOUR, HOUR));
    assert_eq!(g.claims.exp - g.claims.iat, crate::limits::LEASE_HARD_MAX.as_secs());
    assert_eq!(g.warnings, ["a periodic token ends for good after \"8760h\""]);
}

#[test]
fn a_period_is_capped_by_the_maximum() {
    let request = GrantRequest { period: HOUR * 9999, ..login_request() };
    let g = issue(request, Origin::Login).unwrap();
    assert_eq!(g.ttl, HOUR * 768);
    let text = format!("period of \"9999h\" {MAX} \"768h\"; period value is capped accordingly");
    assert_eq!(g.warnings[0], text);

    let explicit = HOUR / 2;
    let request = GrantRequest { period: HOUR, explicit_max_ttl: explicit, ..login_request() };
    let g = issue(request, Origin::Login).unwrap();
    assert_eq!((g.ttl, g.row.hard_end), (explicit, NOW + explicit));
}

#[test]
fn default_is_added_unless_refused() {
    let request = GrantRequest { no_default_policy: true, ..login_request() };
    assert_eq!(issue(request, Origin::Login).unwrap().claims.pol, ["p1", "p2"]);
    let request = GrantRequest { policies: vec![], ..login_request() };
    assert_eq!(issue(request, Origin::Login).unwrap().claims.pol, ["default"]);
}

#[test]
fn p03_no_login_attaches_root_in_any_spelling() {
    for name in ["root", " ROOT ", "Root", "p1,rOOt", "a,root,b"] {
        let request = GrantRequest { policies: vec![name.into()], ..login_request() };
        assert_eq!(issue(request, Origin::Login), Err(LeaseError::RootByLogin), "{name}");
    }
}

#[test]
fn p03_only_root_mints_root() {
    let (login, root) = (login(), root());
    for sudo in [false, true] {
        let request = GrantRequest { policies: vec!["Root ".into()], sudo, ..child_request() };
        for origin in [Origin::Child(&login), Origin::Orphan(&login)] {
            assert_eq!(issue(request.clone(), origin), Err(LeaseError::RootWithoutRoot));
        }
    }
    let request = GrantRequest { policies: vec!["root,p1".into()], ..child_request() };
    assert_eq!(issue(request, Origin::Child(&root)).unwrap().claims.pol, ["root"]);
}

#[test]
fn an_expiring_root_lease_mints_no_endless_one() {
    let root = root();
    let request = GrantRequest { ttl: HOUR, ..child_request() };
    let expiring = held(issue(request, Origin::Child(&root)).unwrap());
    assert!(expiring.is_root());
    for origin in [Origin::Child(&expiring), Origin::Orphan(&expiring)] {
        assert_eq!(issue(child_request(), origin), Err(LeaseError::RootOutlivesParent));
    }
    let request = GrantRequest { policies: vec!["p9".into()], ..child_request() };
    assert_eq!(issue(request, Origin::Child(&expiring)).unwrap().claims.pol, ["default", "p9"]);
}

#[test]
fn a_child_inherits_policies_or_names_a_subset() {
    let parent = login();
    let with = |policies: &[&str], no_default_policy| {
        let policies = policies.iter().map(|p| (*p).to_owned()).collect();
        let request = GrantRequest { policies, no_default_policy, ..child_request() };
        issue(request, Origin::Child(&parent)).map(|g| g.claims.pol)
    };
    assert_eq!(with(&[], false).unwrap(), ["default", "p1", "p2"]);
    assert_eq!(with(&[], true).unwrap(), ["p1", "p2"]);
    assert_eq!(with(&["P1"], false).unwrap(), ["default", "p1"]);
    assert_eq!(with(&["p1"], true).unwrap(), ["p1"]);
    assert_eq!(with(&["p1,p2"], true).unwrap(), ["p1", "p2"]);
    assert_eq!(with(&["p1", "p3"], false), Err(LeaseError::PoliciesNotSubset));

    let request = GrantRequest { no_default_policy: true, ..login_request() };
    let parent = held(issue(request, Origin::Login).unwrap());
    let request = GrantRequest { policies: vec!["p1".into()], ..child_request() };
    assert_eq!(issue(request, Origin::Child(&parent)).unwrap().claims.pol, ["p1"]);
}

#[test]
fn sudo_widens_the_policies_of_an_orphan_but_never_of_a_child() {
    let caller = login();
    let request = |sudo| GrantRequest { policies: vec!["p9".into()], sudo, ..child_request() };
    let refused = Err(LeaseError::PoliciesNotSubset);
    assert_eq!(issue(request(true), Origin::Child(&caller)), refused);
    assert_eq!(issue(request(false), Origin::Orphan(&caller)), refused);
    let orphan = issue(request(true), Origin::Orphan(&caller)).unwrap();
    assert_eq!(orphan.claims.pol, ["default", "p9"]);
}

#[test]
fn periodic_leases_need_root_or_sudo() {
    let caller = login();
    let request = |sudo| GrantRequest { period: HOUR, sudo, ..child_request() };
    let refused = Err(LeaseError::PeriodicWithoutSudo);
    assert_eq!(issue(request(false), Origin::Child(&caller)), refused);
    assert!(issue(request(true), Origin::Child(&caller)).is_ok());
    assert!(issue(request(false), Origin::Child(&root())).is_ok());
}

#[test]
fn an_orphan_is_a_lineage_of_its_own_yet_inherits_the_bounds() {
    let request = GrantRequest {
        bound_cidrs: vec!["10.0.0.0/8".parse().unwrap()],
        certificate: Some([3; 32]),
        narrowing: Some(Narrowing { ops: vec!["read".into()], ..Narrowing::default() }),
        ..login_request()
    };
    let caller = held(issue(request, Origin::Login).unwrap());
    let g = issue(child_request(), Origin::Orphan(&caller)).unwrap();
    assert!(g.row.is_orphan() && g.parent.is_none());
    assert_eq!((g.claims.sub.as_str(), g.claims.rev, g.claims.mth.as_str()), ("", 200, "token"));
    assert_eq!(g.claims.scp, caller.claims.scp);
    assert_eq!(g.claims.cnf, caller.claims.cnf);
    assert_eq!(g.row.attribution.bound_cidrs, caller.row.attribution.bound_cidrs);
}

#[test]
fn p19_a_lease_mints_in_its_own_namespace_only() {
    let request = || GrantRequest { namespace: "team".into(), ..child_request() };
    let caller = login();
    for origin in [Origin::Child(&caller), Origin::Orphan(&caller)] {
        assert_eq!(issue(request(), origin), Err(LeaseError::OtherNamespace));
    }
    assert!(issue(request(), Origin::Child(&root())).is_ok());
}

#[test]
fn leases_with_limited_uses_mint_nothing() {
    let request = GrantRequest { num_uses: 5, ..login_request() };
    let caller = held(issue(request, Origin::Login).unwrap());
    assert_eq!(caller.row.uses_left, Some(5));
    for origin in [Origin::Child(&caller), Origin::Orphan(&caller)] {
        assert_eq!(issue(child_request(), origin), Err(LeaseError::LimitedUse));
    }
}

#[test]
fn dead_leases_mint_nothing() {
    let caller = login();
    let revoked = Held { row: caller.row.revoke(), ..caller.clone() };
    assert_eq!(issue(child_request(), Origin::Child(&revoked)), Err(LeaseError::Revoked));
    let late = caller.row.soft_end;
    let outcome =
        super::super::grant(child_request(), Origin::Child(&caller), &limits(), &vault(), late);
    assert_eq!(outcome, Err(LeaseError::Expired));
}

#[test]
fn lineage_is_bounded() {
    let mut held_now = login();
    for depth in 1..=crate::limits::LEASE_ANCESTORS_MAX {
        held_now = held(issue(child_request(), Origin::Child(&held_now)).unwrap());
        assert_eq!(held_now.claims.anc.len(), depth);
    }
    assert_eq!(issue(child_request(), Origin::Child(&held_now)), Err(LeaseError::TooDeep));
}

#[test]
fn the_first_child_marks_its_parent() {
    let mut parent = login();
    let first = issue(child_request(), Origin::Child(&parent)).unwrap();
    let marked = first.parent.unwrap();
    assert_eq!(marked, Row { has_children: true, ..parent.row.clone() });
    parent.row = marked;
    assert_eq!(issue(child_request(), Origin::Child(&parent)).unwrap().parent, None);
}

#[test]
fn another_certificate_or_disjoint_networks_are_refused() {
    let request = GrantRequest {
        bound_cidrs: vec!["10.0.0.0/8".parse().unwrap()],
        certificate: Some([3; 32]),
        ..login_request()
    };
    let caller = held(issue(request, Origin::Login).unwrap());
    let request = GrantRequest { certificate: Some([4; 32]), ..child_request() };
    assert_eq!(issue(request, Origin::Child(&caller)), Err(LeaseError::OtherCertificate));
    let bound_cidrs = vec!["11.0.0.0/8".parse().unwrap()];
    let request = GrantRequest { bound_cidrs, ..child_request() };
    assert_eq!(issue(request, Origin::Child(&caller)), Err(LeaseError::CidrNotSubset));
}

#[test]
fn metadata_is_bounded() {
    let with = |metadata| issue(GrantRequest { metadata, ..login_request() }, Origin::Login);
    let many = (0..=64).map(|i| (i.to_string(), String::new())).collect();
    assert_eq!(with(many), Err(LeaseError::MetadataTooLarge));
    let long = [("k".into(), "v".repeat(513))].into();
    assert_eq!(with(long), Err(LeaseError::MetadataTooLarge));
}

#[test]
fn a_configured_hard_maximum_binds_and_a_greater_one_does_not_unbind() {
    for (hard_max, seconds) in [(HOUR, 3600), (HOUR * 99_999, 8760 * 3600)] {
        let limits = TtlLimits { hard_max, ..limits() };
        let request = GrantRequest { policies: vec!["root".into()], ..login_request() };
        let g = super::super::grant(request, Origin::Init, &limits, &vault(), NOW).unwrap();
        assert_eq!(g.claims.exp - g.claims.iat, seconds);
    }
}

proptest! {
    #[test]
    fn p12_no_arithmetic_yields_never(
        now: u64, ttl: u64, max_ttl: u64, explicit: u64, period: u64, root: bool,
        default: u64, max: u64, hard: u64,
    ) {
        let s = Duration::from_secs;
        // Later than this a year does not fit a Timestamp; the clock says 2554 then.
        let now = Timestamp(now % (u64::MAX / 2));
        let request = GrantRequest {
            ttl: s(ttl), max_ttl: s(max_ttl), explicit_max_ttl: s(explicit), period: s(period),
            policies: vec![if root { "root".into() } else { "p1".into() }],
            ..login_request()
        };
        let limits =
            TtlLimits { default_ttl: s(default), max_ttl: s(max), hard_max: s(hard) };
        let Ok(g) = super::super::grant(request, Origin::Init, &limits, &vault(), now) else {
            return Ok(());
        };
        prop_assert!(g.claims.exp - g.claims.iat <= crate::limits::LEASE_HARD_MAX.as_secs());
        prop_assert!(now < g.row.soft_end && g.row.soft_end <= g.row.hard_end);
        prop_assert!(g.row.hard_end <= Timestamp::from_unix_seconds(g.claims.exp));
        prop_assert!(g.row.accessor.bucket_end() > g.row.hard_end);
    }
}
