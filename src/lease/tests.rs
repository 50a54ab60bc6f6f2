//! Tests of this module, and the fixtures they share.

mod attenuation;
mod check;
mod cutoffs;
mod grant;
mod renew;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
/// With a fraction, as clocks have.
const NOW: Timestamp = Timestamp(1_795_335_111_365_462_325);

/// The limits that the dialect's recorded answers were given under.
fn limits() -> TtlLimits {
    TtlLimits { default_ttl: HOUR * 768, max_ttl: HOUR * 768, ..TtlLimits::default() }
}

fn vault() -> Expect {
    Expect { issuer: "iss".into(), audience: "aud".into(), incarnation: Incarnation([1; 16]) }
}

fn login_request() -> GrantRequest {
    GrantRequest {
        id: [5; 16],
        kid: "kid".into(),
        revision: 100,
        policies: vec!["p1".into(), "p2".into()],
        display_name: "approle".into(),
        path: "auth/approle/login".into(),
        mount_id: "mount-1".into(),
        mount_accessor: "auth_approle_1".into(),
        role: "app".into(),
        entity_id: "entity-1".into(),
        ..GrantRequest::default()
    }
}

fn child_request() -> GrantRequest {
    GrantRequest {
        id: [6; 16],
        kid: "kid".into(),
        revision: 200,
        display_name: "token".into(),
        path: "auth/token/create".into(),
        mount_id: "token".into(),
        ..GrantRequest::default()
    }
}

fn issue(request: GrantRequest, origin: Origin<'_>) -> Result<Granted, LeaseError> {
    super::grant(request, origin, &limits(), &vault(), NOW)
}

fn held(granted: Granted) -> Held {
    Held { claims: granted.claims, row: granted.row }
}

/// A lease as a login gives it.
fn login() -> Held {
    held(issue(login_request(), Origin::Login).unwrap())
}

fn root() -> Held {
    let request = GrantRequest { policies: vec!["root".into()], ..login_request() };
    held(issue(request, Origin::Init).unwrap())
}

#[test]
fn durations_print_as_clients_know_them() {
    for (seconds, text) in [
        (0, "0s"),
        (10, "10s"),
        (60, "1m"),
        (90, "1m30s"),
        (3600, "1h"),
        (3605, "1h0m5s"),
        (5400, "1h30m"),
        (768 * 3600, "768h"),
        (767 * 3600 + 57 * 60 + 45, "767h57m45s"),
    ] {
        assert_eq!(duration_text(Duration::from_secs(seconds)), text);
    }
}

#[test]
fn p03_policy_names_have_one_spelling() {
    let names = [" P1 ", "p1,Default", "", ",", "b , a"];
    assert_eq!(canonical_set(&names).unwrap(), ["a", "b", "default", "p1"]);
    for name in ["response-wrapping", " Control-Group", "x,RESPONSE-WRAPPING"] {
        assert!(matches!(canonical_set(&[name]), Err(LeaseError::ReservedPolicy(_))), "{name}");
    }
    assert!(matches!(canonical_set(&["a", "b\nc"]), Err(LeaseError::PolicyName(_))));
}

#[test]
fn sets_of_policies_are_bounded() {
    let names = |n: usize| (0..n).map(|i| format!("p{i}")).collect::<Vec<_>>();
    assert!(canonical_set(&names(crate::limits::POLICIES_MAX)).is_ok());
    let outcome = canonical_set(&names(crate::limits::POLICIES_MAX + 1));
    assert_eq!(outcome, Err(LeaseError::TooManyPolicies));
    let long = "p".repeat(crate::limits::NAME_BYTES_MAX + 1);
    assert_eq!(canonical_set(&[long]), Err(LeaseError::PolicyNameTooLong));
}

#[test]
fn a_row_survives_its_sealed_form() {
    let request = GrantRequest {
        bound_cidrs: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
        certificate: Some([3; 32]),
        num_uses: 4,
        metadata: [("k".into(), "v".into())].into(),
        ..login_request()
    };
    let row = issue(request, Origin::Login).unwrap().row;
    let bytes = postcard::to_stdvec(&row).unwrap();
    assert_eq!(postcard::from_bytes::<Row>(&bytes).unwrap(), row);
    let cutoff = Cutoff::new(Subject::Role { mount_id: "m".into(), role: "r".into() }, NOW);
    let bytes = postcard::to_stdvec(&cutoff).unwrap();
    assert_eq!(postcard::from_bytes::<Cutoff>(&bytes).unwrap(), cutoff);
}

fn network() -> impl Strategy<Value = ipnet::IpNet> {
    // Few distinct addresses, so that networks nest and touch.
    (0u8..4, 0u8..4, 0u8..=32)
        .prop_map(|(a, b, len)| format!("10.{a}.{b}.0/{len}").parse().unwrap())
}

fn networks() -> impl Strategy<Value = Vec<ipnet::IpNet>> {
    prop::collection::vec(network(), 0..4)
}

fn address() -> impl Strategy<Value = std::net::IpAddr> {
    (0u8..4, 0u8..4, 0u8..2).prop_map(|(a, b, c)| format!("10.{a}.{b}.{c}").parse().unwrap())
}

proptest! {
    #[test]
    fn canonical_sets_are_canonical(names in prop::collection::vec("\\PC{0,12}", 0..8)) {
        let Ok(set) = canonical_set(&names) else { return Ok(()) };
        prop_assert!(set.is_sorted());
        prop_assert_eq!(canonical_set(&set).unwrap(), set);
    }

    #[test]
    fn an_intersection_admits_exactly_whom_both_admit(
        a in networks(), b in networks(), client in address(),
    ) {
        let both = admits(&a, Some(client)) && admits(&b, Some(client));
        match intersect(&a, &b) {
            Some(list) => prop_assert_eq!(admits(&list, Some(client)), both),
            None => prop_assert!(!both),
        }
    }

    #[test]
    fn bound_networks_never_admit_an_unknown_address(a in networks()) {
        prop_assert_eq!(admits(&a, None), a.is_empty());
    }
}
