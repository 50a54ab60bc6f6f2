//! What an entry says: a list of named fields, filled one by one, so that there is nothing to
//! redact. No value, token, key, body or header has a field here, nor a digest of one.

use std::net::IpAddr;
use std::time::Duration;

use super::json::{Object, hex, number};
use crate::clock::{BootTime, Timestamp};
use crate::limits::{AUDIT_CODE_BYTES_MAX, AUDIT_PATH_BYTES_MAX, AUDIT_TEXT_BYTES_MAX};

/// Version of the line format, the first field of every line.
pub(super) const FORMAT: u64 = 1;

/// What kind of event an entry tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request to an engine or to the configuration.
    Request,
    /// A login, renewal or revocation of a lease.
    Auth,
    /// Init, seal, unseal, a ceremony, a key rotation.
    Custody,
    /// Work without a caller: expiry, rotation, tidy.
    Job,
    /// A commit found at start without its entry.
    Recovered,
    /// A new process took the log up (written by the log itself).
    Start,
    /// The log was closed in order (written by the log itself).
    Stop,
    /// The log was damaged or out of order for a while (written by the log itself).
    Recovery,
    /// What the listener turned away before it was a request: counts (written by the log itself).
    Shed,
}

impl Kind {
    fn text(self) -> &'static str {
        match self {
            Kind::Request => "request",
            Kind::Auth => "auth",
            Kind::Custody => "custody",
            Kind::Job => "job",
            Kind::Recovered => "recovered",
            Kind::Start => "start",
            Kind::Stop => "stop",
            Kind::Recovery => "recovery",
            Kind::Shed => "shed",
        }
    }
}

/// Whether the caller was allowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Allow,
    Deny,
    /// No (valid) lease was presented.
    Unauthenticated,
}

impl Decision {
    fn text(self) -> &'static str {
        match self {
            Decision::Allow => "allow",
            Decision::Deny => "deny",
            Decision::Unauthenticated => "unauthenticated",
        }
    }
}

/// Who called; what is not known stays empty and is left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Who<'a> {
    /// Id of the entity.
    pub entity: &'a str,
    /// Accessor of the lease, never the lease.
    pub accessor: &'a str,
    pub role: &'a str,
    /// The name the login method gave.
    pub display: &'a str,
    /// The real client's address.
    pub client: Option<IpAddr>,
}

/// What is known of a request before it acts. Borrowed: it is encoded in
/// [`super::Audit::reserve`]. Texts are written up to `limits::AUDIT_TEXT_BYTES_MAX` (the path up
/// to `limits::AUDIT_PATH_BYTES_MAX`); a longer one is replaced by its length and SHA-256.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    pub kind: Kind,
    pub request_id: &'a str,
    /// The verb's stable name (`read`, `list`, `login`, `seal`): a fixed text of the program.
    pub operation: &'static str,
    /// The canonical path that router and policy saw, without the query. Of a request whose path
    /// could not be made canonical: the path as it came, percent-encoded.
    pub path: &'a str,
    /// The version asked for; [`Outcome::version`] goes before it.
    pub version: Option<u64>,
    /// Path of the mount that answers; empty if there is none.
    pub mount: &'a str,
    /// Accessor of the mount, which begins with its kind and stays when its path changes.
    pub mount_accessor: &'a str,
    pub decision: Decision,
    /// The rule that made the decision, as a person can find it in a policy.
    pub rule: &'a str,
    /// W3C trace id; empty if there is none.
    pub trace_id: &'a str,
    /// When the request arrived; the duration counts from here.
    pub started: BootTime,
    pub who: Who<'a>,
    /// Accessor of the wrapping token that is made, unwrapped or looked up, where that is not the
    /// caller's own lease; empty if there is none.
    pub wrapping: &'a str,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// HTTP status of the answer; 0 where there is no answer (left out).
    pub status: u16,
    /// The stable code of the answer (`ok`, `not_found`, `denied`): a fixed text of the program.
    pub code: &'static str,
    /// The version read or written.
    pub version: Option<u64>,
    /// Calls to the HSM that this request caused; 0 is left out.
    pub hsm_calls: u32,
    /// The revision of the change in the store; 0 where there was none (left out).
    pub revision: u64,
}

impl Outcome {
    /// `status` and `code`, with nothing else to tell.
    pub fn new(status: u16, code: &'static str) -> Self {
        Self { status, code, version: None, hsm_calls: 0, revision: 0 }
    }
}

/// A change that a crash left without an entry, as the note tells of it that was sealed with it.
#[derive(Clone, Copy, Debug)]
pub struct Recovered<'a> {
    pub request_id: &'a str,
    pub operation: &'a str,
    pub path: &'a str,
    pub mount: &'a str,
    pub entity: &'a str,
    pub accessor: &'a str,
    pub role: &'a str,
    pub display: &'a str,
    /// The client's address; empty if there was none.
    pub client: &'a str,
    /// The store's revision that the change has.
    pub revision: u64,
    /// What kind of change it was, of what, and when.
    pub detail: &'a str,
}

/// A text that the log adds to its own entries; always made by the program from numbers, digests,
/// file names and the system's errors.
pub(super) struct Detail<'a>(pub &'a str);

/// The part of an entry between head and caller.
pub(super) fn encode_request(out: &mut Vec<u8>, draft: &Draft<'_>) {
    let mut o = Object::continued(out);
    o.text("type", draft.kind.text(), AUDIT_CODE_BYTES_MAX);
    optional(&mut o, "request_id", draft.request_id);
    o.text("operation", draft.operation, AUDIT_CODE_BYTES_MAX);
    o.text("path", draft.path, AUDIT_PATH_BYTES_MAX);
    optional(&mut o, "mount", draft.mount);
    name(&mut o, "mount_accessor", draft.mount_accessor);
    o.text("decision", draft.decision.text(), AUDIT_CODE_BYTES_MAX);
    optional(&mut o, "rule", draft.rule);
    name(&mut o, "wrapping", draft.wrapping);
    optional(&mut o, "trace_id", draft.trace_id);
}

/// The caller. One flat list: a line of one level is easy to filter.
pub(super) fn encode_who(out: &mut Vec<u8>, who: &Who<'_>) {
    let mut o = Object::continued(out);
    optional(&mut o, "entity", who.entity);
    optional(&mut o, "accessor", who.accessor);
    optional(&mut o, "role", who.role);
    optional(&mut o, "display", who.display);
    if let Some(client) = who.client {
        o.text("client", &client.to_string(), AUDIT_CODE_BYTES_MAX);
    }
}

/// The end of an entry's fields (without the closing brace).
pub(super) fn encode_outcome(
    out: &mut Vec<u8>,
    outcome: &Outcome,
    version: Option<u64>,
    took: Duration,
) {
    let mut o = Object::continued(out);
    if let Some(version) = outcome.version.or(version) {
        o.number("version", version);
    }
    if outcome.status != 0 {
        o.number("status", u64::from(outcome.status));
    }
    o.text("code", outcome.code, AUDIT_CODE_BYTES_MAX);
    o.number("duration_us", u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    if outcome.hsm_calls != 0 {
        o.number("hsm_calls", u64::from(outcome.hsm_calls));
    }
    if outcome.revision != 0 {
        o.number("revision", outcome.revision);
    }
}

/// Marks an entry whose answer was withheld, because the log could not take the entry in time.
pub(super) fn encode_withheld(out: &mut Vec<u8>) {
    Object::continued(out).text("answer", "withheld", AUDIT_CODE_BYTES_MAX);
}

/// An entry of the log about itself.
pub(super) fn encode_own(kind: Kind, detail: &Detail<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + detail.0.len());
    let mut o = Object::continued(&mut out);
    o.text("type", kind.text(), AUDIT_CODE_BYTES_MAX);
    o.text("detail", detail.0, AUDIT_PATH_BYTES_MAX);
    out
}

/// An entry for a change whose own was lost: no decision, status or duration, which nobody knows.
pub(super) fn encode_recovered(recovered: &Recovered<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut o = Object::continued(&mut out);
    o.text("type", Kind::Recovered.text(), AUDIT_CODE_BYTES_MAX);
    o.text("detail", recovered.detail, AUDIT_TEXT_BYTES_MAX);
    optional(&mut o, "request_id", recovered.request_id);
    name(&mut o, "operation", recovered.operation);
    if !recovered.path.is_empty() {
        o.text("path", recovered.path, AUDIT_PATH_BYTES_MAX);
    }
    optional(&mut o, "mount", recovered.mount);
    optional(&mut o, "entity", recovered.entity);
    optional(&mut o, "accessor", recovered.accessor);
    optional(&mut o, "role", recovered.role);
    optional(&mut o, "display", recovered.display);
    name(&mut o, "client", recovered.client);
    o.text("code", "recovered", AUDIT_CODE_BYTES_MAX);
    o.number("revision", recovered.revision);
    out
}

/// The head of a line; a body follows, then `}`.
pub(super) fn encode_head(out: &mut Vec<u8>, seq: u64, prev: &[u8; 32], time: &str) {
    out.extend_from_slice(b"{\"v\":");
    number(out, FORMAT);
    out.extend_from_slice(b",\"seq\":");
    number(out, seq);
    out.extend_from_slice(b",\"prev\":\"");
    hex(out, prev);
    out.extend_from_slice(b"\",\"time\":\"");
    out.extend_from_slice(time.as_bytes());
    out.push(b'"');
}

/// Prints times as `2026-11-22T08:11:51.365462Z`: always six digits, always UTC. Keeps the text of
/// the second, because most lines share it.
#[derive(Default)]
pub(super) struct TimeText {
    second: Option<u64>,
    text: String,
}

impl TimeText {
    pub fn print(&mut self, at: Timestamp) -> &str {
        let second = at.unix_seconds();
        if self.second != Some(second) {
            self.second = Some(second);
            self.text = Timestamp::from_unix_seconds(second).rfc3339();
            self.text.truncate("2026-11-22T08:11:51".len());
            self.text.push_str(".000000Z");
        }
        let start = self.text.len() - "000000Z".len();
        self.text.truncate(start);
        let micros = (at.0 % 1_000_000_000) / 1_000;
        for place in [100_000, 10_000, 1_000, 100, 10, 1] {
            self.text.push(char::from(b'0' + ((micros / place) % 10) as u8));
        }
        self.text.push('Z');
        &self.text
    }
}

fn optional(o: &mut Object<'_>, name: &str, value: &str) {
    if !value.is_empty() {
        o.text(name, value, AUDIT_TEXT_BYTES_MAX);
    }
}

/// The same of a name that the program made.
fn name(o: &mut Object<'_>, name: &str, value: &str) {
    if !value.is_empty() {
        o.text(name, value, AUDIT_CODE_BYTES_MAX);
    }
}

#[cfg(test)]
mod tests;
