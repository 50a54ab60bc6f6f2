//! `[[audit.sink]]`: where audit entries go beside the segment files.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::duration::format_duration;
use super::error::ConfigError;
use super::post::HttpTo;
use super::section::{Document, Section};
use super::syslog::{FACILITIES, Facility, Syslog, SyslogTo};
use super::{set, word};
use crate::limits;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// Small letters, digits and dashes: names the sink in answers, metrics and `sys/audit`.
    pub name: String,
    pub to: SinkTo,
    /// For people.
    pub description: String,
    /// No answer leaves before this sink has taken its entry.
    pub required: bool,
    /// A required sink that takes longer counts as away.
    pub deadline: Duration,
}

/// What takes the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkTo {
    /// A second copy in a file.
    File(PathBuf),
    /// Standard output of the server.
    Stdout,
    /// Lines over a socket.
    Socket(SocketTo),
    /// Messages for syslog.
    Syslog(Syslog),
    /// Batches of lines by POST.
    Http(HttpTo),
}

/// The other end of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketTo {
    Unix(PathBuf),
    UnixDatagram(PathBuf),
    Tcp(SocketAddr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    File,
    Stdout,
    Socket,
    Syslog,
    Http,
}

const TYPES: &[(&str, Type)] = &[
    ("file", Type::File),
    ("stdout", Type::Stdout),
    ("socket", Type::Socket),
    ("syslog", Type::Syslog),
    ("http", Type::Http),
];

impl Type {
    /// What a sink of this type has beside what all have.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Type::File => &["path"],
            Type::Stdout => &[],
            Type::Socket => &["address"],
            Type::Syslog => &["address", "facility"],
            Type::Http => &["url", "ca_file", "client_cert", "client_key", "allow"],
        }
    }
}

impl SinkTo {
    fn kind(&self) -> Type {
        match self {
            SinkTo::File(_) => Type::File,
            SinkTo::Stdout => Type::Stdout,
            SinkTo::Socket(_) => Type::Socket,
            SinkTo::Syslog(_) => Type::Syslog,
            SinkTo::Http(_) => Type::Http,
        }
    }

    /// The word that the configuration and `sys/audit` have for it.
    pub fn type_name(&self) -> &'static str {
        word(TYPES, self.kind())
    }

    /// What an operator may be told of it, by the names of the settings.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        match self {
            SinkTo::File(path) => vec![("path", path.display().to_string())],
            SinkTo::Stdout => Vec::new(),
            SinkTo::Socket(to) => vec![("address", to.text())],
            SinkTo::Syslog(to) => to.options(),
            SinkTo::Http(to) => {
                let files = [
                    ("ca_file", &to.ca_file),
                    ("client_cert", &to.client_cert),
                    ("client_key", &to.client_key),
                ];
                let given = files.into_iter().filter_map(|(key, path)| {
                    path.as_ref().map(|path| (key, path.display().to_string()))
                });
                std::iter::once(("url", to.url())).chain(given).collect()
            }
        }
    }
}

impl SocketTo {
    /// As the configuration writes it.
    pub fn text(&self) -> String {
        match self {
            SocketTo::Unix(path) => format!("unix:{}", path.display()),
            SocketTo::UnixDatagram(path) => format!("unix-datagram:{}", path.display()),
            SocketTo::Tcp(address) => format!("tcp:{address}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let path = || {
            let path = Path::new(rest);
            let fits = path.is_absolute() && rest.len() <= limits::SOCKET_PATH_BYTES_MAX;
            fits.then(|| path.to_owned())
        };
        match kind {
            "unix" => path().map(SocketTo::Unix),
            "unix-datagram" => path().map(SocketTo::UnixDatagram),
            "tcp" => rest.parse().ok().map(SocketTo::Tcp),
            _ => None,
        }
    }
}

impl Sink {
    pub(super) fn read_all(document: &Document<'_>) -> Result<Vec<Self>, ConfigError> {
        let mut sinks: Vec<Self> = Vec::new();
        for section in document.list("audit", "sink") {
            let sink = Self::read(&section)?;
            if sinks.iter().any(|other| other.name == sink.name) {
                let advice = "is the name of another sink too; give each its own";
                return Err(section.refuse("name", advice));
            }
            sinks.push(sink);
            if sinks.len() > limits::AUDIT_SINKS_MAX {
                let advice = format!("is one too many: there can be {}", limits::AUDIT_SINKS_MAX);
                return Err(section.refuse("name", &advice));
            }
        }
        Ok(sinks)
    }

    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let bytes = limits::AUDIT_SINK_NAME_BYTES_MAX;
        let name = section.required("name", section.name("name", bytes)?)?;
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !name.bytes().all(good) {
            let advice = "must be small letters, digits and dashes";
            return Err(section.refuse("name", advice));
        }
        if name == SEGMENTS {
            let advice = "is what the segment files are called; choose another name";
            return Err(section.refuse("name", advice));
        }
        let kind = section.required("type", section.word("type", TYPES)?)?;
        for key in TYPES.iter().flat_map(|(_, other)| other.keys()) {
            if section.has(key) && !kind.keys().contains(key) {
                let advice = format!("is no setting of a sink of type {:?}", word(TYPES, kind));
                return Err(section.refuse(key, &advice));
            }
        }
        let to = match kind {
            Type::File => SinkTo::File(section.required("path", section.path("path")?)?),
            Type::Stdout => SinkTo::Stdout,
            Type::Socket => {
                let text = section.required("address", section.name("address", 256)?)?;
                let to = SocketTo::parse(&text).ok_or_else(|| {
                    let advice = "must be \"unix:/PATH\", \"unix-datagram:/PATH\" or \
                                  \"tcp:ADDRESS:PORT\" with an IP address";
                    section.refuse("address", advice)
                })?;
                SinkTo::Socket(to)
            }
            Type::Syslog => SinkTo::Syslog(syslog(section)?),
            Type::Http => SinkTo::Http(http(section)?),
        };
        let mut sink = Self {
            name,
            to,
            description: String::new(),
            required: false,
            deadline: limits::AUDIT_SINK_DEADLINE_DEFAULT,
        };
        let bytes = limits::AUDIT_SINK_DESCRIPTION_BYTES_MAX;
        set(&mut sink.description, section.name("description", bytes)?);
        set(&mut sink.required, section.boolean("required")?);
        set(&mut sink.deadline, section.duration("deadline", limits::AUDIT_SINK_DEADLINE_MAX)?);
        if sink.deadline < limits::AUDIT_SINK_DEADLINE_MIN {
            let min = format_duration(limits::AUDIT_SINK_DEADLINE_MIN);
            return Err(section.refuse("deadline", &format!("must be at least {min}")));
        }
        Ok(sink)
    }

    /// What [`Sink::read`] reads back.
    pub(super) fn table(&self) -> toml::Table {
        let text = |s: &str| toml::Value::String(s.to_owned());
        let mut table = toml::Table::from_iter([
            ("name".to_owned(), text(&self.name)),
            ("type".to_owned(), text(self.to.type_name())),
            ("required".to_owned(), toml::Value::Boolean(self.required)),
            ("deadline".to_owned(), text(&format_duration(self.deadline))),
        ]);
        if !self.description.is_empty() {
            table.insert("description".to_owned(), text(&self.description));
        }
        if let SinkTo::Http(to) = &self.to {
            let allow = to.allow.iter().map(|network| text(&network.to_string())).collect();
            table.insert("allow".to_owned(), toml::Value::Array(allow));
        }
        table.extend(self.to.options().into_iter().map(|(key, v)| (key.to_owned(), text(&v))));
        table
    }
}

fn syslog(section: &Section<'_>) -> Result<Syslog, ConfigError> {
    let text = section.required("address", section.name("address", 256)?)?;
    let to = SyslogTo::parse(&text).ok_or_else(|| {
        let advice = "must be \"unix-datagram:/PATH\" or \"tcp:ADDRESS:PORT\" with an IP address";
        section.refuse("address", advice)
    })?;
    let facility = section.word("facility", FACILITIES)?.unwrap_or(Facility::DEFAULT);
    Ok(Syslog { to, facility })
}

fn http(section: &Section<'_>) -> Result<HttpTo, ConfigError> {
    let url = section.required("url", section.name("url", 1_024)?)?;
    let mut to = HttpTo::parse(&url).ok_or_else(|| {
        section.refuse("url", "must be https://HOST[:PORT]/PATH, without a user or a fragment")
    })?;
    to.ca_file = section.path("ca_file")?;
    to.client_cert = section.path("client_cert")?;
    to.client_key = section.path("client_key")?;
    if to.client_cert.is_some() != to.client_key.is_some() {
        let given = if to.client_cert.is_some() { "client_cert" } else { "client_key" };
        return Err(section.refuse(given, "is given without the other of client_cert, client_key"));
    }
    set(&mut to.allow, section.networks("allow")?);
    Ok(to)
}

/// The segment files' own name among the sinks of `sys/audit`.
pub const SEGMENTS: &str = "file";
