//! `sys/audit`: the audit sinks that the configuration declares, and which of them are switched
//! off. Over the API nothing is declared (P35), and the log's own files can't be switched off.

use serde::{Deserialize, Serialize};

use super::opened::Opened;
use super::records::sinks_off;
use super::turn::{Answer, Ask, Caller};
use super::{TRIES, Vault, VaultError};
use crate::audit::SinkStatus;
use crate::barrier::BarrierError;
use crate::config::Sink;

/// Names of sinks that are switched off. Field order is the format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinksOff {
    pub names: Vec<String>,
}

impl Opened {
    /// Names of sinks that the configuration does not declare any more are kept: it may again.
    pub(super) async fn sinks_off(&self) -> Result<Vec<String>, VaultError> {
        let entry = self.barrier.read_fresh::<SinksOff>(&sinks_off()).await?;
        Ok(entry.map(|entry| entry.value.names).unwrap_or_default())
    }
}

impl Vault {
    pub async fn audit_sinks(&self, caller: &Caller, ask: Ask<'_>) -> Answer<Vec<SinkStatus>> {
        self.operate(caller, ask, |_| Ok(self.ports.audit.sinks())).await
    }

    /// Switches a sink on or off, for good. `agree` looks at what the caller says of it.
    pub async fn switch_audit_sink(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        name: &str,
        on: bool,
        agree: impl Fn(Option<&Sink>) -> Result<(), VaultError>,
    ) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let opened = pass?.opened;
            let _one = opened.settings.lock().await;
            let declared = self.ports.audit.sinks().into_iter().map(|status| status.sink);
            agree(declared.into_iter().find(|sink| sink.name == name).as_ref())?;
            let at = sinks_off();
            for _ in 0..TRIES {
                let current = opened.barrier.read_fresh::<SinksOff>(&at).await?;
                let mut unit = opened.barrier.unit();
                match &current {
                    Some(entry) => unit.expect_at::<SinksOff>(&at, entry.revision),
                    None => unit.expect_absent::<SinksOff>(&at),
                }
                let mut off = current.map(|entry| entry.value).unwrap_or_default();
                off.names.retain(|other| other != name);
                if !on {
                    off.names.push(name.to_owned());
                }
                unit.put(&at, &off).await?;
                let kind = if on { "audit-sink.enable" } else { "audit-sink.disable" };
                unit.note(self.note(caller, kind, name));
                match unit.commit().await {
                    Ok(revision) => {
                        opened.seen(revision);
                        self.ports.audit.set_sinks_off(&off.names);
                        return Ok(());
                    }
                    Err(BarrierError::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Err(VaultError::Contended)
        })
        .await
    }
}
