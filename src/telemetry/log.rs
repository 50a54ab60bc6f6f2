//! The process's own log: one line an event, text or JSON, on standard error, and to the operators
//! who watch it (`sys/monitor`). A line has the ids of the request it belongs to. Levels change
//! while it runs; a restart undoes that.

use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use tokio::sync::broadcast;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::tally::Tally;
use crate::clock::Clock;
use crate::json::write_string;
use crate::limits;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

tokio::task_local! {
    /// The request that the current task works for.
    static REQUEST: Arc<RequestIds>;
}

/// What tells a request's lines from those of others.
#[derive(Debug, Default)]
pub struct RequestIds {
    pub request_id: String,
    /// W3C trace id; empty if there is none.
    pub trace_id: String,
    pub tally: Tally,
}

/// Does `work` as a part of the request `ids`. (No `async fn`: that would hold `work` twice.)
pub fn within<F: Future>(ids: Arc<RequestIds>, work: F) -> impl Future<Output = F::Output> {
    REQUEST.scope(ids, work)
}

/// The request that the current task works for, to hand it on to a task of its own.
pub fn current() -> Option<Arc<RequestIds>> {
    REQUEST.try_with(Arc::clone).ok()
}

/// The same for a short look, without handing anything on.
pub(super) fn with_current<T>(look: impl FnOnce(&RequestIds) -> T) -> Option<T> {
    REQUEST.try_with(|ids| look(ids)).ok()
}

/// The running log: its level, and who watches. Clones share it.
#[derive(Clone, Debug)]
pub struct Logs(Arc<State>);

#[derive(Debug)]
struct State {
    clock: Clock,
    format: LogFormat,
    configured: AtomicU8,
    level: AtomicU8,
    /// The finest level that anybody watches at.
    watched: AtomicU8,
    watchers: AtomicUsize,
    lines: broadcast::Sender<Arc<Line>>,
    ended: AtomicBool,
}

/// A line for those who watch, in both forms.
#[derive(Debug)]
pub struct Line {
    pub level: Level,
    pub text: String,
    pub json: String,
}

/// One who watches; dropped, he is gone.
#[derive(Debug)]
pub struct Watcher {
    logs: Logs,
    lines: broadcast::Receiver<Arc<Line>>,
    level: Level,
}

/// The names of levels that clients use, the coarsest first.
pub const LEVELS: [(&str, Level); 5] = [
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

fn place(level: Level) -> u8 {
    let at = LEVELS.iter().position(|(_, l)| *l == level).unwrap_or(2);
    u8::try_from(at).unwrap_or(2)
}

/// `None` for a word that is no level.
pub fn level_named(name: &str) -> Option<Level> {
    LEVELS.iter().find(|(n, _)| *n == name).map(|(_, level)| *level)
}

impl Logs {
    /// `level` is one of `LEVELS`; anything else is `info`.
    pub fn new(level: &str, format: LogFormat, clock: Clock) -> Self {
        let configured = place(level_named(level).unwrap_or(Level::INFO));
        Self(Arc::new(State {
            clock,
            format,
            configured: AtomicU8::new(configured),
            level: AtomicU8::new(configured),
            watched: AtomicU8::new(0),
            watchers: AtomicUsize::new(0),
            lines: broadcast::channel(limits::MONITOR_LINES_MAX).0,
            ended: AtomicBool::new(false),
        }))
    }

    /// Makes this the process's log; later calls change nothing.
    pub fn install(&self) {
        let _ = tracing_subscriber::registry().with(self.clone()).try_init();
    }

    pub fn level(&self) -> &'static str {
        LEVELS[usize::from(self.0.level.load(Ordering::Relaxed)).min(LEVELS.len() - 1)].0
    }

    pub fn set_level(&self, level: Level) {
        self.0.level.store(place(level), Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
        tracing::warn!(level = self.level(), "the log's level was changed by an operator");
    }

    /// The configuration has another level now; false for a word that is none.
    pub fn configure(&self, level: &str) -> bool {
        let Some(level) = level_named(level) else { return false };
        self.0.configured.store(place(level), Ordering::Relaxed);
        self.reset_level();
        true
    }

    /// Back to the configured level.
    pub fn reset_level(&self) {
        let configured = self.0.configured.load(Ordering::Relaxed);
        self.set_level(LEVELS[usize::from(configured).min(LEVELS.len() - 1)].1);
    }

    /// Lines from now on; `None` when as many watch already as may.
    pub fn watch(&self, level: Level) -> Option<Watcher> {
        let enter = |n: usize| (n < limits::MONITORS_MAX).then_some(n + 1);
        let entered =
            self.0.watchers.fetch_update(Ordering::AcqRel, Ordering::Acquire, enter).is_ok();
        if !entered || self.0.ended.load(Ordering::Acquire) {
            if entered {
                self.0.watchers.fetch_sub(1, Ordering::AcqRel);
            }
            return None;
        }
        self.0.watched.fetch_max(place(level) + 1, Ordering::AcqRel);
        tracing::callsite::rebuild_interest_cache();
        Some(Watcher { logs: self.clone(), lines: self.0.lines.subscribe(), level })
    }

    /// Nobody watches a process that stops: their connections end.
    pub fn end_watching(&self) {
        self.0.ended.store(true, Ordering::Release);
        let last = Line { level: Level::ERROR, text: String::new(), json: String::new() };
        let _ = self.0.lines.send(Arc::new(last));
    }

    fn finest(&self) -> u8 {
        let watched = self.0.watched.load(Ordering::Relaxed);
        self.0.level.load(Ordering::Relaxed).max(watched.saturating_sub(1))
    }

    /// Libraries are heard from `warn` on only: what they say in detail is theirs, and may hold
    /// what our own types hide.
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let ours = metadata.target().starts_with("strongroom");
        let finest = if ours { self.finest() } else { self.finest().min(place(Level::WARN)) };
        place(*metadata.level()) <= finest
    }
}

impl Watcher {
    /// The next line at or above the level that was asked for; `None` when the process stops.
    pub async fn next(&mut self) -> Option<Arc<Line>> {
        loop {
            match self.lines.recv().await {
                Ok(_) if self.logs.0.ended.load(Ordering::Acquire) => return None,
                Ok(line) if line.level <= self.level => return Some(line),
                Ok(_) => {}
                // Too slow: lines were dropped, and he goes on with the newest.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if self.logs.0.watchers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.logs.0.watched.store(0, Ordering::Release);
            tracing::callsite::rebuild_interest_cache();
        }
    }
}

impl<S: Subscriber> Layer<S> for Logs {
    fn register_callsite(
        &self,
        metadata: &'static Metadata<'static>,
    ) -> tracing::subscriber::Interest {
        match self.wants(metadata) {
            true => tracing::subscriber::Interest::always(),
            false => tracing::subscriber::Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        let mut said = Said::default();
        event.record(&mut said);
        let ids = current();
        let at = self.0.clock.now().rfc3339();
        let to_stderr = place(level) <= self.0.level.load(Ordering::Relaxed);
        let watched = self.0.watchers.load(Ordering::Relaxed) > 0;
        let text = || said.text(&at, level, ids.as_deref());
        let json = || said.json(&at, level, event.metadata().target(), ids.as_deref());
        if to_stderr {
            let mut line = if self.0.format == LogFormat::Text { text() } else { json() };
            line.push('\n');
            // A log that nobody takes is no reason to stop.
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
        }
        if watched {
            let line = Line { level, text: text(), json: json() };
            let _ = self.0.lines.send(Arc::new(line));
        }
    }
}

/// The fields of an event.
#[derive(Default)]
struct Said {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let shown = format!("{value:?}");
        match field.name() {
            "message" => self.message = shown,
            name => self.fields.push((name, shown)),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => self.fields.push((name, value.to_owned())),
        }
    }
}

impl Said {
    fn text(&self, at: &str, level: Level, ids: Option<&RequestIds>) -> String {
        let mut out = format!("{at} {level:>5} {}", one_line(&self.message));
        let ids = ids.into_iter().flat_map(RequestIds::pairs);
        let fields = self.fields.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in fields.chain(ids) {
            // Writing to a String cannot fail.
            let _ = write!(out, " {name}={}", one_line(value));
        }
        out
    }

    fn json(&self, at: &str, level: Level, target: &str, ids: Option<&RequestIds>) -> String {
        let mut out = String::from("{");
        let level = level.as_str();
        let head =
            [("timestamp", at), ("level", level), ("target", target), ("message", &self.message)];
        let ids = ids.into_iter().flat_map(RequestIds::pairs);
        let fields = self.fields.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in head.into_iter().chain(ids).chain(fields) {
            if out.len() > 1 {
                out.push(',');
            }
            write_string(&mut out, name);
            out.push(':');
            write_string(&mut out, value);
        }
        out.push('}');
        out
    }
}

impl RequestIds {
    fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [("request_id", self.request_id.as_str()), ("trace_id", self.trace_id.as_str())];
        all.into_iter().filter(|(_, value)| !value.is_empty())
    }
}

/// A text can't begin a line that looks like another event's, nor speak to a terminal.
fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests;
