//! Signed notes (C2SP signed-note) with ECDSA P-256: text, blank line, `— name base64(id ‖ sig)`.
//! What the text says is `checkpoint`'s.
//!
//! Signature type 0x02 of that specification: the key id is the first four bytes of SHA-256 of the
//! key's SPKI (so the type byte itself is not part of it), the signature is ECDSA over SHA-256 of
//! the text in ASN.1 DER, as openssl makes and takes it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

use super::keys::{PublicKeys, spki};
use crate::keyguard::{PublicKey, Signature};

/// A note as it was read, not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unverified<'a> {
    /// With its final newline, which is signed too.
    text: &'a str,
    /// The signature lines.
    signatures: &'a str,
}

/// Why a note proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoteError {
    #[error("it is not a signed note")]
    Malformed,
    #[error("it bears no signature by a trusted key")]
    UnknownKey,
    #[error("its signature is wrong")]
    Signature,
}

/// The note: `text` (which ends in a newline) with its signature by `key`, named `name`.
pub(super) fn signed(text: &str, name: &str, key: &PublicKey, signature: &Signature) -> String {
    let mut blob = key_id(key).to_vec();
    blob.extend_from_slice(&der(signature));
    format!("{text}\n— {name} {}\n", STANDARD.encode(blob))
}

impl<'a> Unverified<'a> {
    pub fn parse(note: &'a str) -> Result<Self, NoteError> {
        let at = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (text, signatures) = (&note[..=at], &note[at + 2..]);
        let clean = note.chars().all(|c| c >= ' ' || c == '\n');
        if !clean || !signatures.ends_with('\n') {
            return Err(NoteError::Malformed);
        }
        Ok(Self { text, signatures })
    }

    /// The text, if at least one signature by a key of `keys` under `name` holds and none fails.
    pub fn verify(&self, name: &str, keys: &PublicKeys) -> Result<&'a str, NoteError> {
        let mut verified = false;
        for line in self.signatures.lines() {
            let (signer, blob) = line
                .strip_prefix("— ")
                .and_then(|rest| rest.split_once(' '))
                .ok_or(NoteError::Malformed)?;
            let blob = STANDARD.decode(blob).map_err(|_| NoteError::Malformed)?;
            let (id, signature) = blob.split_at_checked(4).ok_or(NoteError::Malformed)?;
            if signer != name {
                continue;
            }
            for key in keys.iter().filter(|key| key_id(key) == id) {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key)
                    .verify(self.text.as_bytes(), signature)
                    .map_err(|_| NoteError::Signature)?;
                verified = true;
            }
        }
        if verified { Ok(self.text) } else { Err(NoteError::UnknownKey) }
    }

    /// The text without any proof, to find out what the note speaks of.
    pub fn claimed_text(&self) -> &'a str {
        self.text
    }
}

/// The notes of a file, one after the other with an empty line between: each is a text without
/// empty lines, an empty line, and signature lines.
pub(super) struct Notes<'a> {
    file: &'a [u8],
    /// Where the next note begins.
    at: usize,
    good: usize,
}

impl<'a> Notes<'a> {
    pub fn new(file: &'a [u8]) -> Self {
        Self { file, at: 0, good: 0 }
    }

    /// Bytes up to the end of the last whole note.
    pub fn good(&self) -> usize {
        self.good
    }
}

impl<'a> Iterator for Notes<'a> {
    type Item = &'a str;

    /// Ends at the end of the file or before the first thing that is not a whole note.
    fn next(&mut self) -> Option<&'a str> {
        let rest = self.file.get(self.at..)?;
        let text_end = find(rest, b"\n\n")?;
        let signatures = rest.get(text_end + 2..)?;
        let (end, next) = match find(signatures, b"\n\n") {
            Some(end) => (text_end + 2 + end + 1, text_end + 2 + end + 2),
            None => (rest.len(), rest.len()),
        };
        let note = std::str::from_utf8(&rest[..end]).ok()?;
        let whole = note.ends_with('\n')
            && note[text_end + 2..].lines().all(|l| l.starts_with("— "))
            && !signatures.is_empty();
        if !whole {
            return None;
        }
        self.good = self.at + end;
        self.at += next;
        Some(note)
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|w| w == what)
}

fn key_id(key: &PublicKey) -> [u8; 4] {
    let mut out = [0; 4];
    out.copy_from_slice(&digest(&SHA256, &spki(key)).as_ref()[..4]);
    out
}

/// ECDSA-Sig-Value (RFC 3279, 2.2.3) of r ‖ s.
fn der(signature: &Signature) -> Vec<u8> {
    let (r, s) = signature.split_at(32);
    let mut body = Vec::with_capacity(72);
    for half in [r, s] {
        let zeros = half.iter().take(31).take_while(|b| **b == 0).count();
        let digits = &half[zeros..];
        let pad = digits[0] >= 0x80;
        body.extend_from_slice(&[0x02, digits.len() as u8 + u8::from(pad)]);
        if pad {
            body.push(0);
        }
        body.extend_from_slice(digits);
    }
    let mut out = vec![0x30, body.len() as u8];
    out.extend_from_slice(&body);
    out
}

#[cfg(test)]
mod tests;
