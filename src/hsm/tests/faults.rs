//! Every class of error, provoked by the faulty module in front of SoftHSM.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::keyguard::{IvDialect, Mechanism};

const AAD: &[u8] = b"where this key lives";

/// A KEK, a signer, and a wrap to open.
struct Fixture {
    hsm: Arc<Hsm>,
    kek: Kek,
    signer: KeyRef,
    wrapped: Wrapped,
}

async fn fixture(config: HsmConfig) -> Fixture {
    let hsm = Hsm::start(config, Clock::system(), Random::system()).unwrap();
    let kek = hsm.create_kek(1).await.unwrap();
    let signer = hsm.create_signer(Purpose::Lease, 1).await.unwrap();
    let wrapped = hsm.wrap(&kek, AAD, &SecretBytes::copy_of(&[7; 32])).await.unwrap();
    Fixture { hsm, kek, signer, wrapped }
}

impl Fixture {
    async fn opens(&self) -> Result<(), Fault> {
        let plaintext = self.hsm.unwrap(&self.kek, AAD, &self.wrapped).await?;
        assert_eq!(plaintext.expose(), [7; 32]);
        Ok(())
    }

    /// Waits until the breaker is closed again; fails the test after ten seconds.
    async fn recovered(&self) {
        for _ in 0..1000 {
            if self.hsm.health().available {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the HSM didn't come back: {:?}", self.hsm.health());
    }
}

fn is_unavailable<T>(result: &Result<T, Fault>) -> bool {
    matches!(result, Err(Fault::Unavailable { .. }))
}

#[test]
fn lost_sessions_are_reopened_without_the_caller_noticing() {
    with_token(
        "hsm::tests::faults::lost_sessions_are_reopened_without_the_caller_noticing",
        Module::Faulty,
        || async {
            let fixture = fixture(config()).await;
            control("lose-sessions");
            fixture.opens().await.unwrap();
            fixture.hsm.sign(&fixture.signer, &[1; 32]).await.unwrap();
            assert_eq!(fixture.hsm.health().generation, 1);
        },
    );
}

#[test]
fn a_lost_login_is_renewed_and_begins_a_generation() {
    with_token(
        "hsm::tests::faults::a_lost_login_is_renewed_and_begins_a_generation",
        Module::Faulty,
        || async {
            let fixture = fixture(config()).await;
            control("lose-login");
            fixture.opens().await.unwrap();
            fixture.hsm.sign(&fixture.signer, &[1; 32]).await.unwrap();
            assert!(fixture.hsm.health().generation >= 2);
            assert!(fixture.hsm.health().available);
            let before = fixture.hsm.health().generation;
            control("lose-all-sessions");
            fixture.opens().await.unwrap();
            assert!(fixture.hsm.health().generation > before);
        },
    );
}

#[test]
fn a_removed_device_opens_the_breaker_and_comes_back_without_a_restart() {
    with_token(
        "hsm::tests::faults::a_removed_device_opens_the_breaker_and_comes_back_without_a_restart",
        Module::Faulty,
        || async {
            let fixture = fixture(config()).await;
            let before = fixture.hsm.health().generation;
            control("* fail CKR_DEVICE_REMOVED");
            assert!(is_unavailable(&fixture.opens().await));
            let health = fixture.hsm.health();
            assert!(!health.available);
            assert!(health.reason.is_some());
            // The breaker answers; the public key is known without the device.
            assert!(is_unavailable(&fixture.hsm.sign(&fixture.signer, &[1; 32]).await));
            fixture.hsm.public_key(&fixture.signer).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(!fixture.hsm.health().available);

            control("");
            fixture.recovered().await;
            fixture.opens().await.unwrap();
            fixture.hsm.sign(&fixture.signer, &[1; 32]).await.unwrap();
            assert!(fixture.hsm.health().generation > before);
        },
    );
}

#[test]
fn a_device_that_is_not_there_at_start_comes_later() {
    with_token(
        "hsm::tests::faults::a_device_that_is_not_there_at_start_comes_later",
        Module::Faulty,
        || async {
            for rules in [
                "C_Initialize fail CKR_DEVICE_ERROR",
                "C_GetSlotList fail CKR_DEVICE_REMOVED",
                "C_OpenSession fail CKR_GENERAL_ERROR",
            ] {
                control(rules);
                let hsm = start();
                assert!(!hsm.health().available && hsm.health().reason.is_some());
                assert!(is_unavailable(&hsm.create_kek(1).await));
                control("");
                let kek = loop {
                    match hsm.create_kek(1).await {
                        Err(Fault::Unavailable { .. }) => {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        other => break other.unwrap(),
                    }
                };
                hsm.destroy(&kek.key).await.unwrap();
                hsm.shutdown();
            }
            // What waiting doesn't mend ends the start.
            let mut wrong = config();
            wrong.token_label = "elsewhere".into();
            let refused = Hsm::start(wrong, Clock::system(), Random::system()).err();
            assert!(matches!(refused, Some(Fault::Operator(_))), "{refused:?}");
            control("C_Initialize fail CKR_GENERAL_ERROR");
            let refused = Hsm::start(config(), Clock::system(), Random::system()).err();
            let Some(Fault::Operator(line)) = refused else { panic!("{refused:?}") };
            assert!(line.contains("the vendor's own configuration"), "{line}");
        },
    );
}

#[test]
fn a_module_that_forgot_its_initialisation_is_initialised_anew() {
    with_token(
        "hsm::tests::faults::a_module_that_forgot_its_initialisation_is_initialised_anew",
        Module::Faulty,
        || async {
            let fixture = fixture(config()).await;
            control("C_DecryptInit fail CKR_CRYPTOKI_NOT_INITIALIZED times 1");
            assert!(is_unavailable(&fixture.opens().await));
            fixture.recovered().await;
            fixture.opens().await.unwrap();
            assert_eq!(calls_of("C_Initialize"), 2);
        },
    );
}

#[test]
fn a_general_error_is_no_fault_of_good_bytes() {
    with_token(
        "hsm::tests::faults::a_general_error_is_no_fault_of_good_bytes",
        Module::Faulty,
        || async {
            let fixture = fixture(config()).await;
            // Once: the key answers its self-test, and so do the bytes at their second try.
            control("C_Decrypt fail CKR_GENERAL_ERROR times 1");
            fixture.opens().await.unwrap();
            control("C_Sign fail CKR_GENERAL_ERROR times 1");
            fixture.hsm.sign(&fixture.signer, &[1; 32]).await.unwrap();
            assert!(fixture.hsm.health().available);
            assert_eq!(fixture.hsm.health().generation, 1);
            // Bytes that never open are blamed, and nothing else is.
            let mut tampered = fixture.wrapped.clone();
            tampered.ciphertext[0] ^= 1;
            let opened = fixture.hsm.unwrap(&fixture.kek, AAD, &tampered).await;
            assert_eq!(opened, Err(Fault::Integrity(fixture.kek.key)));
            assert!(fixture.hsm.health().available);
            // Always: the self-test fails too, so the device is at fault.
            control("C_Decrypt fail CKR_GENERAL_ERROR");
            assert!(is_unavailable(&fixture.opens().await));
            assert!(!fixture.hsm.health().available);
            control("");
            fixture.recovered().await;
            fixture.opens().await.unwrap();
        },
    );
}

#[test]
fn a_hanging_call_is_answered_by_the_deadline_and_leaves_the_other_queue_alone() {
    with_token(
        "hsm::tests::faults::a_hanging_call_is_answered_by_the_deadline_and_leaves_the_other_queue_alone",
        Module::Faulty,
        || async {
            let mut config = config();
            config.deadline = Duration::from_secs(1);
            config.wedged_after = Duration::from_secs(2);
            let fixture = fixture(config).await;
            control("C_Sign hang");
            assert_eq!(fixture.hsm.sign(&fixture.signer, &[1; 32]).await, Err(Fault::Busy));
            fixture.opens().await.unwrap();
            // Past the limit of a call the breaker answers at once.
            for _ in 0..500 {
                if !fixture.hsm.health().available {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert!(is_unavailable(&fixture.hsm.sign(&fixture.signer, &[1; 32]).await));
            control("");
            fixture.recovered().await;
            fixture.hsm.sign(&fixture.signer, &[1; 32]).await.unwrap();
            fixture.opens().await.unwrap();
        },
    );
}

#[test]
fn a_full_queue_answers_busy_at_once() {
    with_token("hsm::tests::faults::a_full_queue_answers_busy_at_once", Module::Faulty, || async {
        let fixture = Arc::new(fixture(config()).await);
        control("C_Sign hang");
        let asked: Vec<_> = (0..limits::HSM_QUEUE_MAX + 16)
            .map(|_| {
                let fixture = fixture.clone();
                tokio::spawn(async move { fixture.hsm.sign(&fixture.signer, &[1; 32]).await })
            })
            .collect();
        // Two threads hold one job each; the queue holds its number; the rest is refused.
        let mut refused = 0;
        while refused == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            refused = asked.iter().filter(|task| task.is_finished()).count();
        }
        control("");
        let mut busy = 0;
        for task in asked {
            match task.await.unwrap() {
                Ok(_) => {}
                Err(Fault::Busy) => busy += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert!((1..=16).contains(&busy), "{busy}");
    });
}

#[test]
fn a_wrong_pin_is_tried_once_and_never_again() {
    with_token(
        "hsm::tests::faults::a_wrong_pin_is_tried_once_and_never_again",
        Module::Faulty,
        || async {
            let mut wrong = config();
            wrong.pin = SecretText::new("9999".into());
            let refused = Hsm::start(wrong, Clock::system(), Random::system()).err();
            let Some(Fault::Operator(line)) = refused else { panic!("{refused:?}") };
            assert!(line.contains("hsm.pin_file") && !line.contains("9999"), "{line}");
            assert_eq!(calls_of("C_Login"), 1);

            // The same while running: the login is lost and the PIN has changed meanwhile.
            let fixture = fixture(config()).await;
            let before = calls_of("C_Login");
            control("lose-login\nC_Login fail CKR_PIN_INCORRECT");
            assert!(matches!(fixture.opens().await, Err(Fault::Operator(_))));
            assert!(matches!(fixture.opens().await, Err(Fault::Operator(_))));
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(calls_of("C_Login"), before + 1);
            assert!(!fixture.hsm.health().available);

            // An operator puts it right.
            control("");
            fixture.hsm.set_pin(SecretText::new(PIN.into()));
            fixture.recovered().await;
            fixture.opens().await.unwrap();
        },
    );
}

#[test]
fn the_last_try_of_a_pin_is_not_ours_to_spend() {
    with_token(
        "hsm::tests::faults::the_last_try_of_a_pin_is_not_ours_to_spend",
        Module::Faulty,
        || async {
            for (flags, word) in [("0x20000", "one more wrong PIN"), ("0x40000", "locked")] {
                control(&format!("token-flags {flags}"));
                let refused = Hsm::start(config(), Clock::system(), Random::system()).err();
                let Some(Fault::Operator(line)) = refused else { panic!("{refused:?}") };
                assert!(line.contains(word), "{line}");
            }
            assert_eq!(calls_of("C_Login"), 0);
        },
    );
}

#[test]
fn a_signature_that_does_not_verify_never_leaves() {
    with_token(
        "hsm::tests::faults::a_signature_that_does_not_verify_never_leaves",
        Module::Faulty,
        || async {
            let fixture = fixture(config()).await;
            control("C_Sign garble");
            assert!(is_unavailable(&fixture.hsm.sign(&fixture.signer, &[1; 32]).await));
            control("");
            fixture.recovered().await;
            fixture.hsm.sign(&fixture.signer, &[1; 32]).await.unwrap();
        },
    );
}

#[test]
fn random_bytes_that_repeat_are_refused() {
    with_token(
        "hsm::tests::faults::random_bytes_that_repeat_are_refused",
        Module::Faulty,
        || async {
            let fixture = fixture(config()).await;
            control("C_GenerateRandom zero");
            assert!(matches!(fixture.hsm.random(32).await, Err(Fault::Operator(_))));
            let plaintext = SecretBytes::copy_of(&[7; 32]);
            let wrapped = fixture.hsm.wrap(&fixture.kek, AAD, &plaintext).await;
            assert!(matches!(wrapped, Err(Fault::Operator(_))));
        },
    );
}

#[test]
fn the_probe_finds_how_the_token_does_aes() {
    with_token(
        "hsm::tests::faults::the_probe_finds_how_the_token_does_aes",
        Module::Faulty,
        || async {
            let hsm = start();
            for (rule, mechanism) in [
                ("", Mechanism::AesGcm(IvDialect::CallerGives)),
                ("hsm-writes-iv", Mechanism::AesGcm(IvDialect::HsmWrites)),
                ("hsm-appends-iv", Mechanism::AesGcm(IvDialect::HsmAppends)),
                ("no-gcm", Mechanism::AesCbcHmac),
            ] {
                control(rule);
                let kek = hsm.create_kek(1).await.unwrap();
                assert_eq!(kek.mechanism, mechanism, "{rule}");
                assert_eq!(kek.mac_key_id.is_some(), mechanism == Mechanism::AesCbcHmac);
                let plaintext = SecretBytes::copy_of(&[7; 32]);
                let wrapped = hsm.wrap(&kek, AAD, &plaintext).await.unwrap();
                assert_eq!(hsm.unwrap(&kek, AAD, &wrapped).await.unwrap(), plaintext);
                let integrity = Err(Fault::Integrity(kek.key));
                assert_eq!(hsm.unwrap(&kek, b"elsewhere", &wrapped).await, integrity);
                let mut tampered = wrapped.clone();
                tampered.ciphertext[5] ^= 1;
                assert_eq!(hsm.unwrap(&kek, AAD, &tampered).await, integrity);
                hsm.destroy(&kek.key).await.unwrap();
            }
            assert!(hsm.health().available);
        },
    );
}

#[test]
fn a_kek_whose_mechanism_changed_is_refused() {
    with_token(
        "hsm::tests::faults::a_kek_whose_mechanism_changed_is_refused",
        Module::Faulty,
        || async {
            let hsm = start();
            let kek = hsm.create_kek(1).await.unwrap();
            hsm.shutdown();
            let hsm = start();
            control("hsm-writes-iv");
            let wrapped = hsm.wrap(&kek, AAD, &SecretBytes::copy_of(&[7; 32])).await;
            assert!(matches!(wrapped, Err(Fault::Operator(_))), "{wrapped:?}");
        },
    );
}

#[test]
fn an_idle_hsm_that_is_gone_is_noticed() {
    with_token(
        "hsm::tests::faults::an_idle_hsm_that_is_gone_is_noticed",
        Module::Faulty,
        || async {
            let fixture = fixture(config()).await;
            control("* fail CKR_DEVICE_REMOVED");
            for _ in 0..1000 {
                if !fixture.hsm.health().available {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("nobody noticed");
        },
    );
}

#[test]
fn another_token_of_the_module_survives_its_initialisation() {
    with_token(
        "hsm::tests::faults::another_token_of_the_module_survives_its_initialisation",
        Module::Faulty,
        || async {
            let (so_pin, pin) = (SecretText::new("5678".into()), SecretText::new(PIN.into()));
            crate::hsm::softhsm::ensure_token(&config().module, "second", &so_pin, &pin).unwrap();
            let mut second = config();
            second.token_label = "second".into();
            let (first, second) = (fixture(config()).await, fixture(second).await);
            control("C_DecryptInit fail CKR_CRYPTOKI_NOT_INITIALIZED times 1");
            assert!(is_unavailable(&first.opens().await));
            first.recovered().await;
            second.opens().await.unwrap();
            first.opens().await.unwrap();
            first.hsm.shutdown();
            second.opens().await.unwrap();
        },
    );
}

#[test]
fn losing_sessions_and_logins_under_load_harms_no_caller() {
    with_token(
        "hsm::tests::faults::losing_sessions_and_logins_under_load_harms_no_caller",
        Module::Faulty,
        || async {
            let fixture = Arc::new(fixture(config()).await);
            let done = Arc::new(AtomicBool::new(false));
            let tasks: Vec<_> = (0..8)
                .map(|n| {
                    let (fixture, done) = (fixture.clone(), done.clone());
                    tokio::spawn(async move {
                        while !done.load(Ordering::Relaxed) {
                            if n % 2 == 0 {
                                fixture.opens().await.unwrap();
                            } else {
                                fixture.hsm.sign(&fixture.signer, &[1; 32]).await.unwrap();
                            }
                        }
                    })
                })
                .collect();
            // The delay lets one thread log in again between another's search, which saw no private
            // key, and its question whether it is logged in.
            let lost = "lose-login\nC_GetSessionInfo delay 30";
            for rule in ["lose-sessions", lost, "lose-sessions", lost] {
                let before = fixture.hsm.health().generation;
                control(rule);
                // Two losses within one call are more than a caller is spared.
                while rule == lost && fixture.hsm.health().generation == before {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
            done.store(true, Ordering::Relaxed);
            for task in tasks {
                task.await.unwrap();
            }
            let health = fixture.hsm.health();
            assert!(health.available && health.generation > 2, "{health:?}");
        },
    );
}
