//! Policies: read, write, list, delete. A change holds for the next request.

use super::opened::{Opened, policy_place};
use super::records::PolicyRecord;
use super::turn::{Answer, Ask, Caller};
use super::{Vault, VaultError};
use crate::access::{Operation, Policy, PolicyName};
use crate::barrier::{MountId, kinds};
use crate::path::RequestPath;

impl Vault {
    pub async fn policy_list(&self, caller: &Caller, path: &RequestPath) -> Answer<Vec<String>> {
        let (turn, pass) = self.admit(caller, Ask::new(Operation::List, path)).await?;
        turn.run(async { Ok(pass?.opened.policies.load().names()) }).await
    }

    /// The policy as written; `NotFound` when there is none, or for `root`, which has no text.
    pub async fn policy_read(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        name: &str,
    ) -> Answer<PolicyRecord> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let name = PolicyName::canonical(name).map_err(invalid)?;
            let policies = session.opened.policies.load();
            policies.record(name.as_str()).cloned().ok_or(VaultError::NotFound)
        })
        .await
    }

    pub async fn policy_write(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        name: &str,
        text: &str,
    ) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let name = PolicyName::canonical(name).map_err(invalid)?;
            if !name.is_writable() {
                return Err(VaultError::invalid(format!(
                    "cannot update {:?} policy",
                    name.as_str()
                )));
            }
            let policy = Policy::parse(name.clone(), text).map_err(invalid)?;
            let record = PolicyRecord {
                name: name.as_str().to_owned(),
                text: policy.text().to_owned(),
                modified_unix_seconds: self.now().unix_seconds(),
            };
            let (leaf, at) = policy_place(name.as_str());
            self.change_policies(&opened, caller, "policy.write", name.as_str(), async |unit| {
                unit.put(&at, &record).await?;
                unit.enter(MountId::SYSTEM, kinds::POLICY_NAME, &leaf);
                Ok(())
            })
            .await
        })
        .await
    }

    pub async fn policy_delete(&self, caller: &Caller, ask: Ask<'_>, name: &str) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let name = PolicyName::canonical(name).map_err(invalid)?;
            if !name.is_deletable() {
                return Err(VaultError::invalid(match name.as_str() {
                    PolicyName::DEFAULT => "cannot delete default policy".to_owned(),
                    other => format!("cannot delete {other:?} policy"),
                }));
            }
            let (leaf, at) = policy_place(name.as_str());
            self.change_policies(&opened, caller, "policy.delete", name.as_str(), async |unit| {
                unit.delete::<PolicyRecord>(&at);
                unit.leave(MountId::SYSTEM, kinds::POLICY_NAME, &leaf);
                Ok(())
            })
            .await
        })
        .await
    }

    /// One change of policies at a time, in force before it is acknowledged.
    async fn change_policies(
        &self,
        opened: &Opened,
        caller: &Caller,
        kind: &str,
        name: &str,
        change: impl AsyncFnOnce(&mut crate::barrier::Unit) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let _one = opened.settings.lock().await;
        let mut unit = opened.barrier.unit();
        change(&mut unit).await?;
        unit.note(self.note(caller, kind, name));
        opened.seen(unit.commit().await?);
        opened.reload_policies().await
    }
}

fn invalid(error: crate::access::PolicyError) -> VaultError {
    VaultError::Invalid(error.to_string())
}
