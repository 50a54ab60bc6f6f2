//! What the token may and may not hold: duplicates, templates, tokens made for development.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;

use super::*;
use crate::hsm::softhsm::{Ensured, ensure_config, ensure_token};

/// A session past our own code, while no `Hsm` runs.
fn foreign_session(label: &str) -> (Pkcs11, Session) {
    let pkcs11 = Pkcs11::new(config().module).unwrap();
    pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let slot = pkcs11
        .get_slots_with_token()
        .unwrap()
        .into_iter()
        .find(|slot| pkcs11.get_token_info(*slot).unwrap().label() == label)
        .unwrap();
    let session = pkcs11.open_rw_session(slot).unwrap();
    session.login(UserType::User, Some(&AuthPin::new(PIN.into()))).unwrap();
    (pkcs11, session)
}

#[test]
fn two_keys_with_one_id_are_refused_by_name() {
    with_token(
        "hsm::tests::keys_on_token::two_keys_with_one_id_are_refused_by_name",
        Module::SoftHsm,
        || async {
            let hsm = start();
            let kek = hsm.create_kek(1).await.unwrap();
            hsm.shutdown();
            let (pkcs11, session) = foreign_session(LABEL);
            let template = [
                Attribute::Token(true),
                Attribute::Private(true),
                Attribute::Encrypt(true),
                Attribute::Decrypt(true),
                Attribute::ValueLen(32.into()),
                Attribute::Id(kek.key.id.to_vec()),
            ];
            session.generate_key(&Mechanism::AesKeyGen, &template).unwrap();
            drop(session);
            pkcs11.finalize().unwrap();

            let hsm = start();
            let refused = hsm.wrap(&kek, b"aad", &SecretBytes::copy_of(&[7; 32])).await;
            let Err(Fault::Key(line)) = refused else { panic!("{refused:?}") };
            assert!(line.contains("2 Secret keys") && line.contains(&hex::encode(kek.key.id)));
            assert!(hsm.health().available);
        },
    );
}

#[test]
fn keys_are_born_on_the_token_and_cannot_leave_it() {
    with_token(
        "hsm::tests::keys_on_token::keys_are_born_on_the_token_and_cannot_leave_it",
        Module::SoftHsm,
        || async {
            let hsm = start();
            let kek = hsm.create_kek(1).await.unwrap();
            let signer = hsm.create_signer(Purpose::Lease, 1).await.unwrap();
            hsm.shutdown();
            let (pkcs11, session) = foreign_session(LABEL);
            let strict = [
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::AlwaysSensitive(true),
                Attribute::Extractable(false),
                Attribute::NeverExtractable(true),
                Attribute::Local(true),
                Attribute::Derive(false),
                Attribute::Modifiable(false),
                Attribute::Copyable(false),
            ];
            let types: Vec<AttributeType> = strict.iter().map(Attribute::attribute_type).collect();
            for (id, class, allowed, own) in [
                (
                    kek.key.id,
                    ObjectClass::SECRET_KEY,
                    MechanismType::AES_GCM,
                    vec![
                        Attribute::Encrypt(true),
                        Attribute::Decrypt(true),
                        Attribute::Wrap(false),
                        Attribute::Unwrap(false),
                        Attribute::Sign(false),
                    ],
                ),
                (
                    signer.id,
                    ObjectClass::PRIVATE_KEY,
                    MechanismType::ECDSA,
                    vec![Attribute::Sign(true)],
                ),
            ] {
                let found = session
                    .find_objects(&[Attribute::Class(class), Attribute::Id(id.to_vec())])
                    .unwrap();
                let [key] = found.as_slice() else { panic!("{found:?}") };
                assert_eq!(session.get_attributes(*key, &types).unwrap(), strict);
                let types: Vec<AttributeType> = own.iter().map(Attribute::attribute_type).collect();
                assert_eq!(session.get_attributes(*key, &types).unwrap(), own);
                assert_eq!(
                    session.get_attributes(*key, &[AttributeType::AllowedMechanisms]).unwrap(),
                    [Attribute::AllowedMechanisms(vec![allowed])]
                );
                let value = session.get_attributes(*key, &[AttributeType::Value]).unwrap();
                assert!(value.is_empty(), "the key's value can be read");
            }
            drop(session);
            pkcs11.finalize().unwrap();
        },
    );
}

#[test]
fn a_development_token_is_made_once_and_then_found() {
    with_token(
        "hsm::tests::keys_on_token::a_development_token_is_made_once_and_then_found",
        Module::SoftHsm,
        || async {
            let (so_pin, pin) =
                (SecretText::new("so-pin-dev".into()), SecretText::new("pin-dev".into()));
            let ensure = || ensure_token(&config().module, "development", &so_pin, &pin);
            assert_eq!(ensure(), Ok(Ensured::Made));
            assert_eq!(ensure(), Ok(Ensured::Found));
            let mut config = config();
            config.token_label = "development".into();
            config.pin = SecretText::new("pin-dev".into());
            let hsm = Hsm::start(config, Clock::system(), Random::system()).unwrap();
            hsm.create_kek(1).await.unwrap();
        },
    );
}

#[test]
fn a_development_configuration_is_private_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("dev");
    let path = ensure_config(&home).unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().contains("directories.tokendir = /"));
    for private in [&home, &home.join("tokens")] {
        assert_eq!(std::fs::metadata(private).unwrap().permissions().mode() & 0o777, 0o700);
    }
    std::fs::write(&path, "mine").unwrap();
    assert_eq!(ensure_config(&home).unwrap(), path);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}
