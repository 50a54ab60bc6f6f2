//! The listener's side. Certificate, key and clients' authorities are files that can be replaced
//! while it runs: new connections get the new ones, those that stand keep what they began with. A
//! bad set of files changes nothing.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{InconsistentKeys, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::validity::{self, Validity};
use super::{TlsError, VERSIONS, pem, provider};
use crate::clock::{Clock, Timestamp};
use crate::config::{ClientAuth, Tls};
use crate::limits;

/// What new connections are served with.
pub struct Acceptor {
    current: ArcSwap<Current>,
    /// The files, and how they looked when they were last tried.
    tried: Mutex<(Tls, Stamp)>,
    clock: Clock,
}

struct Current {
    config: Arc<ServerConfig>,
    /// The shortest of the chain.
    validity: Validity,
}

/// How files looked: inode, size and times of each; whether it changed shows without reading it.
type Stamp = Vec<Option<(u64, u64, i64, i64)>>;

/// An established connection.
pub struct Handshake {
    pub stream: TlsStream<TcpStream>,
    /// The leaf that the client proved to hold, DER; verified against `tls_client_ca`.
    pub client_certificate: Option<Arc<[u8]>>,
}

impl Acceptor {
    /// A certificate that has ended is used all the same: a listener that clients refuse says
    /// more than one that is not there.
    pub fn open(files: Tls, clock: Clock) -> Result<Self, TlsError> {
        let stamp = stamp(&files);
        let current = load(&files)?;
        Ok(Self {
            current: ArcSwap::from_pointee(current),
            tried: Mutex::new((files, stamp)),
            clock,
        })
    }

    /// Takes these files, which may be others than before. An error leaves all as it was.
    pub fn reload(&self, files: &Tls) -> Result<(), TlsError> {
        let mut tried = self.tried.lock();
        // Before they are read: a change in between is seen at the next look.
        *tried = (files.clone(), stamp(files));
        let new = load(files)?;
        let now = self.clock.now();
        let held = self.current.load().validity.holds(now);
        if held && !new.validity.holds(now) {
            let reason =
                "the new certificate has ended, or does not hold yet, and the old one does";
            return Err(TlsError::unusable(&files.cert, reason));
        }
        self.current.store(Arc::new(new));
        Ok(())
    }

    /// Reloads where a file looks otherwise than when it was last tried; `None` where none does.
    pub fn reload_changed(&self) -> Option<Result<(), TlsError>> {
        let files = {
            let tried = self.tried.lock();
            if stamp(&tried.0) == tried.1 {
                return None;
            }
            tried.0.clone()
        };
        Some(self.reload(&files))
    }

    /// When the certificate that new connections get ends.
    pub fn ends(&self) -> Timestamp {
        self.current.load().validity.until
    }

    /// Until that certificate ends; negative once it has.
    pub fn seconds_left(&self) -> f64 {
        self.ends().unix_seconds() as f64 - self.clock.now().unix_seconds() as f64
    }

    /// What is wrong with the certificate's time, in words: `None` for all is well.
    pub fn trouble(&self, ahead: std::time::Duration) -> Option<String> {
        let Validity { from, until } = self.current.load().validity;
        let now = self.clock.now();
        let days = until.saturating_since(now).as_secs() / 86_400;
        if now > until {
            Some(format!("the listener's certificate ended at {}", until.rfc3339()))
        } else if now < from {
            Some(format!("the listener's certificate holds only from {}", from.rfc3339()))
        } else if until.saturating_since(now) < ahead {
            Some(format!("the listener's certificate ends in {days} days, at {}", until.rfc3339()))
        } else {
            None
        }
    }

    /// The handshake; its deadline is the caller's matter.
    pub async fn accept(&self, stream: TcpStream) -> std::io::Result<Handshake> {
        let config = self.current.load().config.clone();
        let stream = TlsAcceptor::from(config).accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let client_certificate = shown.map(|leaf| Arc::from(leaf.as_ref()));
        Ok(Handshake { stream, client_certificate })
    }
}

impl Validity {
    fn holds(self, now: Timestamp) -> bool {
        self.from <= now && now <= self.until
    }
}

fn stamp(files: &Tls) -> Stamp {
    let paths: [Option<&PathBuf>; 3] =
        [Some(&files.cert), Some(&files.key), files.client_ca.as_ref()];
    let look = |path: &PathBuf| {
        std::fs::metadata(path).ok().map(|m| (m.ino(), m.size(), m.mtime(), m.mtime_nsec()))
    };
    paths.into_iter().flatten().map(look).collect()
}

fn load(files: &Tls) -> Result<Current, TlsError> {
    let chain = pem::certificates(&files.cert)?;
    if chain.len() > limits::CERTIFICATE_CHAIN_MAX {
        let reason = format!(
            "it holds {} certificates; put the listener's own there, and those between it and its root",
            chain.len()
        );
        return Err(TlsError::unusable(&files.cert, reason));
    }
    let unread = || TlsError::unusable(&files.cert, "one of its certificates can't be read");
    let each =
        chain.iter().map(|c| validity::of(c)).collect::<Option<Vec<_>>>().ok_or_else(unread)?;
    let whole = |a: Validity, b: Validity| Validity {
        from: a.from.max(b.from),
        until: a.until.min(b.until),
    };
    let validity = each.into_iter().reduce(whole).ok_or_else(unread)?;
    let provider = provider();
    let pair =
        CertifiedKey::from_der(chain, pem::key(&files.key)?, &provider).map_err(|e| match e {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsError::Mismatch { cert: files.cert.clone(), key: files.key.clone() }
            }
            other => TlsError::unusable(&files.key, other),
        })?;
    let setup = |e: rustls::Error| TlsError::Setup(e.to_string());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(VERSIONS)
        .map_err(setup)?;
    let builder = match (files.client_auth, &files.client_ca) {
        (ClientAuth::Off, _) | (_, None) => builder.with_no_client_auth(),
        (wanted, Some(path)) => {
            let roots = Arc::new(pem::roots(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            let verifier = match wanted {
                ClientAuth::Require => verifier,
                _ => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(
                verifier.build().map_err(|e| TlsError::unusable(path, e))?,
            )
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    // A resumed connection would be trusted for what an earlier one showed, past a reload that no
    // longer trusts it. Each proves itself anew, and early data (which can be replayed) is off.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Current { config: Arc::new(config), validity })
}
