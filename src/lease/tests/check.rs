//! Does a lease stand, cold and cached.

use std::sync::Arc;

use super::*;

fn cutoffs() -> Cutoffs {
    Cutoffs::new(vault().incarnation)
}

fn from(address: &str) -> Client {
    Client { address: Some(address.parse().unwrap()), certificate: None }
}

fn look(held: &Held, client: &Client, now: Timestamp) -> Result<Standing, Refusal> {
    check(&held.claims, Some(&held.row), &cutoffs(), client, now)
}

fn of(request: GrantRequest) -> Held {
    held(issue(request, Origin::Login).unwrap())
}

#[test]
fn a_lease_stands_until_its_soft_end() {
    let lease = of(GrantRequest { ttl: HOUR, ..login_request() });
    let client = Client::default();
    assert_eq!(look(&lease, &client, NOW), Ok(Standing { ttl: HOUR, counted: false }));
    let last = lease.row.soft_end - Duration::from_nanos(1);
    assert_eq!(look(&lease, &client, last).unwrap().ttl, Duration::from_nanos(1));
    assert_eq!(look(&lease, &client, lease.row.soft_end), Err(Refusal::Expired));
}

#[test]
fn p12_a_soft_end_past_the_hard_one_or_the_token_counts_for_nothing() {
    let mut lease = of(GrantRequest { ttl: HOUR, ..login_request() });
    lease.row.soft_end = Timestamp(u64::MAX);
    let (hard, client) = (lease.row.hard_end, Client::default());
    assert_eq!(look(&lease, &client, hard), Err(Refusal::Expired));
    lease.row.hard_end = Timestamp(u64::MAX);
    let exp = Timestamp::from_unix_seconds(lease.claims.exp);
    assert_eq!(look(&lease, &client, exp), Err(Refusal::Expired));
}

#[test]
fn without_its_own_row_no_lease_stands() {
    let lease = login();
    let client = Client::default();
    let outcome = check(&lease.claims, None, &cutoffs(), &client, NOW);
    assert_eq!(outcome, Err(Refusal::Unknown));
    let other = of(GrantRequest { id: [99; 16], ..login_request() });
    let outcome = check(&lease.claims, Some(&other.row), &cutoffs(), &client, NOW);
    assert_eq!(outcome, Err(Refusal::Unknown));
}

#[test]
fn revoked_and_cut_leases_do_not_stand() {
    let lease = login();
    let revoked = Held { row: lease.row.revoke(), ..lease.clone() };
    assert_eq!(look(&revoked, &Client::default(), NOW), Err(Refusal::Revoked));
    let mut cutoffs = cutoffs();
    cutoffs.add(Cutoff::new(Subject::Everything, NOW), lease.claims.rev + 1);
    let outcome = check(&lease.claims, Some(&lease.row), &cutoffs, &Client::default(), NOW);
    assert_eq!(outcome, Err(Refusal::Cut));
}

#[test]
fn p04_each_use_counts_once_and_the_last_is_the_last() {
    let mut lease = of(GrantRequest { num_uses: 2, ..login_request() });
    for left in [1, 0] {
        assert!(look(&lease, &Client::default(), NOW).unwrap().counted);
        lease.row = lease.row.spend().unwrap();
        assert_eq!(lease.row.uses_left, Some(left));
    }
    assert_eq!(look(&lease, &Client::default(), NOW), Err(Refusal::Spent));
    assert_eq!(lease.row.spend(), None);
    assert_eq!(login().row.spend(), None);
}

#[test]
fn a_bound_lease_stands_only_inside_its_networks() {
    let bound_cidrs = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let lease = of(GrantRequest { bound_cidrs, ..login_request() });
    for inside in ["10.255.0.1", "fd12::1", "::ffff:10.0.0.1"] {
        assert!(look(&lease, &from(inside), NOW).is_ok(), "{inside}");
    }
    for outside in ["11.0.0.1", "fe80::1", "::ffff:11.0.0.1", "::10.0.0.1"] {
        assert_eq!(look(&lease, &from(outside), NOW), Err(Refusal::Network), "{outside}");
    }
    assert_eq!(look(&lease, &Client::default(), NOW), Err(Refusal::Network));
}

#[test]
fn p06_a_lease_bound_to_a_certificate_needs_it_on_every_use() {
    let lease = of(GrantRequest { certificate: Some([3; 32]), ..login_request() });
    let with = |certificate| Client { address: None, certificate };
    assert!(look(&lease, &with(Some([3; 32])), NOW).is_ok());
    for wrong in [None, Some([4; 32])] {
        assert_eq!(look(&lease, &with(wrong), NOW), Err(Refusal::Certificate));
        // Token or row alone binds, too.
        let mut token_only = lease.clone();
        token_only.row.attribution.certificate = None;
        assert_eq!(look(&token_only, &with(wrong), NOW), Err(Refusal::Certificate));
        let mut row_only = lease.clone();
        row_only.claims.cnf = None;
        assert_eq!(look(&row_only, &with(wrong), NOW), Err(Refusal::Certificate));
    }
}

#[test]
fn a_cached_lease_is_refused_as_soon_as_a_fresh_look_would_refuse_it() {
    let lease = of(GrantRequest {
        ttl: HOUR,
        bound_cidrs: vec!["10.0.0.0/8".parse().unwrap()],
        ..login_request()
    });
    let (claims, row) = (Arc::new(lease.claims.clone()), Arc::new(lease.row.clone()));
    let mut cutoffs = cutoffs();
    let client = from("10.0.0.1");
    let (cached, standing) = Verified::new(claims, row, &cutoffs, &client, NOW).unwrap();
    assert_eq!(standing, Standing { ttl: HOUR, counted: false });
    let generation = cutoffs.generation();
    let look = |client: &Client, now| cached.recheck(generation, client, now);
    assert_eq!(look(&client, NOW), Recheck::Stands(standing));
    assert_eq!(look(&from("11.0.0.1"), NOW), Recheck::Refused(Refusal::Network));
    assert_eq!(look(&client, lease.row.soft_end), Recheck::Refused(Refusal::Expired));

    // A cutoff of somebody else: stale, then good again for the new generation.
    cutoffs.add(Cutoff::new(Subject::Mount("other".into()), NOW), 1000);
    assert_eq!(cached.recheck(cutoffs.generation(), &client, NOW), Recheck::Stale);
    let (fresh, _) = cached.refresh(&cutoffs, &client, NOW).unwrap();
    let outcome = fresh.recheck(cutoffs.generation(), &client, NOW);
    assert_eq!(outcome, Recheck::Stands(standing));

    cutoffs.add(Cutoff::new(Subject::Entity("entity-1".into()), NOW), 1000);
    assert_eq!(fresh.recheck(cutoffs.generation(), &client, NOW), Recheck::Stale);
    assert_eq!(fresh.refresh(&cutoffs, &client, NOW).unwrap_err(), Refusal::Cut);
}
