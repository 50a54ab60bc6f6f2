//! `server` as an operator sets it up: a token made by SoftHSM's own tool, a certificate of an
//! authority, the configuration that the repository offers, `operator init`. Its files have the
//! places that `dev` gives them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::json;

use super::{Server, finish, root};

const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// Whether the test that runs now is one of those that get an operated server: half of all, always
/// the same. `STRONGROOM_TEST_SERVER` (`operated`, `dev`) decides for all of them.
pub fn chosen() -> bool {
    match std::env::var("STRONGROOM_TEST_SERVER").as_deref() {
        Ok("operated") => true,
        Ok("dev") => false,
        _ => digest() & 1 == 1,
    }
}

/// FNV-1a of the test's name, which is the name of its thread.
fn digest() -> u64 {
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Server {
    /// A server that speaks TLS, initialised and with `secret/`, as `dev` leaves one.
    pub fn start_operated() -> Self {
        let mut server = Self::unstarted();
        server.configured = true;
        server.set_up();
        server.spawn();
        server.initialise();
        server
    }

    fn set_up(&self) {
        let data = self.data();
        fs::create_dir(&data).unwrap();
        fs::create_dir(data.join("tls")).unwrap();
        let softhsm = data.join("softhsm");
        let mut setup = Command::new(root().join("softhsm/setup.sh"));
        finish(setup.arg(&softhsm)).ok();
        for pin in ["pin", "so-pin"] {
            fs::rename(softhsm.join(pin), data.join(pin)).unwrap();
        }
        certificate(&data.join("tls"));
        fs::write(self.config(), configuration(&data)).unwrap();
        // As `dev` leaves them: other users of this machine are not asked.
        for (path, mode) in [(data.clone(), 0o700), (self.config(), 0o600)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    /// Over the network or through the administration socket; half do either.
    fn initialise(&self) {
        let token = self.data().join("root-token");
        let socket = self.data().join("data/admin.sock");
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        command.args(["operator", "init", "--root-token-file"]).arg(token);
        if digest() & 2 == 2 {
            command.arg("--socket").arg(socket);
        }
        finish(self.client(&mut command, "")).ok();
        let kv = json!({"type": "kv", "options": {"version": "2"}});
        let mounted = self.post("sys/mounts/secret", &self.root_token(), kv);
        assert_eq!(mounted.status, 204, "{mounted:?}");
    }
}

/// What the repository offers, with the places of this server.
fn configuration(data: &Path) -> String {
    let mut text = fs::read_to_string(root().join("config/strongroom.toml")).unwrap();
    let at = |name: &str| data.join(name).display().to_string();
    let softhsm = std::env::var("STRONGROOM_TEST_SOFTHSM").unwrap_or_else(|_| SOFTHSM.into());
    for (key, offered, ours) in [
        ("address", "127.0.0.1:8200", "127.0.0.1:0".to_owned()),
        ("# tls_cert", "/etc/strongroom/tls/cert.pem", at("tls/cert.pem")),
        ("# tls_key", "/etc/strongroom/tls/key.pem", at("tls/key.pem")),
        ("directory", "/var/lib/strongroom", at("data")),
        ("directory", "/var/lib/strongroom/audit", at("audit")),
        ("socket", "/var/lib/strongroom/admin.sock", at("data/admin.sock")),
        ("module", "/usr/lib/softhsm/libsofthsm2.so", softhsm),
        ("pin_file", "/etc/strongroom/hsm-pin", at("pin")),
    ] {
        let line = format!("{key} = \"{offered}\"\n");
        assert_eq!(text.matches(&line).count(), 1, "config/strongroom.toml: {line}");
        text = text.replace(&line, &format!("{} = \"{ours}\"\n", key.trim_start_matches("# ")));
    }
    text
}

fn certificate(directory: &Path) {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "Authority of a test");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let mut leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    fs::write(directory.join("ca.pem"), authority.pem()).unwrap();
    fs::write(directory.join("cert.pem"), leaf.pem()).unwrap();
    let path = directory.join("key.pem");
    fs::write(&path, key.serialize_pem()).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
