//! The KV use cases: read a record, apply the engine's pure rule, commit its change.
//! A read takes the head and one version record; a write goes through one guarded commit.

mod config;
mod metadata;
mod read;
mod versions;
mod write;

pub(super) use config::config_at;

use std::sync::Arc;

use super::opened::Opened;
use super::turn::{Caller, Fields};
use super::{TRIES, Vault, VaultError};
use crate::barrier::{Address, MountId, kinds};
use crate::engines::kv::{Change, Head, HeadAction, KvError, Version, VersionView};
use crate::mounts::Mount;
use crate::path::RequestPath;
use crate::store::Revision;

/// A secret as a request names it.
pub struct SecretAt<'a> {
    pub mount: Arc<Mount>,
    /// Below the mount and the verb: `team/app` of `secret/data/team/app`.
    pub secret: &'a str,
    /// The whole request path, for the decision.
    pub path: &'a RequestPath,
    pub parameters: Option<&'a dyn Fields>,
}

/// What a read found.
pub enum Found {
    Live(VersionView, Version),
    /// Deleted or destroyed: 404 with its metadata.
    Gone(VersionView),
}

/// What a patch did.
pub enum Patched {
    Done(VersionView),
    Gone(VersionView),
}

/// Changes of the versions of one secret.
pub enum VersionsCommand<'a> {
    DeleteLatest,
    Delete(&'a [i64]),
    Undelete(&'a [i64]),
    Destroy(&'a [i64]),
}

/// Where the records of a secret live.
struct Place<'a> {
    mount: MountId,
    secret: &'a str,
    head: Address,
}

impl<'a> Place<'a> {
    fn new(at: &SecretAt<'a>) -> Self {
        let mount = MountId(at.mount.id);
        Self { mount, secret: at.secret, head: Address::named(mount, at.secret) }
    }

    fn version(&self, head: &Head, version: u64) -> Address {
        self.head.at_version(head.incarnation, version)
    }
}

impl Vault {
    /// Applies a rule to the head until its commit meets no concurrent one.
    async fn kv_change<T>(
        &self,
        opened: &Opened,
        caller: &Caller,
        at: &SecretAt<'_>,
        rule: impl Fn(Option<&Head>, crate::clock::Timestamp) -> Result<Change<T>, VaultError>,
    ) -> Result<T, VaultError> {
        let place = Place::new(at);
        let _queue = opened.stripe(place.mount, at.secret).await;
        for _ in 0..TRIES {
            let head = opened.barrier.read_fresh::<Head>(&place.head).await?;
            let before = head.as_ref().map(|h| (&h.value, h.revision));
            let change = rule(before.map(|(head, _)| head), self.now())?;
            match self.kv_commit(opened, caller, at, &place, before, change).await {
                Err(VaultError::Contended) => {}
                done => return done,
            }
        }
        Err(VaultError::Contended)
    }

    /// Commits what a rule asked for, guarded by the head it was asked about.
    async fn kv_commit<T>(
        &self,
        opened: &Opened,
        caller: &Caller,
        at: &SecretAt<'_>,
        place: &Place<'_>,
        before: Option<(&Head, Revision)>,
        change: Change<T>,
    ) -> Result<T, VaultError> {
        if change.is_empty() {
            return Ok(change.outcome);
        }
        let mut unit = opened.barrier.unit();
        match before {
            Some((_, revision)) => unit.expect_at::<Head>(&place.head, revision),
            None => unit.expect_absent::<Head>(&place.head),
        }
        let mut emptied = false;
        match change.head {
            HeadAction::Put(mut head) => {
                if let Some((version, record)) = &change.put {
                    let digest = unit.put(&place.version(&head, *version), record).await?;
                    head.attach_digest(*version, digest);
                }
                for version in &change.remove {
                    unit.delete::<Version>(&place.version(&head, *version));
                }
                unit.put_shared(&place.head, Arc::new(head)).await?;
                if before.is_none() {
                    unit.enter(place.mount, kinds::KV_NAME, place.secret);
                }
            }
            HeadAction::Delete => {
                if let Some((before, _)) = before {
                    for version in &change.remove {
                        unit.delete::<Version>(&place.version(before, *version));
                    }
                }
                unit.delete::<Head>(&place.head);
                unit.leave(place.mount, kinds::KV_NAME, place.secret);
                emptied = true;
            }
            HeadAction::Keep => {}
        }
        let subject = format!("{}{}", at.mount.request_path(), at.secret);
        unit.note(self.note(caller, change.note.kind, &subject));
        opened.seen(unit.commit().await?);
        if emptied && let Some((directory, _)) = place.secret.rsplit_once('/') {
            // Tidying only: a crash here leaves an empty directory entry behind, no more.
            if let Err(error) = opened.barrier.prune(place.mount, kinds::KV_NAME, directory).await {
                tracing::warn!(%error, "an emptied directory was not tidied");
            }
        }
        Ok(change.outcome)
    }
}

fn refused(error: KvError) -> VaultError {
    match error {
        KvError::NothingToPatch => VaultError::NotFound,
        other => VaultError::Invalid(other.to_string()),
    }
}
