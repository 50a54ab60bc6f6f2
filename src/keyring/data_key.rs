//! A data key in memory: 32 bytes, erased on drop, never printed. Not here: how it is wrapped.

use std::fmt;

use zeroize::Zeroizing;

use crate::keyguard::{Fault, KeyAdmin};
use crate::keyring::derive::{Secret32, mac, subkey};
use crate::random::Random;
use crate::sensitive::SecretBytes;

/// A data key of one version of one ring.
pub(crate) struct DataKey {
    id: [u8; 16],
    version: u32,
    secret: Secret32,
    /// HKDF(secret, ".../salt"): keys the hedged salts.
    salt_key: Secret32,
    /// HKDF(secret, ".../index"): keys the HMACs of names.
    index_key: Secret32,
}

impl DataKey {
    pub(super) fn new(id: [u8; 16], version: u32, secret: Secret32) -> Self {
        let salt_key = subkey(&*secret, &[b"strongroom/v1/salt"]);
        let index_key = subkey(&*secret, &[b"strongroom/v1/index"]);
        Self { id, version, secret, salt_key, index_key }
    }

    /// A key with known bytes, for golden vectors.
    #[cfg(test)]
    pub(crate) fn fixed(id: [u8; 16], version: u32, secret: [u8; 32]) -> Self {
        Self::new(id, version, Zeroizing::new(secret))
    }

    /// A fresh key: HKDF-Extract(HSM random, OS random), so that it is good while either
    /// generator is.
    pub(super) async fn generate(
        admin: &dyn KeyAdmin,
        random: &Random,
        id: [u8; 16],
        version: u32,
    ) -> Result<Self, Fault> {
        let from_hsm = admin.random(32).await?;
        let from_os = random.secret(32);
        if from_hsm.len() != 32 {
            return Err(Fault::Operator("the HSM returned too few random bytes".into()));
        }
        let secret = Zeroizing::new(mac(from_hsm.expose(), &[from_os.expose()]));
        Ok(Self::new(id, version, secret))
    }

    pub(crate) fn id(&self) -> [u8; 16] {
        self.id
    }

    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// The one door to the key itself: to derive and to wrap.
    pub(super) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    pub(super) fn to_wrap(&self) -> SecretBytes {
        SecretBytes::copy_of(&*self.secret)
    }

    pub(super) fn salt_key(&self) -> &[u8; 32] {
        &self.salt_key
    }

    /// DKC: names this key without revealing it; every wrap of it must yield the same.
    pub(super) fn commitment(&self) -> [u8; 32] {
        *subkey(&*self.secret, &[b"strongroom/v1/commit", &self.id, &self.version.to_be_bytes()])
    }

    /// The tag that confirms a wrap came from whoever held this key.
    pub(super) fn confirmation(&self, header: &[u8], wrap: &[u8]) -> [u8; 32] {
        mac(&*subkey(&*self.secret, &[b"strongroom/v1/confirm"]), &[header, wrap])
    }

    /// The first 16 bytes of HMAC-SHA256 over domain ‖ name. A PRF's prefix is a PRF; 16 bytes
    /// keep the chance that two of 2³² names of a mount meet below 2⁻⁶⁴, and if they ever did, the
    /// full path in the sealing context would make it an integrity error, not a wrong answer.
    pub(crate) fn name_tag(&self, domain: u8, name: &[u8]) -> [u8; 16] {
        let full = mac(&*self.index_key, &[&[domain], name]);
        let mut tag = [0; 16];
        tag.copy_from_slice(&full[..16]);
        tag
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({} v{}, redacted)", hex::encode(self.id), self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed() -> DataKey {
        DataKey::new([0x11; 16], 3, Zeroizing::new([0x22; 32]))
    }

    #[test]
    fn debug_output_never_shows_the_key() {
        let shown = format!("{:?}", fixed());
        assert!(shown.contains("redacted") && !shown.contains("2222"));
    }

    #[test]
    fn golden_subkeys_do_not_change() {
        let key = fixed();
        let all = [
            hex::encode(key.commitment()),
            hex::encode(key.confirmation(b"header", b"wrap")),
            hex::encode(key.name_tag(1, b"team/app")),
            hex::encode(key.name_tag(2, b"team/app/db")),
        ];
        let golden = include_str!("../../tests/fixtures/format-v1/subkeys.txt");
        assert_eq!(all.join("\n"), golden.trim());
    }
}
