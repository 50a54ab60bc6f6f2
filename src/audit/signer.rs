//! The HSM's part of a checkpoint, on a thread of its own: a signature that hangs delays nothing
//! but the next checkpoint. What is signed is decided by the audit thread.

use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use tokio::runtime::Runtime;

use super::checkpoint::{Checkpoint, Facts, origin};
use super::{note, pruned};
use crate::keyguard::{KeyRef, PublicKey, Sign};
use crate::limits::AUDIT_SIGN_DEADLINE;

/// What signs checkpoints while the vault is unsealed.
#[derive(Clone)]
pub struct Signer {
    pub sign: Arc<dyn Sign>,
    /// A key of purpose `Checkpoint`.
    pub key: KeyRef,
    pub public_key: PublicKey,
    /// Names the log: `strongroom.audit/<cluster id>`; no spaces, no `+`.
    pub cluster_id: String,
    /// Read for every checkpoint, on the audit thread: must not wait.
    pub facts: Arc<dyn Fn() -> Facts + Send + Sync>,
}

impl Signer {
    pub(super) fn origin(&self) -> String {
        origin(&self.cluster_id)
    }
}

/// A checkpoint to be signed.
pub(super) struct Job {
    pub checkpoint: Checkpoint,
    /// It is to say that entries below this number were pruned; what it needs for that is read here,
    /// off the audit thread.
    pub below: Option<u64>,
    pub dir: PathBuf,
    pub signer: Arc<Signer>,
}

/// A signed checkpoint, or why there is none.
pub(super) struct Done {
    pub checkpoint: Checkpoint,
    pub below: Option<u64>,
    pub note: Result<String, String>,
}

/// Signs until the jobs end.
pub(super) fn run(jobs: &Receiver<Job>, done: &Sender<Done>, wake: &Sender<()>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            // Without it nothing can be signed: every job is answered with the reason.
            for job in jobs {
                let note = Err(format!("no runtime for signatures: {error}"));
                let _gone = done.send(Done { checkpoint: job.checkpoint, below: job.below, note });
                let _pending = wake.try_send(());
            }
            return;
        }
    };
    for mut job in jobs {
        let note = match job.below.map(|below| pruned::prepare(&job.dir, below)).transpose() {
            Ok(pruned) => {
                job.checkpoint.pruned = pruned.map(Box::new);
                sign(&runtime, &job)
            }
            Err(reason) => Err(reason),
        };
        let _gone = done.send(Done { checkpoint: job.checkpoint, below: job.below, note });
        let _pending = wake.try_send(());
    }
}

fn sign(runtime: &Runtime, job: &Job) -> Result<String, String> {
    let text = job.checkpoint.to_string();
    let signature = runtime.block_on(async {
        let signing = job.signer.sign.sign(&job.signer.key, text.as_bytes());
        tokio::time::timeout(AUDIT_SIGN_DEADLINE, signing).await
    });
    match signature {
        Ok(Ok(signature)) => {
            let key = &job.signer.public_key;
            Ok(note::signed(&text, &job.checkpoint.origin, key, &signature))
        }
        Ok(Err(fault)) => Err(fault.to_string()),
        Err(_elapsed) => Err("the HSM did not sign in time".to_owned()),
    }
}
