//! Sealed bytes that nobody sealed: records, wrapped keys and manifests open only as they were
//! written, at the place they were written for.

use std::sync::OnceLock;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use zeroize::Zeroizing;

use super::envelope::{Context, Opened, Plain, Sealed};
use super::fake::SoftHsm;
use super::manifest::{Body, Clear};
use super::wrapped::{Expected, WrappedPurpose, claimed, unwrap};
use super::{DataKey, Integrity, MountId, RingPurpose, manifest};
use crate::fuzzing::Plan;

const RECORD: &str = include_str!("../../tests/fixtures/format-v1/record.hex");
const PADME: &str = include_str!("../../tests/fixtures/format-v1/record-padme.hex");
const WRAPPED: &str = include_str!("../../tests/fixtures/format-v1/wrapped-data-key.hex");
const BODY: &str = include_str!("../../tests/fixtures/format-v1/manifest-body.hex");

fn fixture(hex: &str) -> Vec<u8> {
    hex::decode(hex.trim()).unwrap()
}

/// That of the fixtures.
fn key() -> DataKey {
    DataKey::new([0x11; 16], 3, Zeroizing::new([0x22; 32]))
}

/// That of the fixtures.
fn place() -> Context<'static> {
    Context {
        cluster: "5f0c6b1e-2a3d-4c4f-8b5a-69788796a5b4",
        mount: MountId([0x33; 16]),
        kind: 7,
        path: b"team/app/db",
        incarnation: [0x44; 16],
        version: 5,
    }
}

fn open(bytes: &[u8]) -> Result<Opened, Integrity> {
    Sealed::parse(Bytes::copy_from_slice(bytes))?.open(&key(), &place())
}

/// A zero or one first: edits of a record. A two: any bytes. Else: a plaintext to seal.
pub(crate) fn record(data: &[u8]) {
    let mut plan = Plan::new(data);
    match plan.u8() % 4 {
        kind @ (0 | 1) => {
            let sound = fixture(if kind == 0 { RECORD } else { PADME });
            let twin = plan.edit(&sound);
            assert_eq!(open(&twin).is_ok(), twin == sound, "an altered record");
        }
        2 => {
            let bytes = plan.rest();
            let sealed = [RECORD, PADME].map(fixture).iter().any(|sound| sound == bytes);
            assert_eq!(open(bytes).is_ok(), sealed, "bytes that nobody sealed");
        }
        _ => sealed(plan),
    }
}

fn sealed(mut plan: Plan<'_>) {
    let mut drawn = [0; 32];
    drawn.fill(plan.u8());
    let flip = usize::from(plan.u16());
    let plain = plan.rest();
    let sealed = Plain::new(place(), plain).seal_with(&key(), &drawn).unwrap().into_bytes();
    assert_eq!(open(&sealed).ok().unwrap().expose(), plain);
    let mut twin = sealed.to_vec();
    let at = flip % twin.len();
    twin[at] ^= 1 << (flip % 8);
    assert!(open(&twin).is_err(), "a flipped bit at {at}");
    let elsewhere = Context { version: 4, ..place() };
    let moved = Sealed::parse(sealed).unwrap().open(&key(), &elsewhere);
    assert!(moved.is_err(), "a record put back");
}

/// A zero first: edits of a wrapped key. A one: any bytes as one. A two: edits of a manifest. A
/// three: any bytes as one. Else: edits of a manifest's body, sealed with the right key.
pub(crate) fn keys(data: &[u8]) {
    let mut plan = Plan::new(data);
    match plan.u8() % 5 {
        0 => wrapped_key(&plan.edit(&fixture(WRAPPED))),
        1 => wrapped_key(plan.rest()),
        2 => whole_manifest(&plan.edit(sound_manifest())),
        3 => whole_manifest(plan.rest()),
        _ => forged_body(&plan.edit(&fixture(BODY))),
    }
}

fn wrapped_key(blob: &[u8]) {
    let (hsm, kek) = SoftHsm::with_fixed_kek();
    let expected = Expected {
        purpose: WrappedPurpose::Ring(RingPurpose::Records),
        id: [0x11; 16],
        version: 3,
        seal_mode: manifest::SealMode::Auto,
        commitment: Some(key().commitment()),
    };
    let _ = claimed(blob);
    let opened = wait(unwrap(&*hsm, &[kek], blob, expected));
    let sound = fixture(WRAPPED);
    // Other wraps may stand before and behind it; the key is the same or there is none.
    assert!(opened.is_ok() || blob != sound);
    assert!(opened.is_err() || blob.len() >= sound.len(), "a key from a part of its blob");
    if let Ok(opened) = opened {
        assert_eq!(opened.secret(), key().secret());
    }
}

fn manifest_key() -> DataKey {
    DataKey::new([0x66; 16], 1, Zeroizing::new([0x77; 32]))
}

fn clear() -> Clear {
    Clear { kek: SoftHsm::with_fixed_kek().1, wrapped_key: vec![0xee; 40] }
}

fn sealed_manifest(body: &[u8]) -> Vec<u8> {
    let mut out = clear().encode();
    let plain = [&[1][..], body].concat();
    let sealed = Plain::new(Clear::context(&out), &plain).seal_with(&manifest_key(), &[0x55; 32]);
    let sealed = sealed.unwrap().into_bytes();
    out.extend_from_slice(&sealed);
    out
}

fn sound_manifest() -> &'static [u8] {
    static SOUND: OnceLock<Vec<u8>> = OnceLock::new();
    SOUND.get_or_init(|| sealed_manifest(&fixture(BODY)))
}

fn whole_manifest(bytes: &[u8]) {
    let Ok((clear, sealed)) = Clear::split(bytes) else { return };
    assert_eq!([&clear.encode(), sealed].concat(), bytes, "a header that is spelt in two ways");
    let opened = manifest::open(&clear, &manifest_key(), sealed);
    assert_eq!(opened.is_ok(), bytes == sound_manifest(), "an altered manifest");
}

fn forged_body(bytes: &[u8]) {
    let manifest = sealed_manifest(bytes);
    let (clear, sealed) = Clear::split(&manifest).unwrap();
    let Ok(body) = manifest::open(&clear, &manifest_key(), sealed) else { return };
    assert!(body.keks_to_unwrap().contains(&clear.kek));
    let _ = (body.active_kek(), body.ring(MountId::SYSTEM, RingPurpose::Records));
    let again = postcard::to_stdvec(&body).unwrap();
    assert_eq!(postcard::from_bytes::<Body>(&again).as_ref(), Ok(&body));
}

/// The double of the HSM yields now and then, and waits for nothing.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = TaskContext::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}
