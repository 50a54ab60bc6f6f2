//! The only maker of outgoing connections. To whom, the configuration says; the API can't.
//!
//! * `socket`: lines over Unix and TCP sockets, for sinks of the audit log

mod socket;

pub use socket::{Datagrams, Stream};
