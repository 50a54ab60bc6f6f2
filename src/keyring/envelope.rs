//! The envelope, record format v1: every record has its own single-use AES-256-GCM key, derived
//! from a data key, a hedged salt and the place it lives in. Not here: which data key (`Keyring`).
//!
//! ```text
//! ctx    = lp(cluster) namespace(16) mount(16) u16(kind) lp(path) incarnation(16) u64(version)
//!          data-key-id(16) u32(data-key-version) u8(suite)
//! salt   = HMAC(HKDF(data key, ".../salt"), rnd32 ‖ ctx ‖ lp(plaintext))
//! PRK    = HKDF-Extract(salt, data key)
//! K      = HKDF-Expand(PRK, ".../record/enc" ctx)       C = HKDF-Expand(PRK, ".../record/commit" ctx)
//! sealed = 0x01 suite data-key-id(16) u32(data-key-version) salt(32) C(32)
//!          AES-256-GCM(K, nonce 0, aad = the 86 bytes before, padded plaintext)
//! ```

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit, Nonce};
use bytes::Bytes;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::keyring::codec::{Reader, put_lp};
use crate::keyring::data_key::DataKey;
use crate::keyring::derive::{Secret32, expand, extract, mac};
use crate::keyring::padding::{Padded, pad_into, padded_len};
use crate::keyring::{Integrity, MountId, Reason};
use crate::random::Random;

const FORMAT: u8 = 0x01;
/// AES-256-GCM under a single-use key with the zero nonce. Suite 2 is reserved for a stored nonce.
const SUITE: u8 = 0x01;
pub(super) const HEADER_LEN: usize = 86;
const TAG_LEN: usize = 16;
/// The only namespace there is, until there are more.
const NAMESPACE: [u8; 16] = [0; 16];

/// The place a record lives in, as it was *asked for*: nothing of it is read from the record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) mount: MountId,
    pub(crate) kind: u16,
    pub(crate) path: &'a [u8],
    /// Of the path's head, for versions; zero for other records.
    pub(crate) incarnation: [u8; 16],
    /// Zero for other records.
    pub(crate) version: u64,
}

impl Context<'_> {
    fn bytes(&self, key: &DataKey) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + self.cluster.len() + self.path.len());
        put_lp(&mut out, self.cluster.as_bytes());
        out.extend_from_slice(&NAMESPACE);
        out.extend_from_slice(&self.mount.0);
        out.extend_from_slice(&self.kind.to_be_bytes());
        put_lp(&mut out, self.path);
        out.extend_from_slice(&self.incarnation);
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&key.id());
        out.extend_from_slice(&key.version().to_be_bytes());
        out.push(SUITE);
        out
    }
}

/// A plaintext with the place it is meant for.
pub(crate) struct Plain<'a> {
    context: Context<'a>,
    bytes: &'a [u8],
}

impl<'a> Plain<'a> {
    pub(crate) fn new(context: Context<'a>, bytes: &'a [u8]) -> Self {
        Self { context, bytes }
    }

    /// `None` when the plaintext is too large to be padded.
    pub(crate) fn seal(self, key: &DataKey, random: &Random) -> Option<Sealed> {
        self.seal_with(key, &random.public())
    }

    /// `drawn` is the random part of the salt; only golden vectors choose it.
    pub(super) fn seal_with(self, key: &DataKey, drawn: &[u8; 32]) -> Option<Sealed> {
        let padded = padded_len(self.bytes.len())?;
        let mut out = Vec::with_capacity(HEADER_LEN + padded + TAG_LEN);
        out.resize(HEADER_LEN + padded, 0);
        pad_into(self.bytes, &mut out[HEADER_LEN..]);
        let commitment = SingleUse::draw(&self, key, drawn).encrypt(&mut out);
        Some(Sealed { bytes: out.into(), commitment })
    }
}

/// A fresh record key, between the drawing of its salt and its one use. The zero nonce is sound
/// because this type draws the salt itself and its only method consumes it.
struct SingleUse {
    header: [u8; HEADER_LEN],
    commitment: [u8; 32],
    key: Secret32,
}

impl SingleUse {
    fn draw(plain: &Plain<'_>, key: &DataKey, drawn: &[u8; 32]) -> Self {
        let context = plain.context.bytes(key);
        // Hedged: a cloned machine that repeats its random state still gets another salt for
        // another plaintext or place.
        let len = u32::try_from(plain.bytes.len())
            .expect("padded_len has checked the length")
            .to_be_bytes();
        let salt = mac(key.salt_key(), &[drawn, &context, &len, plain.bytes]);
        let (record_key, commitment) = derive(key, &salt, &context);
        let mut header = [0; HEADER_LEN];
        header[0] = FORMAT;
        header[1] = SUITE;
        header[2..18].copy_from_slice(&key.id());
        header[18..22].copy_from_slice(&key.version().to_be_bytes());
        header[22..54].copy_from_slice(&salt);
        header[54..].copy_from_slice(&commitment);
        Self { header, commitment, key: record_key }
    }

    /// `out` holds room for the header and then the padded plaintext; the tag is appended.
    fn encrypt(self, out: &mut Vec<u8>) -> [u8; 32] {
        let (head, body) = out.split_at_mut(HEADER_LEN);
        head.copy_from_slice(&self.header);
        let tag = cipher(&self.key)
            .encrypt_inout_detached(&Nonce::default(), &self.header, InOutBuf::from(body))
            .expect("a plaintext below 4 GiB is within AES-GCM's limit (SP 800-38D, 5.2.1.1)");
        out.extend_from_slice(&tag);
        self.commitment
    }
}

/// K and C of a salt and a context.
fn derive(key: &DataKey, salt: &[u8; 32], context: &[u8]) -> (Secret32, [u8; 32]) {
    let prk = extract(salt, key.secret());
    let record_key = expand(&prk, &[b"strongroom/v1/record/enc", context]);
    let commitment = *expand(&prk, &[b"strongroom/v1/record/commit", context]);
    (record_key, commitment)
}

fn cipher(key: &Secret32) -> Aes256Gcm {
    Aes256Gcm::new((&**key).into())
}

/// Sealed bytes whose header has been read, and nothing of it believed.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    bytes: Bytes,
    commitment: [u8; 32],
}

impl Sealed {
    pub(crate) fn parse(bytes: Bytes) -> Result<Self, Integrity> {
        let mut reader = Reader::new(&bytes);
        let (format, suite) = (reader.u8()?, reader.u8()?);
        if (format, suite) != (FORMAT, SUITE) {
            return Err(Reason::UnknownFormat.into());
        }
        reader.take(16 + 4 + 32)?;
        let commitment = reader.array()?;
        if reader.rest().len() < TAG_LEN {
            return Err(Reason::Truncated.into());
        }
        Ok(Self { bytes, commitment })
    }

    /// The data key that the header names; it must turn out to be one of the asked ring.
    pub(crate) fn data_key(&self) -> Result<([u8; 16], u32), Integrity> {
        let mut reader = Reader::new(&self.bytes);
        reader.take(2)?;
        Ok((reader.array()?, reader.u32()?))
    }

    /// C: names exactly this sealing.
    pub(crate) fn commitment(&self) -> [u8; 32] {
        self.commitment
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Derive, compare C in constant time, then open.
    pub(crate) fn open(&self, key: &DataKey, context: &Context<'_>) -> Result<Opened, Integrity> {
        if self.data_key()? != (key.id(), key.version()) {
            return Err(Reason::ForeignKey.into());
        }
        let (header, body) = self.bytes.split_at(HEADER_LEN);
        let mut salt = [0; 32];
        salt.copy_from_slice(&header[22..54]);
        let (record_key, commitment) = derive(key, &salt, &context.bytes(key));
        if !bool::from(commitment.ct_eq(&self.commitment)) {
            return Err(Reason::Commitment.into());
        }
        let (ciphertext, tag) = body.split_at(body.len() - TAG_LEN);
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        let tag = tag.try_into().map_err(|_| Reason::Truncated)?;
        cipher(&record_key)
            .decrypt_inout_detached(
                &Nonce::default(),
                header,
                InOutBuf::from(&mut plaintext[..]),
                tag,
            )
            .map_err(|_| Reason::Tag)?;
        Ok(Opened(Padded::check(plaintext)?))
    }
}

/// An authentic plaintext; erased on drop.
pub(crate) struct Opened(Padded);

impl Opened {
    /// The one door to the contents.
    pub(crate) fn expose(&self) -> &[u8] {
        self.0.plaintext()
    }
}

#[cfg(test)]
mod tests;
