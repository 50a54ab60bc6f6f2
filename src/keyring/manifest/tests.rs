//! Golden vectors of the manifest, and what is refused.

use zeroize::Zeroizing;

use super::*;
use crate::keyring::Integrity;
use crate::keyring::fake::SoftHsm;

const FIXTURE_BODY: &str = include_str!("../../../tests/fixtures/format-v1/manifest-body.hex");

fn key() -> DataKey {
    DataKey::new([0x66; 16], 1, Zeroizing::new([0x77; 32]))
}

fn kek() -> Kek {
    SoftHsm::with_fixed_kek().1
}

fn clear() -> Clear {
    Clear { kek: kek(), wrapped_key: vec![0xee; 40] }
}

fn body() -> Body {
    let signer = |purpose, id| SigningKey {
        key: KeyRef { purpose, version: 1, id: [id; 16] },
        state: KeyState::Active,
    };
    let version = RingVersion { version: 1, state: KeyState::Active, commitment: [0x88; 32] };
    Body {
        generation: 9,
        cluster_id: "5f0c6b1e-2a3d-4c4f-8b5a-69788796a5b4".into(),
        incarnation: [0x99; 16],
        created: Timestamp::from_unix_seconds(1_795_000_000),
        seal_mode: SealMode::Auto,
        ring_epoch: 0,
        keks: vec![KekEntry { kek: kek(), state: KeyState::Active }],
        lease_keys: vec![signer(Purpose::Lease, 0xb1)],
        checkpoint_keys: vec![signer(Purpose::Checkpoint, 0xb2)],
        next: NextVersions { kek: 2, lease: 2, checkpoint: 2 },
        manifest_key_commitment: key().commitment(),
        rings: vec![Ring {
            id: [0xaa; 16],
            mount: MountId::SYSTEM,
            purpose: RingPurpose::Records,
            active: 1,
            next: 2,
            versions: vec![version],
        }],
    }
}

fn reopen(manifest: &[u8]) -> Result<Body, KeyringError> {
    let (clear, sealed) = Clear::split(manifest)?;
    open(&clear, &key(), sealed)
}

fn refused(result: Result<Body, KeyringError>, reason: Reason) -> bool {
    result.err() == Some(KeyringError::Integrity(Integrity::from(reason)))
}

#[test]
fn golden_the_encoding_of_body_and_clear_header_does_not_change() {
    let encoded = postcard::to_stdvec(&body()).unwrap();
    assert_eq!(hex::encode(&encoded), FIXTURE_BODY.trim());
    assert_eq!(postcard::from_bytes::<Body>(&encoded).unwrap(), body());
    let golden =
        ["01", "00000016", "00000001", &"a1".repeat(16), "01", "00", "00000028", &"ee".repeat(40)]
            .concat();
    assert_eq!(hex::encode(clear().encode()), golden);
}

#[test]
fn what_was_sealed_opens() {
    let manifest = seal(&clear(), &key(), &body(), &Random::system()).unwrap();
    assert_eq!(reopen(&manifest), Ok(body()));
}

#[test]
fn an_altered_or_cut_manifest_is_refused_whether_clear_or_sealed() {
    let manifest = seal(&clear(), &key(), &body(), &Random::system()).unwrap();
    for at in 0..manifest.len() {
        let mut twin = manifest.clone();
        twin[at] ^= 1 << (at % 8);
        assert!(reopen(&twin).is_err(), "byte {at}");
        assert!(reopen(&manifest[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_body_that_contradicts_its_clear_header_is_refused() {
    let random = Random::system();
    let foreign = Kek { mechanism: Mechanism::AesCbcHmac, ..kek() };
    let other_kek = Clear { kek: foreign, ..clear() };
    let manifest = seal(&other_kek, &key(), &body(), &random).unwrap();
    assert!(refused(reopen(&manifest), Reason::Manifest));
    let other_key = Body { manifest_key_commitment: [0; 32], ..body() };
    let manifest = seal(&clear(), &key(), &other_key, &random).unwrap();
    assert!(refused(reopen(&manifest), Reason::Manifest));
    let other_epoch = Body { ring_epoch: 1, ..body() };
    let manifest = seal(&clear(), &key(), &other_epoch, &random).unwrap();
    assert!(refused(reopen(&manifest), Reason::Manifest));
}

#[test]
fn every_mechanism_survives_its_code() {
    let all = [
        Mechanism::AesGcm(IvDialect::CallerGives),
        Mechanism::AesGcm(IvDialect::HsmWrites),
        Mechanism::AesGcm(IvDialect::HsmAppends),
        Mechanism::AesCbcHmac,
    ];
    for mechanism in all {
        let kek = Kek { mechanism, mac_key_id: Some([0xcc; 16]), ..kek() };
        assert_eq!(decode_kek(&encode_kek(&kek)), Ok(kek));
    }
}

#[test]
fn only_live_versions_and_usable_keks_are_offered() {
    let mut body = body();
    body.rings[0].versions[0].state = KeyState::Destroyed;
    assert_eq!(body.rings[0].live(1), None);
    body.keks[0].state = KeyState::Compromised;
    assert_eq!((body.keks_to_unwrap(), body.active_kek()), (vec![], None));
}
