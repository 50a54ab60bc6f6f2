//! Properties and golden vectors of record format v1; fixtures and their corrupted twins.

use proptest::prelude::*;

use super::*;

const PLAIN: &[u8] = b"correct horse battery staple";
/// Sealed once, for ever: see `tests/fixtures/format-v1/README.md`.
const FIXTURE: &str = include_str!("../../../tests/fixtures/format-v1/record.hex");
const FIXTURE_LARGE: &str = include_str!("../../../tests/fixtures/format-v1/record-padme.hex");

fn key() -> DataKey {
    DataKey::new([0x11; 16], 3, Zeroizing::new([0x22; 32]))
}

fn context() -> Context<'static> {
    Context {
        cluster: "5f0c6b1e-2a3d-4c4f-8b5a-69788796a5b4",
        mount: MountId([0x33; 16]),
        kind: 7,
        path: b"team/app/db",
        incarnation: [0x44; 16],
        version: 5,
    }
}

fn seal(plain: &[u8]) -> Sealed {
    Plain::new(context(), plain).seal(&key(), &Random::system()).unwrap()
}

fn reason(result: Result<Opened, Integrity>) -> Option<Reason> {
    result.err().map(Integrity::reason)
}

fn large() -> Vec<u8> {
    (0..1500u32).map(|i| i.to_be_bytes()[3]).collect()
}

#[test]
fn golden_the_encoding_of_a_record_does_not_change() {
    for (plain, fixture) in [(PLAIN, FIXTURE), (&large()[..], FIXTURE_LARGE)] {
        let sealed = Plain::new(context(), plain).seal_with(&key(), &[0x55; 32]).unwrap();
        assert_eq!(hex::encode(sealed.into_bytes()), fixture.trim());
    }
}

#[test]
fn golden_the_context_is_what_the_format_says() {
    let expected = [
        "00000024",
        &hex::encode("5f0c6b1e-2a3d-4c4f-8b5a-69788796a5b4"),
        &"00".repeat(16),
        &"33".repeat(16),
        "0007",
        "0000000b",
        &hex::encode("team/app/db"),
        &"44".repeat(16),
        "0000000000000005",
        &"11".repeat(16),
        "00000003",
        "01",
    ]
    .concat();
    assert_eq!(hex::encode(context().bytes(&key())), expected);
}

#[test]
fn fixtures_of_format_v1_open() {
    for (plain, fixture) in [(PLAIN, FIXTURE), (&large()[..], FIXTURE_LARGE)] {
        let sealed = Sealed::parse(hex::decode(fixture.trim()).unwrap().into()).unwrap();
        assert_eq!(sealed.open(&key(), &context()).ok().unwrap().expose(), plain);
    }
}

#[test]
fn corrupted_twins_of_the_fixtures_do_not_open() {
    for fixture in [FIXTURE, FIXTURE_LARGE] {
        let sound = hex::decode(fixture.trim()).unwrap();
        for at in 0..sound.len() {
            let mut twin = sound.clone();
            twin[at] ^= 1 << (at % 8);
            let opened = Sealed::parse(twin.into()).and_then(|s| s.open(&key(), &context()));
            let expected = match at {
                0..2 => Reason::UnknownFormat,
                2..22 => Reason::ForeignKey,
                22..86 => Reason::Commitment,
                _ => Reason::Tag,
            };
            assert_eq!(reason(opened), Some(expected), "byte {at}");
        }
        for len in 0..sound.len() {
            let twin = sound[..len].to_vec();
            assert!(Sealed::parse(twin.into()).and_then(|s| s.open(&key(), &context())).is_err());
        }
        let longer = [&sound[..], &[0]].concat();
        let opened = Sealed::parse(longer.into()).and_then(|s| s.open(&key(), &context()));
        assert_eq!(reason(opened), Some(Reason::Tag));
    }
}

#[test]
fn p42_a_record_opens_only_at_the_place_it_was_sealed_for() {
    let sealed = seal(PLAIN);
    let c = context();
    let elsewhere = [
        Context { cluster: "another", ..c },
        Context { mount: MountId([0x34; 16]), ..c },
        Context { kind: 6, ..c },
        Context { path: b"team/app/db2", ..c },
        Context { incarnation: [0x45; 16], ..c },
        Context { version: 4, ..c },
    ];
    for place in elsewhere {
        assert_eq!(reason(sealed.open(&key(), &place)), Some(Reason::Commitment));
    }
    let other = DataKey::new([0x11; 16], 3, Zeroizing::new([0x23; 32]));
    assert_eq!(reason(sealed.open(&other, &c)), Some(Reason::Commitment));
    let other = DataKey::new([0x11; 16], 4, Zeroizing::new([0x22; 32]));
    assert_eq!(reason(sealed.open(&other, &c)), Some(Reason::ForeignKey));
}

#[test]
fn p41_a_repeated_random_state_still_gives_another_salt_for_another_plaintext_or_place() {
    let drawn = [0x55; 32];
    let salt = |context, plain: &[u8]| {
        let sealed = Plain::new(context, plain).seal_with(&key(), &drawn).unwrap();
        sealed.into_bytes()[22..54].to_vec()
    };
    let first = salt(context(), b"a");
    assert_ne!(first, salt(context(), b"b"));
    assert_ne!(first, salt(Context { version: 6, ..context() }, b"a"));
}

#[test]
fn p42_integrity_errors_look_the_same_outward() {
    let shown = |r: Reason| Integrity::from(r).to_string();
    assert_eq!(shown(Reason::Tag), shown(Reason::Commitment));
    assert_eq!(shown(Reason::Tag), shown(Reason::ForeignKey));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_sealed_opens_and_its_size_shows_only_the_padding(
        plain in proptest::collection::vec(any::<u8>(), 0..3000),
    ) {
        let sealed = seal(&plain);
        let bytes = sealed.clone().into_bytes();
        prop_assert_eq!(bytes.len(), HEADER_LEN + padded_len(plain.len()).unwrap() + TAG_LEN);
        let again = Sealed::parse(bytes).unwrap();
        prop_assert_eq!(again.commitment(), sealed.commitment());
        let opened = again.open(&key(), &context()).ok().unwrap();
        prop_assert_eq!(opened.expose(), &plain[..]);
    }

    #[test]
    fn arbitrary_bytes_never_open(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let opened = Sealed::parse(bytes.into()).and_then(|s| s.open(&key(), &context()));
        prop_assert!(opened.is_err());
    }
}
