//! What is counted, in Prometheus's terms. Each module gets handles of its own part and only adds
//! to them; nothing here is global. A label has few values, all of them words of this program or names
//! that the configuration gives to audit sinks: never a path, another name or an address (P27, P33).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter as PlainCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge as PlainGauge;
use prometheus_client::registry::Registry;

use super::flights::Flights;
use super::histogram::Histogram;
use crate::clock::{BootTime, Clock};

pub type Counter = PlainCounter;
pub type Gauge = PlainGauge;

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// A counter for each of a few words, looked up once a word and then by its place.
#[derive(Clone, Debug, Default)]
struct Grid<const N: usize> {
    family: Family<Labels<N>, Counter>,
}

/// Requests by kind of mount, verb and class of status; the places of a small table.
#[derive(Clone, Debug)]
pub struct Requests {
    family: Grid<3>,
    cells: Arc<[OnceLock<Counter>]>,
}

/// What was asked, as far as requests are told apart.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// A kind of mount, or `none` where the request did not come to one.
    pub class: &'static str,
    /// Small and different for each class.
    pub class_place: usize,
    pub verb: &'static str,
    /// Small and different for each verb.
    pub verb_place: usize,
}

const CLASSES: usize = 24;
const VERBS: usize = 8;
const STATUSES: [&str; 5] = ["2xx", "3xx", "4xx", "429", "5xx"];

impl Requests {
    fn new() -> Self {
        let cells = (0..CLASSES * VERBS * STATUSES.len()).map(|_| OnceLock::new()).collect();
        Self { family: Grid::default(), cells }
    }

    pub fn count(&self, asked: Asked, status: u16) {
        let at = match status {
            429 => 3,
            500.. => 4,
            400.. => 2,
            300.. => 1,
            _ => 0,
        };
        let labels = [("class", asked.class), ("verb", asked.verb), ("status", STATUSES[at])];
        let place = (asked.class_place * VERBS + asked.verb_place) * STATUSES.len() + at;
        let known = asked.class_place < CLASSES && asked.verb_place < VERBS;
        match self.cells.get(place).filter(|_| known) {
            Some(cell) => {
                cell.get_or_init(|| self.family.family.get_or_create_owned(&labels)).inc();
            }
            None => {
                self.family.family.get_or_create(&labels).inc();
            }
        }
    }
}

/// Where the time of a request goes.
#[derive(Clone, Debug)]
pub struct Stages {
    /// From the head of the request until it is decided and the log has promised its entry.
    pub admit: Histogram,
    pub act: Histogram,
    /// The entry: with a change, until it is on disk.
    pub record: Histogram,
    /// From the head of the request until its answer is made.
    pub total: Histogram,
}

impl Default for Stages {
    fn default() -> Self {
        let [admit, act, record, total] = [(); 4].map(|()| Histogram::seconds());
        Self { admit, act, record, total }
    }
}

/// Leases since the start of the process.
#[derive(Clone, Debug, Default)]
pub struct Leases {
    pub issued: Counter,
    pub renewed: Counter,
    pub revoked: Counter,
}

/// Calls of the HSM.
#[derive(Clone, Debug)]
pub struct HsmMetrics {
    calls: Grid<2>,
    pub seconds: Histogram,
    /// Calls that wait for a thread.
    pub queued: Gauge,
}

impl Default for HsmMetrics {
    fn default() -> Self {
        Self { calls: Grid::default(), seconds: Histogram::seconds(), queued: Gauge::default() }
    }
}

impl HsmMetrics {
    pub fn called(&self, operation: &'static str, outcome: &'static str) {
        let labels = [("operation", operation), ("outcome", outcome)];
        self.calls.family.get_or_create(&labels).inc();
    }
}

/// The store's journal.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    pub commits: Counter,
    pub conflicts: Counter,
    pub refused: Counter,
    /// Commits that shared a sync.
    pub group: Histogram,
    /// Appending a group and syncing it.
    pub sync_seconds: Histogram,
    pub bytes: Counter,
    /// Bytes of commits that wait for the index.
    pub overlay_bytes: Gauge,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        Self {
            commits: Counter::default(),
            conflicts: Counter::default(),
            refused: Counter::default(),
            group: Histogram::counts(),
            sync_seconds: Histogram::seconds(),
            bytes: Counter::default(),
            overlay_bytes: Gauge::default(),
        }
    }
}

/// The audit log.
#[derive(Clone, Debug)]
pub struct AuditMetrics {
    pub entries: Counter,
    /// Requests that were refused because the log could not take them.
    pub refused: Counter,
    pub sync_seconds: Histogram,
}

impl Default for AuditMetrics {
    fn default() -> Self {
        Self {
            entries: Counter::default(),
            refused: Counter::default(),
            sync_seconds: Histogram::seconds(),
        }
    }
}

/// A number that is asked for when somebody looks, and not counted on the way.
#[derive(Clone, Debug)]
pub struct Figure {
    pub name: &'static str,
    pub help: &'static str,
    /// Only grows; else it is a level.
    pub counter: bool,
    pub labels: Vec<(&'static str, Cow<'static, str>)>,
    pub value: f64,
}

impl Figure {
    pub fn level(name: &'static str, help: &'static str, value: f64) -> Self {
        Self { name, help, counter: false, labels: Vec::new(), value }
    }

    pub fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self { name, help, counter: true, labels: Vec::new(), value: value as f64 }
    }

    pub fn of(mut self, label: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.labels.push((label, value.into()));
        self
    }
}

type Source = Box<dyn Fn() -> Vec<Figure> + Send + Sync>;

/// Those who have figures of their own, asked when somebody looks.
#[derive(Default)]
struct Sources(Mutex<Vec<Source>>);

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} sources", self.0.lock().len())
    }
}

/// All of it.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    sources: Sources,
    pub requests: Requests,
    pub stages: Stages,
    pub flights: Flights,
    pub rate_limited: Counter,
    pub leases: Leases,
    pub hsm: HsmMetrics,
    pub store: StoreMetrics,
    pub audit: AuditMetrics,
    pub started: BootTime,
}

impl Metrics {
    pub fn new(clock: &Clock) -> Arc<Self> {
        let mut all = Self {
            registry: Registry::with_prefix("strongroom"),
            sources: Sources::default(),
            requests: Requests::new(),
            stages: Stages::default(),
            flights: Flights::default(),
            rate_limited: Counter::default(),
            leases: Leases::default(),
            hsm: HsmMetrics::default(),
            store: StoreMetrics::default(),
            audit: AuditMetrics::default(),
            started: clock.boot(),
        };
        all.register();
        Arc::new(all)
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register(
            "requests",
            "Requests by kind of mount, verb and status",
            self.requests.family.family.clone(),
        );
        r.register(
            "requests_rate_limited",
            "Requests that a rate limit refused",
            self.rate_limited.clone(),
        );
        r.register(
            "request_admit_seconds",
            "From a request's head until it is decided and promised an audit entry",
            self.stages.admit.clone(),
        );
        r.register("request_act_seconds", "What a request does", self.stages.act.clone());
        r.register("request_record_seconds", "A request's audit entry", self.stages.record.clone());
        r.register(
            "request_seconds",
            "From a request's head to its answer",
            self.stages.total.clone(),
        );
        r.register("leases_issued", "Leases made", self.leases.issued.clone());
        r.register("leases_renewed", "Renewals of leases", self.leases.renewed.clone());
        r.register(
            "leases_revoked",
            "Acts of revocation; one may end many leases",
            self.leases.revoked.clone(),
        );
        r.register(
            "hsm_calls",
            "Calls of the HSM by operation and outcome",
            self.hsm.calls.family.clone(),
        );
        r.register(
            "hsm_call_seconds",
            "Calls of the HSM, with their wait for a thread",
            self.hsm.seconds.clone(),
        );
        r.register(
            "hsm_queued",
            "Calls that wait for a thread of the HSM",
            self.hsm.queued.clone(),
        );
        r.register("store_commits", "Commits that became durable", self.store.commits.clone());
        r.register(
            "store_conflicts",
            "Commits whose guard did not hold",
            self.store.conflicts.clone(),
        );
        r.register(
            "store_refused",
            "Commits that the store could not take",
            self.store.refused.clone(),
        );
        r.register("store_group_commits", "Commits that shared a sync", self.store.group.clone());
        r.register(
            "store_sync_seconds",
            "Appending a group of commits and syncing it",
            self.store.sync_seconds.clone(),
        );
        r.register(
            "store_journal_bytes",
            "Bytes of commits handed to the journal",
            self.store.bytes.clone(),
        );
        r.register(
            "store_overlay_bytes",
            "Bytes of commits that wait for the index",
            self.store.overlay_bytes.clone(),
        );
        r.register("audit_entries", "Entries of the audit log", self.audit.entries.clone());
        r.register(
            "audit_refused",
            "Requests that the audit log could not take",
            self.audit.refused.clone(),
        );
        r.register("audit_sync_seconds", "Syncs of the audit log", self.audit.sync_seconds.clone());
    }

    /// From now on the figures of `source` are shown too: those of a part that knows nobody who
    /// could ask it.
    pub fn also(&self, source: impl Fn() -> Vec<Figure> + Send + Sync + 'static) {
        self.sources.0.lock().push(Box::new(source));
    }

    /// The exposition text, with `figures` asked for just now.
    pub fn text(&self, mut figures: Vec<Figure>) -> String {
        figures.extend(self.sources.0.lock().iter().flat_map(|source| source()));
        let mut out = String::with_capacity(16 << 10);
        // Writing to a String cannot fail.
        let _ = encode_registry(&mut out, &self.registry);
        let _ = observed(&mut out, figures);
        let _ = encode_eof(&mut out);
        out
    }
}

/// Their labels are words of this program and names of sinks (small letters, digits, dashes), so
/// that nothing has to be escaped.
fn observed(out: &mut String, figures: Vec<Figure>) -> std::fmt::Result {
    let mut by_name: BTreeMap<&str, Vec<Figure>> = BTreeMap::new();
    for figure in figures {
        by_name.entry(figure.name).or_default().push(figure);
    }
    for (name, figures) in by_name {
        let Some(Figure { help, counter, .. }) = figures.first() else { continue };
        let (kind, suffix) = if *counter { ("counter", "_total") } else { ("gauge", "") };
        writeln!(out, "# HELP strongroom_{name} {help}.\n# TYPE strongroom_{name} {kind}")?;
        for figure in &figures {
            let labels: Vec<String> =
                figure.labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
            let labels =
                if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            writeln!(out, "strongroom_{name}{suffix}{labels} {}", figure.value)?;
        }
    }
    Ok(())
}

/// `name value` lines, for tests and for reading by eye.
#[cfg(test)]
fn line<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find(|l| l.starts_with(name)).and_then(|l| l.rsplit(' ').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown() {
        let metrics = Metrics::new(&Clock::system());
        let asked = Asked { class: "kv", class_place: 2, verb: "read", verb_place: 0 };
        metrics.requests.count(asked, 200);
        metrics.requests.count(asked, 200);
        metrics.requests.count(Asked { class_place: 999, ..asked }, 503);
        metrics.hsm.called("sign", "ok");
        let figures = vec![
            Figure::level("hsm_available", "whether", 1.0),
            Figure::counter("cache_hits", "hits", 7).of("cache", "records"),
            Figure::counter("cache_hits", "hits", 8).of("cache", "names"),
        ];
        metrics.also(|| vec![Figure::level("connections", "open", 3.0)]);
        let text = metrics.text(figures);
        assert_eq!(line(&text, "strongroom_connections"), Some("3"), "{text}");
        let ok = "strongroom_requests_total{class=\"kv\",verb=\"read\",status=\"2xx\"}";
        assert_eq!(line(&text, ok), Some("2"), "{text}");
        let failed = "strongroom_requests_total{class=\"kv\",verb=\"read\",status=\"5xx\"}";
        assert_eq!(line(&text, failed), Some("1"), "{text}");
        let signed = "strongroom_hsm_calls_total{operation=\"sign\",outcome=\"ok\"}";
        assert_eq!(line(&text, signed), Some("1"), "{text}");
        assert_eq!(line(&text, "strongroom_hsm_available"), Some("1"), "{text}");
        assert_eq!(line(&text, "strongroom_cache_hits_total{cache=\"names\"}"), Some("8"));
        assert!(text.ends_with("# EOF\n"));
    }
}
