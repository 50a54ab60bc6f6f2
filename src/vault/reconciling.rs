//! After a crash: the log is compared with the store, before anybody is answered. A change without
//! an entry gets one, from the note that was sealed with it; what the log names and the store does
//! not have is told. Looks only at what came after the last checkpoint's `recorded-revision`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;

use super::{Vault, VaultError};
use crate::audit::{Ahead, Recovered, Unsettled};
use crate::barrier::{Barrier, Note};
use crate::store::{Event, Revision};

/// What the store still knows of its changes after some revision.
struct Past {
    /// Sealed notes by revision; changes that nobody asked for have none.
    notes: BTreeMap<u64, Bytes>,
    /// False: there were more than the store keeps.
    whole: bool,
}

impl Vault {
    /// `applied` is the store's revision; nothing is changed meanwhile. False: the log does not say
    /// from where on to compare, which its next checkpoint will.
    pub(super) async fn reconcile(
        &self,
        barrier: &Arc<Barrier>,
        applied: Revision,
    ) -> Result<bool, VaultError> {
        let audit = &self.ports.audit;
        let Some(log) = audit.unsettled() else {
            audit.settle();
            return Ok(false);
        };
        let unreadable = |e: std::io::Error| VaultError::Internal(format!("the audit log: {e}"));
        let past = self.past(Revision(log.recorded), applied).await;
        let (mut notes, whole) = (past.notes, past.whole);
        let looked = log.clone();
        let (ahead, notes) = off_thread(move || {
            looked.strike_out(&mut notes, applied.0).map(|ahead| (ahead, notes))
        })
        .await?
        .map_err(unreadable)?;
        self.tell(&log, applied, ahead, whole)?;

        let mut missing = Vec::new();
        for (revision, sealed) in notes {
            match barrier.open_note(sealed).await {
                Ok(Some(note)) if !note.request_id.is_empty() => missing.push((revision, note)),
                Ok(_) => {}
                Err(crate::barrier::BarrierError::Integrity(_)) => {
                    tracing::error!(revision, "a change without an audit entry can't be explained");
                }
                Err(error) => return Err(error.into()),
            }
        }
        // Of a request with several changes the entry names the last one.
        let ids: HashSet<String> = missing.iter().map(|(_, n)| n.request_id.clone()).collect();
        if !ids.is_empty() {
            let known = off_thread(move || log.with_entry(&ids)).await?.map_err(unreadable)?;
            missing.retain(|(_, note)| !known.contains(&note.request_id));
        }
        for (revision, note) in &missing {
            self.recover(*revision, note)?;
        }
        audit.settle();
        Ok(true)
    }

    async fn past(&self, after: Revision, applied: Revision) -> Past {
        let mut past = Past { notes: BTreeMap::new(), whole: true };
        if applied <= after {
            return past;
        }
        let mut tail = self.ports.store.tail(after);
        while let Some(event) = tail.recv().await {
            match event {
                Event::Change { revision, note, .. } if revision <= applied => {
                    if !note.is_empty() {
                        past.notes.insert(revision.0, note);
                    }
                }
                Event::Resync(_) => {
                    past.whole = false;
                    break;
                }
                Event::Change { .. } | Event::Progress(_) => break,
            }
        }
        past
    }

    fn tell(
        &self,
        log: &Unsettled,
        applied: Revision,
        ahead: Option<Ahead>,
        whole: bool,
    ) -> Result<(), VaultError> {
        let audit = &self.ports.audit;
        let mut texts = Vec::new();
        if let Some(Ahead { entries, first_seq, revision }) = ahead {
            texts.push(format!(
                "the store ends at revision {applied}, and {entries} entries from {first_seq} on \
                 name later ones, up to {revision}"
            ));
        } else if log.recorded > applied.0 {
            texts.push(format!(
                "the store ends at revision {applied}, and the last checkpoint knows {}",
                log.recorded
            ));
        }
        if !whole {
            texts.push(format!(
                "the store keeps too little of its changes after revision {} to tell which of them \
                 up to {applied} have no entry",
                log.recorded
            ));
        }
        for text in texts {
            tracing::warn!(finding = text, "the audit log and the store differ");
            audit.tell(&text).map_err(|e| VaultError::Internal(e.to_string()))?;
        }
        Ok(())
    }

    fn recover(&self, revision: u64, note: &Note) -> Result<(), VaultError> {
        let Note { kind, subject, request_id, actor, by, .. } = note;
        let detail = format!("{kind} {subject}, committed at {}", note.time.rfc3339());
        tracing::warn!(request_id, revision, "a change without an audit entry got one");
        let recovered = Recovered {
            request_id,
            operation: &by.operation,
            path: &by.path,
            mount: &by.mount,
            entity: &by.entity,
            accessor: &by.accessor,
            role: &by.role,
            display: &by.display,
            client: actor,
            revision,
            detail: &detail,
        };
        self.ports.audit.recover(&recovered).map_err(|e| VaultError::Internal(e.to_string()))
    }
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, VaultError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| VaultError::Internal(e.to_string()))
}
