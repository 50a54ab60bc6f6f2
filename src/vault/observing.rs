//! What operators look at: metrics, requests under way, the log as it is written. The right to look
//! is decided here like any other; what there is to see comes from `telemetry` and from the parts.

use zeroize::Zeroizing;

use super::turn::{Answer, Ask, Caller, Session};
use super::{Vault, VaultError};
use crate::audit::{self, SinkState};
use crate::clock::Timestamp;
use crate::limits::HSM_RANDOM_BYTES_MAX;
use crate::sensitive::SecretBytes;
use crate::telemetry::{Figure, Process};

/// The key-encryption key in use.
#[derive(Clone, Copy, Debug)]
pub struct KeyStatus {
    pub term: u32,
    /// When the vault was initialised: no key has been rotated since.
    pub installed: Timestamp,
}

/// Where random bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entropy {
    Platform,
    Hsm,
    /// As good as the better of the two.
    Both,
}

impl Vault {
    pub async fn random_bytes(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        source: Entropy,
        count: usize,
    ) -> Answer<SecretBytes> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            drop(pass?);
            let mut bytes = Zeroizing::new(vec![0; count]);
            if source != Entropy::Hsm {
                self.ports.random.fill(&mut bytes);
            }
            if source != Entropy::Platform {
                for chunk in bytes.chunks_mut(HSM_RANDOM_BYTES_MAX) {
                    let drawn = self.ports.admin.random(chunk.len()).await?;
                    chunk.iter_mut().zip(drawn.expose()).for_each(|(byte, d)| *byte ^= d);
                }
            }
            Ok(SecretBytes::new(std::mem::take(&mut *bytes)))
        })
        .await
    }

    /// Decides and records; what the answer holds is no state of the vault.
    pub async fn operate<T>(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        answer: impl FnOnce(&Session) -> Result<T, VaultError>,
    ) -> Answer<T> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async { answer(&pass?) }).await
    }

    /// The exposition text of all metrics.
    pub async fn metrics_text(&self, caller: &Caller, ask: Ask<'_>) -> Answer<String> {
        if self.settings.public_metrics && caller.token.is_none() {
            let (operation, path) = (ask.operation.as_str(), ask.path.as_str());
            let turn = self.admit_public(caller, operation, path, audit::Kind::Request, false)?;
            return turn.run(async { Ok(self.exposition()) }).await;
        }
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async { pass.map(|_| self.exposition()) }).await
    }

    pub async fn key_status(&self, caller: &Caller, ask: Ask<'_>) -> Answer<KeyStatus> {
        self.operate(caller, ask, |session| {
            let keyring = session.opened.barrier.keyring();
            let kek = keyring.active_kek().ok_or(VaultError::Integrity)?;
            Ok(KeyStatus { term: kek.key.version, installed: keyring.created() })
        })
        .await
    }

    /// Whether the caller still may, for answers that take long. Not recorded: the request was.
    pub async fn still_may(&self, caller: &Caller, ask: &Ask<'_>) -> bool {
        match self.identify(caller).await {
            Ok(session) => session.has_sudo(ask),
            Err(_) => false,
        }
    }

    fn exposition(&self) -> String {
        let ports = &self.ports;
        let metrics = &ports.metrics;
        let (process, hsm, log) = (Process::now(), ports.watch.health(), ports.audit.status());
        let uptime = ports.clock.boot().saturating_since(metrics.started);
        let is = |condition: bool| f64::from(u8::from(condition));
        let mut figures = vec![
            Figure::level("build_info", "Always 1; the version is its label", 1.0)
                .of("version", env!("CARGO_PKG_VERSION")),
            Figure::level("uptime_seconds", "Since the process started", uptime.as_secs_f64()),
            Figure::level("resident_bytes", "Memory of the process", process.resident_bytes as f64),
            Figure::level("threads", "Threads of the process", process.threads as f64),
            Figure::level("open_files", "Open file descriptors", process.open_files as f64),
            Figure::level(
                "requests_in_flight",
                "Requests under way",
                metrics.flights.count() as f64,
            ),
            Figure::level(
                "sealed",
                "Whether the vault is closed",
                is(self.opened.load().is_none()),
            ),
            Figure::level(
                "hsm_available",
                "Whether the HSM's breaker is closed",
                is(hsm.available),
            ),
            Figure::level(
                "hsm_last_success_seconds",
                "Since the last call of the HSM that worked",
                hsm.since_success.as_secs_f64(),
            ),
            Figure::counter("hsm_generations", "Logins and restarts of the HSM", hsm.generation),
            Figure::level(
                "store_takes_writes",
                "Whether the store takes commits",
                is((ports.store_trouble)().is_none()),
            ),
            Figure::level(
                "audit_takes_entries",
                "Whether the audit log takes entries",
                is(log.down.is_none()),
            ),
            Figure::level(
                "audit_unsynced_entries",
                "Entries not yet on disk",
                log.entries.saturating_sub(log.synced) as f64,
            ),
            Figure::level(
                "audit_unproven_entries",
                "Entries that no signed checkpoint covers yet",
                log.entries.saturating_sub(log.checkpointed) as f64,
            ),
        ];
        for status in ports.audit.sinks() {
            let of = |figure: Figure| figure.of("sink", status.sink.name.clone());
            let works = matches!(status.state, SinkState::Up | SinkState::Behind);
            figures.extend([
                of(Figure::level(
                    "audit_sink_up",
                    "Whether an audit sink takes entries",
                    is(works),
                )),
                of(Figure::level(
                    "audit_sink_behind_entries",
                    "Entries on disk that an audit sink has not taken yet",
                    status.behind as f64,
                )),
            ]);
        }
        let runtime = tokio::runtime::Handle::current().metrics();
        figures.extend([
            Figure::level("tokio_workers", "Threads of requests", runtime.num_workers() as f64),
            Figure::level("tokio_tasks", "Tasks alive", runtime.num_alive_tasks() as f64),
            Figure::level(
                "tokio_global_queue",
                "Tasks that wait for a thread",
                runtime.global_queue_depth() as f64,
            ),
        ]);
        let opened = self.opened.load();
        let caches = opened.iter().flat_map(|opened| opened.barrier.cache_figures());
        for cache in caches {
            let of = |figure: Figure| figure.of("cache", cache.name);
            figures.extend([
                of(Figure::counter("cache_hits", "Answers from a cache", cache.hits)),
                of(Figure::counter("cache_misses", "Questions a cache left open", cache.misses)),
                of(Figure::level("cache_entries", "Entries of a cache", cache.entries as f64)),
                of(Figure::level("cache_bytes", "What they weigh", cache.weight as f64)),
            ]);
        }
        metrics.text(figures)
    }
}
