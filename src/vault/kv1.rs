//! KV version 1: read, write, delete, list. One guarded commit a change.

mod upgrade;

use super::kv::config_at;
use super::listing::Names;
use super::opened::Opened;
use super::turn::{Answer, Ask, Caller, Session};
use super::{SecretAt, TRIES, Vault, VaultError};
use crate::access::Operation;
use crate::barrier::{Address, BarrierError, MountId, kinds};
use crate::engines::kv;
use crate::engines::kv1::Entry;
use crate::mounts::EngineKind;

impl Vault {
    pub async fn kv1_read(&self, caller: &Caller, at: &SecretAt<'_>) -> Answer<Entry> {
        let ask = Ask::new(Operation::Read, at.path).on(Some(&at.mount)).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            self.ask_hsm_if_strict(&opened).await?;
            let Some(place) = place(at) else { return Err(VaultError::NotFound) };
            match opened.barrier.read::<Entry>(&place).await? {
                Some(entry) => Ok(entry.value),
                None => {
                    still_unversioned(&opened, at)?;
                    Err(VaultError::NotFound)
                }
            }
        })
        .await
    }

    /// `fields` is the JSON text of an object. Whether this creates or updates decides which
    /// capability is needed.
    pub async fn kv1_put(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        fields: &str,
        lease_seconds: Option<u64>,
    ) -> Answer<()> {
        let who = self.identify(caller).await;
        let operation = create_or_update(&who, at).await;
        let ask = Ask::new(operation, at.path).on(Some(&at.mount)).with(at.parameters);
        let (turn, pass) = self.decide(caller, who, ask)?;
        turn.run(async {
            let session = pass?;
            let opened = &session.opened;
            let now = self.now();
            let entry = Entry::new(at.secret, fields, lease_seconds, now)
                .map_err(|e| VaultError::Invalid(e.to_string()))?;
            let mount = MountId(at.mount.id);
            let place = Address::named(mount, at.secret);
            let _queue = opened.stripe(mount, at.secret).await;
            for _ in 0..TRIES {
                still_unversioned(opened, at)?;
                let before = opened.barrier.read_fresh::<Entry>(&place).await?.map(|e| e.revision);
                session.may_still(&ask, before.is_some())?;
                let mut unit = opened.barrier.unit();
                guard_unversioned(&mut unit, mount);
                match before {
                    Some(revision) => unit.expect_at::<Entry>(&place, revision),
                    None => {
                        unit.expect_absent::<Entry>(&place);
                        unit.enter(mount, kinds::KV1_NAME, at.secret);
                    }
                }
                unit.put(&place, &entry).await?;
                unit.note(self.note(caller, "kv1.put", &subject(at)));
                match unit.commit().await {
                    Ok(revision) => {
                        opened.seen(revision);
                        return Ok(());
                    }
                    Err(BarrierError::Conflict) => self.look_at_mounts(opened, at).await?,
                    Err(error) => return Err(error.into()),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }

    /// Answers the same whether or not there was a value.
    pub async fn kv1_delete(&self, caller: &Caller, at: &SecretAt<'_>) -> Answer<()> {
        let ask = Ask::new(Operation::Delete, at.path).on(Some(&at.mount)).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let Some(place) = place(at) else { return Ok(()) };
            let mount = MountId(at.mount.id);
            let _queue = opened.stripe(mount, at.secret).await;
            for _ in 0..TRIES {
                still_unversioned(&opened, at)?;
                let Some(before) = opened.barrier.read_fresh::<Entry>(&place).await? else {
                    still_unversioned(&opened, at)?;
                    return Ok(());
                };
                let mut unit = opened.barrier.unit();
                guard_unversioned(&mut unit, mount);
                unit.expect_at::<Entry>(&place, before.revision);
                unit.delete::<Entry>(&place);
                unit.leave(mount, kinds::KV1_NAME, at.secret);
                unit.note(self.note(caller, "kv1.deleted", &subject(at)));
                match unit.commit().await {
                    Ok(revision) => {
                        opened.seen(revision);
                        tidy(&opened, mount, at.secret).await;
                        return Ok(());
                    }
                    Err(BarrierError::Conflict) => self.look_at_mounts(&opened, at).await?,
                    Err(error) => return Err(error.into()),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }

    /// Names below a directory, one level.
    pub async fn kv1_list(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        after: Option<&str>,
        limit: Option<usize>,
    ) -> Answer<Vec<String>> {
        let ask = Ask::new(Operation::List, at.path).on(Some(&at.mount)).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            self.ask_hsm_if_strict(&session.opened).await?;
            let names = session.names(&names(at, after, limit)).await?;
            still_unversioned(&session.opened, at)?;
            if names.is_empty() { Err(VaultError::NotFound) } else { Ok(names) }
        })
        .await
    }

    /// All names beneath a directory; its own capability.
    pub async fn kv1_scan(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        after: Option<&str>,
        limit: Option<usize>,
    ) -> Answer<Vec<String>> {
        let ask = Ask::new(Operation::Scan, at.path).on(Some(&at.mount)).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            self.ask_hsm_if_strict(&session.opened).await?;
            let names = session.all_names(&names(at, after, limit)).await?;
            still_unversioned(&session.opened, at)?;
            Ok(names)
        })
        .await
    }

    /// After a lost commit: another node may have begun to upgrade the mount.
    async fn look_at_mounts(&self, opened: &Opened, at: &SecretAt<'_>) -> Result<(), VaultError> {
        opened.reload_mounts().await?;
        still_unversioned(opened, at)
    }
}

/// A mount that is being upgraded has a configuration from the first moment on: no write of
/// version 1 commits once it is there, so none is left behind.
fn guard_unversioned(unit: &mut crate::barrier::Unit, mount: MountId) {
    unit.expect_absent::<kv::Config>(&config_at(mount));
}

/// The request was routed while the mount had no versions; that may have changed.
fn still_unversioned(opened: &Opened, at: &SecretAt<'_>) -> Result<(), VaultError> {
    match opened.mount_by_id(&at.mount.id) {
        Some(mount) if mount.kind == EngineKind::Kv1 => Ok(()),
        Some(_) => Err(VaultError::upgrading()),
        None => Err(VaultError::NotFound),
    }
}

/// `None` for the mount's own root, where no value can be.
fn place(at: &SecretAt<'_>) -> Option<Address> {
    (!at.secret.is_empty()).then(|| Address::named(MountId(at.mount.id), at.secret))
}

fn names<'a>(at: &SecretAt<'a>, after: Option<&'a str>, limit: Option<usize>) -> Names<'a> {
    Names {
        mount: MountId(at.mount.id),
        tree: kinds::KV1_NAME,
        directory: at.secret,
        path: at.path,
        after,
        limit,
    }
}

fn subject(at: &SecretAt<'_>) -> String {
    format!("{}{}", at.mount.request_path(), at.secret)
}

/// Create when there is nothing there yet.
async fn create_or_update(who: &Result<Session, VaultError>, at: &SecretAt<'_>) -> Operation {
    let (Ok(session), Some(place)) = (who, place(at)) else { return Operation::Update };
    match session.opened.barrier.read::<Entry>(&place).await {
        Ok(None) => Operation::Create,
        _ => Operation::Update,
    }
}

/// Removes directories that a deletion emptied. A crash before leaves an empty one behind, no more.
async fn tidy(opened: &Opened, mount: MountId, name: &str) {
    if let Some((directory, _)) = name.rsplit_once('/')
        && let Err(error) = opened.barrier.prune(mount, kinds::KV1_NAME, directory).await
    {
        tracing::warn!(%error, "an emptied directory was not tidied");
    }
}
