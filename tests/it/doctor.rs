//! `strongroom hsm doctor` and `list`: every usual mistake is one line that says what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Faulty, Run, Server, finish};

/// What `dev` left behind, for the commands that need no server.
struct Desk {
    server: Server,
    faulty: Faulty,
    right: String,
    softhsm_conf: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let faulty = Faulty::new();
        let mut server = Server::start_on(&faulty);
        server.kill9();
        let right = fs::read_to_string(server.config()).unwrap();
        let softhsm_conf = server.data().join("softhsm/softhsm2.conf");
        Self { server, faulty, right, softhsm_conf }
    }

    fn run(&self, verb: &str, softhsm_conf: Option<&Path>) -> Run {
        let mut command = Command::new("env");
        command.args(self.faulty.environment()).arg(env!("CARGO_BIN_EXE_strongroom"));
        command.args(["hsm", verb, "--config"]).arg(self.server.config());
        command.env("HOME", self.server.data()).env_remove("SOFTHSM2_CONF");
        if let Some(path) = softhsm_conf {
            command.env("SOFTHSM2_CONF", path);
        }
        finish(&mut command)
    }

    /// The configuration with one thing changed.
    fn mistake(&self, from: &str, to: &str) {
        assert!(self.right.contains(from), "{from:?} isn't in {}", self.right);
        fs::write(self.server.config(), self.right.replace(from, to)).unwrap();
    }

    /// Both commands fail with one line that has these words, and no PIN.
    fn both_say(&self, softhsm_conf: &Path, words: &[&str]) {
        self.doctor_says(Some(softhsm_conf), words);
        let list = self.run("list", Some(softhsm_conf));
        assert_eq!(list.code, Some(1), "{list:?}");
        let lines: Vec<_> = list.stderr.lines().filter(|l| l.starts_with("Error: ")).collect();
        assert_eq!(lines.len(), 1, "{list:?}");
        assert!(words.iter().all(|word| lines[0].contains(word)), "{words:?}: {list:?}");
    }

    fn doctor_says(&self, softhsm_conf: Option<&Path>, words: &[&str]) {
        let doctor = self.run("doctor", softhsm_conf);
        assert_eq!(doctor.code, Some(1), "{doctor:?}");
        let failed: Vec<_> = doctor.stdout.lines().filter(|l| l.contains("FAILED")).collect();
        assert_eq!(failed.len(), 1, "{doctor:?}");
        assert!(words.iter().all(|word| failed[0].contains(word)), "{words:?}: {doctor:?}");
        assert!(!format!("{doctor:?}").contains("marked-pin"));
    }
}

#[test]
fn every_usual_mistake_is_one_line_that_says_what_to_do() {
    let desk = Desk::new();
    let conf = desk.softhsm_conf.clone();
    let healthy = desk.run("doctor", Some(&conf)).ok();
    assert!(healthy.contains("AES-GCM works") && !healthy.contains("FAILED"), "{healthy}");
    let listed = desk.run("list", Some(&conf)).ok();
    assert!(listed.contains("strongroom kek v1") && listed.contains("strongroom-dev"), "{listed}");

    desk.mistake("libfaulty_pkcs11.so", "libabsent.so");
    desk.both_say(&conf, &["there is no PKCS#11 module", "hsm.module"]);
    desk.mistake("strongroom-dev", "strongrom-dev");
    desk.both_say(&conf, &["\"strongrom-dev\"", "there are \"strongroom-dev\"", "hsm.token_label"]);
    fs::write(desk.server.config(), &desk.right).unwrap();

    let empty = desk.server.file("empty");
    fs::create_dir(&empty).unwrap();
    let empty_conf = desk.server.file("empty.conf");
    fs::write(&empty_conf, format!("directories.tokendir = {}\n", empty.display())).unwrap();
    desk.both_say(&empty_conf, &["no initialised token", "initialise one"]);
    desk.faulty.control("C_GetSlotList fail CKR_TOKEN_NOT_PRESENT");
    desk.doctor_says(Some(&conf), &["slots", "connected"]);
    desk.faulty.control("");

    let pin = desk.server.data().join("pin");
    let right_pin = fs::read_to_string(&pin).unwrap();
    let before = desk.faulty.calls_of("C_Login");
    fs::set_permissions(&pin, fs::Permissions::from_mode(0o644)).unwrap();
    desk.both_say(&conf, &["open to others", "chmod 600"]);
    fs::remove_file(&pin).unwrap();
    desk.both_say(&conf, &["no PIN file", "mode 0600"]);
    assert_eq!(desk.faulty.calls_of("C_Login"), before, "no PIN, no try");

    fs::write(&pin, "marked-pin").unwrap();
    fs::set_permissions(&pin, fs::Permissions::from_mode(0o600)).unwrap();
    desk.doctor_says(Some(&conf), &["refuses the PIN", "hsm.pin_file"]);
    assert_eq!(desk.faulty.calls_of("C_Login"), before + 1, "one try only");
    desk.both_say(&conf, &["refused the PIN", "has not changed since", "correct it"]);
    assert_eq!(desk.faulty.calls_of("C_Login"), before + 1, "not even by the next command");
    fs::write(&pin, right_pin).unwrap();
    desk.run("doctor", Some(&conf)).ok();
}

#[test]
fn softhsm_without_a_configuration_is_named() {
    let desk = Desk::new();
    let softhsm = desk
        .faulty
        .environment()
        .into_iter()
        .find_map(|pair| pair.strip_prefix("FAULTY_PKCS11_MODULE=").map(str::to_owned))
        .unwrap();
    desk.mistake(&Faulty::module().display().to_string(), &softhsm);
    // Debian installs a configuration for the whole machine, whose tokens are others. Their label is
    // none of ours: this must not spend anybody's tries.
    let ours = fs::read_to_string(desk.server.config()).unwrap();
    let nobodys = ours.replace("strongroom-dev", "strongroom-of-nobody");
    fs::write(desk.server.config(), nobodys).unwrap();
    let unset = desk.run("doctor", None);
    assert_eq!(unset.code, Some(1), "{unset:?}");
    assert!(unset.stdout.contains("SOFTHSM2_CONF"), "{unset:?}");
    fs::write(desk.server.config(), ours).unwrap();
    let absent = desk.server.file("absent.conf");
    desk.both_say(&absent, &["SOFTHSM2_CONF", "can't be read", "correct the variable"]);
    desk.run("doctor", Some(&desk.softhsm_conf)).ok();
}
