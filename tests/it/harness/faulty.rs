//! The PKCS#11 module that fails on request, in front of SoftHSM.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// What a server that uses the module is told, and the file that rules it.
pub struct Faulty {
    directory: TempDir,
}

impl Faulty {
    pub fn new() -> Self {
        let faulty = Self { directory: tempfile::tempdir().unwrap() };
        fs::write(faulty.file("control"), "").unwrap();
        fs::write(faulty.file("calls"), "").unwrap();
        faulty
    }

    /// Built once, beside the program under test.
    pub fn module() -> &'static Path {
        static BUILT: OnceLock<PathBuf> = OnceLock::new();
        BUILT.get_or_init(|| {
            let target = Path::new(env!("CARGO_BIN_EXE_strongroom")).ancestors().nth(2).unwrap();
            let built = Command::new(env!("CARGO"))
                .args(["build", "--quiet", "--offline", "-p", "faulty-pkcs11", "--target-dir"])
                .arg(target)
                .current_dir(super::root())
                .status()
                .unwrap();
            assert!(built.success());
            target.join("debug/libfaulty_pkcs11.so")
        })
    }

    /// `NAME=VALUE` for the environment of a server.
    pub fn environment(&self) -> Vec<String> {
        let softhsm = std::env::var("STRONGROOM_TEST_SOFTHSM").unwrap_or_else(|_| SOFTHSM.into());
        vec![
            format!("STRONGROOM_DEV_MODULE={}", Self::module().display()),
            format!("FAULTY_PKCS11_MODULE={softhsm}"),
            format!("FAULTY_PKCS11_CONTROL={}", self.file("control").display()),
            format!("FAULTY_PKCS11_LOG={}", self.file("calls").display()),
        ]
    }

    /// Rules for the next call and those after it.
    pub fn control(&self, rules: &str) {
        let (path, next) = (self.file("control"), self.file("next"));
        // A comment of its own makes each file differ in length from the one before.
        let known = fs::metadata(&path).unwrap().len();
        let mut text = format!("{rules}\n#");
        while text.len() as u64 == known {
            text.push('#');
        }
        fs::write(&next, text).unwrap();
        fs::rename(next, path).unwrap();
    }

    /// How often a function was called so far.
    pub fn calls_of(&self, function: &str) -> usize {
        let log = fs::read_to_string(self.file("calls")).unwrap();
        log.lines().filter(|line| *line == function).count()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}
