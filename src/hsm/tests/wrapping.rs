//! Wrapping, signing and keys on a token that behaves.

use super::*;
use crate::keyguard::{IvDialect, Mechanism};

const AAD: &[u8] = b"where this key lives";

#[test]
fn a_wrap_opens_under_its_key_and_aad_and_nothing_else() {
    with_token(
        "hsm::tests::wrapping::a_wrap_opens_under_its_key_and_aad_and_nothing_else",
        Module::SoftHsm,
        || async {
            let hsm = start();
            let kek = hsm.create_kek(1).await.unwrap();
            assert_eq!(kek.mechanism, Mechanism::AesGcm(IvDialect::CallerGives));
            let other = hsm.create_kek(2).await.unwrap();
            let plaintext = SecretBytes::copy_of(&[7; 32]);
            let wrapped = hsm.wrap(&kek, AAD, &plaintext).await.unwrap();
            assert_eq!(hsm.unwrap(&kek, AAD, &wrapped).await.unwrap(), plaintext);

            let integrity = Err(Fault::Integrity(kek.key));
            assert_eq!(hsm.unwrap(&kek, b"elsewhere", &wrapped).await, integrity);
            for at in [0, 16, 31, 47] {
                let mut tampered = wrapped.clone();
                tampered.ciphertext[at] ^= 1;
                assert_eq!(hsm.unwrap(&kek, AAD, &tampered).await, integrity);
            }
            let mut tampered = wrapped.clone();
            tampered.iv[3] ^= 1;
            assert_eq!(hsm.unwrap(&kek, AAD, &tampered).await, integrity);
            tampered.iv.pop();
            assert_eq!(hsm.unwrap(&kek, AAD, &tampered).await, integrity);
            let mut tampered = wrapped.clone();
            tampered.ciphertext.truncate(16);
            assert_eq!(hsm.unwrap(&kek, AAD, &tampered).await, integrity);
            assert_eq!(hsm.unwrap(&other, AAD, &wrapped).await, Err(Fault::Integrity(other.key)));

            // Damaged bytes never took the device down.
            let health = hsm.health();
            assert!(health.available);
            assert_eq!(health.generation, 1);
            assert_eq!(hsm.unwrap(&kek, AAD, &wrapped).await.unwrap(), plaintext);
        },
    );
}

#[test]
fn two_wraps_of_the_same_bytes_differ() {
    with_token(
        "hsm::tests::wrapping::two_wraps_of_the_same_bytes_differ",
        Module::SoftHsm,
        || async {
            let hsm = start();
            let kek = hsm.create_kek(1).await.unwrap();
            let plaintext = SecretBytes::copy_of(&[7; 32]);
            let first = hsm.wrap(&kek, AAD, &plaintext).await.unwrap();
            let second = hsm.wrap(&kek, AAD, &plaintext).await.unwrap();
            assert_ne!(first.iv, second.iv);
            assert_ne!(first.ciphertext, second.ciphertext);
        },
    );
}

#[test]
fn a_signature_verifies_over_the_message_under_the_published_key() {
    with_token(
        "hsm::tests::wrapping::a_signature_verifies_over_the_message_under_the_published_key",
        Module::SoftHsm,
        || async {
            let hsm = start();
            let key = hsm.create_signer(Purpose::Lease, 3).await.unwrap();
            assert_eq!((key.purpose, key.version), (Purpose::Lease, 3));
            let message = b"who may do what until when";
            let signature = hsm.sign(&key, message).await.unwrap();
            let public = hsm.public_key(&key).await.unwrap();
            // ring is a second opinion: the module itself checks with another library.
            let verifier = ring::signature::UnparsedPublicKey::new(
                &ring::signature::ECDSA_P256_SHA256_FIXED,
                public,
            );
            verifier.verify(message, &signature).unwrap();
            assert!(verifier.verify(b"something else", &signature).is_err());
            assert!(matches!(hsm.create_signer(Purpose::Kek, 1).await, Err(Fault::Key(_))));
        },
    );
}

#[test]
fn keys_survive_a_restart_and_end_with_destroy() {
    with_token(
        "hsm::tests::wrapping::keys_survive_a_restart_and_end_with_destroy",
        Module::SoftHsm,
        || async {
            let hsm = start();
            let kek = hsm.create_kek(1).await.unwrap();
            let signer = hsm.create_signer(Purpose::Checkpoint, 1).await.unwrap();
            let wrapped = hsm.wrap(&kek, AAD, &SecretBytes::copy_of(&[9; 32])).await.unwrap();
            let public = hsm.public_key(&signer).await.unwrap();
            hsm.shutdown();
            assert!(matches!(hsm.sign(&signer, &[0; 32]).await, Err(Fault::Operator(_))));

            let hsm = start();
            assert_eq!(hsm.unwrap(&kek, AAD, &wrapped).await.unwrap().expose(), [9; 32]);
            assert_eq!(hsm.public_key(&signer).await.unwrap(), public);
            hsm.destroy(&kek.key).await.unwrap();
            hsm.destroy(&signer).await.unwrap();
            assert!(matches!(hsm.unwrap(&kek, AAD, &wrapped).await, Err(Fault::Key(_))));
            assert!(matches!(hsm.sign(&signer, &[0; 32]).await, Err(Fault::Key(_))));
            assert!(matches!(hsm.destroy(&kek.key).await, Err(Fault::Key(_))));
            assert!(hsm.health().available);
        },
    );
}

#[test]
fn random_bytes_have_the_length_asked_for_and_differ() {
    with_token(
        "hsm::tests::wrapping::random_bytes_have_the_length_asked_for_and_differ",
        Module::SoftHsm,
        || async {
            let hsm = start();
            let first = hsm.random(32).await.unwrap();
            assert_eq!(first.len(), 32);
            assert_ne!(first, hsm.random(32).await.unwrap());
            assert!(matches!(hsm.random(0).await, Err(Fault::Key(_))));
            assert!(matches!(
                hsm.random(limits::HSM_RANDOM_BYTES_MAX + 1).await,
                Err(Fault::Key(_))
            ));
        },
    );
}

#[test]
fn an_empty_aad_is_refused_before_the_module_sees_it() {
    with_token(
        "hsm::tests::wrapping::an_empty_aad_is_refused_before_the_module_sees_it",
        Module::SoftHsm,
        || async {
            let hsm = start();
            let kek = hsm.create_kek(1).await.unwrap();
            let refused = hsm.wrap(&kek, b"", &SecretBytes::copy_of(&[1; 32])).await;
            assert!(matches!(refused, Err(Fault::Key(_))));
        },
    );
}
