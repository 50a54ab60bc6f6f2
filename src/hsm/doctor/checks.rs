//! The doctor's steps: each needs the one before it, so the first failure is the one to mend.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::MechanismType;

use super::super::breaker::Breaker;
use super::super::failure::Trouble;
use super::super::module::{Module, is_softhsm};
use super::super::softhsm::CONFIG_VARIABLE;
use super::super::token::Token;
use super::super::worker::Worker;
use super::super::{keys, pin, sign, slots, wrap};
use super::{DoctorConfig, Inventory, Report, RoundTrip, inventory};
use crate::clock::Clock;
use crate::keyguard::{Fault, Kek, KeyRef, Mechanism, Purpose};
use crate::limits;
use crate::random::Random;

const AAD: &[u8] = b"strongroom/v1/doctor";
const TRIPS: usize = 9;

/// Runs all checks.
pub(super) fn run(config: &DoctorConfig, clock: &Clock, random: &Random, report: &mut Report) {
    if is_softhsm(&config.module) {
        match softhsm_config() {
            Ok(None) => {}
            Ok(Some(line)) => report.warned(line),
            Err(line) => return report.failed(line),
        }
        if !config.dev {
            report.warned(
                "SoftHSM keeps its keys in this process and on this disk: for development only",
            );
        }
    }
    let module = match Module::open(&config.module) {
        Ok(module) => module,
        Err(fault) => return report.failed(fault.to_string()),
    };
    report.passed(format!("the module {} loads", config.module.display()));
    let token = with_module(config, &module, clock, random, report);
    if let Some(token) = token {
        token.log_out();
    }
    module.leave(limits::HSM_QUIESCE_MAX);
}

/// The token, once logged in, for whoever logs out.
fn with_module(
    config: &DoctorConfig,
    module: &Arc<Module>,
    clock: &Clock,
    random: &Random,
    report: &mut Report,
) -> Option<Arc<Token>> {
    {
        let context = module.enter();
        match inventory::library(&context.pkcs11) {
            Ok(library) => report.inventory.library = library,
            Err(error) => report.warned(format!("the module doesn't name itself: {error}")),
        }
        match inventory::slots(&context.pkcs11) {
            Ok(slots) => report.inventory.slots = slots,
            Err(error) => {
                report.failed(format!(
                    "the module doesn't list its slots ({error}): is the device connected and its service running?"
                ));
                return None;
            }
        }
        let found = match slots::find(&context.pkcs11, &config.token_label, None) {
            Ok(found) => found,
            Err(trouble) => {
                report.failed(text(trouble));
                return None;
            }
        };
        report.passed(format!("the token {:?} is there", config.token_label));
        match slots::pin_warning(&found.info) {
            Ok(None) => {}
            Ok(Some(warning)) => report.warned(format!(
                "{warning}; a few more lock the token: make sure of hsm.pin_file before anything else"
            )),
            Err(fault) => {
                report.failed(fault.to_string());
                return None;
            }
        }
    }
    let token = match log_in(config, module, clock, random) {
        Ok(token) => token,
        Err(fault) => {
            report.failed(fault.to_string());
            return None;
        }
    };
    report.passed("the PIN opens the token");
    let mut worker = Worker::new(token.clone(), 0, crossbeam_channel::bounded(1).0);
    match worker.attempt(None, &mut |_, desk| Ok(inventory::keys(&desk.session)?)) {
        Ok(found) => {
            judge_keys(&found, config.dev, report);
            report.inventory.keys = found;
        }
        Err(fault) => report.failed(format!("the keys can't be listed: {fault}")),
    }
    name_missing(&token, report);
    probe(&mut worker, clock, report);
    worker.retire();
    Some(token)
}

/// The inventory alone.
pub(in super::super) fn inventory(
    config: &DoctorConfig,
    clock: &Clock,
    random: &Random,
) -> Result<Inventory, Fault> {
    if is_softhsm(&config.module) {
        softhsm_config().map_err(Fault::Operator)?;
    }
    let module = Module::open(&config.module)?;
    let result = log_in(config, &module, clock, random).and_then(|token| {
        let mut worker = Worker::new(token.clone(), 0, crossbeam_channel::bounded(1).0);
        let found = worker.attempt(None, &mut |token, desk| {
            let context = token.module.enter();
            Ok(Inventory {
                library: inventory::library(&context.pkcs11)?,
                slots: inventory::slots(&context.pkcs11)?,
                keys: inventory::keys(&desk.session)?,
            })
        });
        worker.retire();
        token.log_out();
        found
    });
    module.leave(limits::HSM_QUIESCE_MAX);
    result
}

fn log_in(
    config: &DoctorConfig,
    module: &Arc<Module>,
    clock: &Clock,
    random: &Random,
) -> Result<Arc<Token>, Fault> {
    let memory = pin::Memory::of(&config.pin_file, &config.directory);
    let pin = pin::read(&config.pin_file)?;
    let breaker = Breaker::new(clock.clone(), 1, limits::HSM_WEDGED_AFTER);
    let label = config.token_label.clone();
    let pin = (pin, config.directory.is_dir().then_some(memory));
    let token =
        Arc::new(Token::new(module.clone(), breaker, random.clone(), label, pin, config.dev));
    token.renew(0).map_err(|trouble| match trouble {
        Trouble::Final(fault) => fault,
        other => Fault::Operator(format!("logging in failed: {}", text(other))),
    })?;
    token.breaker.close();
    Ok(token)
}

/// SoftHSM without a configuration finds no token and says so in its own way, or not at all. A
/// line where it isn't wrong but perhaps not meant.
fn softhsm_config() -> Result<Option<String>, String> {
    let Some(path) = std::env::var_os(CONFIG_VARIABLE) else {
        let system = ["/etc/softhsm/softhsm2.conf", "/etc/softhsm2.conf"];
        let own = std::env::var_os("HOME")
            .map(|home| Path::new(&home).join(".config/softhsm2/softhsm2.conf"));
        let found = own.into_iter().chain(system.map(PathBuf::from)).find(|path| path.exists());
        if let Some(path) = found {
            return Ok(Some(format!(
                "{CONFIG_VARIABLE} is not set, so SoftHSM uses {}: set it if the token is elsewhere",
                path.display()
            )));
        }
        return Err(format!(
            "SoftHSM has no configuration: set {CONFIG_VARIABLE} to a softhsm2.conf (softhsm/setup.sh makes one)"
        ));
    };
    let shown = Path::new(&path).display().to_string();
    let text = std::fs::read_to_string(&path).map_err(|e| {
        format!("{CONFIG_VARIABLE} names {shown}, which can't be read ({e}): correct the variable")
    })?;
    let directory = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| key.trim() == "directories.tokendir")
        .map(|(_, value)| value.trim().to_owned());
    match directory {
        None => Err(format!("{shown} has no directories.tokendir: add it")),
        Some(directory) if !Path::new(&directory).is_dir() => {
            Err(format!("{shown} keeps its tokens in {directory}, which isn't there: create it"))
        }
        Some(_) => Ok(None),
    }
}

fn judge_keys(found: &[super::KeyEntry], dev: bool, report: &mut Report) {
    let ours: Vec<_> = found.iter().filter(|key| key.is_ours()).collect();
    report.passed(format!("{} keys on the token, {} of them ours", found.len(), ours.len()));
    let mut seen = HashSet::new();
    for key in ours {
        if !seen.insert((key.class.clone(), key.id.clone())) {
            report.failed(format!(
                "two {} keys share the CKA_ID {}: remove the foreign one",
                key.class,
                hex::encode(&key.id)
            ));
        }
        let strict = key.local && key.always_sensitive && key.never_extractable && !key.extractable;
        if !key.is_public() && !strict {
            let line = format!(
                "{:?} wasn't born on this token or could leave it: rotate to a new key",
                key.label
            );
            if dev { report.warned(line) } else { report.failed(line) }
        }
    }
}

/// Makes a KEK and a signer, uses them, times them, destroys them.
fn probe(worker: &mut Worker, clock: &Clock, report: &mut Report) {
    let kek = match worker.attempt(None, &mut |token, desk| keys::create_kek(token, desk, 0)) {
        Ok(kek) => kek,
        Err(fault) => {
            return report.failed(format!(
                "no KEK can be made (AES-GCM, or AES-CBC with HMAC-SHA256): {fault}; allow CKM_AES_KEY_GEN and CKM_AES_GCM to this user"
            ));
        }
    };
    match kek.mechanism {
        Mechanism::AesGcm(dialect) => report.passed(format!("AES-GCM works ({dialect:?})")),
        Mechanism::AesCbcHmac => report.warned(
            "the token has no AES-GCM that we can use: wrapping with AES-CBC and HMAC-SHA256",
        ),
    }
    let signer = worker
        .attempt(None, &mut |token, desk| keys::create_signer(token, desk, Purpose::Checkpoint, 0));
    match signer {
        Ok(signer) => {
            report.passed("ECDSA P-256 works");
            match times(worker, clock, &kek, &signer) {
                Ok(times) => report.round_trip = Some(times),
                Err(fault) => report.failed(format!("a round trip failed: {fault}")),
            }
            remove(worker, &signer, report);
        }
        Err(fault) => report.failed(format!(
            "no P-256 pair can be made ({fault}): allow CKM_EC_KEY_PAIR_GEN and CKM_ECDSA to this user"
        )),
    }
    remove(worker, &kek.key, report);
    let random = worker.attempt(None, &mut |token, desk| token.hsm_random(desk, &mut [0; 32]));
    match random {
        Ok(()) => report.passed("C_GenerateRandom passes its health test"),
        Err(fault) => report.failed(format!("C_GenerateRandom: {fault}")),
    }
}

/// Names what the token says it hasn't. Only a hint: what counts is the probe.
fn name_missing(token: &Token, report: &mut Report) {
    let Some(live) = token.live() else { return };
    let context = token.module.enter();
    for mechanism in [
        MechanismType::AES_KEY_GEN,
        MechanismType::AES_GCM,
        MechanismType::ECC_KEY_PAIR_GEN,
        MechanismType::ECDSA,
    ] {
        let info = context.pkcs11.get_mechanism_info(live.slot, mechanism);
        if let Err(Error::Pkcs11(RvError::MechanismInvalid, _)) = info {
            report.warned(format!(
                "the token says it has no {mechanism}: enable it in the HSM's policy or firmware"
            ));
        }
    }
}

fn remove(worker: &mut Worker, key: &KeyRef, report: &mut Report) {
    let removed = worker.attempt(None, &mut |token, desk| {
        token.unlearn(key);
        keys::destroy(desk, key)
    });
    if let Err(fault) = removed {
        report.warned(format!("the probe's {key} stays on the token ({fault}): destroy it"));
    }
}

/// Medians over a few calls.
fn times(
    worker: &mut Worker,
    clock: &Clock,
    kek: &Kek,
    signer: &KeyRef,
) -> Result<RoundTrip, Fault> {
    worker.attempt(Some(kek.key), &mut |token, desk| {
        let (mut wraps, mut unwraps, mut signs) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..TRIPS {
            let start = clock.boot();
            let wrapped = wrap::wrap(token, desk, kek, AAD, &[0x11; 32])?;
            let middle = clock.boot();
            wrap::unwrap(desk, kek, AAD, &wrapped)?;
            let end = clock.boot();
            sign::sign(token, desk, signer, &[0x22; 32])?;
            wraps.push(middle.saturating_since(start));
            unwraps.push(end.saturating_since(middle));
            signs.push(clock.boot().saturating_since(end));
        }
        Ok(RoundTrip { wrap: median(wraps), unwrap: median(unwraps), sign: median(signs) })
    })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn text(trouble: Trouble) -> String {
    match trouble {
        Trouble::Final(fault) => fault.to_string(),
        Trouble::Module(Error::Pkcs11(RvError::TokenNotPresent, _)) => {
            "no slot holds a token: connect the device, or start its service".to_owned()
        }
        Trouble::Module(error) => error.to_string(),
        Trouble::Stale(reason) => reason.to_owned(),
    }
}
