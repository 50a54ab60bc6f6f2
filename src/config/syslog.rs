//! Where a sink of type `syslog` sends to, and as what.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::word;
use crate::limits;

/// The messages' facility and the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syslog {
    pub to: SyslogTo,
    pub facility: Facility,
}

/// Who takes the messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogTo {
    /// A datagram socket of this machine, such as `/dev/log`.
    Unix(PathBuf),
    Tcp(SocketAddr),
}

/// RFC 5424, table 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(u8);

pub(super) const FACILITIES: &[(&str, Facility)] = &[
    ("user", Facility(1)),
    ("daemon", Facility(3)),
    ("auth", Facility(4)),
    ("authpriv", Facility(10)),
    ("audit", Facility(13)),
    ("local0", Facility(16)),
    ("local1", Facility(17)),
    ("local2", Facility(18)),
    ("local3", Facility(19)),
    ("local4", Facility(20)),
    ("local5", Facility(21)),
    ("local6", Facility(22)),
    ("local7", Facility(23)),
];

impl Facility {
    /// What only those who may read about logins read.
    pub const DEFAULT: Facility = Facility(10);

    pub fn number(self) -> u8 {
        self.0
    }
}

impl Syslog {
    /// What an operator may be told of it, by the names of the settings.
    pub(super) fn options(&self) -> Vec<(&'static str, String)> {
        let address = match &self.to {
            SyslogTo::Unix(path) => format!("unix-datagram:{}", path.display()),
            SyslogTo::Tcp(address) => format!("tcp:{address}"),
        };
        vec![("address", address), ("facility", word(FACILITIES, self.facility).to_owned())]
    }
}

impl SyslogTo {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("unix-datagram", path) => {
                let fits =
                    Path::new(path).is_absolute() && path.len() <= limits::SOCKET_PATH_BYTES_MAX;
                fits.then(|| Self::Unix(path.into()))
            }
            ("tcp", address) => address.parse().ok().map(Self::Tcp),
            _ => None,
        }
    }
}
