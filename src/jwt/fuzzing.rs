//! Leases as strangers send them: nothing but the lease that was signed verifies.

use std::net::IpAddr;

use super::{Accessor, Claims, Expect, Incarnation, KeySet, PublicPoint, Unverified};
use crate::clock::Timestamp;
use crate::fuzzing::Plan;
use crate::limits::LEASE_BYTES_MAX;

/// Of the key in RFC 7515 appendix A.3, which is published with its private half.
const POINT: &str = "04\
7fcdce2770f6c45d4183cbee6fdb4b7b580733357be9ef13bacf6e3c7bd15445\
c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a4623288588e5ad";
/// Made by the tests of this module.
const GOLDEN: &str = include_str!("tests/golden.jwt");
const ISSUED_SECONDS: u64 = 1_795_334_850;

/// A zero first: edits of a true lease. A one: an accessor. A two: claims. Else: a whole token.
pub(crate) fn lease(data: &[u8]) {
    let mut plan = Plan::new(data);
    match plan.u8() {
        0 => token(&String::from_utf8_lossy(&plan.edit(GOLDEN.trim_end().as_bytes()))),
        1 => accessor(&String::from_utf8_lossy(plan.rest())),
        2 => claims(plan.rest()),
        _ => token(&String::from_utf8_lossy(plan.rest())),
    }
}

fn token(token: &str) {
    let Ok(unverified) = Unverified::parse(token) else { return };
    assert!(token.len() <= LEASE_BYTES_MAX && token.matches('.').count() == 2);
    let point: PublicPoint = hex::decode(POINT).unwrap().try_into().unwrap();
    let keys = KeySet::new([point]).unwrap();
    let expect = Expect {
        issuer: "https://vault.example".into(),
        audience: "cluster-1".into(),
        incarnation: Incarnation([7; 16]),
    };
    let verified = unverified.verify(&keys, &expect, Timestamp::from_unix_seconds(ISSUED_SECONDS));
    let is_golden = token == GOLDEN.trim_end();
    assert_eq!(verified.is_ok(), is_golden, "{verified:?}");
    if let Ok(claims) = verified {
        assert_eq!(claims.exp, ISSUED_SECONDS + 3600);
    }
}

fn accessor(text: &str) {
    let Ok(accessor) = text.parse::<Accessor>() else { return };
    assert_eq!(accessor.to_string(), text, "two spellings of one accessor");
    assert_eq!(Accessor::from_bytes(accessor.to_bytes()), accessor);
    assert!(accessor.bucket_end().unix_seconds() > 0);
}

fn claims(json: &[u8]) {
    let Ok(claims) = serde_json::from_slice::<Claims>(json) else { return };
    let written = serde_json::to_vec(&claims).unwrap();
    assert_eq!(serde_json::from_slice::<Claims>(&written).unwrap(), claims);
    let client: Option<IpAddr> = "10.1.2.3".parse().ok();
    for path in ["secret/data/app/x", "sys/policies/acl/root"] {
        let allowed = claims.permits(path, "read", client);
        assert!(claims.scp.is_empty() <= allowed, "nothing narrows, and it is narrowed");
        // Where no address is known, nothing bound to networks may be used.
        let bound = claims.scp.iter().any(|narrowing| !narrowing.cidrs.is_empty());
        assert!(!(bound && claims.permits(path, "read", None)), "used from nowhere");
    }
}
