//! The door-guard of every use case: identify → decide → reserve → act → record.
//! A `Turn` holds the audit permit; closing it is the only way to an answer.

use std::borrow::Cow;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Map, Value};

use super::opened::Opened;
use super::{Vault, VaultError};
use crate::access::{Acl, Operation, Request};
use crate::audit::{Decision, Draft, Kind, Outcome, Permit, Recorded, Unavailable, Who};
use crate::barrier::Author;
use crate::clock::{BootTime, Clock};
use crate::lease::{Accessor, Verified, is_wrapping};
use crate::mounts::Mount;
use crate::path::RequestPath;
use crate::sensitive::SecretText;
use crate::telemetry::{Counts, Metrics, counts};

/// Every use case answers with this. The outer error means that nothing could be recorded, so
/// nothing is said but that.
pub type Answer<T> = Result<Recorded<Result<T, VaultError>>, Unavailable>;

/// A request that was admitted to the log, and whether it may act.
pub type Admitted = Result<(Turn, Result<Session, VaultError>), Unavailable>;

/// Who asks, before anything is believed.
pub struct Caller {
    pub token: Option<SecretText>,
    /// The address of the peer; `None` on the admin socket.
    pub client: Option<IpAddr>,
    /// The leaf (DER) that the connection proved to hold, where the listener asks for one. Nothing
    /// is granted for it yet; leases are to be bound to it (`cnf`).
    pub certificate: Option<Arc<[u8]>>,
    pub request_id: String,
    /// W3C trace id; empty if there is none.
    pub trace_id: String,
    /// The answer is to be wrapped, for so long; policies are asked about it on every path.
    pub wrap_ttl: Option<Duration>,
    pub received: BootTime,
    /// Once a change was admitted: who asks for it, for the note that is sealed with it.
    pub author: OnceLock<Author>,
}

impl Caller {
    /// The same caller, for work that goes on after the answer has begun.
    pub fn again(&self) -> Self {
        Self {
            token: self.token.as_ref().map(|token| SecretText::new(token.expose().to_owned())),
            client: self.client,
            certificate: self.certificate.clone(),
            request_id: self.request_id.clone(),
            trace_id: self.trace_id.clone(),
            wrap_ttl: None,
            received: self.received,
            author: OnceLock::new(),
        }
    }
}

/// Fields of a request for the parameter rules of policies: made only when a rule may ask.
pub trait Fields: Sync {
    /// Top level of the body, or of the query.
    fn top_level(&self) -> &Map<String, Value>;
}

/// What is asked, as policies see it.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub operation: Operation,
    pub path: &'a RequestPath,
    /// The same thing by the name it is stored under: a rule for that must allow it too, where
    /// there is one. Otherwise `Admin` would be another thing to policies than `admin`.
    also: Option<&'a RequestPath>,
    /// For policies with parameter rules.
    pub parameters: Option<&'a dyn Fields>,
    /// Endpoints of operators need the `sudo` capability besides.
    sudo: bool,
    /// Waits until its entry is on disk. Reads need not.
    durable: bool,
    /// It takes access away, which must be possible and recorded on a full disk too.
    urgent: bool,
    version: Option<u64>,
    kind: Kind,
    for_anyone: bool,
    /// The wrapping token that it is about, for the log.
    wrapping: Option<Accessor>,
    /// The mount that answers, for the log.
    mount: Option<&'a Mount>,
}

impl<'a> Ask<'a> {
    pub fn new(operation: Operation, path: &'a RequestPath) -> Self {
        let durable = !matches!(operation, Operation::Read | Operation::List | Operation::Scan);
        Self {
            operation,
            path,
            also: None,
            parameters: None,
            sudo: false,
            durable,
            urgent: false,
            version: None,
            kind: Kind::Request,
            for_anyone: false,
            wrapping: None,
            mount: None,
        }
    }

    pub fn sudo(mut self, needed: bool) -> Self {
        self.sudo = needed;
        self
    }

    pub fn urgent(mut self, takes_access: bool) -> Self {
        self.urgent = takes_access;
        self
    }

    pub fn with(mut self, parameters: Option<&'a dyn Fields>) -> Self {
        self.parameters = parameters;
        self
    }

    pub fn also(mut self, path: Option<&'a RequestPath>) -> Self {
        self.also = path;
        self
    }

    pub fn at_version(mut self, version: Option<u64>) -> Self {
        self.version = version;
        self
    }

    pub fn on(mut self, mount: Option<&'a Mount>) -> Self {
        self.mount = mount;
        self
    }

    pub fn operation(mut self, operation: Operation) -> Self {
        self.operation = operation;
        self
    }

    /// Any lease will do; the use case itself shows each caller only what is his to see.
    pub fn for_anyone(mut self) -> Self {
        self.for_anyone = true;
        self
    }

    pub fn about(mut self, wrapping: Option<Accessor>) -> Self {
        self.wrapping = wrapping;
        self
    }

    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }
}

/// A caller whose lease holds.
pub struct Session {
    pub opened: Arc<Opened>,
    pub held: Arc<Verified>,
    pub acl: Arc<Acl>,
    wrap_ttl: Option<Duration>,
}

/// A request that stands in the log's promise.
pub struct Turn {
    permit: Permit,
    durable: bool,
    timing: Timing,
}

/// How long the stages of a request take.
struct Timing {
    metrics: Arc<Metrics>,
    clock: Clock,
    /// The end of the stage before.
    last: BootTime,
}

impl Timing {
    /// The time since the stage before, which begins anew.
    fn lap(&mut self) -> Duration {
        let now = self.clock.boot();
        now.saturating_since(std::mem::replace(&mut self.last, now))
    }
}

impl Turn {
    /// Performs `act` and records what came of it. No answer leaves without this.
    ///
    /// Boxes `act`, which an `async fn` would hold twice; the hot paths await it and then close.
    pub fn run<T>(
        self,
        act: impl Future<Output = Result<T, VaultError>>,
    ) -> impl Future<Output = Answer<T>> {
        let act = Box::pin(act);
        async move {
            let result = act.await;
            self.close(result).await
        }
    }

    /// Names a caller who was not known before the act: a login.
    pub fn identify(&mut self, who: &Who<'_>) {
        self.permit.identify(who);
    }

    pub async fn close<T>(mut self, result: Result<T, VaultError>) -> Answer<T> {
        let acted = self.timing.lap();
        self.timing.metrics.stages.act.observe(acted);
        let code = match &result {
            Ok(_) => "ok",
            Err(error) => {
                if let VaultError::Internal(detail) = error {
                    tracing::error!(detail, "a request failed");
                }
                error.code()
            }
        };
        // The status of the answer is the dialect's business; the code says the same.
        let Counts { hsm_calls, revision } = counts();
        let outcome = Outcome { hsm_calls, revision, ..Outcome::new(0, code) };
        let answer = if self.durable || self.permit.waits() {
            Box::pin(self.permit.record_synced(outcome, result)).await
        } else {
            self.permit.record(outcome, result)
        };
        let recorded = self.timing.lap();
        self.timing.metrics.stages.record.observe(recorded);
        answer
    }
}

impl Session {
    /// Whether this is a wrapping token, which its own policy alone speaks for.
    pub fn is_wrapping(&self) -> bool {
        is_wrapping(&self.held.claims.pol)
    }

    /// Whether the deciding rule also grants `sudo`.
    pub fn has_sudo(&self, ask: &Ask<'_>) -> bool {
        let decision = self.decision(ask);
        decision.root || (decision.allowed && decision.sudo)
    }

    /// Creating and updating are two rights, and which of them a write needs was seen before it
    /// was decided. Between the two somebody else may have created or removed the thing: then the
    /// other right must be there as well, or create-only callers could overwrite.
    pub fn may_still(&self, decided: &Ask<'_>, exists: bool) -> Result<(), VaultError> {
        let needed = if exists { Operation::Update } else { Operation::Create };
        if needed == decided.operation || self.decision(&decided.operation(needed)).allowed {
            return Ok(());
        }
        Err(VaultError::Denied)
    }

    fn decision(&self, ask: &Ask<'_>) -> crate::access::Decision<'_> {
        // Built only where a policy asks for them.
        let parameters = ask.parameters.filter(|_| self.acl.has_limits()).map(Fields::top_level);
        let of = |path: &RequestPath| {
            self.acl.decide(&Request {
                operation: ask.operation,
                path: path.as_str(),
                parameters,
                wrap_ttl: self.wrap_ttl,
            })
        };
        let decision = of(ask.path);
        match ask.also.map(of) {
            Some(other) if other.rule.is_some() && !other.allowed => other,
            Some(other) if other.rule.is_some() => {
                crate::access::Decision { sudo: decision.sudo && other.sudo, ..decision }
            }
            _ => decision,
        }
    }
}

impl Vault {
    /// The lease behind the caller's token, and the rights of its policies.
    pub async fn identify(&self, caller: &Caller) -> Result<Session, VaultError> {
        let opened = self.opened()?;
        let token = caller.token.as_ref().ok_or(VaultError::Unauthenticated)?;
        let held = self.authenticate(&opened, token.expose(), caller.client).await?;
        let identity = opened.identity(&held.claims.sub).await?;
        let acl = opened.acl_with(&held.claims.pol, identity.as_ref(), self.now());
        Ok(Session { opened, held, acl, wrap_ttl: caller.wrap_ttl })
    }

    /// Decides and reserves: from here on the request stands in the log.
    pub fn decide(
        &self,
        caller: &Caller,
        who: Result<Session, VaultError>,
        ask: Ask<'_>,
    ) -> Admitted {
        let mut draft = draft(caller, ask.operation.as_str(), ask.path.as_str(), ask.kind);
        draft.version = ask.version;
        let wrapping = ask.wrapping.map(|a| a.to_string()).unwrap_or_default();
        draft.wrapping = &wrapping;
        let mount = match ask.mount {
            Some(mount) => mount.shown_path(),
            None if ask.path.as_str().starts_with("sys/") => Cow::Borrowed("sys/"),
            None => Cow::Borrowed(""),
        };
        draft.mount = &mount;
        draft.mount_accessor = ask.mount.map_or("", |mount| &mount.accessor);
        let reserve = |draft: &Draft<'_>| -> Result<Turn, Unavailable> {
            self.turn(caller, draft, ask.durable || self.settings.audit_strict)
        };
        let session = match who {
            Ok(session) => session,
            Err(refused) => {
                draft.decision = Decision::Unauthenticated;
                return Ok((reserve(&draft)?, Err(refused)));
            }
        };
        let accessor = session.held.claims.jti.to_string();
        draft.who.accessor = &accessor;
        draft.who.entity = &session.held.claims.sub;
        draft.who.role = &session.held.claims.role;
        draft.who.display = &session.held.row.attribution.display_name;
        let decision = session.decision(&ask);
        let rule = decision.rule.map(|r| format!("{} {}", r.policy, r.path)).unwrap_or_default();
        draft.rule = &rule;
        let narrow =
            session.held.claims.permits(ask.path.as_str(), ask.operation.as_str(), caller.client);
        let granted = (ask.for_anyone && !session.is_wrapping()) || decision.allowed;
        let allowed = granted && narrow && (!ask.sudo || decision.sudo);
        draft.decision = if allowed { Decision::Allow } else { Decision::Deny };
        let turn = match allowed && ask.urgent {
            true => self.turn_of(self.ports.audit.reserve_urgent(&draft)?, caller, &draft, true),
            false => reserve(&draft)?,
        };
        Ok((turn, if allowed { Ok(session) } else { Err(VaultError::Denied) }))
    }

    /// Reserves: from here on the request is to have its entry.
    fn turn(&self, caller: &Caller, draft: &Draft<'_>, durable: bool) -> Result<Turn, Unavailable> {
        Ok(self.turn_of(self.ports.audit.reserve(draft)?, caller, draft, durable))
    }

    fn turn_of(
        &self,
        mut permit: Permit,
        caller: &Caller,
        draft: &Draft<'_>,
        durable: bool,
    ) -> Turn {
        if durable {
            permit.may_change(self.revision().map_or(0, |revision| revision.0));
            // One request may ask for several things: the first stands for them.
            caller.author.get_or_init(|| author(draft));
        }
        let (metrics, clock) = (self.ports.metrics.clone(), self.ports.clock.clone());
        let mut timing = Timing { metrics, clock, last: draft.started };
        let admitted = timing.lap();
        timing.metrics.stages.admit.observe(admitted);
        Turn { permit, durable, timing }
    }

    /// Identify, decide, reserve: the whole way in for an ordinary request.
    pub async fn admit(&self, caller: &Caller, ask: Ask<'_>) -> Admitted {
        let who = self.identify(caller).await;
        self.decide(caller, who, ask)
    }

    /// The way in for the few endpoints that need no lease.
    pub(super) fn admit_public(
        &self,
        caller: &Caller,
        operation: &'static str,
        path: &str,
        kind: Kind,
        durable: bool,
    ) -> Result<Turn, Unavailable> {
        let draft = draft(caller, operation, path, kind);
        self.turn(caller, &draft, durable || self.settings.audit_strict)
    }

    /// The way in for a login, which finds out whose it is.
    pub(super) fn admit_login(
        &self,
        caller: &Caller,
        mount: &Mount,
        path: &str,
    ) -> Result<Turn, Unavailable> {
        let at = mount.shown_path();
        let mut draft = draft(caller, "login", path, Kind::Auth);
        draft.mount = &at;
        draft.mount_accessor = &mount.accessor;
        self.turn(caller, &draft, true)
    }

    /// The way in for work on a wrapping token for which the token itself, or the answer to be
    /// wrapped, is the permission.
    pub(super) async fn admit_wrapping(
        &self,
        caller: &Caller,
        operation: &'static str,
        path: &str,
        wrapping: &str,
    ) -> Result<Turn, Unavailable> {
        let held = self.known_lease(caller).await;
        let accessor = held.as_ref().map(|h| h.claims.jti.to_string()).unwrap_or_default();
        let mut draft = draft(caller, operation, path, Kind::Auth);
        if let Some(held) = &held {
            draft.who.accessor = &accessor;
            draft.who.entity = &held.claims.sub;
            draft.who.role = &held.claims.role;
            draft.who.display = &held.row.attribution.display_name;
        }
        draft.wrapping = wrapping;
        self.turn(caller, &draft, true)
    }

    /// Records a request that was refused before any use case: malformed, unknown route. `path` is
    /// shown as it came, percent-encoded.
    pub async fn refuse(
        &self,
        caller: &Caller,
        operation: &'static str,
        path: &str,
        error: VaultError,
    ) -> Answer<()> {
        let mut draft = draft(caller, operation, path, Kind::Request);
        draft.decision = Decision::Deny;
        self.turn(caller, &draft, false)?.close(Err(error)).await
    }

    /// Records a request of someone whose lease holds but whose path nobody answers; those without
    /// a lease learn nothing about paths.
    pub async fn no_route(&self, caller: &Caller, ask: Ask<'_>, error: VaultError) -> Answer<()> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.close(pass.and(Err(error))).await
    }
}

fn author(draft: &Draft<'_>) -> Author {
    Author {
        operation: draft.operation.to_owned(),
        path: draft.path.to_owned(),
        mount: draft.mount.to_owned(),
        entity: draft.who.entity.to_owned(),
        accessor: draft.who.accessor.to_owned(),
        role: draft.who.role.to_owned(),
        display: draft.who.display.to_owned(),
    }
}

fn draft<'a>(caller: &'a Caller, operation: &'static str, path: &'a str, kind: Kind) -> Draft<'a> {
    Draft {
        kind,
        request_id: &caller.request_id,
        operation,
        path,
        version: None,
        mount: "",
        mount_accessor: "",
        decision: Decision::Allow,
        rule: "",
        trace_id: &caller.trace_id,
        started: caller.received,
        who: Who { client: caller.client, ..Who::default() },
        wrapping: "",
    }
}
