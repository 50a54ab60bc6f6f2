//! Renewal.

use super::*;

fn row(request: GrantRequest) -> Row {
    issue(request, Origin::Login).unwrap().row
}

fn renew_at(row: &Row, increment: Duration, now: Timestamp) -> Result<Renewed, LeaseError> {
    renew(row, None, increment, &limits(), &Client::default(), now)
}

#[test]
fn the_soft_end_moves_by_the_increment_or_the_ttl_granted() {
    let row = row(GrantRequest { ttl: HOUR, ..login_request() });
    let now = NOW + MINUTE;
    for (increment, ttl) in [(Duration::ZERO, HOUR), (HOUR * 2, HOUR * 2), (MINUTE, MINUTE)] {
        let renewed = renew_at(&row, increment, now).unwrap();
        assert_eq!((renewed.ttl, renewed.row.soft_end), (ttl, now + ttl));
        assert_eq!(renewed.row.attribution.last_renewal, Some(now));
        assert_eq!(renewed.row.hard_end, row.hard_end);
        assert_eq!(renewed.row.attribution.creation_ttl, HOUR);
        assert!(renewed.warnings.is_empty());
    }
}

#[test]
fn an_increment_past_the_maximum_is_cut_with_the_known_warning() {
    let row =
        row(GrantRequest { ttl: MINUTE * 2, explicit_max_ttl: MINUTE * 2, ..login_request() });
    let renewed = renew_at(&row, HOUR, NOW + MINUTE).unwrap();
    assert_eq!(renewed.ttl, MINUTE);
    let text =
        "TTL of \"1h\" exceeded the effective max_ttl of \"1m\"; TTL value is capped accordingly";
    assert_eq!(renewed.warnings, [text]);
}

#[test]
fn limits_lowered_since_bind_and_raised_ones_do_not() {
    let row = row(GrantRequest { ttl: HOUR, ..login_request() });
    let with = |max_ttl| {
        let limits = TtlLimits { max_ttl, ..limits() };
        renew(&row, None, HOUR * 1000, &limits, &Client::default(), NOW + MINUTE)
    };
    assert_eq!(with(HOUR * 2).unwrap().row.soft_end, NOW + HOUR * 2);
    assert_eq!(with(HOUR * 9999).unwrap().row.soft_end, row.hard_end);
    assert_eq!(with(MINUTE), Err(LeaseError::PastMax));
}

#[test]
fn a_periodic_lease_moves_by_its_period_whatever_the_increment() {
    let row = row(GrantRequest { period: MINUTE, ..login_request() });
    let mut now = NOW;
    let mut renewed = row;
    for increment in [Duration::ZERO, HOUR, Duration::from_secs(5)] {
        now = now + MINUTE / 2;
        renewed = renew_at(&renewed, increment, now).unwrap().row;
        assert_eq!(renewed.soft_end, now + MINUTE);
    }
    // And yet it ends.
    let last = Row { soft_end: renewed.hard_end, ..renewed.clone() };
    let soon = renewed.hard_end - Duration::from_secs(1);
    assert_eq!(renew_at(&last, HOUR, soon).unwrap().row.soft_end, renewed.hard_end);
    assert_eq!(renew_at(&last, HOUR, renewed.hard_end), Err(LeaseError::Expired));
}

#[test]
fn what_does_not_stand_or_was_not_renewable_is_not_renewed() {
    let fixed = row(GrantRequest { renewable: false, ..login_request() });
    assert_eq!(renew_at(&fixed, HOUR, NOW), Err(LeaseError::NotRenewable));
    assert_eq!(renew_at(&root().row, HOUR, NOW), Err(LeaseError::NotRenewable));
    let row = row(GrantRequest { ttl: HOUR, ..login_request() });
    assert_eq!(renew_at(&row.revoke(), HOUR, NOW), Err(LeaseError::Revoked));
    assert_eq!(renew_at(&row, HOUR, row.soft_end), Err(LeaseError::Expired));
    let spent = Row { uses_left: Some(0), ..row };
    assert_eq!(renew_at(&spent, HOUR, NOW), Err(LeaseError::Expired));
}

#[test]
fn p07_renewal_needs_the_certificate_that_the_lease_is_bound_to() {
    let row = row(GrantRequest { ttl: HOUR, certificate: Some([3; 32]), ..login_request() });
    let with = |certificate| {
        let client = Client { certificate, ..Client::default() };
        renew(&row, None, HOUR, &limits(), &client, NOW).map(|r| r.ttl)
    };
    assert_eq!(with(Some([3; 32])), Ok(HOUR));
    assert_eq!(with(Some([4; 32])), Err(LeaseError::OtherCertificate));
    assert_eq!(with(None), Err(LeaseError::OtherCertificate));
}

#[test]
fn p13_a_child_is_not_renewed_past_its_parent() {
    let parent = held(issue(GrantRequest { ttl: HOUR, ..login_request() }, Origin::Login).unwrap());
    let child = issue(GrantRequest { ttl: MINUTE, ..child_request() }, Origin::Child(&parent));
    let child = child.unwrap().row;
    let with = |parent: Option<&Row>| {
        renew(&child, parent, HOUR * 9, &limits(), &Client::default(), NOW).map(|r| r.row.soft_end)
    };
    assert_eq!(with(Some(&parent.row)), Ok(parent.row.soft_end));
    assert_eq!(with(None), Err(LeaseError::ParentUnknown));
    let stranger = Row { accessor: Accessor { hour: 1, id: [0; 16] }, ..parent.row.clone() };
    assert_eq!(with(Some(&stranger)), Err(LeaseError::ParentUnknown));
    // revoke-orphan: the parent is gone, the child lives on by itself.
    assert_eq!(with(Some(&parent.row.revoke())), Ok(NOW + HOUR * 9));
}

proptest! {
    #[test]
    fn p12_no_sequence_of_renewals_passes_the_hard_end(
        steps in prop::collection::vec((0u64..200_000, 0u64..u64::MAX / 2), 1..12),
        period in prop_oneof![Just(0u64), 1u64..100_000],
    ) {
        let request = GrantRequest {
            ttl: HOUR * 100, period: Duration::from_secs(period), ..login_request()
        };
        let mut row = row(request);
        let (hard_end, mut now) = (row.hard_end, NOW);
        for (wait, increment) in steps {
            now = now + Duration::from_secs(wait);
            let Ok(renewed) = renew_at(&row, Duration::from_secs(increment), now) else { break };
            row = renewed.row;
            prop_assert!(now < row.soft_end && row.soft_end <= hard_end && row.hard_end == hard_end);
            prop_assert_eq!(renewed.ttl, row.ttl(now));
        }
    }
}

#[test]
fn p14_a_lease_of_a_role_is_renewed_within_the_role_as_it_is_then() {
    let by = |row: &Row, period, explicit_max_ttl, wait| {
        let role = RoleBounds { period, explicit_max_ttl };
        let now = NOW + wait;
        renew_by_role(row, None, HOUR * 9, &limits(), &role, &Client::default(), now)
            .map(|r| r.row.soft_end.saturating_since(now))
    };
    let none = Duration::ZERO;
    let plain = row(GrantRequest { ttl: HOUR, ..login_request() });
    assert_eq!(by(&plain, none, none, MINUTE), Ok(HOUR * 9));
    assert_eq!(by(&plain, none, HOUR, MINUTE), Ok(HOUR - MINUTE));
    assert_eq!(by(&plain, none, MINUTE, MINUTE), Err(LeaseError::PastMax));
    assert_eq!(by(&plain, MINUTE, none, MINUTE), Ok(MINUTE));
    let periodic = row(GrantRequest { period: HOUR, ..login_request() });
    assert_eq!(by(&periodic, HOUR * 2, none, MINUTE), Ok(HOUR));
    assert_eq!(by(&periodic, MINUTE, none, MINUTE), Ok(MINUTE));
    assert_eq!(by(&periodic, HOUR, MINUTE * 2, MINUTE), Ok(MINUTE));
    // Periodic no more: it ends by the maximum like any other.
    assert!(by(&periodic, none, none, MINUTE).unwrap() <= limits().max_ttl);
}
