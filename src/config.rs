//! The configuration: one TOML file, one section per owner, read once at start.
//!
//! Reading is strict, because a key that is silently ignored is a protection the operator only
//! believes in: unknown keys, wrong types and values out of range are refused with the file, the
//! line and what to do. Not here: opening any of the files that the configuration names; each is
//! checked by the module that uses it.
//!
//! * `schema`: every section and key that exists
//! * `section`: reads one section, with line numbers
//! * `listener`: `[listener]`, its TLS and its limits; `sink`, `post`, `syslog`: `[[audit.sink]]`
//! * `duration`: "15m"
//! * `error`: what can be wrong with a file

mod duration;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod listener;
mod post;
mod schema;
mod section;
mod sink;
mod syslog;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

pub use duration::{format_duration, parse_duration};
pub use error::ConfigError;
pub use listener::{ClientAuth, Listener, ListenerLimits, Tls};
pub use post::HttpTo;
use section::Document;
pub use sink::{SEGMENTS, Sink, SinkTo, SocketTo};
pub use syslog::{Syslog, SyslogTo};

use crate::limits;

/// The whole configuration. Paths are absolute, or relative to the directory of the file they
/// were read from already resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Goes into leases as their audience: leases of one cluster are worth nothing in another.
    pub cluster_name: String,
    pub listener: Listener,
    pub storage: Storage,
    pub hsm: Hsm,
    pub audit: Audit,
    pub seal: Seal,
    pub lease: Lease,
    pub kv: Kv,
    pub log: Log,
    pub metrics: Metrics,
    pub admin: Admin,
}

/// `[storage]`: the embedded store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    pub directory: PathBuf,
    /// Bound of the index's page cache, MiB.
    pub cache_mb: u32,
}

/// `[hsm]`: the PKCS#11 module and the token that holds the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hsm {
    pub module: PathBuf,
    pub token_label: String,
    /// The only source of the PIN; mode 0600.
    pub pin_file: PathBuf,
    /// Operating-system threads, each with a session of its own.
    pub workers: usize,
    /// How long warm data keys serve while the HSM is away; zero asks it at every read.
    pub max_offline: Duration,
    /// Accepts what SoftHSM cannot promise about its keys. Never with a real HSM.
    pub dev: bool,
}

/// `[audit]`: the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    pub directory: PathBuf,
    /// A segment is closed at this size, MiB.
    pub rotate_mb: u32,
    /// Reads too wait until their entry is on disk.
    pub strict: bool,
    /// Older entries are removed, a segment at a time; `None`: never.
    pub retention: Option<Duration>,
    /// The oldest segments are removed above this, MiB; `None`: never.
    pub retention_mb: Option<u32>,
    /// Where entries go besides.
    pub sinks: Vec<Sink>,
}

/// `[seal]`: how the vault opens at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    pub mode: SealMode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealMode {
    /// The HSM opens the vault without a person.
    Auto,
}

/// `[lease]`: life of a lease where neither role nor mount says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub default_ttl: Duration,
    pub max_ttl: Duration,
}

/// `[kv]`: the versioned key-value engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kv {
    /// Versions that a secret keeps where neither mount nor secret says otherwise.
    pub max_versions: u32,
}

/// `[log]`: the process's own log on stderr, which is not the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub level: LogLevel,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[metrics]`: `sys/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Answers those without a lease too.
    pub public: bool,
}

/// `[admin]`: the local door for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Unix socket inside the storage directory, whose mode 0700 is what guards it.
    pub socket: PathBuf,
}

/// The words of an enumerated value, for reading and writing.
const SEAL_MODES: &[(&str, SealMode)] = &[("auto", SealMode::Auto)];
const LOG_LEVELS: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];
const LOG_FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

impl LogLevel {
    pub fn as_str(self) -> &'static str {
        word(LOG_LEVELS, self)
    }
}

impl Config {
    /// Everything at its default beside the four settings that have none.
    pub fn new(
        directory: PathBuf,
        module: PathBuf,
        token_label: String,
        pin_file: PathBuf,
    ) -> Self {
        Self {
            cluster_name: "strongroom".into(),
            listener: Listener::default(),
            hsm: Hsm {
                module,
                token_label,
                pin_file,
                workers: 4,
                max_offline: Duration::from_secs(15 * 60),
                dev: false,
            },
            audit: Audit {
                directory: directory.join("audit"),
                rotate_mb: 64,
                strict: false,
                retention: None,
                retention_mb: None,
                sinks: Vec::new(),
            },
            seal: Seal { mode: SealMode::Auto },
            lease: Lease {
                default_ttl: limits::LEASE_TTL_DEFAULT,
                max_ttl: limits::LEASE_TTL_MAX_DEFAULT,
            },
            kv: Kv { max_versions: limits::KV_VERSIONS_DEFAULT },
            log: Log { level: LogLevel::Info, format: LogFormat::Text },
            metrics: Metrics::default(),
            admin: Admin { socket: directory.join("admin.sock") },
            storage: Storage { directory, cache_mb: 32 },
        }
    }

    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read { file: path.to_owned(), source };
        let size = std::fs::metadata(path).map_err(read)?.len();
        if size > limits::CONFIG_BYTES_MAX {
            return Err(ConfigError::TooLarge { file: path.to_owned(), size });
        }
        let bytes = std::fs::read(path).map_err(read)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
            ConfigError::NotText { file: path.to_owned(), line }
        })?;
        Self::parse(path, &text)
    }

    /// Checks `text` as if it stood in `path`, against whose directory relative paths resolve.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let document = Document::parse(path, text)?;

        let storage = document.section("storage");
        let hsm = document.section("hsm");
        let mut config = Self::new(
            storage.required("directory", storage.path("directory")?)?,
            hsm.required("module", hsm.path("module")?)?,
            hsm.required("token_label", hsm.name("token_label", limits::TOKEN_LABEL_BYTES_MAX)?)?,
            hsm.required("pin_file", hsm.path("pin_file")?)?,
        );
        set(&mut config.storage.cache_mb, storage.integer("cache_mb", 8..=65_536)?);
        set(&mut config.hsm.workers, hsm.integer("workers", 1..=64)?);
        set(&mut config.hsm.max_offline, hsm.duration("max_offline", limits::HSM_OFFLINE_MAX)?);
        set(&mut config.hsm.dev, hsm.boolean("dev")?);

        let top = document.top();
        set(&mut config.cluster_name, top.name("cluster_name", limits::CLUSTER_NAME_BYTES_MAX)?);

        config.listener = Listener::read(&document.section("listener"))?;

        let audit = document.section("audit");
        set(&mut config.audit.directory, audit.path("directory")?);
        set(&mut config.audit.rotate_mb, audit.integer("rotate_mb", 1..=4_096)?);
        set(&mut config.audit.strict, audit.boolean("strict")?);
        config.audit.retention = audit.duration("retention", limits::AUDIT_RETENTION_MAX)?;
        if config.audit.retention.is_some_and(|age| age.is_zero()) {
            return Err(
                audit.refuse("retention", "must be longer; leave it out to keep everything")
            );
        }
        config.audit.retention_mb = audit.integer("retention_mb", 1..=u64::from(u32::MAX))?;
        config.audit.sinks = Sink::read_all(&document)?;

        set(&mut config.seal.mode, document.section("seal").word("mode", SEAL_MODES)?);

        let lease = document.section("lease");
        set(&mut config.lease.default_ttl, lease.duration("default_ttl", limits::LEASE_HARD_MAX)?);
        set(&mut config.lease.max_ttl, lease.duration("max_ttl", limits::LEASE_HARD_MAX)?);

        let kv = document.section("kv");
        let versions = 1..=u64::from(limits::KV_VERSIONS_MAX);
        set(&mut config.kv.max_versions, kv.integer("max_versions", versions)?);

        let log = document.section("log");
        set(&mut config.log.level, log.word("level", LOG_LEVELS)?);
        set(&mut config.log.format, log.word("format", LOG_FORMATS)?);

        let metrics = document.section("metrics");
        set(&mut config.metrics.public, metrics.boolean("public")?);

        let admin = document.section("admin");
        set(&mut config.admin.socket, admin.path("socket")?);

        config.check(&document)?;
        Ok(config)
    }

    /// What one key alone cannot show.
    fn check(&self, document: &Document<'_>) -> Result<(), ConfigError> {
        let lease = document.section("lease");
        if self.lease.default_ttl.is_zero() {
            return Err(lease.refuse("default_ttl", "must be longer than zero; try \"15m\""));
        }
        if self.lease.default_ttl > self.lease.max_ttl {
            let (default, max) = (self.lease.default_ttl, self.lease.max_ttl);
            let advice = format!(
                "{} is longer than max_ttl ({}); shorten it or raise max_ttl",
                format_duration(default),
                format_duration(max)
            );
            return Err(lease.refuse("default_ttl", &advice));
        }
        let admin = document.section("admin");
        if !is_inside(&self.admin.socket, &self.storage.directory) {
            let advice = "must lie inside storage.directory, whose mode 0700 guards it; \
                          leave the key out to get <storage.directory>/admin.sock";
            return Err(admin.refuse("socket", advice));
        }
        if self.admin.socket.as_os_str().len() > limits::SOCKET_PATH_BYTES_MAX {
            let advice = format!(
                "{} is longer than the {} bytes that a Unix socket's path may have; \
                 choose a shorter storage.directory",
                self.admin.socket.display(),
                limits::SOCKET_PATH_BYTES_MAX
            );
            return Err(admin.refuse("socket", &advice));
        }
        Ok(())
    }

    /// The file that [`Config::load`] reads back to an equal value, provided that the paths are
    /// absolute and UTF-8.
    pub fn to_toml(&self) -> String {
        let text = |s: &str| toml::Value::String(s.to_owned());
        let path = |p: &Path| text(&p.to_string_lossy());
        let ttl = |d: Duration| text(&format_duration(d));
        let number = |n: u32| toml::Value::Integer(n.into());
        let workers = i64::try_from(self.hsm.workers).unwrap_or(i64::MAX);
        let sections: [(&str, Vec<(&str, toml::Value)>); 10] = [
            ("listener", self.listener.keys()),
            (
                "storage",
                vec![
                    ("directory", path(&self.storage.directory)),
                    ("cache_mb", number(self.storage.cache_mb)),
                ],
            ),
            (
                "hsm",
                vec![
                    ("module", path(&self.hsm.module)),
                    ("token_label", text(&self.hsm.token_label)),
                    ("pin_file", path(&self.hsm.pin_file)),
                    ("workers", toml::Value::Integer(workers)),
                    ("max_offline", ttl(self.hsm.max_offline)),
                    ("dev", toml::Value::Boolean(self.hsm.dev)),
                ],
            ),
            (
                "audit",
                [
                    ("directory", path(&self.audit.directory)),
                    ("rotate_mb", number(self.audit.rotate_mb)),
                    ("strict", toml::Value::Boolean(self.audit.strict)),
                ]
                .into_iter()
                .chain(self.audit.retention.map(|age| ("retention", ttl(age))))
                .chain(self.audit.retention_mb.map(|mb| ("retention_mb", number(mb))))
                .collect(),
            ),
            ("seal", vec![("mode", text(word(SEAL_MODES, self.seal.mode)))]),
            (
                "lease",
                vec![
                    ("default_ttl", ttl(self.lease.default_ttl)),
                    ("max_ttl", ttl(self.lease.max_ttl)),
                ],
            ),
            ("kv", vec![("max_versions", number(self.kv.max_versions))]),
            (
                "log",
                vec![
                    ("level", text(self.log.level.as_str())),
                    ("format", text(word(LOG_FORMATS, self.log.format))),
                ],
            ),
            ("metrics", vec![("public", toml::Value::Boolean(self.metrics.public))]),
            ("admin", vec![("socket", path(&self.admin.socket))]),
        ];
        let mut out = format!("cluster_name = {}\n", text(&self.cluster_name));
        for (name, keys) in sections {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "\n[{name}]");
            for (key, value) in keys {
                let _ = writeln!(out, "{key} = {value}");
            }
            let sinks = self.audit.sinks.iter().filter(|_| name == "audit");
            for sink in sinks {
                let _ = write!(out, "\n[[audit.sink]]\n{}", sink.table());
            }
        }
        out
    }
}

impl Config {
    /// The keys (`section.key`) in which `other` differs.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let keys = |config: &Self| -> BTreeMap<String, toml::Value> {
            let table: toml::Table = config.to_toml().parse().unwrap_or_default();
            let mut keys = BTreeMap::new();
            for (name, value) in table {
                match value {
                    toml::Value::Table(section) => keys
                        .extend(section.into_iter().map(|(key, v)| (format!("{name}.{key}"), v))),
                    value => drop(keys.insert(name, value)),
                }
            }
            keys
        };
        let (mine, theirs) = (keys(self), keys(other));
        let all: BTreeSet<&String> = mine.keys().chain(theirs.keys()).collect();
        let changed = all.into_iter().filter(|key| mine.get(*key) != theirs.get(*key));
        changed.cloned().collect()
    }
}

/// Whether `path` names something beneath `directory`, without a way out of it (`..`).
fn is_inside(path: &Path, directory: &Path) -> bool {
    path.strip_prefix(directory).is_ok_and(|rest| {
        let mut parts = rest.components().peekable();
        parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
    })
}

fn set<T>(slot: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *slot = value;
    }
}

fn word<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, v)| *v == value).map_or("", |(w, _)| w)
}
