//! Reading a secret, and the names below a directory.

use super::{Found, Place, SecretAt};
use crate::access::Operation;
use crate::barrier::{MountId, kinds};
use crate::engines::kv::{self, Head, Selection, Version};
use crate::vault::listing::Names;
use crate::vault::turn::{Answer, Ask, Caller, Session};
use crate::vault::{Vault, VaultError};

impl Vault {
    pub async fn kv_read(
        &self,
        caller: &Caller,
        at: &SecretAt<'_>,
        version: Option<i64>,
    ) -> Answer<Found> {
        let asked = version.and_then(|v| u64::try_from(v).ok());
        let ask = Ask::new(Operation::Read, at.path)
            .at_version(asked)
            .on(Some(&at.mount))
            .with(at.parameters);
        let (turn, pass) = self.admit(caller, ask).await?;
        let found = match pass {
            Ok(session) => self.kv_fetch(&session, at, version).await,
            Err(refused) => Err(refused),
        };
        turn.close(found).await
    }

    async fn kv_fetch(
        &self,
        session: &Session,
        at: &SecretAt<'_>,
        version: Option<i64>,
    ) -> Result<Found, VaultError> {
        self.ask_hsm_if_strict(&session.opened).await?;
        let place = Place::new(at);
        // A head and its records change together; a write in between shows as a record that is
        // gone or has another digest, and the second look sees the new head.
        for attempt in 0..2 {
            let head = session.opened.barrier.read_shared::<Head>(&place.head).await?;
            let head = head.map(|e| e.value);
            match kv::select(head.as_deref(), version, self.now()) {
                Selection::Missing => return Err(VaultError::NotFound),
                Selection::Deleted(view) | Selection::Destroyed(view) => {
                    return Ok(Found::Gone(view));
                }
                Selection::Live { view, digest } => {
                    let Some(head) = &head else { return Err(VaultError::NotFound) };
                    let record = place.version(head, view.version);
                    match session.opened.barrier.read::<Version>(&record).await? {
                        Some(entry) if entry.digest == digest => {
                            return Ok(Found::Live(view, entry.value));
                        }
                        _ if attempt == 0 => {}
                        _ => {
                            tracing::error!("a version record does not match its head");
                            return Err(VaultError::Integrity);
                        }
                    }
                }
            }
        }
        Err(VaultError::Contended)
    }

    /// Names below a directory of the mount, without those the caller may not see.
    pub async fn kv_list(
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
            if names.is_empty() { Err(VaultError::NotFound) } else { Ok(names) }
        })
        .await
    }

    /// All names beneath a directory; its own capability.
    pub async fn kv_scan(
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
            session.all_names(&names(at, after, limit)).await
        })
        .await
    }
}

fn names<'a>(at: &SecretAt<'a>, after: Option<&'a str>, limit: Option<usize>) -> Names<'a> {
    Names {
        mount: MountId(at.mount.id),
        tree: kinds::KV_NAME,
        directory: at.secret,
        path: at.path,
        after,
        limit,
    }
}
