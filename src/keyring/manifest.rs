//! The manifest: which keys there are. Sealed under a manifest key that the KEK wraps; the clear
//! header says only how to unwrap that key, and is bound into the sealing context.
//!
//! ```text
//! clear    = 0x01 lp(kek) lp(wrapped manifest key)
//! kek      = u32(version) id(16) mechanism(1) has-mac-key(1) [mac-key-id(16)]
//! manifest = clear sealed(body, kind MANIFEST, path = clear)
//! body     = 0x01 postcard(Body)
//! ```

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::keyguard::{IvDialect, Kek, KeyRef, Mechanism, Purpose};
use crate::keyring::codec::{Reader, put_lp};
use crate::keyring::data_key::DataKey;
use crate::keyring::envelope::{Context, Plain, Sealed};
use crate::keyring::{KeyState, KeyringError, MountId, Reason, RingPurpose, SigningKey};
use crate::random::Random;
use crate::sensitive::SecretBytes;

const FORMAT: u8 = 0x01;
const BODY_SCHEMA: u8 = 0x01;
/// The manifest's number in the registry of kinds (`barrier::kinds`), which a test compares.
pub(crate) const KIND: u16 = 1;
const KEK_MAX: usize = 64;
const WRAPPED_MAX: usize = 4096;

/// Who can open the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum SealMode {
    /// The HSM alone.
    Auto,
}

impl SealMode {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Auto => 1,
        }
    }
}

/// The sealed description of all keys. Field order is the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Body {
    /// Grows with every change, so that an older manifest is noticed while the vault runs.
    pub(super) generation: u64,
    pub(super) cluster_id: String,
    pub(super) incarnation: [u8; 16],
    pub(super) created: Timestamp,
    pub(super) seal_mode: SealMode,
    /// Zero until ring epochs are built.
    pub(super) ring_epoch: u64,
    pub(super) keks: Vec<KekEntry>,
    pub(super) lease_keys: Vec<SigningKey>,
    pub(super) checkpoint_keys: Vec<SigningKey>,
    pub(super) next: NextVersions,
    /// DKC of the manifest key itself.
    pub(super) manifest_key_commitment: [u8; 32],
    pub(super) rings: Vec<Ring>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KekEntry {
    pub(super) kek: Kek,
    pub(super) state: KeyState,
}

/// Versions are never reused, not even of keys that failed to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NextVersions {
    pub(super) kek: u32,
    pub(super) lease: u32,
    pub(super) checkpoint: u32,
}

/// The data keys of a mount and purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ring {
    pub(super) id: [u8; 16],
    pub(super) mount: MountId,
    pub(super) purpose: RingPurpose,
    /// The version that seals; older ones open.
    pub(super) active: u32,
    pub(super) next: u32,
    pub(super) versions: Vec<RingVersion>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RingVersion {
    pub(super) version: u32,
    pub(super) state: KeyState,
    /// DKC: what every wrap of this version must yield.
    pub(super) commitment: [u8; 32],
}

impl Body {
    /// KEKs that may unwrap, the active one first.
    pub(super) fn keks_to_unwrap(&self) -> Vec<Kek> {
        let of = |state| self.keks.iter().filter(move |k| k.state == state).map(|k| k.kek);
        of(KeyState::Active).chain(of(KeyState::DecryptOnly)).collect()
    }

    pub(super) fn active_kek(&self) -> Option<Kek> {
        self.keks.iter().find(|k| k.state == KeyState::Active).map(|k| k.kek)
    }

    pub(super) fn ring(&self, mount: MountId, purpose: RingPurpose) -> Option<&Ring> {
        self.rings.iter().find(|r| r.mount == mount && r.purpose == purpose)
    }
}

impl Ring {
    /// A version that may still open.
    pub(super) fn live(&self, version: u32) -> Option<&RingVersion> {
        self.versions.iter().find(|v| {
            v.version == version
                && matches!(
                    v.state,
                    KeyState::Active | KeyState::DecryptOnly | KeyState::Compromised
                )
        })
    }
}

/// Everything before the sealed body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clear {
    pub(super) kek: Kek,
    pub(super) wrapped_key: Vec<u8>,
}

impl Clear {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        put_lp(&mut out, &encode_kek(&self.kek));
        put_lp(&mut out, &self.wrapped_key);
        out
    }

    /// The clear header and the sealed rest.
    pub(super) fn split(manifest: &[u8]) -> Result<(Self, &[u8]), Reason> {
        let mut reader = Reader::new(manifest);
        if reader.u8()? != FORMAT {
            return Err(Reason::UnknownFormat);
        }
        let kek = decode_kek(reader.lp(KEK_MAX)?)?;
        let wrapped_key = reader.lp(WRAPPED_MAX)?.to_vec();
        Ok((Self { kek, wrapped_key }, reader.rest()))
    }

    pub(super) fn context<'a>(encoded: &'a [u8]) -> Context<'a> {
        // The cluster's id lies inside the body; its place is held by the clear header, which
        // names a KEK and a key that no other cluster has.
        Context {
            cluster: "",
            mount: MountId::SYSTEM,
            kind: KIND,
            path: encoded,
            incarnation: [0; 16],
            version: 0,
        }
    }
}

/// Seals a body under its manifest key.
pub(super) fn seal(
    clear: &Clear,
    key: &DataKey,
    body: &Body,
    random: &Random,
) -> Result<Vec<u8>, KeyringError> {
    let mut out = clear.encode();
    let mut plain = vec![BODY_SCHEMA];
    plain.extend(postcard::to_stdvec(body).map_err(|_| KeyringError::TooLarge)?);
    let plain = SecretBytes::new(plain);
    let sealed = Plain::new(Clear::context(&out), plain.expose())
        .seal(key, random)
        .ok_or(KeyringError::TooLarge)?;
    out.extend_from_slice(&sealed.into_bytes());
    Ok(out)
}

/// Opens the sealed rest and compares it with what the clear header claimed.
pub(super) fn open(clear: &Clear, key: &DataKey, sealed: &[u8]) -> Result<Body, KeyringError> {
    let encoded = clear.encode();
    let opened = Sealed::parse(bytes::Bytes::copy_from_slice(sealed))?
        .open(key, &Clear::context(&encoded))?;
    let body = match opened.expose().split_first() {
        Some((&BODY_SCHEMA, body)) => body,
        _ => return Err(Reason::UnknownFormat.into()),
    };
    let body: Body = match postcard::take_from_bytes(body) {
        Ok((body, [])) => body,
        _ => return Err(Reason::Malformed.into()),
    };
    let honest = body.keks_to_unwrap().contains(&clear.kek)
        && body.manifest_key_commitment == key.commitment()
        && body.ring_epoch == 0;
    if honest { Ok(body) } else { Err(Reason::Manifest.into()) }
}

/// One byte a mechanism, in every format that names one.
pub(super) fn mechanism_code(mechanism: Mechanism) -> u8 {
    match mechanism {
        Mechanism::AesGcm(IvDialect::CallerGives) => 1,
        Mechanism::AesGcm(IvDialect::HsmWrites) => 2,
        Mechanism::AesGcm(IvDialect::HsmAppends) => 3,
        Mechanism::AesCbcHmac => 4,
    }
}

fn mechanism_of(code: u8) -> Result<Mechanism, Reason> {
    match code {
        1 => Ok(Mechanism::AesGcm(IvDialect::CallerGives)),
        2 => Ok(Mechanism::AesGcm(IvDialect::HsmWrites)),
        3 => Ok(Mechanism::AesGcm(IvDialect::HsmAppends)),
        4 => Ok(Mechanism::AesCbcHmac),
        _ => Err(Reason::Malformed),
    }
}

fn encode_kek(kek: &Kek) -> Vec<u8> {
    let mut out = Vec::with_capacity(38);
    out.extend_from_slice(&kek.key.version.to_be_bytes());
    out.extend_from_slice(&kek.key.id);
    out.push(mechanism_code(kek.mechanism));
    match kek.mac_key_id {
        None => out.push(0),
        Some(id) => {
            out.push(1);
            out.extend_from_slice(&id);
        }
    }
    out
}

fn decode_kek(bytes: &[u8]) -> Result<Kek, Reason> {
    let mut reader = Reader::new(bytes);
    let (version, id) = (reader.u32()?, reader.array()?);
    let mechanism = mechanism_of(reader.u8()?)?;
    let mac_key_id = match reader.u8()? {
        0 => None,
        1 => Some(reader.array()?),
        _ => return Err(Reason::Malformed),
    };
    reader.end()?;
    Ok(Kek { key: KeyRef { purpose: Purpose::Kek, version, id }, mechanism, mac_key_id })
}

#[cfg(test)]
mod tests;
