//! Golden vector of the wrapped data key, and what is refused.

use super::*;
use crate::keyguard::{IvDialect, KeyRef, Purpose};
use crate::keyring::fake::SoftHsm;

const FIXTURE: &str = include_str!("../../../tests/fixtures/format-v1/wrapped-data-key.hex");

fn key() -> DataKey {
    DataKey::new([0x11; 16], 3, Zeroizing::new([0x22; 32]))
}

const PURPOSE: WrappedPurpose = WrappedPurpose::Ring(RingPurpose::Records);

fn expected() -> Expected {
    Expected {
        purpose: PURPOSE,
        id: [0x11; 16],
        version: 3,
        seal_mode: SealMode::Auto,
        commitment: Some(key().commitment()),
    }
}

fn fixture() -> Vec<u8> {
    hex::decode(FIXTURE.trim()).unwrap()
}

async fn refusal(hsm: &SoftHsm, kek: Kek, blob: &[u8], expected: Expected) -> Reason {
    match unwrap(hsm, &[kek], blob, expected).await {
        Err(KeyringError::Integrity(integrity)) => integrity.reason(),
        other => panic!("not refused as integrity: {other:?}"),
    }
}

#[tokio::test]
async fn the_fixture_of_format_v1_opens() {
    let (hsm, kek) = SoftHsm::with_fixed_kek();
    let opened = unwrap(&*hsm, &[kek], &fixture(), expected()).await.unwrap();
    assert_eq!(opened.secret(), key().secret());
}

#[test]
fn golden_the_header_does_not_change() {
    let header = header(&key(), PURPOSE, SealMode::Auto, Timestamp(0x0102_0304_0506_0708));
    let golden = [
        "01",
        &"11".repeat(16),
        "00000003",
        "01",
        "0102030405060708",
        "01",
        "00000000",
        "01",
        &hex::encode(key().commitment()),
    ]
    .concat();
    assert_eq!(hex::encode(header), golden);
}

#[tokio::test]
async fn a_flipped_bit_anywhere_is_refused() {
    let (hsm, kek) = SoftHsm::with_fixed_kek();
    let sound = fixture();
    for at in 0..sound.len() {
        let mut twin = sound.clone();
        twin[at] ^= 1 << (at % 8);
        refusal(&hsm, kek, &twin, expected()).await;
    }
    for len in 0..sound.len() {
        refusal(&hsm, kek, &sound[..len], expected()).await;
    }
    refusal(&hsm, kek, &[&sound[..], &[0]].concat(), expected()).await;
}

#[tokio::test]
async fn p42_a_blob_of_another_ring_purpose_or_version_is_refused() {
    let (hsm, kek) = SoftHsm::with_fixed_kek();
    let others = [
        Expected { id: [0x12; 16], ..expected() },
        Expected { version: 4, ..expected() },
        Expected { purpose: WrappedPurpose::Ring(RingPurpose::Index), ..expected() },
        Expected { purpose: WrappedPurpose::Manifest, ..expected() },
    ];
    for other in others {
        assert_eq!(refusal(&hsm, kek, &fixture(), other).await, Reason::ForeignKey);
    }
    let other = Expected { commitment: Some([0; 32]), ..expected() };
    assert_eq!(refusal(&hsm, kek, &fixture(), other).await, Reason::DataKeyCommitment);
}

#[tokio::test]
async fn p42_the_mechanism_comes_from_the_manifest_and_not_from_the_blob() {
    let (hsm, kek) = SoftHsm::with_fixed_kek();
    for mechanism in [Mechanism::AesGcm(IvDialect::HsmWrites), Mechanism::AesCbcHmac] {
        let described = Kek { mechanism, ..kek };
        assert_eq!(refusal(&hsm, described, &fixture(), expected()).await, Reason::Wrap);
    }
    let key = KeyRef { purpose: Purpose::Kek, version: 1, id: [0xa9; 16] };
    let unknown = Kek { key, ..kek };
    assert_eq!(refusal(&hsm, unknown, &fixture(), expected()).await, Reason::ForeignKey);
}

#[tokio::test]
async fn a_wrap_made_by_someone_without_the_data_key_is_not_confirmed() {
    let (hsm, kek) = SoftHsm::with_fixed_kek();
    let mut blob = fixture();
    let last = blob.len() - 1;
    blob[last] ^= 1;
    assert_eq!(refusal(&hsm, kek, &blob, expected()).await, Reason::Confirmation);
}

#[tokio::test]
async fn a_wrap_that_does_not_open_again_is_not_handed_out() {
    let (hsm, kek) = SoftHsm::with_fixed_kek();
    hsm.corrupts_wraps.store(true, std::sync::atomic::Ordering::SeqCst);
    let made = wrap(&*hsm, &kek, &key(), PURPOSE, SealMode::Auto, Timestamp(1)).await;
    assert_eq!(made.err(), Some(Reason::Wrap.into()));
}
