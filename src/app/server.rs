//! From a configuration to a running vault, and back to nothing in order.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::reload::Reloader;
use super::{AppError, files, harden, notify, sinks};
use crate::audit::{Audit, AuditConfig, Retention};
use crate::cli::ServerArgs;
use crate::clock::Clock;
use crate::config::{Config, LogFormat};
use crate::hsm::{Hsm, HsmConfig, pin};
use crate::http::{self, Gate};
use crate::lease::TtlLimits;
use crate::limits;
use crate::mounts::EngineKind;
use crate::random::Random;
use crate::sensitive::SecretText;
use crate::store::embedded::{Embedded, Options, State};
use crate::telemetry::{self, Logs, Metrics};
use crate::tls::{AUTHORITY, Acceptor};
use crate::vault::{Caller, Ports, Settings, Vault, VaultError};

/// How long `dev` waits before asking again for an HSM that is not there at start.
const HSM_PATIENCE: Duration = Duration::from_secs(1);

/// Runs until a signal ends it.
pub fn run(args: &ServerArgs) -> Result<(), AppError> {
    let config = Config::load(&args.config).map_err(|e| AppError::new(e.to_string()))?;
    let format = match config.log.format {
        LogFormat::Text => telemetry::LogFormat::Text,
        LogFormat::Json => telemetry::LogFormat::Json,
    };
    let logs = Logs::new(config.log.level.as_str(), format, Clock::system());
    logs.install();
    harden::always();
    if args.dev_root_token_file.is_none() {
        harden::check_places(&args.config, &config)?;
        harden::strictly();
    }
    harden::descriptors(config.listener.limits.connections_max);
    // Where the kernel hands out huge pages unasked, an idle server of 20 MB would hold 70 MB.
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "huge pages stay on; only memory is lost");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| AppError::new(format!("cannot start threads: {e}")))?;
    runtime.block_on(serve(args, config, logs))
}

/// What runs, in the order it is shut down.
struct Parts {
    vault: Arc<Vault>,
    audit: Arc<Audit>,
    store: Arc<Embedded>,
    hsm: Arc<Hsm>,
}

async fn serve(args: &ServerArgs, config: Config, logs: Logs) -> Result<(), AppError> {
    let dev_token_file = args.dev_root_token_file.as_deref();
    let clock = Clock::system();
    // First: it needs nothing else, and a mistake here is the most likely one.
    let gate = gate(&config, &clock)?;
    let parts = build(&config, logs.clone()).await?;
    let door = gate.clone();
    parts.vault.metrics().also(move || door.figures());
    let mut opened = parts.vault.open().await;
    if dev_token_file.is_some() {
        // dev listens only once it is open.
        while let Err(VaultError::Unavailable { reason, .. }) = &opened {
            tracing::warn!(reason, "the vault can't be opened yet; trying again");
            tokio::time::sleep(HSM_PATIENCE).await;
            opened = parts.vault.open().await;
        }
    }
    match (&opened, dev_token_file) {
        (Ok(()), None) => {}
        (_, Some(file)) => prepare_dev(&parts.vault, opened, file).await?,
        (Err(VaultError::NotInitialised), None) => {
            tracing::warn!(
                "this vault is new: initialise it with strongroom operator init (PUT sys/init)"
            );
        }
        // It listens all the same: health must say what is wrong, and it may come back.
        (Err(error), None) => tracing::error!(%error, "the vault could not be opened yet"),
    }

    let address = config.listener.address;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|e| AppError::new(format!("cannot listen on {address}: {e}")))?;
    let bound = listener.local_addr().map_err(|e| AppError::new(e.to_string()))?;
    let admin = admin_socket(&config.admin.socket)?;
    let Signals { mut terminate, mut interrupt, hangup } = Signals::take()?;
    announce(&config, bound, dev_token_file);
    notify::ready();

    let (stop, stopping) = watch::channel(false);
    let vault = parts.vault.clone();
    let network =
        tokio::spawn(http::network(listener, gate.clone(), vault.clone(), stopping.clone()));
    let admin = tokio::spawn(http::admin(admin, gate.clone(), vault, stopping));
    let (drained, ended) = watch::channel(false);
    let tally = tokio::spawn(http::record_refused(gate.clone(), parts.audit.clone(), ended));
    let admin_path = config.admin.socket.clone();
    let file = args.config.clone();
    let reloader =
        Reloader { file, running: config, gate, logs: logs.clone(), clock, warned: None };
    let reloader = tokio::spawn(reloader.watch(hangup));
    let supervisor = tokio::spawn(parts.vault.clone().supervise());
    let failure = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        reason = parts.store.failed() => Some(reason),
    };
    tracing::info!("stopping: requests under way are finished first");
    notify::stopping();
    let _ = stop.send(true);
    logs.end_watching();
    let _ = network.await;
    let _ = admin.await;
    let _ = drained.send(true);
    let _ = tally.await;
    supervisor.abort();
    reloader.abort();
    let _ = std::fs::remove_file(&admin_path);
    shut_down(parts).await;
    match failure {
        None => Ok(()),
        Some(reason) => Err(AppError::new(format!(
            "the store failed and took no more writes: {reason}; start again to recover"
        ))),
    }
}

/// The listener's door, with its certificate where it has one.
fn gate(config: &Config, clock: &Clock) -> Result<Arc<Gate>, AppError> {
    let listener = &config.listener;
    let tls = match &listener.tls {
        None => {
            if !listener.address.ip().is_loopback() {
                tracing::warn!(
                    address = %listener.address,
                    "listening without TLS where other machines can connect: they see every token \
                     and secret, unless something else encrypts"
                );
            }
            None
        }
        Some(files) => {
            let tls = Acceptor::open(files.clone(), clock.clone())
                .map_err(|e| AppError::new(format!("the listener's certificate: {e}")))?;
            tracing::info!(ends = %tls.ends().rfc3339(), "the listener has a certificate");
            Some(Arc::new(tls))
        }
    };
    Ok(Gate::new(listener.limits.clone(), tls))
}

async fn build(config: &Config, logs: Logs) -> Result<Parts, AppError> {
    let clock = Clock::system();
    let metrics = Metrics::new(&clock);
    let random = Random::system();
    let directory = &config.storage.directory;
    files::private_directory(directory)
        .map_err(|e| AppError::new(format!("cannot create {}: {e}", directory.display())))?;
    let store = open_store(config, &clock, &metrics).await?;
    let mut audit = AuditConfig::new(&config.audit.directory);
    audit.segment_bytes = u64::from(config.audit.rotate_mb) << 20;
    audit.retention = Retention {
        age: config.audit.retention,
        bytes: config.audit.retention_mb.map(|mb| u64::from(mb) << 20),
    };
    audit.metrics = metrics.audit.clone();
    let sinks = config.audit.sinks.iter().cloned().map(sinks::declared).collect();
    let audit = Audit::open_with(audit, sinks, clock.clone(), &random)
        .map_err(|e| AppError::new(e.to_string()))?;
    let hsm = start_hsm(config, &clock, &random, &metrics).await?;
    let (trouble, head) = (store.clone(), store.clone());
    let ports = Ports {
        store: store.clone(),
        wrap: hsm.clone(),
        sign: hsm.clone(),
        admin: hsm.clone(),
        watch: hsm.clone(),
        audit: audit.clone(),
        clock,
        random,
        store_trouble: Arc::new(move || match trouble.state().state {
            State::Ok => None,
            State::Full(reason) => Some(format!("no room for writes: {reason}")),
            State::Failed(reason) => Some(format!("no more writes until a restart: {reason}")),
        }),
        journal_head: Arc::new(move || head.journal_head().hash),
        metrics,
        logs,
    };
    let settings = Settings {
        cluster_name: config.cluster_name.clone(),
        ttl: TtlLimits {
            default_ttl: config.lease.default_ttl,
            max_ttl: config.lease.max_ttl,
            hard_max: limits::LEASE_HARD_MAX,
        },
        max_offline: config.hsm.max_offline,
        kv_max_versions: config.kv.max_versions,
        cache_bytes: usize::try_from(config.storage.cache_mb).unwrap_or(32) << 20,
        audit_strict: config.audit.strict,
        public_metrics: config.metrics.public,
    };
    Ok(Parts { vault: Vault::new(ports, settings), audit, store, hsm })
}

async fn open_store(
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
) -> Result<Arc<Embedded>, AppError> {
    let directory = config.storage.directory.join("store");
    let options = Options {
        cache_bytes: u64::from(config.storage.cache_mb) << 19,
        metrics: metrics.store.clone(),
        ..Options::default()
    };
    let clock = clock.clone();
    let opened =
        tokio::task::spawn_blocking(move || Embedded::open(&directory, options, clock)).await;
    let opened = opened
        .map_err(|e| AppError::new(e.to_string()))?
        .map_err(|e| AppError::new(e.to_string()))?;
    let report = opened.report;
    tracing::info!(
        torn_bytes = report.torn_bytes,
        replayed = report.replayed_frames,
        index_rebuilt = report.index_rebuilt.as_deref().unwrap_or("no"),
        "the store is open"
    );
    Ok(Arc::new(opened.store))
}

/// What needs an operator ends the start; a device that doesn't answer yet does not.
async fn start_hsm(
    config: &Config,
    clock: &Clock,
    random: &Random,
    metrics: &Metrics,
) -> Result<Arc<Hsm>, AppError> {
    let memory = pin::Memory::of(&config.hsm.pin_file, &config.storage.directory);
    let pin = pin::read(&config.hsm.pin_file).map_err(|e| AppError::new(e.to_string()))?;
    let mut hsm = HsmConfig::new(config.hsm.module.clone(), config.hsm.token_label.clone(), pin);
    hsm.pin_memory = Some(memory);
    hsm.workers = config.hsm.workers;
    hsm.dev = config.hsm.dev;
    hsm.metrics = metrics.hsm.clone();
    let (clock, random) = (clock.clone(), random.clone());
    tokio::task::spawn_blocking(move || Hsm::start(hsm, clock, random))
        .await
        .map_err(|e| AppError::new(e.to_string()))?
        .map_err(|fault| {
            AppError::new(format!("{fault}; `strongroom hsm doctor --config FILE` says more"))
        })
}

/// What `dev` promises before it listens: initialised, open, `secret/` mounted, a root lease in
/// its file.
async fn prepare_dev(
    vault: &Vault,
    opened: Result<(), VaultError>,
    file: &Path,
) -> Result<(), AppError> {
    let caller = Caller {
        token: None,
        client: None,
        certificate: None,
        request_id: vault.random().uuid(),
        trace_id: String::new(),
        wrap_ttl: None,
        received: vault.clock().boot(),
        author: std::sync::OnceLock::new(),
    };
    let failed = |e: VaultError| AppError::new(format!("dev could not prepare the vault: {e}"));
    let unaudited = |e: crate::audit::Unavailable| AppError::new(e.to_string());
    let minted = match opened {
        Ok(()) => None,
        Err(VaultError::NotInitialised) => {
            let answer = vault.initialise(&caller).await.map_err(unaudited)?;
            Some(answer.release().map_err(failed)?)
        }
        Err(error) => return Err(failed(error)),
    };
    vault.ensure_mount("secret/", EngineKind::Kv2).await.map_err(failed)?;
    let kept = match std::fs::read_to_string(file) {
        Ok(text) if minted.is_none() => {
            vault.is_root_lease(&SecretText::new(text.trim().to_owned())).await
        }
        _ => false,
    };
    if kept {
        return Ok(());
    }
    let root = match minted {
        Some(root) => root,
        None => {
            let answer = vault.new_root_lease(&caller).await.map_err(unaudited)?;
            answer.release().map_err(failed)?
        }
    };
    files::replace_private(file, format!("{}\n", root.expose()).as_bytes())
        .map_err(|e| AppError::new(format!("cannot write {}: {e}", file.display())))
}

fn admin_socket(path: &Path) -> Result<UnixListener, AppError> {
    // The store's lock says that nobody else serves this directory: what is there is a leftover.
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(AppError::new(format!("cannot replace {}: {e}", path.display())));
        }
        _ => {}
    }
    UnixListener::bind(path)
        .map_err(|e| AppError::new(format!("cannot listen on {}: {e}", path.display())))
}

/// On standard output, for people and for scripts; never a token.
fn announce(config: &Config, bound: std::net::SocketAddr, dev_token_file: Option<&Path>) {
    let scheme = if config.listener.tls.is_some() { "https" } else { "http" };
    let mut text = format!("listening on {scheme}://{bound}\n");
    if let Some(file) = dev_token_file {
        let file = file.display();
        let program = std::env::current_exe()
            .map_or_else(|_| "strongroom".to_owned(), |path| path.display().to_string());
        // `dev` puts its authority beside the certificate.
        let trust = config.listener.tls.as_ref().map_or_else(String::new, |tls| {
            let authority = tls.cert.with_file_name(AUTHORITY);
            let path = authority.display();
            format!("  export STRONGROOM_CACERT='{path}' VAULT_CACERT='{path}'\n")
        });
        text.push_str(&format!(
            "root token in {file}\ndata in {}\naudit log in {}\n\nTry:\n{trust}  \
             export VAULT_ADDR={scheme}://{bound} VAULT_TOKEN=\"$(cat '{file}')\"\n  \
             {program} kv put secret/hello name=world\n  \
             {program} kv get secret/hello\n",
            config.storage.directory.display(),
            config.audit.directory.display(),
        ));
    }
    let mut out = std::io::stdout();
    // Nobody listening to standard output is no reason to stop.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The signals of an operator. Taken before the server says that it listens: until then they would
/// end the process unasked.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn take() -> Result<Self, AppError> {
        let take = |kind| {
            signal(kind).map_err(|e| AppError::new(format!("signals can't be awaited: {e}")))
        };
        Ok(Self {
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
            hangup: take(SignalKind::hangup())?,
        })
    }
}

/// The log first gets its last signature from the HSM; then store, then HSM.
async fn shut_down(parts: Parts) {
    let Parts { vault, audit, store, hsm } = parts;
    audit.close().await;
    vault.close(crate::vault::Phase::Waiting("stopping".into())).await;
    let ended = tokio::task::spawn_blocking(move || {
        if let Err(error) = store.close() {
            tracing::error!(%error, "the store did not close cleanly; it recovers at the next start");
        }
        hsm.shutdown();
    });
    let _ = ended.await;
}
