//! What changes while the server runs: by SIGHUP whatever of the configuration is safe to change,
//! by the clock certificates whose files were replaced. A bad configuration changes nothing.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::Signal;

use super::notify;
use crate::clock::{BootTime, Clock};
use crate::config::Config;
use crate::http::Gate;
use crate::limits;
use crate::telemetry::Logs;
use crate::tls::Acceptor;

/// Follows one running server.
pub struct Reloader {
    pub file: PathBuf,
    /// What the process runs with; what can't be reloaded stays as it was at start.
    pub running: Config,
    pub gate: Arc<Gate>,
    pub logs: Logs,
    pub clock: Clock,
    pub warned: Option<BootTime>,
}

/// Keys that take effect without a restart.
const SAFE: &[&str] = &[
    "log.level",
    "listener.tls_cert",
    "listener.tls_key",
    "listener.tls_client_auth",
    "listener.tls_client_ca",
    "listener.connections_max",
    "listener.connections_per_address_max",
    "listener.requests_max",
    "listener.handshake_timeout",
    "listener.header_timeout",
    "listener.body_timeout",
    "listener.write_timeout",
    "listener.idle_timeout",
];

impl Reloader {
    /// Until the task is dropped. Reading some small files blocks no longer than the log does.
    pub async fn watch(mut self, mut hangup: Signal) {
        let mut look = tokio::time::interval(limits::TLS_WATCH_INTERVAL);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                signal = hangup.recv() => match signal {
                    Some(()) => {
                        notify::reloading();
                        tokio::task::block_in_place(|| self.reload());
                        notify::ready();
                    }
                    None => return,
                },
                _ = look.tick() => tokio::task::block_in_place(|| self.look()),
            }
        }
    }

    fn reload(&mut self) {
        let new = match Config::load(&self.file) {
            Ok(new) => new,
            Err(error) => {
                tracing::error!(%error, "SIGHUP: the configuration can't be used; nothing was changed");
                return;
            }
        };
        let changed = self.running.differences(&new);
        // Turning TLS on or off would need another listener.
        let tls_stays = self.running.listener.tls.is_some() == new.listener.tls.is_some();
        let safe =
            |key: &str| SAFE.contains(&key) && (tls_stays || !key.starts_with("listener.tls"));
        let (mut applied, left): (Vec<String>, Vec<String>) =
            changed.into_iter().partition(|key| safe(key));
        if new.log.level != self.running.log.level && self.logs.configure(new.log.level.as_str()) {
            self.running.log.level = new.log.level;
        }
        self.gate.set_limits(new.listener.limits.clone());
        self.running.listener.limits = new.listener.limits;
        if let (Some(tls), Some(files)) = (self.gate.tls(), &new.listener.tls) {
            match tls.reload(files) {
                Ok(()) => {
                    self.running.listener.tls = new.listener.tls;
                    tell(tls);
                }
                Err(error) => {
                    applied.retain(|key| !key.starts_with("listener.tls"));
                    tracing::error!(%error, "SIGHUP: the certificate can't be used; the old one stays");
                }
            }
        }
        tracing::info!(changed = %listed(&applied), "SIGHUP: the configuration was read again");
        if !left.is_empty() {
            tracing::warn!(
                keys = %listed(&left),
                "SIGHUP: these were changed and take effect only by a restart"
            );
        }
    }

    fn look(&mut self) {
        let Some(tls) = self.gate.tls() else { return };
        match tls.reload_changed() {
            Some(Ok(())) => tell(tls),
            Some(Err(error)) => {
                tracing::error!(%error, "a changed certificate can't be used; the old one stays");
            }
            None => {}
        }
        let now = self.clock.boot();
        let due = self
            .warned
            .is_none_or(|at| now.saturating_since(at) >= limits::CERTIFICATE_LOG_INTERVAL);
        if due && let Some(trouble) = tls.trouble(limits::CERTIFICATE_WARNING) {
            tracing::warn!("{trouble}; put a new one in its place, it is picked up within seconds");
            self.warned = Some(now);
        }
    }
}

fn tell(tls: &Acceptor) {
    tracing::info!(ends = %tls.ends().rfc3339(), "new connections get the certificate that is there now");
}

fn listed(keys: &[String]) -> String {
    if keys.is_empty() { "nothing".into() } else { keys.join(", ") }
}
