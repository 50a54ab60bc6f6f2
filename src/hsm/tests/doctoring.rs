//! Each usual mistake gets its line, and the doctor leaves nothing behind.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::hsm::doctor::{DoctorConfig, Outcome, Report, doctor, list};

/// A PIN file beside the token's configuration.
fn pin_file(pin: &str, mode: u32) -> PathBuf {
    let conf = PathBuf::from(std::env::var_os("SOFTHSM2_CONF").unwrap());
    let path = conf.with_file_name("pin");
    std::fs::write(&path, pin).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn doctor_config() -> DoctorConfig {
    DoctorConfig {
        module: config().module,
        token_label: LABEL.into(),
        pin_file: pin_file(PIN, 0o600),
        directory: pin_file(PIN, 0o600).with_file_name("data"),
        dev: true,
    }
}

fn examine(config: &DoctorConfig) -> Report {
    doctor(config, &Clock::system(), &Random::system())
}

/// The one line that failed, which is the last one.
fn failure(config: &DoctorConfig) -> String {
    let report = examine(config);
    let failed: Vec<_> = report.checks.iter().filter(|c| c.outcome == Outcome::Failed).collect();
    let [only] = failed.as_slice() else { panic!("{report}") };
    assert!(!only.line.contains('\n'));
    only.line.clone()
}

fn assert_says(config: &DoctorConfig, words: &[&str]) {
    let line = failure(config);
    for word in words {
        assert!(line.contains(word), "{word:?} isn't in {line:?}");
    }
}

#[test]
fn a_healthy_token_passes_and_is_left_as_it_was() {
    with_token(
        "hsm::tests::doctoring::a_healthy_token_passes_and_is_left_as_it_was",
        Module::SoftHsm,
        || async {
            let report = examine(&doctor_config());
            assert_eq!(report.outcome(), Outcome::Passed, "{report}");
            assert!(report.round_trip.is_some());
            let text = report.to_string();
            for word in ["token \"strongroom\"", "AES-GCM works", "ECDSA P-256 works", "times"] {
                assert!(text.contains(word), "{text}");
            }
            assert!(!text.contains(PIN));
            let list = |config: &DoctorConfig| list(config, &Clock::system(), &Random::system());
            assert!(list(&doctor_config()).unwrap().keys.is_empty());

            let hsm = start();
            let kek = hsm.create_kek(1).await.unwrap();
            hsm.create_signer(Purpose::Lease, 1).await.unwrap();
            hsm.shutdown();
            let inventory = list(&doctor_config()).unwrap();
            assert_eq!(inventory.keys.len(), 3);
            assert!(inventory.to_string().contains(&kek.key.to_string()), "{inventory}");
            assert_eq!(examine(&doctor_config()).outcome(), Outcome::Passed);

            let mut production = doctor_config();
            production.dev = false;
            assert_eq!(examine(&production).outcome(), Outcome::Warned);
        },
    );
}

#[test]
fn a_wrong_module_is_named() {
    with_token("hsm::tests::doctoring::a_wrong_module_is_named", Module::SoftHsm, || async {
        let mut config = doctor_config();
        config.module = config.pin_file.with_file_name("none.so");
        assert_says(&config, &["there is no PKCS#11 module", "hsm.module"]);
        config.module = config.pin_file.clone();
        assert_says(&config, &["isn't a shared library", "hsm.module"]);
        config.module = config.pin_file.parent().unwrap().into();
        assert_says(&config, &["isn't a file"]);
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let libc = maps
            .lines()
            .find_map(|l| l.find('/').map(|at| &l[at..]).filter(|p| p.contains("libc.so")));
        config.module = libc.unwrap().into();
        assert_says(&config, &["not a PKCS#11 module", "C_GetFunctionList"]);
    });
}

#[test]
fn a_wrong_label_is_answered_with_the_labels_that_are_there() {
    with_token(
        "hsm::tests::doctoring::a_wrong_label_is_answered_with_the_labels_that_are_there",
        Module::SoftHsm,
        || async {
            let mut config = doctor_config();
            config.token_label = "strongrom".into();
            assert_says(&config, &["\"strongrom\"", "there are \"strongroom\"", "hsm.token_label"]);
        },
    );
}

#[test]
fn a_token_that_was_never_initialised_is_said_so() {
    with_token(
        "hsm::tests::doctoring::a_token_that_was_never_initialised_is_said_so",
        Module::SoftHsm,
        || async {
            let conf = PathBuf::from(std::env::var_os("SOFTHSM2_CONF").unwrap());
            let tokens = conf.with_file_name("tokens");
            std::fs::remove_dir_all(&tokens).unwrap();
            std::fs::create_dir(&tokens).unwrap();
            assert_says(&doctor_config(), &["no initialised token", "\"strongroom\""]);
        },
    );
}

#[test]
fn a_missing_configuration_of_softhsm_is_named() {
    with_token(
        "hsm::tests::doctoring::a_missing_configuration_of_softhsm_is_named",
        Module::SoftHsm,
        || async {
            let config = doctor_config();
            let conf = PathBuf::from(std::env::var_os("SOFTHSM2_CONF").unwrap());
            std::fs::remove_dir_all(conf.with_file_name("tokens")).unwrap();
            assert_says(&config, &["isn't there", "create it"]);
            std::fs::write(&conf, "log.level = ERROR\n").unwrap();
            assert_says(&config, &["directories.tokendir"]);
            std::fs::remove_file(&conf).unwrap();
            assert_says(&config, &["SOFTHSM2_CONF"]);
        },
    );
}

#[test]
fn every_mistake_with_the_pin_has_its_line_and_costs_at_most_one_try() {
    with_token(
        "hsm::tests::doctoring::every_mistake_with_the_pin_has_its_line_and_costs_at_most_one_try",
        Module::Faulty,
        || async {
            let mut config = doctor_config();
            config.pin_file = config.pin_file.with_file_name("none");
            assert_says(&config, &["no PIN file"]);
            pin_file(PIN, 0o644);
            config.pin_file = pin_file(PIN, 0o644);
            assert_says(&config, &["chmod 600"]);
            assert_eq!(calls_of("C_Login"), 0);

            config.pin_file = pin_file("9999", 0o600);
            assert_says(&config, &["refuses the PIN", "hsm.pin_file"]);
            assert_eq!(calls_of("C_Login"), 1);

            for (rules, words) in [
                ("token-flags 0x20000", ["one more wrong PIN", "not trying"]),
                ("token-flags 0x40000", ["is locked", "security officer"]),
                ("C_Login fail CKR_PIN_LOCKED", ["is locked", "security officer"]),
                ("C_Login fail CKR_PIN_EXPIRED", ["has expired", "new one"]),
                ("C_Login fail CKR_USER_PIN_NOT_INITIALIZED", ["no user PIN", "C_InitPIN"]),
            ] {
                control(rules);
                assert_says(&doctor_config(), &words);
            }
            control("token-flags 0x10000");
            let report = examine(&doctor_config());
            assert_eq!(report.outcome(), Outcome::Warned, "{report}");
            assert!(report.to_string().contains("a wrong PIN was tried"), "{report}");
        },
    );
}

#[test]
fn what_the_token_cannot_do_is_named() {
    with_token(
        "hsm::tests::doctoring::what_the_token_cannot_do_is_named",
        Module::Faulty,
        || async {
            let config = doctor_config();
            for (rules, words) in [
                ("C_GenerateKey fail CKR_MECHANISM_INVALID", ["no KEK", "CKM_AES_KEY_GEN"]),
                (
                    "C_GenerateKeyPair fail CKR_MECHANISM_INVALID",
                    ["no P-256", "CKM_EC_KEY_PAIR_GEN"],
                ),
                (
                    "C_GenerateRandom zero\nC_GetInfo fail CKR_FUNCTION_NOT_SUPPORTED",
                    ["random generator", "repeats"],
                ),
                ("C_GetSlotList fail CKR_DEVICE_ERROR", ["slots", "connected"]),
            ] {
                control(rules);
                let report = examine(&config);
                assert_eq!(report.outcome(), Outcome::Failed);
                let text = report.to_string();
                assert!(words.iter().all(|word| text.contains(word)), "{text}");
            }
            control("no-gcm\nC_GetMechanismInfo fail CKR_MECHANISM_INVALID");
            let report = examine(&config);
            assert_eq!(report.outcome(), Outcome::Warned, "{report}");
            let text = report.to_string();
            assert!(text.contains("AES-CBC and HMAC") && text.contains("says it has no"), "{text}");
            control("");
            let inventory = list(&config, &Clock::system(), &Random::system()).unwrap();
            assert!(inventory.keys.is_empty(), "{inventory}");
        },
    );
}
