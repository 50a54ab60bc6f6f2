//! The settings of a secret, and its end.

use super::{Place, SecretAt, refused};
use crate::access::Operation;
use crate::barrier::MountId;
use crate::engines::kv::{self, Head, MetadataChange, Removal};
use crate::vault::turn::{Answer, Ask, Caller, Session};
use crate::vault::{Vault, VaultError};

impl Vault {
    pub async fn kv_metadata_read(&self, caller: &Caller, at: &SecretAt<'_>) -> Answer<Head> {
        let ask = Ask::new(Operation::Read, at.path).on(Some(&at.mount)).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let head = pass?.opened.barrier.read::<Head>(&Place::new(at).head).await?;
            head.map(|e| e.value).ok_or(VaultError::NotFound)
        })
        .await
    }

    /// Creates or changes a secret's settings; the outcome is what to warn about.
    pub async fn kv_metadata_put(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        cas: Option<i64>,
        change: &MetadataChange,
    ) -> Answer<Vec<String>> {
        let who = self.identify(caller).await;
        let operation = self.create_or_update(&who, at).await;
        let ask = Ask::new(operation, at.path).on(Some(&at.mount)).with(at.parameters);
        let (turn, pass) = self.decide(caller, who, ask)?;
        turn.run(async {
            let session = pass?;
            let opened = &session.opened;
            let config = self.kv_config(opened, MountId(at.mount.id)).await?;
            self.kv_change(opened, caller, at, |head, now| {
                session.may_still(&ask, head.is_some())?;
                let incarnation = self.ports.random.array();
                kv::put_metadata(head, &config, cas, change, incarnation, now).map_err(refused)
            })
            .await
        })
        .await
    }

    pub async fn kv_metadata_patch(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        cas: Option<i64>,
        change: &MetadataChange,
    ) -> Answer<Vec<String>> {
        let ask = Ask::new(Operation::Patch, at.path).on(Some(&at.mount)).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let config = self.kv_config(&opened, MountId(at.mount.id)).await?;
            self.kv_change(&opened, caller, at, |head, now| {
                kv::patch_metadata(head, &config, cas, change, now)
                    .map_err(refused)?
                    .ok_or(VaultError::NotFound)
            })
            .await
        })
        .await
    }

    /// Removes the secret with every version, in as many commits as it takes.
    pub async fn kv_metadata_delete(&self, caller: &Caller, at: &SecretAt<'_>) -> Answer<()> {
        let ask = Ask::new(Operation::Delete, at.path).on(Some(&at.mount)).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            loop {
                let removed =
                    self.kv_change(&opened, caller, at, |head, now| Ok(kv::remove(head, now)));
                if removed.await? == Removal::Complete {
                    return Ok(());
                }
            }
        })
        .await
    }

    /// Create when both would be decided differently and there is nothing there yet.
    async fn create_or_update(
        &self,
        who: &Result<Session, VaultError>,
        at: &SecretAt<'_>,
    ) -> Operation {
        let Ok(session) = who else { return Operation::Update };
        match session.opened.barrier.read_shared::<Head>(&Place::new(at).head).await {
            Ok(None) => Operation::Create,
            _ => Operation::Update,
        }
    }
}
