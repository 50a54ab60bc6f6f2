//! The envelope around an answer, written key by key in the dialect's order, with a newline at the
//! end. `data` is spliced in as text, so a stored payload goes out without being parsed.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::json::text;
use crate::json::{Limits, parse};

/// Everything an answer may hold. `data` and the lease fields are empty by default.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    pub request_id: String,
    pub lease_id: String,
    pub renewable: bool,
    pub lease_duration_seconds: u64,
    pub data: Option<Data>,
    pub warnings: Vec<String>,
    pub auth: Option<Auth>,
    /// When set, everything else but the warnings is left out, the request id too.
    pub wrap_info: Option<WrapInfo>,
}

/// Canonical JSON text for the member `data`. May hold a secret: not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Data(String);

impl Data {
    pub fn of<T: Serialize + ?Sized>(shape: &T) -> Self {
        Self(text(shape))
    }

    /// Text that is canonical JSON already ([`crate::json::Value::to_text`], [`text`]).
    pub fn from_canonical(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Data(redacted)")
    }
}

/// The `auth` block of logins, token creation and renewal. Field order is the dialect's.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    pub client_token: String,
    pub accessor: String,
    pub policies: Vec<String>,
    pub token_policies: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_policies: Option<Vec<String>>,
    /// `null` when there is none.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Seconds.
    pub lease_duration: u64,
    pub renewable: bool,
    pub entity_id: String,
    pub token_type: String,
    pub orphan: bool,
    /// Always `null`: multi-factor steps are not offered.
    pub mfa_requirement: Option<bool>,
    pub num_uses: i64,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("accessor", &self.accessor).finish_non_exhaustive()
    }
}

/// What is told of a wrapped answer.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrapInfo {
    pub token: String,
    pub accessor: String,
    /// Seconds.
    pub ttl: u64,
    /// RFC 3339.
    pub creation_time: String,
    pub creation_path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrapped_accessor: Option<String>,
}

impl std::fmt::Debug for WrapInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WrapInfo").field("accessor", &self.accessor).finish_non_exhaustive()
    }
}

/// The envelope's own members, which injected data must not shadow.
const MEMBERS: [&str; 8] = [
    "request_id",
    "lease_id",
    "renewable",
    "lease_duration",
    "data",
    "wrap_info",
    "warnings",
    "auth",
];

impl Envelope {
    pub fn new(request_id: impl Into<String>) -> Self {
        Self { request_id: request_id.into(), ..Self::default() }
    }

    /// The envelope that a text of ours holds; what was injected at its top level is left out.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        let read: Received = serde_json::from_str(text)?;
        Ok(Self {
            request_id: read.request_id,
            lease_id: read.lease_id,
            renewable: read.renewable,
            lease_duration_seconds: read.lease_duration,
            data: read.data.map(|data| Data(data.get().to_owned())),
            warnings: read.warnings.unwrap_or_default(),
            auth: read.auth,
            wrap_info: read.wrap_info,
        })
    }

    pub fn data(mut self, data: Data) -> Self {
        self.data = Some(data);
        self
    }

    pub fn shape<T: Serialize + ?Sized>(self, shape: &T) -> Self {
        self.data(Data::of(shape))
    }

    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = Some(auth);
        self
    }

    pub fn wrapped(mut self, wrap_info: WrapInfo) -> Self {
        self.wrap_info = Some(wrap_info);
        self
    }

    pub fn lease(mut self, id: impl Into<String>, renewable: bool, seconds: u64) -> Self {
        self.lease_id = id.into();
        self.renewable = renewable;
        self.lease_duration_seconds = seconds;
        self
    }

    pub fn warn(mut self, warnings: impl IntoIterator<Item = String>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// The body of the answer.
    pub fn to_text(&self) -> String {
        let mut out = String::with_capacity(256 + self.data.as_ref().map_or(0, |d| d.0.len()));
        out.push('{');
        self.write_members(&mut out);
        out.push_str("}\n");
        out
    }

    /// The body of those `sys/*` answers whose data also stands at the top level.
    pub fn to_text_injected(&self) -> String {
        let mut out = String::from("{");
        if let Some(data) = self.data.as_ref().filter(|_| self.wrap_info.is_none()) {
            out.push_str(&injected(data));
        }
        self.write_members(&mut out);
        out.push_str("}\n");
        out
    }

    fn write_members(&self, out: &mut String) {
        let bare = Envelope::default();
        let wrapped = self.wrap_info.is_some();
        let shown = if wrapped { &bare } else { self };
        let mut member = |name: &str, value: &str| {
            if !out.ends_with(['{', ',']) {
                out.push(',');
            }
            out.push('"');
            out.push_str(name);
            out.push_str("\":");
            out.push_str(value);
        };
        member("request_id", &text(&shown.request_id));
        member("lease_id", &text(&shown.lease_id));
        member("renewable", if shown.renewable { "true" } else { "false" });
        member("lease_duration", &shown.lease_duration_seconds.to_string());
        member("data", shown.data.as_ref().map_or("null", Data::as_str));
        // Nearly always `null`: no text is made for that.
        member("wrap_info", self.wrap_info.as_ref().map(text).as_deref().unwrap_or("null"));
        let warnings = (!self.warnings.is_empty()).then(|| text(&self.warnings));
        member("warnings", warnings.as_deref().unwrap_or("null"));
        member("auth", shown.auth.as_ref().map(text).as_deref().unwrap_or("null"));
    }
}

/// The members of `data`, each followed by a comma, but for those the envelope has itself.
fn injected(data: &Data) -> String {
    let mut out = String::new();
    let Ok(value) = parse(data.0.as_bytes(), Limits::STORED) else { return out };
    for (key, value) in value.as_object().unwrap_or_default() {
        if MEMBERS.contains(&key.as_str()) {
            continue;
        }
        crate::json::write_string(&mut out, key.as_str());
        out.push(':');
        crate::json::write_value(&mut out, value);
        out.push(',');
    }
    out
}

/// `{"errors":[…]}` with a newline.
pub fn errors_text<S: AsRef<str>>(errors: &[S]) -> String {
    let list: Vec<&str> = errors.iter().map(AsRef::as_ref).collect();
    format!("{}\n", text(&Errors { errors: list }))
}

#[derive(Serialize)]
struct Errors<'a> {
    errors: Vec<&'a str>,
}

/// A multi-error text as Go's multierror prints it: `1 error occurred:\n\t* x\n\n`.
pub fn multi_error<S: AsRef<str>>(errors: &[S]) -> String {
    let noun = if errors.len() == 1 { "error" } else { "errors" };
    let lines: String = errors.iter().map(|e| format!("\t* {}\n", e.as_ref())).collect();
    format!("{} {noun} occurred:\n{lines}\n", errors.len())
}

/// What a client reads of an envelope. No `Debug`: `data` may be a secret.
#[derive(Clone, Default, Deserialize)]
pub struct Received {
    #[serde(default)]
    pub request_id: String,
    #[serde(default)]
    pub lease_id: String,
    #[serde(default)]
    pub renewable: bool,
    #[serde(default)]
    pub lease_duration: u64,
    #[serde(default)]
    pub data: Option<Box<serde_json::value::RawValue>>,
    #[serde(default)]
    pub wrap_info: Option<WrapInfo>,
    #[serde(default)]
    pub warnings: Option<Vec<String>>,
    #[serde(default)]
    pub auth: Option<Auth>,
    #[serde(default)]
    pub errors: Vec<String>,
}
