//! A data key at rest: wrapped by the KEK, committed to twice.
//!
//! ```text
//! header = 0x01 id(16) u32(version) purpose(1) u64(created, ns) seal-mode(1) u32(generation)
//!          wrap-policy(1) DKC(32)                                  68 bytes, the KEK's AAD
//! wrap   = kek-id(16) u32(kek-version) mechanism(1) lp(iv) lp(ciphertext) has-mac(1) [mac(32)]
//! blob   = header count(1) { wrap confirmation(32) }*
//! ```
//! Mode, policy and mechanism are compared with the manifest's; a blob chooses nothing.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::keyguard::{Kek, Mechanism, Wrap, Wrapped};
use crate::keyring::codec::{Reader, put_lp};
use crate::keyring::data_key::DataKey;
use crate::keyring::manifest::{SealMode, mechanism_code};
use crate::keyring::{KeyringError, Reason, RingPurpose};

const FORMAT: u8 = 0x01;
const HEADER_LEN: usize = 68;
/// One HSM; every wrap must yield the same key.
const POLICY_SINGLE: u8 = 1;
/// Wraps of one blob (one per HSM and KEK version during a rotation).
const WRAPS_MAX: u8 = 8;
const IV_MAX: usize = 64;
const CIPHERTEXT_MAX: usize = 256;

/// What a wrapped key is for; the manifest key has no ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WrappedPurpose {
    Ring(RingPurpose),
    Manifest,
}

impl WrappedPurpose {
    fn code(self) -> u8 {
        match self {
            Self::Ring(RingPurpose::Records) => 1,
            Self::Ring(RingPurpose::Index) => 2,
            Self::Manifest => 3,
        }
    }
}

/// What must be known of a key before its blob is believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) purpose: WrappedPurpose,
    pub(super) id: [u8; 16],
    pub(super) version: u32,
    pub(super) seal_mode: SealMode,
    /// From the manifest; `None` only for the manifest key, whose DKC its body confirms later.
    pub(super) commitment: Option<[u8; 32]>,
}

/// Wraps `key` under `kek`, and opens the wrap again before it is handed out: what is committed
/// is known to open.
pub(super) async fn wrap(
    hsm: &dyn Wrap,
    kek: &Kek,
    key: &DataKey,
    purpose: WrappedPurpose,
    seal_mode: SealMode,
    created: Timestamp,
) -> Result<Vec<u8>, KeyringError> {
    let header = header(key, purpose, seal_mode, created);
    let wrapped = hsm.wrap(kek, &header, &key.to_wrap()).await?;
    if !fits(kek.mechanism, &wrapped) {
        return Err(Reason::Wrap.into());
    }
    let part = encode_wrap(kek, &wrapped);
    let mut blob = header.to_vec();
    blob.push(1);
    blob.extend_from_slice(&part);
    blob.extend_from_slice(&key.confirmation(&header, &part));
    let expected = Expected {
        purpose,
        id: key.id(),
        version: key.version(),
        seal_mode,
        commitment: Some(key.commitment()),
    };
    unwrap(hsm, std::slice::from_ref(kek), &blob, expected).await?;
    Ok(blob)
}

/// Opens a blob with the first of `keks` that wrapped it (one HSM call).
pub(super) async fn unwrap(
    hsm: &dyn Wrap,
    keks: &[Kek],
    blob: &[u8],
    expected: Expected,
) -> Result<DataKey, KeyringError> {
    let parsed = Blob::parse(blob)?;
    parsed.check(expected)?;
    for kek in keks {
        let Some(wrap) = parsed.wraps.iter().find(|w| w.kek_id == kek.key.id) else { continue };
        let described = wrap.kek_version == kek.key.version
            && wrap.mechanism == mechanism_code(kek.mechanism)
            && fits(kek.mechanism, &wrap.wrapped);
        if !described {
            return Err(Reason::Wrap.into());
        }
        let secret = hsm.unwrap(kek, parsed.header, &wrap.wrapped).await?;
        let bytes: [u8; 32] = secret.expose().try_into().map_err(|_| Reason::Wrap)?;
        let key = DataKey::new(expected.id, expected.version, Zeroizing::new(bytes));
        let commitment = key.commitment();
        if !same(&commitment, &parsed.commitment)
            || expected.commitment.is_some_and(|known| !same(&commitment, &known))
        {
            return Err(Reason::DataKeyCommitment.into());
        }
        if !same(&key.confirmation(parsed.header, wrap.bytes), &wrap.confirmation) {
            return Err(Reason::Confirmation.into());
        }
        return Ok(key);
    }
    Err(Reason::ForeignKey.into())
}

/// Id and version that a blob claims; for the manifest key, which nothing else names.
pub(super) fn claimed(blob: &[u8]) -> Result<([u8; 16], u32), Reason> {
    let mut reader = Reader::new(blob);
    reader.take(1)?;
    Ok((reader.array()?, reader.u32()?))
}

fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

fn header(
    key: &DataKey,
    purpose: WrappedPurpose,
    seal_mode: SealMode,
    created: Timestamp,
) -> [u8; HEADER_LEN] {
    let mut out = [0; HEADER_LEN];
    out[0] = FORMAT;
    out[1..17].copy_from_slice(&key.id());
    out[17..21].copy_from_slice(&key.version().to_be_bytes());
    out[21] = purpose.code();
    out[22..30].copy_from_slice(&created.0.to_be_bytes());
    out[30] = seal_mode.code();
    // Bytes 31..35: the generation of custody shares, zero in mode auto.
    out[35] = POLICY_SINGLE;
    out[36..].copy_from_slice(&key.commitment());
    out
}

fn encode_wrap(kek: &Kek, wrapped: &Wrapped) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&kek.key.id);
    out.extend_from_slice(&kek.key.version.to_be_bytes());
    out.push(mechanism_code(kek.mechanism));
    put_lp(&mut out, &wrapped.iv);
    put_lp(&mut out, &wrapped.ciphertext);
    match &wrapped.mac {
        None => out.push(0),
        Some(mac) => {
            out.push(1);
            out.extend_from_slice(mac);
        }
    }
    out
}

struct Blob<'a> {
    header: &'a [u8],
    id: [u8; 16],
    version: u32,
    purpose: u8,
    seal_mode: u8,
    generation: u32,
    policy: u8,
    commitment: [u8; 32],
    wraps: Vec<WrapPart<'a>>,
}

struct WrapPart<'a> {
    kek_id: [u8; 16],
    kek_version: u32,
    mechanism: u8,
    wrapped: Wrapped,
    /// The encoded wrap, as the confirmation covers it.
    bytes: &'a [u8],
    confirmation: [u8; 32],
}

impl<'a> Blob<'a> {
    fn parse(blob: &'a [u8]) -> Result<Self, Reason> {
        let mut reader = Reader::new(blob);
        let header = reader.take(HEADER_LEN)?;
        let mut fields = Reader::new(header);
        if fields.u8()? != FORMAT {
            return Err(Reason::UnknownFormat);
        }
        let (id, version, purpose) = (fields.array()?, fields.u32()?, fields.u8()?);
        let _created = fields.u64()?;
        let (seal_mode, generation, policy) = (fields.u8()?, fields.u32()?, fields.u8()?);
        let commitment = fields.array()?;
        let count = reader.u8()?;
        if count == 0 || count > WRAPS_MAX {
            return Err(Reason::Malformed);
        }
        let mut rest = reader.rest();
        let mut wraps = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let (part, after) = WrapPart::parse(rest)?;
            wraps.push(part);
            rest = after;
        }
        Reader::new(rest).end()?;
        Ok(Self { header, id, version, purpose, seal_mode, generation, policy, commitment, wraps })
    }

    fn check(&self, expected: Expected) -> Result<(), Reason> {
        let named = (self.id, self.version, self.purpose)
            == (expected.id, expected.version, expected.purpose.code());
        if !named {
            return Err(Reason::ForeignKey);
        }
        let mode = (self.seal_mode, self.generation, self.policy)
            == (expected.seal_mode.code(), 0, POLICY_SINGLE);
        if mode { Ok(()) } else { Err(Reason::Malformed) }
    }
}

impl<'a> WrapPart<'a> {
    fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Reason> {
        let mut reader = Reader::new(bytes);
        let (kek_id, kek_version, mechanism) = (reader.array()?, reader.u32()?, reader.u8()?);
        let iv = reader.lp(IV_MAX)?.to_vec();
        let ciphertext = reader.lp(CIPHERTEXT_MAX)?.to_vec();
        let mac = match reader.u8()? {
            0 => None,
            1 => Some(reader.take(32)?.to_vec()),
            _ => return Err(Reason::Malformed),
        };
        let after_wrap = reader.rest();
        let own = &bytes[..bytes.len() - after_wrap.len()];
        let mut reader = Reader::new(after_wrap);
        let confirmation = reader.array()?;
        let wrapped = Wrapped { iv, ciphertext, mac };
        let part = Self { kek_id, kek_version, mechanism, wrapped, bytes: own, confirmation };
        Ok((part, reader.rest()))
    }
}

/// A MAC is there exactly when the mechanism makes one, and has HMAC-SHA256's length.
fn fits(mechanism: Mechanism, wrapped: &Wrapped) -> bool {
    match mechanism {
        Mechanism::AesGcm(_) => wrapped.mac.is_none(),
        Mechanism::AesCbcHmac => wrapped.mac.as_ref().is_some_and(|mac| mac.len() == 32),
    }
}

#[cfg(test)]
mod tests;
