//! Tests of TLS: files, reloads, handshakes; with certificates made on the spot.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::NamedGroup;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::clock::{Clock, Timestamp};
use crate::config::{ClientAuth, Tls};

/// 2026-06-01.
const NOW: u64 = 1_780_272_000;

/// A directory with an authority, and what it signed.
struct Files {
    directory: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Files {
    fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(parameters, key).unwrap();
        let files = Self { directory: tempfile::tempdir().unwrap(), authority };
        files.write("ca", &files.authority.pem());
        files.issue("server", 2030);
        files
    }

    /// NAME.pem and NAME.key for `localhost`, ending with that year.
    fn issue(&self, name: &str, year: i32) {
        let mut parameters = CertificateParams::new(vec!["localhost".into()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.authority).unwrap();
        self.write(&format!("{name}.pem"), &certificate.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        // As renewals do it: a new file in the place of the old one.
        let new = self.path("new");
        std::fs::write(&new, text).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(new, self.path(name)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn tls(&self) -> Tls {
        Tls {
            cert: self.path("server.pem"),
            key: self.path("server.key"),
            client_auth: ClientAuth::Off,
            client_ca: None,
        }
    }

    fn acceptor(&self, files: Tls) -> Result<Acceptor, TlsError> {
        Acceptor::open(files, clock())
    }

    fn trust(&self) -> Trust {
        Trust { ca_cert: Some(self.path("ca")), ..Trust::default() }
    }
}

fn clock() -> Clock {
    Clock::manual(Timestamp::from_unix_seconds(NOW))
}

fn run<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// Both ends of a handshake; the client's says whether its first byte came through as well (in TLS
/// 1.3 a client learns only then that its certificate was refused).
async fn shake(
    acceptor: &Acceptor,
    trust: &Trust,
    host: &str,
) -> (std::io::Result<Handshake>, std::io::Result<Option<NamedGroup>>) {
    use tokio::io::AsyncWriteExt as _;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connector = Connector::new(trust, host).unwrap();
    let client = async {
        let mut stream = connector.connect(TcpStream::connect(address).await?).await?;
        stream.write_all(b"x").await?;
        Ok(stream.get_ref().1.negotiated_key_exchange_group().map(|group| group.name()))
    };
    let server = async { acceptor.accept(listener.accept().await?.0).await };
    tokio::join!(server, client)
}

#[test]
fn the_hybrid_exchange_is_agreed_and_version_1_3() {
    run(async {
        let files = Files::new();
        let (server, client) =
            shake(&files.acceptor(files.tls()).unwrap(), &files.trust(), "localhost").await;
        assert_eq!(client.unwrap(), Some(NamedGroup::X25519MLKEM768));
        let server = server.unwrap();
        let version = server.stream.get_ref().1.protocol_version();
        assert_eq!(version, Some(rustls::ProtocolVersion::TLSv1_3));
        assert!(server.client_certificate.is_none());
    });
}

#[test]
fn p36_a_client_trusts_its_authority_and_that_name_only() {
    run(async {
        let files = Files::new();
        let acceptor = files.acceptor(files.tls()).unwrap();
        assert!(shake(&acceptor, &files.trust(), "127.0.0.1").await.1.is_err());
        let named = Trust { server_name: Some("localhost".into()), ..files.trust() };
        assert!(shake(&acceptor, &named, "127.0.0.1").await.1.is_ok());
        let foreign = Files::new().trust();
        assert!(Connector::new(&foreign, "localhost").is_err(), "its directory is gone");
        let other = Files::new();
        assert!(shake(&acceptor, &other.trust(), "localhost").await.1.is_err());
        let anybody = Trust { skip_verify: true, ..other.trust() };
        assert!(shake(&acceptor, &anybody, "localhost").await.1.is_ok());
    });
}

#[test]
fn p06_client_certificates_are_verified_and_the_leaf_is_kept_whole() {
    run(async {
        let (files, other) = (Files::new(), Files::new());
        files.issue("client", 2030);
        other.issue("client", 2030);
        let tls =
            |client_auth| Tls { client_auth, client_ca: Some(files.path("ca")), ..files.tls() };
        let with = |of: &Files| Trust {
            client_cert: Some(of.path("client.pem")),
            client_key: Some(of.path("client.key")),
            ..files.trust()
        };
        for (wanted, without_one) in [(ClientAuth::Request, true), (ClientAuth::Require, false)] {
            let acceptor = files.acceptor(tls(wanted)).unwrap();
            let (server, _) = shake(&acceptor, &files.trust(), "localhost").await;
            assert_eq!(server.is_ok(), without_one, "{wanted:?}");
            let (server, _) = shake(&acceptor, &with(&other), "localhost").await;
            assert!(server.is_err(), "of another authority: {wanted:?}");
            let (server, _) = shake(&acceptor, &with(&files), "localhost").await;
            let leaf = pem::certificates(&files.path("client.pem")).unwrap().remove(0);
            let kept: Option<Arc<[u8]>> = server.unwrap().client_certificate;
            assert_eq!(kept.as_deref(), Some(leaf.as_ref()));
        }
    });
}

#[test]
fn a_new_pair_is_taken_and_a_bad_one_leaves_the_old() {
    let files = Files::new();
    let acceptor = files.acceptor(files.tls()).unwrap();
    let year = |acceptor: &Acceptor| acceptor.ends().rfc3339()[..4].to_owned();
    assert!(acceptor.reload_changed().is_none());

    files.issue("server", 2031);
    acceptor.reload_changed().unwrap().unwrap();
    assert_eq!(year(&acceptor), "2031");

    // The certificate is there before its key is.
    let key = std::fs::read_to_string(files.path("server.key")).unwrap();
    files.issue("server", 2032);
    let its_key = std::fs::read_to_string(files.path("server.key")).unwrap();
    files.write("server.key", &key);
    let error = acceptor.reload_changed().unwrap().unwrap_err();
    assert!(matches!(error, TlsError::Mismatch { .. }), "{error}");
    assert_eq!(year(&acceptor), "2031");
    assert!(acceptor.reload_changed().is_none(), "a bad pair is complained of once");
    files.write("server.key", &its_key);
    acceptor.reload_changed().unwrap().unwrap();
    assert_eq!(year(&acceptor), "2032");

    for (name, text) in [("server.pem", "garbage"), ("server.key", "garbage"), ("server.pem", "")] {
        let before = std::fs::read_to_string(files.path(name)).unwrap();
        files.write(name, text);
        assert!(acceptor.reload_changed().unwrap().is_err(), "{name}");
        assert_eq!(year(&acceptor), "2032");
        files.write(name, &before);
    }
    std::fs::remove_file(files.path("server.key")).unwrap();
    assert!(acceptor.reload_changed().unwrap().is_err());

    // One that has ended does not replace one that holds.
    files.issue("server", 2025);
    assert!(acceptor.reload_changed().unwrap().is_err());
    assert_eq!(year(&acceptor), "2032");
}

#[test]
fn p45_a_key_that_others_can_read_is_refused_with_the_command_that_helps() {
    use std::os::unix::fs::PermissionsExt as _;
    let files = Files::new();
    let key = files.path("server.key");
    for mode in [0o640, 0o604, 0o620, 0o666] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        let text = files.acceptor(files.tls()).err().unwrap().to_string();
        assert!(text.contains(&format!("chmod 600 {}", key.display())), "{text}");
    }
}

#[test]
fn p44_errors_never_quote_a_key() {
    let files = Files::new();
    let key = std::fs::read_to_string(files.path("server.key")).unwrap();
    let body = key.lines().nth(1).unwrap();
    // A key with a line missing, and a key where a certificate belongs.
    files.write("server.key", &key.replacen(body, &body[..20], 1));
    let error = files.acceptor(files.tls()).err().unwrap();
    assert!(!format!("{error} {error:?}").contains(&body[..20]));
    files.write("server.pem", &key);
    let error = files.acceptor(files.tls()).err().unwrap();
    assert!(!format!("{error} {error:?}").contains(&body[..20]));
}

#[test]
fn the_end_of_a_certificate_shows_before_it_comes() {
    let files = Files::new();
    let day = Duration::from_secs(86_400);
    let acceptor = files.acceptor(files.tls()).unwrap();
    assert_eq!(acceptor.trouble(30 * day), None);
    let acceptor = Acceptor::open(
        files.tls(),
        Clock::manual(Timestamp::from_unix_seconds(acceptor.ends().unix_seconds()) - 5 * day),
    );
    let text = acceptor.unwrap().trouble(30 * day).unwrap();
    assert!(text.contains("ends in 5 days, at 2030-01-01"), "{text}");
    files.issue("server", 2025);
    // It starts all the same, and says so.
    let text = files.acceptor(files.tls()).unwrap().trouble(Duration::ZERO).unwrap();
    assert!(text.contains("ended at 2025-01-01"), "{text}");
}

#[test]
fn development_makes_a_pair_once_and_clients_can_verify_it() {
    let directory = tempfile::tempdir().unwrap();
    let write = |path: &Path, bytes: &[u8]| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(path, bytes)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
    };
    let make = |clock: &Clock| {
        ensure(directory.path(), "127.0.0.1".parse().unwrap(), clock, write).unwrap();
        std::fs::read(directory.path().join(CERTIFICATE)).unwrap()
    };
    let clock = Clock::system();
    let first = make(&clock);
    assert_eq!(make(&clock), first);
    let later = Clock::manual(clock.now() + Duration::from_secs(350 * 86_400));
    assert_ne!(make(&later), first, "it is replaced before it ends");
    std::fs::remove_file(directory.path().join(KEY)).unwrap();
    make(&clock);
    let files = Tls {
        cert: directory.path().join(CERTIFICATE),
        key: directory.path().join(KEY),
        client_auth: ClientAuth::Off,
        client_ca: None,
    };
    let acceptor = Acceptor::open(files, clock).unwrap();
    let trust = Trust { ca_cert: Some(directory.path().join(AUTHORITY)), ..Trust::default() };
    run(async {
        for host in ["localhost", "127.0.0.1", "::1"] {
            assert!(shake(&acceptor, &trust, host).await.1.is_ok(), "{host}");
        }
    });
}
