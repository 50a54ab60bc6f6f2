//! `[listener]`: where requests come in, with what certificate, and how much of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::duration::format_duration;
use super::error::ConfigError;
use super::section::Section;
use super::{set, word};
use crate::limits;

/// The whole section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Port 0 lets the operating system choose.
    pub address: SocketAddr,
    /// `None`: plain HTTP.
    pub tls: Option<Tls>,
    /// `tls = "off"`: plain HTTP is wanted, on whatever address.
    pub plain: bool,
    pub limits: ListenerLimits,
}

/// Certificate and key, and whether clients show one too. The files are opened by `tls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM, the listener's own certificate first.
    pub cert: PathBuf,
    /// PEM, mode 0600.
    pub key: PathBuf,
    pub client_auth: ClientAuth,
    /// PEM: who signs the certificates of clients. There unless `client_auth` is off.
    pub client_ca: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    Off,
    /// Asked for; a client may show none, but no bad one.
    Request,
    Require,
}

/// How many connections and requests, and how long each part of them may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerLimits {
    pub connections_max: u32,
    pub connections_per_address_max: u32,
    pub requests_max: u32,
    pub handshake: Duration,
    pub header: Duration,
    pub body: Duration,
    pub write: Duration,
    pub idle: Duration,
}

const CLIENT_AUTH: &[(&str, ClientAuth)] =
    &[("off", ClientAuth::Off), ("request", ClientAuth::Request), ("require", ClientAuth::Require)];
/// Whether plain HTTP was asked for by its name.
const PLAIN: &[(&str, bool)] = &[("auto", false), ("off", true)];

impl Default for Listener {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8200)),
            tls: None,
            plain: false,
            limits: ListenerLimits::default(),
        }
    }
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            connections_max: limits::CONNECTIONS_DEFAULT,
            connections_per_address_max: limits::CONNECTIONS_PER_ADDRESS_DEFAULT,
            requests_max: limits::REQUESTS_DEFAULT,
            handshake: limits::HANDSHAKE_DEADLINE,
            header: limits::HEADER_DEADLINE,
            body: limits::BODY_DEADLINE,
            write: limits::WRITE_DEADLINE,
            idle: limits::IDLE_DEADLINE,
        }
    }
}

impl ListenerLimits {
    /// In the order of the file.
    fn deadlines(&mut self) -> [(&'static str, &mut Duration); 5] {
        [
            ("handshake_timeout", &mut self.handshake),
            ("header_timeout", &mut self.header),
            ("body_timeout", &mut self.body),
            ("write_timeout", &mut self.write),
            ("idle_timeout", &mut self.idle),
        ]
    }
}

impl Listener {
    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let mut listener = Self::default();
        set(&mut listener.address, section.address("address")?);
        set(&mut listener.plain, section.word("tls", PLAIN)?);
        let limits = &mut listener.limits;
        let connections = 1..=u64::from(limits::CONNECTIONS_MAX);
        set(&mut limits.connections_max, section.integer("connections_max", connections.clone())?);
        set(
            &mut limits.connections_per_address_max,
            section.integer("connections_per_address_max", connections)?,
        );
        let requests = 1..=u64::from(limits::REQUESTS_MAX);
        set(&mut limits.requests_max, section.integer("requests_max", requests)?);
        for (key, slot) in limits.deadlines() {
            set(slot, section.duration(key, limits::DEADLINE_MAX)?);
            if slot.is_zero() {
                return Err(section.refuse(key, "must be longer than zero"));
            }
        }
        listener.tls = tls(section)?;
        if listener.plain && listener.tls.is_some() {
            let advice = "is \"off\", but tls_cert is given; remove one of them";
            return Err(section.refuse("tls", advice));
        }
        if !listener.plain && listener.tls.is_none() && !listener.address.ip().is_loopback() {
            let advice = "can be reached from other machines, who would see tokens and secrets in \
                          plain text; give tls_cert and tls_key, or, where something else \
                          encrypts, tls = \"off\"";
            return Err(section.refuse("address", advice));
        }
        Ok(listener)
    }

    /// What [`Listener::read`] reads back.
    pub(super) fn keys(&self) -> Vec<(&'static str, toml::Value)> {
        let text = |s: &str| toml::Value::String(s.to_owned());
        let path = |p: &PathBuf| text(&p.to_string_lossy());
        let number = |n: u32| toml::Value::Integer(n.into());
        let mut keys = vec![
            ("address", text(&self.address.to_string())),
            ("tls", text(word(PLAIN, self.plain))),
        ];
        if let Some(tls) = &self.tls {
            keys.push(("tls_cert", path(&tls.cert)));
            keys.push(("tls_key", path(&tls.key)));
            keys.push(("tls_client_auth", text(word(CLIENT_AUTH, tls.client_auth))));
            keys.extend(tls.client_ca.as_ref().map(|ca| ("tls_client_ca", path(ca))));
        }
        let mut limits = self.limits.clone();
        keys.push(("connections_max", number(limits.connections_max)));
        keys.push(("connections_per_address_max", number(limits.connections_per_address_max)));
        keys.push(("requests_max", number(limits.requests_max)));
        let deadlines = limits.deadlines();
        keys.extend(deadlines.map(|(key, deadline)| (key, text(&format_duration(*deadline)))));
        keys
    }
}

fn tls(section: &Section<'_>) -> Result<Option<Tls>, ConfigError> {
    let (cert, key) = (section.path("tls_cert")?, section.path("tls_key")?);
    let client_ca = section.path("tls_client_ca")?;
    let mut client_auth = ClientAuth::Off;
    set(&mut client_auth, section.word("tls_client_auth", CLIENT_AUTH)?);
    let (cert, key) = match (cert, key) {
        (Some(cert), Some(key)) => (cert, key),
        (None, None) if client_ca.is_none() && client_auth == ClientAuth::Off => return Ok(None),
        (Some(_), None) => return Err(section.refuse("tls_cert", "has no tls_key beside it")),
        (None, _) => {
            let given = ["tls_key", "tls_client_ca", "tls_client_auth"];
            let key = given.into_iter().find(|key| section.has(key)).unwrap_or("tls_key");
            return Err(section.refuse(key, "has no tls_cert beside it"));
        }
    };
    match (client_auth, &client_ca) {
        (ClientAuth::Off, Some(_)) => Err(section.refuse(
            "tls_client_ca",
            "is not used: set tls_client_auth to \"request\" or \"require\"",
        )),
        (ClientAuth::Request | ClientAuth::Require, None) => Err(section.refuse(
            "tls_client_auth",
            "needs tls_client_ca: the certificates of who signs those of clients",
        )),
        _ => Ok(Some(Tls { cert, key, client_auth, client_ca })),
    }
}
