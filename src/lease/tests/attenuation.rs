//! child ⊆ parent, whatever is asked for and however both are renewed.

use super::*;

const PATHS: [&str; 4] = ["kv/data/a", "kv/data/a/b", "kv/data/b", "sys/mounts"];
const OPS: [&str; 3] = ["read", "update", "list"];

fn seconds(max: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![Just(0u64), 1..max].prop_map(Duration::from_secs)
}

fn policies() -> impl Strategy<Value = Vec<String>> {
    let name = prop::sample::select(vec!["p1", "p2", "p3", "default", "P1 ", "p1,p2", ""]);
    prop::collection::vec(name.prop_map(String::from), 0..4)
}

fn narrowing() -> impl Strategy<Value = Option<Narrowing>> {
    let paths = prop::sample::subsequence(vec!["kv/data/a", "kv/data/a*", "kv/*", "*"], 0..3);
    let ops = prop::sample::subsequence(OPS.to_vec(), 0..3);
    let owned = |list: Vec<&str>| list.into_iter().map(String::from).collect();
    prop::option::of((paths, ops, networks()).prop_map(move |(paths, ops, cidrs)| Narrowing {
        paths: owned(paths),
        ops: owned(ops),
        cidrs,
    }))
}

prop_compose! {
    fn request(max: u64)(
        ttl in seconds(max), max_ttl in seconds(max), explicit_max_ttl in seconds(max),
        period in prop_oneof![3 => Just(Duration::ZERO), 1 => seconds(max)],
        policies in policies(), no_default_policy: bool, sudo: bool, renewable: bool,
        num_uses in prop_oneof![9 => Just(0u32), 1 => 1..5u32],
        bound_cidrs in networks(), narrowing in narrowing(),
        certificate in prop::option::weighted(0.2, Just([3; 32])),
    ) -> GrantRequest {
        GrantRequest {
            id: [6; 16], kid: "kid".into(), revision: 200, ttl, max_ttl, explicit_max_ttl, period,
            policies, no_default_policy, sudo, renewable, num_uses, bound_cidrs, narrowing,
            certificate, path: "auth/token/create".into(), mount_id: "other".into(), role: "other".into(),
            entity_id: "other".into(), ..GrantRequest::default()
        }
    }
}

fn lease(request: GrantRequest, origin: Origin<'_>, now: Timestamp) -> Option<Held> {
    super::super::grant(request, origin, &limits(), &vault(), now).ok().map(held)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_child_is_never_wider_than_its_parent(
        parent in request(9_000_000), child in request(99_000_000), wait in 0u64..2_000_000,
        path in prop::sample::select(&PATHS[..]), op in prop::sample::select(&OPS[..]),
        client in address(),
    ) {
        let Some(parent) = lease(parent, Origin::Login, NOW) else { return Ok(()) };
        let now = NOW + Duration::from_secs(wait);
        let Some(child) = lease(child, Origin::Child(&parent), now) else { return Ok(()) };
        let (c, p) = (&child.claims, &parent.claims);
        prop_assert!(c.pol.iter().all(|policy| p.pol.contains(policy)), "{:?} {:?}", c.pol, p.pol);
        prop_assert!(!c.permits(path, op, Some(client)) || p.permits(path, op, Some(client)));
        let networks = |held: &Held| admits(&held.row.attribution.bound_cidrs, Some(client));
        prop_assert!(!networks(&child) || networks(&parent));
        prop_assert!(p.cnf.is_none() || c.cnf == p.cnf);
        prop_assert!(c.exp <= p.exp && child.row.hard_end <= parent.row.hard_end);
        prop_assert!(child.row.soft_end <= parent.row.soft_end);
        prop_assert_eq!((&c.sub, &c.mth, &c.role, c.rev), (&p.sub, &p.mth, &p.role, p.rev));
        prop_assert_eq!(c.anc.first(), Some(&p.jti));
        prop_assert_eq!(&c.anc[1..], &p.anc[..]);
        prop_assert_eq!(&c.ns, &p.ns);
        prop_assert!(parent.row.uses_left.is_none());
    }

    #[test]
    fn p13_whatever_cuts_a_lease_cuts_its_descendants(
        mut lease_request in request(9_000_000), child in request(9_000_000),
        grandchild in request(9_000_000),
    ) {
        lease_request.path = "auth/approle/login".into();
        lease_request.entity_id = "entity-1".into();
        let Some(parent) = lease(lease_request, Origin::Login, NOW) else { return Ok(()) };
        let Some(child) = lease(child, Origin::Child(&parent), NOW) else { return Ok(()) };
        let grandchild = lease(grandchild, Origin::Child(&child), NOW);
        for subject in cutoffs::subjects(&parent.claims) {
            let cut = cutoffs::with(subject.clone(), parent.claims.rev + 1);
            prop_assert!(cut.kills(&parent.claims), "{:?}", subject);
            prop_assert!(cut.kills(&child.claims), "{:?}", subject);
            prop_assert!(cut.kills_row(&child.row), "{:?}", subject);
            prop_assert!(grandchild.as_ref().is_none_or(|g| cut.kills(&g.claims)), "{:?}", subject);
        }
    }

    #[test]
    fn p13_a_child_never_outlives_its_parent_however_both_are_renewed(
        parent in request(900_000), child in request(900_000),
        steps in prop::collection::vec((any::<bool>(), 0u64..100_000, 0u64..2_000_000), 1..16),
    ) {
        let Some(mut parent) = lease(parent, Origin::Login, NOW) else { return Ok(()) };
        let granted = issue(child, Origin::Child(&parent));
        let Ok(granted) = granted else { return Ok(()) };
        parent.row = granted.parent.unwrap();
        let mut child = granted.row;
        let client = Client { certificate: Some([3; 32]), ..Client::default() };
        let mut now = NOW;
        for (of_child, wait, increment) in steps {
            now = now + Duration::from_secs(wait);
            let increment = Duration::from_secs(increment);
            let (row, above) =
                if of_child { (&child, Some(&parent.row)) } else { (&parent.row, None) };
            let Ok(renewed) = super::super::renew(row, above, increment, &limits(), &client, now)
            else {
                continue;
            };
            *(if of_child { &mut child } else { &mut parent.row }) = renewed.row;
            prop_assert!(child.soft_end <= parent.row.soft_end);
            prop_assert!(child.ttl(now) <= parent.row.ttl(now));
        }
    }

    #[test]
    fn an_orphan_without_sudo_is_no_wider_either(
        caller in request(9_000_000), mut orphan in request(99_000_000),
        path in prop::sample::select(&PATHS[..]), op in prop::sample::select(&OPS[..]),
        client in address(),
    ) {
        orphan.sudo = false;
        let Some(caller) = lease(caller, Origin::Login, NOW) else { return Ok(()) };
        let Some(orphan) = lease(orphan, Origin::Orphan(&caller), NOW) else { return Ok(()) };
        let (o, c) = (&orphan.claims, &caller.claims);
        prop_assert!(o.pol.iter().all(|policy| c.pol.contains(policy)));
        prop_assert!(!o.permits(path, op, Some(client)) || c.permits(path, op, Some(client)));
        let networks = |held: &Held| admits(&held.row.attribution.bound_cidrs, Some(client));
        prop_assert!(!networks(&orphan) || networks(&caller));
        prop_assert!(c.cnf.is_none() || o.cnf == c.cnf);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A role widens the policies, to exactly those it names, and nothing else; never to root.
    #[test]
    fn p03_a_role_widens_policies_alone_and_never_to_root(
        caller in request(9_000_000), mut made in request(99_000_000), orphan: bool, root: bool,
        path in prop::sample::select(&PATHS[..]), op in prop::sample::select(&OPS[..]),
        client in address(),
    ) {
        made.policies = vec!["p7".into(), "p8".into()];
        if root {
            made.policies.push(" ROOT".into());
        }
        (made.policies_by_role, made.period_by_role, made.sudo) = (true, true, false);
        let Some(caller) = lease(caller, Origin::Login, NOW) else { return Ok(()) };
        let origin = if orphan { Origin::Orphan(&caller) } else { Origin::Child(&caller) };
        let no_default = made.no_default_policy;
        let made = super::super::grant(made, origin, &limits(), &vault(), NOW);
        if root {
            prop_assert!(made.is_err());
            return Ok(());
        }
        let Ok(made) = made.map(held) else { return Ok(()) };
        let (m, c) = (&made.claims, &caller.claims);
        prop_assert_eq!(&m.pol, &["p7", "p8"], "{}", no_default);
        prop_assert!(!m.permits(path, op, Some(client)) || c.permits(path, op, Some(client)));
        let networks = |held: &Held| admits(&held.row.attribution.bound_cidrs, Some(client));
        prop_assert!(!networks(&made) || networks(&caller));
        prop_assert!(c.cnf.is_none() || m.cnf == c.cnf);
        prop_assert!(orphan || made.row.hard_end <= caller.row.hard_end);
        prop_assert!(made.row.hard_end.saturating_since(NOW) <= limits().hard());
    }
}
