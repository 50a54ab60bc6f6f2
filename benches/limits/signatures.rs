//! The limit of logins: ECDSA P-256 signatures by the HSM, one session a thread, nothing else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::Attribute;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use strongroom::clock::Clock;

use super::Failure;

/// DER of the OID 1.2.840.10045.3.1.7 (SEC 2: secp256r1).
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

pub fn run(
    module: PathBuf,
    token_label: &str,
    pin_file: &Path,
    threads: usize,
    seconds: u64,
) -> Result<(), Failure> {
    let pkcs11 = Pkcs11::new(module)?;
    pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let pin = AuthPin::new(std::fs::read_to_string(pin_file)?.trim().into());
    let slots = pkcs11.get_slots_with_initialized_token()?;
    let slot = slots
        .into_iter()
        .find(|slot| pkcs11.get_token_info(*slot).is_ok_and(|i| i.label().trim() == token_label))
        .ok_or("no token has this label")?;
    let keeper = pkcs11.open_rw_session(slot)?;
    keeper.login(UserType::User, Some(&pin))?;
    let clock = Clock::system();
    let started = clock.boot();
    let total = std::thread::scope(|scope| {
        let loops: Vec<_> = (0..threads.max(1))
            .map(|_| {
                scope.spawn(|| -> Result<u64, cryptoki::error::Error> {
                    let session = pkcs11.open_rw_session(slot)?;
                    let public = [Attribute::Token(false), Attribute::EcParams(P256.to_vec())];
                    let private = [Attribute::Token(false), Attribute::Sign(true)];
                    let (_, key) =
                        session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)?;
                    let mut count = 0;
                    while clock.boot().saturating_since(started) < Duration::from_secs(seconds) {
                        session.sign(&Mechanism::Ecdsa, key, &[0x5a; 32])?;
                        count += 1;
                    }
                    Ok(count)
                })
            })
            .collect();
        loops.into_iter().try_fold(0, |sum, signing| match signing.join() {
            Ok(Ok(count)) => Ok(sum + count),
            Ok(Err(error)) => Err(Failure::from(error)),
            Err(_) => Err("a signing thread panicked".into()),
        })
    })?;
    let took = clock.boot().saturating_since(started).as_secs_f64();
    println!("{}", total as f64 / took);
    Ok(())
}
