//! The only maker of outgoing connections. To whom, the configuration says; the API can't.
//!
//! * `socket`: lines over Unix and TCP sockets, for sinks of the audit log
//! * `syslog`: the same as messages of RFC 5424
//! * `http`: the same by POST over https; `address`: where that may go

mod address;
mod http;
mod socket;
mod syslog;

pub use http::Post;
pub use socket::{Datagrams, Stream};
pub use syslog::Syslog;
