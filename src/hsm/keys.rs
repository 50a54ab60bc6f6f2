//! Making keys under the strict template, reading back what the token made of it, destroying them.

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::{Mechanism as Pkcs11Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectHandle};

use super::desk::{Desk, Kind};
use super::failure::Trouble;
use super::token::Token;
use super::{probe, sign};
use crate::keyguard::{Fault, Kek, KeyRef, Mechanism, Purpose};

/// OID 1.2.840.10045.3.1.7, secp256r1, in DER.
const P256_PARAMS: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// A new KEK whose mechanism has passed the probe; AES-GCM, else AES-CBC with a MAC key.
pub(super) fn create_kek(token: &Token, desk: &mut Desk, version: u32) -> Result<Kek, Trouble> {
    let key = KeyRef { purpose: Purpose::Kek, version, id: token.random.array() };
    generate_secret(token, desk, &key.id, &label(&key), Use::Encrypt(MechanismType::AES_GCM))?;
    if let Some(dialect) = or_destroy(desk, &key, |desk| probe::gcm(token, desk, &key))? {
        return Ok(Kek { key, mechanism: Mechanism::AesGcm(dialect), mac_key_id: None });
    }
    destroy(desk, &key)?;
    generate_secret(token, desk, &key.id, &label(&key), Use::Encrypt(MechanismType::AES_CBC))?;
    let mac_key_id: [u8; 16] = token.random.array();
    let kek = Kek { key, mechanism: Mechanism::AesCbcHmac, mac_key_id: Some(mac_key_id) };
    or_destroy(desk, &key, |desk| {
        generate_secret(token, desk, &mac_key_id, &mac_label(&key), Use::Mac)?;
        probe::round_trip(token, desk, &kek)
    })?;
    Ok(kek)
}

/// A new P-256 pair.
pub(super) fn create_signer(
    token: &Token,
    desk: &mut Desk,
    purpose: Purpose,
    version: u32,
) -> Result<KeyRef, Trouble> {
    if purpose == Purpose::Kek {
        return Err(Fault::Key("a KEK signs nothing".into()).into());
    }
    let key = KeyRef { purpose, version, id: token.random.array() };
    let name = label(&key);
    let public = [
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::EcParams(P256_PARAMS.to_vec()),
        Attribute::Id(key.id.to_vec()),
        Attribute::Label(name.clone().into_bytes()),
    ];
    let private = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Derive(false),
        Attribute::Id(key.id.to_vec()),
        Attribute::Label(name.into_bytes()),
    ];
    let (_, handle) = with_optional(&private, Some(MechanismType::ECDSA), |template| {
        desk.session.generate_key_pair(&Pkcs11Mechanism::EccKeyPairGen, &public, template)
    })?;
    or_destroy(desk, &key, |desk| {
        read_back(token, desk, handle, &key.to_string())?;
        sign::sign(token, desk, &key, &[0x5a; 32])
    })?;
    Ok(key)
}

/// Destroys every object of the key: secret, pair, and MAC companion.
pub(super) fn destroy(desk: &mut Desk, key: &KeyRef) -> Result<(), Trouble> {
    let mut objects = Vec::new();
    match key.purpose {
        Purpose::Kek => {
            objects.extend(desk.find(&key.id, Kind::Secret)?);
            objects.extend(desk.session.find_objects(&[
                Attribute::Token(true),
                Attribute::Class(Kind::Secret.class()),
                Attribute::Label(mac_label(key).into_bytes()),
            ])?);
        }
        Purpose::Lease | Purpose::Checkpoint => {
            objects.extend(desk.find(&key.id, Kind::Private)?);
            objects.extend(desk.find(&key.id, Kind::Public)?);
        }
    }
    desk.check_held()?;
    if objects.is_empty() {
        return Err(Fault::Key(format!("the token has no {key}")).into());
    }
    desk.forget();
    for object in objects {
        desk.session.destroy_object(object)?;
    }
    Ok(())
}

/// CKA_LABEL: for people; we find keys by CKA_ID.
pub(super) fn label(key: &KeyRef) -> String {
    format!("strongroom {key}")
}

fn mac_label(key: &KeyRef) -> String {
    format!("strongroom mac of {key}")
}

/// What a secret key is for; one use each.
#[derive(Clone, Copy)]
enum Use {
    Encrypt(MechanismType),
    Mac,
}

fn generate_secret(
    token: &Token,
    desk: &mut Desk,
    id: &[u8; 16],
    name: &str,
    usage: Use,
) -> Result<(), Trouble> {
    let encrypts = matches!(usage, Use::Encrypt(_));
    let template = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(encrypts),
        Attribute::Decrypt(encrypts),
        Attribute::Sign(!encrypts),
        Attribute::Verify(!encrypts),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
        Attribute::KeyType(if encrypts { KeyType::AES } else { KeyType::GENERIC_SECRET }),
        Attribute::ValueLen(32.into()),
        Attribute::Id(id.to_vec()),
        Attribute::Label(name.as_bytes().to_vec()),
    ];
    let (generator, allowed) = match usage {
        Use::Encrypt(mechanism) => (Pkcs11Mechanism::AesKeyGen, mechanism),
        Use::Mac => (Pkcs11Mechanism::GenericSecretKeyGen, MechanismType::SHA256_HMAC),
    };
    let handle = with_optional(&template, Some(allowed), |template| {
        desk.session.generate_key(&generator, template)
    })?;
    if let Err(trouble) = read_back(token, desk, handle, name) {
        desk.session.destroy_object(handle)?;
        return Err(trouble);
    }
    Ok(())
}

/// Tries the template with all optional attributes, then with fewer: not every token knows
/// CKA_COPYABLE, CKA_MODIFIABLE and CKA_ALLOWED_MECHANISMS.
fn with_optional<T>(
    required: &[Attribute],
    allowed: Option<MechanismType>,
    mut make: impl FnMut(&[Attribute]) -> Result<T, Error>,
) -> Result<T, Error> {
    let fixed = [Attribute::Modifiable(false), Attribute::Copyable(false)];
    let allowed: Vec<_> =
        allowed.map(|m| Attribute::AllowedMechanisms(vec![m])).into_iter().collect();
    let attempts = [
        [required, &fixed, &allowed].concat(),
        [required, &allowed].concat(),
        [required, &fixed].concat(),
        required.to_vec(),
    ];
    let mut last = Error::NotSupported;
    for template in attempts {
        match make(&template) {
            Err(Error::Pkcs11(
                rv @ (RvError::AttributeTypeInvalid
                | RvError::AttributeValueInvalid
                | RvError::AttributeReadOnly
                | RvError::TemplateInconsistent),
                function,
            )) => last = Error::Pkcs11(rv, function),
            other => return other,
        }
    }
    Err(last)
}

/// The token's word that the key was born there and can't leave; refused otherwise, except in
/// development.
fn read_back(token: &Token, desk: &Desk, handle: ObjectHandle, name: &str) -> Result<(), Trouble> {
    let wanted = [
        Attribute::Sensitive(true),
        Attribute::AlwaysSensitive(true),
        Attribute::Extractable(false),
        Attribute::NeverExtractable(true),
        Attribute::Local(true),
    ];
    let types: Vec<AttributeType> = wanted.iter().map(Attribute::attribute_type).collect();
    let found = desk.session.get_attributes(handle, &types)?;
    let missing: Vec<String> =
        wanted.iter().filter(|w| !found.contains(w)).map(|w| format!("{w:?}")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    if token.dev {
        tracing::warn!(key = name, missing, "a key weaker than it should be; development only");
        return Ok(());
    }
    Err(Fault::Operator(format!("the token doesn't vouch for {name}: not {missing}")).into())
}

/// A key that fails its first test doesn't stay behind.
fn or_destroy<T>(
    desk: &mut Desk,
    key: &KeyRef,
    test: impl FnOnce(&mut Desk) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    test(desk).inspect_err(|_| {
        if let Err(error) = destroy(desk, key) {
            tracing::warn!(%key, ?error, "a key that failed its test stays on the token");
        }
    })
}
