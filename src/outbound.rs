//! The only maker of outgoing connections. To whom, the configuration says; the API can't.
//!
//! * `socket`: lines over Unix and TCP sockets, for sinks of the audit log
//! * `http`: the same by POST over https; `address`: where that may go

mod address;
mod http;
mod socket;

pub use http::Post;
pub use socket::{Datagrams, Stream};
