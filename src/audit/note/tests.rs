//! The note's form, golden vectors, and what is refused.

use super::*;
use crate::audit::tests::support::SoftKey;

const TEXT: &str = "strongroom.audit/c0ffee\n1\nroot\n";
const NAME: &str = "strongroom.audit/c0ffee";

fn note() -> (String, PublicKeys) {
    let key = SoftKey::new(7);
    let signature = key.sign_now(TEXT.as_bytes());
    (signed(TEXT, NAME, &key.public_point(), &signature), PublicKeys::new(vec![key.public_point()]))
}

fn verified<'a>(note: &'a str, keys: &PublicKeys) -> Result<&'a str, NoteError> {
    Unverified::parse(note)?.verify(NAME, keys)
}

/// Deterministic (RFC 6979), so the whole note is: made once and checked with openssl.
#[test]
fn the_note_is_the_golden_one() {
    let (note, keys) = note();
    assert_eq!(note, GOLDEN);
    assert_eq!(keys.fingerprints(), [GOLDEN_KEY]);
    assert_eq!(verified(&note, &keys), Ok(TEXT));
}

const GOLDEN: &str = concat!(
    "strongroom.audit/c0ffee\n1\nroot\n\n— strongroom.audit/c0ffee ",
    "zpfsIDBFAiEAyGfCoibrNBy2MF/dc9AiWgazj96IwJnONWVanjSNVSoCIGwTVxC7uy8LSRzrJ+g/xjMZ",
    "76nzfzh6tUZtxRlEcFqj\n"
);
const GOLDEN_KEY: &str = "ce97ec20d43661a19b215cb2e376a698d0b4aa2aa5b4c7854e916bd05082fcee";

#[test]
fn a_changed_text_or_signature_is_refused() {
    let (note, keys) = note();
    assert_eq!(verified(&note.replacen("\n1\n", "\n2\n", 1), &keys), Err(NoteError::Signature));
    let at = note.len() - 12;
    let mut bytes = note.clone().into_bytes();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(bytes).unwrap();
    assert_eq!(verified(&changed, &keys), Err(NoteError::Signature));
}

#[test]
fn a_note_by_another_key_or_name_is_refused() {
    let (note, keys) = note();
    let other = PublicKeys::new(vec![SoftKey::new(8).public_point()]);
    assert_eq!(verified(&note, &other), Err(NoteError::UnknownKey));
    let renamed = note.replacen("— strongroom.audit/c0ffee", "— strongroom.audit/other", 1);
    assert_eq!(verified(&renamed, &keys), Err(NoteError::UnknownKey));
}

#[test]
fn a_signature_by_a_stranger_beside_a_good_one_is_ignored() {
    let (note, keys) = note();
    let stranger = SoftKey::new(8);
    let signature = stranger.sign_now(&[0; 32]);
    let lines = signed(TEXT, "witness.example/w", &stranger.public_point(), &signature);
    let witnessed = format!("{note}{}", lines.split_once("\n\n").unwrap().1);
    assert_eq!(verified(&witnessed, &keys), Ok(TEXT));
}

#[test]
fn what_is_not_a_note_is_refused() {
    let (note, keys) = note();
    for bad in [
        String::new(),
        TEXT.to_owned(),
        note.trim_end().to_owned(),
        note.replacen("— ", "- ", 1),
        note.replacen("\n1\n", "\n1\r\n", 1),
        format!("{TEXT}\n— {NAME} AAA=\n"),
        format!("{TEXT}\n"),
        format!("{TEXT}\n— {NAME}\n"),
        format!("{TEXT}\n— {NAME} !!!!\n"),
    ] {
        assert_eq!(verified(&bad, &keys), Err(NoteError::Malformed), "{bad:?}");
    }
}

/// Halves with leading zeros and with the top bit set, against the definition in RFC 3279.
#[test]
fn der_is_minimal_and_positive() {
    let mut signature = [0; 64];
    signature[31] = 1;
    signature[32] = 0x80;
    let mut expected = vec![0x30, 3 + 35, 0x02, 1, 1, 0x02, 33, 0, 0x80];
    expected.extend_from_slice(&[0; 31]);
    assert_eq!(der(&signature), expected);
    assert_eq!(der(&[0; 64]), [0x30, 6, 2, 1, 0, 2, 1, 0]);
}

#[test]
fn notes_of_a_file_are_found_one_by_one() {
    let (note, _) = note();
    let file = format!("{note}\n{note}\nhalf of a th");
    let mut notes = Notes::new(file.as_bytes());
    assert_eq!(notes.next(), Some(note.as_str()));
    assert_eq!(notes.next(), Some(note.as_str()));
    assert_eq!(notes.next(), None);
    assert_eq!(notes.good(), 2 * note.len() + 1);
}
