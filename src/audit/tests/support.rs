//! A log in a temporary directory, a disk that fills up on demand, and a key in software.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature as EcdsaSignature, SigningKey};

use crate::audit::segment::{Disk, Medium};
use crate::audit::{
    Audit, AuditConfig, Decision, Declared, Draft, Facts, Kind, Outcome, Retention, Signer, Who,
};
use crate::clock::{BootTime, Clock, Timestamp};
use crate::keyguard::{Fault, KeyRef, PublicKey, Purpose, Sign, Signature};
use crate::random::Random;

pub const OK: Outcome =
    Outcome { status: 200, code: "ok", version: Some(3), hsm_calls: 0, revision: 88 };

pub fn draft(path: &str) -> Draft<'_> {
    Draft {
        kind: Kind::Request,
        request_id: "5c1d",
        operation: "read",
        path,
        version: None,
        mount: "secret/",
        mount_accessor: "kv_f82cee77",
        decision: Decision::Allow,
        rule: "app: secret/data/*",
        trace_id: "",
        started: BootTime(0),
        wrapping: "",
        who: Who {
            entity: "e-1",
            accessor: "a-1",
            role: "app",
            display: "approle-app",
            client: "192.0.2.7".parse().ok(),
        },
    }
}

/// A log under test.
pub struct Fixture {
    pub dir: tempfile::TempDir,
    pub clock: Clock,
    pub disk: Arc<Flaky>,
    pub segment_bytes: u64,
    pub retention: Retention,
}

impl Fixture {
    pub fn new(segment_bytes: u64) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            clock: Clock::manual(Timestamp(1_795_335_111_365_462_000)),
            disk: Arc::default(),
            segment_bytes,
            retention: Retention::default(),
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn open(&self) -> Arc<Audit> {
        self.open_with(Vec::new())
    }

    pub fn open_with(&self, sinks: Vec<Declared>) -> Arc<Audit> {
        let config = AuditConfig {
            segment_bytes: self.segment_bytes,
            retention: self.retention,
            ..AuditConfig::new(self.path())
        };
        let disk: Arc<dyn Medium> = self.disk.clone();
        Audit::open_on(disk, config, sinks, self.clock.clone(), &Random::system()).unwrap()
    }

    /// All entries, of all segments in order.
    pub fn entries(&self) -> Vec<serde_json::Value> {
        let mut names: Vec<_> = std::fs::read_dir(self.path())
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
            .collect();
        names.sort();
        let text: String = names.iter().map(|p| std::fs::read_to_string(p).unwrap()).collect();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Records one read.
pub fn read(audit: &Arc<Audit>, path: &str) {
    let permit = audit.reserve(&draft(path)).unwrap();
    assert_eq!(permit.record(OK, 7).unwrap().release(), 7);
}

/// Records one change.
pub async fn write(audit: &Arc<Audit>, path: &str) {
    let permit = audit.reserve(&draft(path)).unwrap();
    assert_eq!(permit.record_synced(OK, 7).await.unwrap().release(), 7);
}

/// Waits for something that another thread does; gives up after far more time than it needs.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..4_000 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("waited in vain until {what}");
}

/// The disk, with a lid on it.
#[derive(Default)]
pub struct Flaky {
    pub full: AtomicBool,
    /// Blocks can be set aside, and what is set aside can be written while the disk is full.
    pub sets_aside: AtomicBool,
    pub allocated: AtomicU64,
    /// While full: bytes of a write that still fit.
    pub fits: AtomicU64,
    pub cut_fails: AtomicBool,
    pub sync_fails: AtomicBool,
    pub syncs: AtomicU64,
}

impl Medium for Flaky {
    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<usize> {
        if !self.full.load(Ordering::SeqCst) {
            return Disk.write(file, bytes);
        }
        let end = file.metadata()?.len() + bytes.len() as u64;
        if end <= self.allocated.load(Ordering::SeqCst) {
            return Disk.write(file, bytes);
        }
        let fits = self.fits.swap(0, Ordering::SeqCst) as usize;
        if fits == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Disk.write(file, &bytes[..fits.min(bytes.len())])
    }

    fn allocate(&self, _: &File, _: u64, to: u64) -> io::Result<()> {
        if !self.sets_aside.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if self.full.load(Ordering::SeqCst) && to > self.allocated.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.allocated.fetch_max(to, Ordering::SeqCst);
        Ok(())
    }

    fn cut(&self, file: &File, len: u64) -> io::Result<()> {
        if self.cut_fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("can't cut"));
        }
        Disk.cut(file, len)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        if self.sync_fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the device is on fire"));
        }
        Disk.sync(file)
    }
}

/// An HSM for tests: a key from a fixed scalar, and a switch.
pub struct SoftKey {
    key: SigningKey,
    pub away: AtomicBool,
}

impl SoftKey {
    pub fn new(scalar: u8) -> Arc<Self> {
        let key = SigningKey::from_slice(&[scalar; 32]).unwrap();
        Arc::new(Self { key, away: AtomicBool::new(false) })
    }

    pub fn public_point(&self) -> PublicKey {
        self.key.verifying_key().to_sec1_point(false).as_bytes().try_into().unwrap()
    }

    pub fn sign_now(&self, message: &[u8]) -> Signature {
        let signature: EcdsaSignature = self.key.sign(message);
        signature.to_bytes().into()
    }

    pub fn signer(self: &Arc<Self>) -> Signer {
        Signer {
            sign: self.clone(),
            key: KeyRef { purpose: Purpose::Checkpoint, version: 1, id: [1; 16] },
            public_key: self.public_point(),
            cluster_id: "c0ffee".into(),
            facts: Arc::new(|| Facts {
                incarnation: [1; 16],
                store_revision: 88,
                journal_head: [2; 32],
                ring_epoch: 3,
            }),
        }
    }
}

#[async_trait]
impl Sign for SoftKey {
    async fn sign(&self, _key: &KeyRef, message: &[u8]) -> Result<Signature, Fault> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Fault::Busy);
        }
        Ok(self.sign_now(message))
    }

    async fn public_key(&self, _key: &KeyRef) -> Result<PublicKey, Fault> {
        Ok(self.public_point())
    }
}
