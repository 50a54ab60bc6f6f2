//! Tests of this module, and the fixtures they share.

mod login;
mod role;

use std::time::Duration;

use ipnet::IpNet;
use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;
use crate::identity::{TokenParametersUpdate, TokenType};
use crate::sensitive::SecretText;

const NOW: Timestamp = Timestamp(1_795_335_111_365_462_325);
const HOUR: Duration = Duration::from_secs(3600);
const ROLE_ID: &str = "8182a94a-60cc-7404-d157-ffc9cda73a53";

fn key() -> DigestKey {
    DigestKey::new([1; 32])
}

fn text(secret: &str) -> SecretText {
    SecretText::new(secret.into())
}

fn nets(list: &[&str]) -> Vec<IpNet> {
    list.iter().map(|n| n.parse().unwrap()).collect()
}

fn create(update: RoleUpdate) -> Result<Role, AppRoleError> {
    Role::create("app", [7; 16], ROLE_ID.into(), update)
}

fn role() -> Role {
    create(RoleUpdate::default()).unwrap()
}

fn parameters(parameters: TokenParametersUpdate) -> RoleUpdate {
    RoleUpdate { parameters, ..RoleUpdate::default() }
}

fn policies(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|n| (*n).to_owned()).collect())
}

fn secret_of(role: &Role, secret: &str, new: NewSecretId) -> Result<SecretId, AppRoleError> {
    issue(&key(), role, &text(secret), "accessor".into(), new, NOW)
}

fn secret(role: &Role) -> SecretId {
    secret_of(role, "s3cret", NewSecretId::default()).unwrap()
}

/// Logs in as a caller would: the record is whatever is stored under the digest presented.
fn try_login(
    role: Option<&Role>,
    stored: &[SecretId],
    presented: &str,
    client: Option<&str>,
    now: Timestamp,
) -> Result<LoggedIn, LoginError> {
    let secret_id = text(presented);
    let digest = digest(&key(), role, &secret_id);
    let found = stored.iter().find(|s| s.digest == digest);
    let client = client.map(|c| c.parse().unwrap());
    let attempt = Attempt { role_id: ROLE_ID, secret_id: &secret_id, client };
    login(&key(), role, found, &attempt, now)
}

#[test]
fn records_survive_their_sealed_form_and_hold_no_secret() {
    let role = create(RoleUpdate {
        secret_id_bound_cidrs: Some(nets(&["10.0.0.0/8", "fd00::/8"])),
        ..Default::default()
    })
    .unwrap();
    let bytes = postcard::to_stdvec(&role).unwrap();
    assert_eq!(postcard::from_bytes::<Role>(&bytes).unwrap(), role);
    let s = secret(&role);
    let bytes = postcard::to_stdvec(&s).unwrap();
    assert_eq!(postcard::from_bytes::<SecretId>(&bytes).unwrap(), s);
    assert!(!bytes.windows(6).any(|w| w == b"s3cret"));
    assert_eq!(format!("{:?}", key()), "DigestKey(redacted)");
    let attempt = Attempt { role_id: ROLE_ID, secret_id: &text("s3cret"), client: None };
    assert!(!format!("{attempt:?} {s:?}").contains("s3cret"));
}

#[test]
fn the_digest_is_pinned() {
    // Stored records are found by it: it may never change.
    let digest = digest(&key(), Some(&role()), &text("s3cret"));
    assert_eq!(
        hex::encode(digest),
        "6ffe1f4f3e2b9a1f47f2c74d1eac7f0f81645c73d355484bb516badf41867137"
    );
}
