//! Deleting, undeleting and destroying versions.

use super::{Place, SecretAt, VersionsCommand, refused};
use crate::access::Operation;
use crate::engines::kv;
use crate::vault::Vault;
use crate::vault::turn::{Answer, Ask, Caller};

impl Vault {
    /// Delete, undelete or destroy versions. `operation` is what the dialect asks policies for.
    pub async fn kv_versions(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        operation: Operation,
        command: VersionsCommand<'_>,
    ) -> Answer<()> {
        let ask = Ask::new(operation, at.path).on(Some(&at.mount)).with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let place = Place::new(at);
            let config = self.kv_config(&opened, place.mount).await?;
            self.kv_change(&opened, caller, at, |head, now| {
                match &command {
                    VersionsCommand::DeleteLatest => Ok(kv::delete_latest(head, now)),
                    VersionsCommand::Delete(versions) => kv::delete_versions(head, versions, now),
                    VersionsCommand::Undelete(versions) => {
                        kv::undelete(head, &config, versions, now)
                    }
                    VersionsCommand::Destroy(versions) => kv::destroy(head, versions, now),
                }
                .map_err(refused)
            })
            .await
        })
        .await
    }
}
