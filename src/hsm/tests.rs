//! Tests on a real SoftHSM token. SOFTHSM2_CONF belongs to a process and a module is initialised
//! once in it, so every scenario runs in a process of its own: the test runs itself again.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::*;

mod doctoring;
mod faults;
mod keys_on_token;
mod wrapping;

const CHILD: &str = "STRONGROOM_HSM_TEST";
/// Debian's place for SoftHSM, unless this variable names another.
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
const SOFTHSM_VARIABLE: &str = "STRONGROOM_TEST_SOFTHSM";
const LABEL: &str = "strongroom";
const PIN: &str = "1234";
const SO_PIN: &str = "5678";

/// What the scenario talks to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Module {
    SoftHsm,
    /// SoftHSM behind the module that fails on request.
    Faulty,
}

/// Runs `scenario` in a process of its own with a fresh token. `name` is the test's full path.
fn with_token<F: Future<Output = ()>>(name: &str, module: Module, scenario: impl FnOnce() -> F) {
    if std::env::var(CHILD).as_deref() == Ok(name) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(scenario());
        return;
    }
    let softhsm = std::env::var(SOFTHSM_VARIABLE).unwrap_or_else(|_| SOFTHSM.into());
    let directory = tempfile::tempdir().unwrap();
    let tokens = directory.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let conf = directory.path().join("softhsm2.conf");
    std::fs::write(
        &conf,
        format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens.display()
        ),
    )
    .unwrap();
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", SO_PIN])
        .env("SOFTHSM2_CONF", &conf)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let control = directory.path().join("control");
    std::fs::write(&control, "").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CHILD, name)
        .env("SOFTHSM2_CONF", &conf)
        .env("FAULTY_PKCS11_MODULE", &softhsm)
        .env("FAULTY_PKCS11_CONTROL", &control)
        .env("FAULTY_PKCS11_LOG", directory.path().join("calls"))
        .env(
            "STRONGROOM_HSM_TEST_MODULE",
            match module {
                Module::SoftHsm => PathBuf::from(&softhsm),
                Module::Faulty => faulty_module().to_owned(),
            },
        );
    let output = child.output().unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    // A wrong name would run no test and succeed.
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{name} ran nothing");
}

/// Builds the faulty module once, beside this test's own target directory.
fn faulty_module() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        // target/<profile>/deps/<this test>
        let exe = std::env::current_exe().unwrap();
        let target = exe.ancestors().nth(3).unwrap();
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--offline", "-p", "faulty-pkcs11", "--target-dir"])
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .unwrap();
        assert!(status.success());
        target.join("debug/libfaulty_pkcs11.so")
    })
}

fn config() -> HsmConfig {
    let module = std::env::var_os("STRONGROOM_HSM_TEST_MODULE").unwrap();
    HsmConfig::new(module.into(), LABEL.into(), SecretText::new(PIN.into()))
}

fn start() -> Arc<Hsm> {
    Hsm::start(config(), Clock::system(), Random::system()).unwrap()
}

/// Gives the faulty module its rules; in force from the next call.
fn control(rules: &str) {
    let path = PathBuf::from(std::env::var_os("FAULTY_PKCS11_CONTROL").unwrap());
    let next = path.with_extension("next");
    // A comment of its own makes each file differ in length from the one before.
    let known = std::fs::metadata(&path).unwrap().len();
    let mut text = format!("{rules}\n#");
    while text.len() as u64 == known {
        text.push('#');
    }
    std::fs::write(&next, text).unwrap();
    std::fs::rename(next, path).unwrap();
}

/// How often the faulty module saw a function so far.
fn calls_of(function: &str) -> usize {
    let log = std::fs::read_to_string(std::env::var_os("FAULTY_PKCS11_LOG").unwrap()).unwrap();
    log.lines().filter(|line| *line == function).count()
}
