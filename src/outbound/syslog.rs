//! Lines as syslog messages (RFC 5424): a datagram each to the machine's own syslog, or over TCP,
//! each behind its length (RFC 6587, 3.4.1). As with sockets, nobody says what he has read.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::socket::{Datagrams, Stream};
use crate::audit::Receiver;

/// RFC 5424, 6.2.1: informational.
const SEVERITY: u8 = 6;
/// What a field says that has nothing to say.
const NIL: &str = "-";
/// RFC 5424, 6.2.4: a host's name has at most so many bytes.
const HOST_BYTES_MAX: usize = 255;

/// The other end of a [`Stream`] or of [`Datagrams`].
pub struct Syslog<R> {
    to: R,
    /// Whether a message is preceded by its length.
    counted: bool,
    /// Priority and version.
    begin: String,
    /// What stands between the time and the line.
    origin: String,
}

impl Syslog<Datagrams> {
    /// `facility` is the number of RFC 5424, table 1.
    pub fn local(path: PathBuf, facility: u8, deadline: Duration) -> Self {
        Self::new(Datagrams::new(path, deadline), false, facility)
    }
}

impl Syslog<Stream> {
    pub fn tcp(address: SocketAddr, facility: u8, deadline: Duration) -> Self {
        Self::new(Stream::tcp(address, deadline), true, facility)
    }
}

impl<R> Syslog<R> {
    fn new(to: R, counted: bool, facility: u8) -> Self {
        let name = rustix::system::uname();
        let host = host(&name.nodename().to_string_lossy());
        let origin = format!(" {host} strongroom {} audit - ", std::process::id());
        Self {
            to,
            counted,
            begin: format!("<{}>1 ", u16::from(facility) * 8 + u16::from(SEVERITY)),
            origin,
        }
    }

    fn framed(&self, lines: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(lines.len() + lines.len() / 4);
        for line in lines.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            let time = time_of(line);
            if self.counted {
                let length = self.begin.len() + time.len() + self.origin.len() + line.len();
                out.extend_from_slice(format!("{length} ").as_bytes());
            }
            for part in [self.begin.as_bytes(), time.as_bytes(), self.origin.as_bytes(), line] {
                out.extend_from_slice(part);
            }
            if !self.counted {
                // Where one datagram ends; not sent.
                out.push(b'\n');
            }
        }
        out
    }
}

/// Printable ASCII without spaces (RFC 5424, 6).
fn host(name: &str) -> String {
    let good: String = name.chars().filter(char::is_ascii_graphic).take(HOST_BYTES_MAX).collect();
    if good.is_empty() { NIL.into() } else { good }
}

/// The time that a line of the log says of itself, which is RFC 3339 with six digits as RFC 5424
/// wants it.
fn time_of(line: &[u8]) -> &str {
    const BEFORE: &[u8] = b"\"time\":\"";
    let at = line.windows(BEFORE.len()).position(|part| part == BEFORE);
    let rest = at.map(|at| &line[at + BEFORE.len()..]);
    let time = rest.and_then(|rest| rest.split(|b| *b == b'"').next());
    let text = time.and_then(|time| std::str::from_utf8(time).ok());
    let is_time = |text: &&str| {
        text.len() <= "2026-11-22T08:11:51.365462Z".len()
            && text.bytes().all(|b| b.is_ascii_digit() || b"-:.TZ".contains(&b))
    };
    text.filter(is_time).filter(|text| !text.is_empty()).unwrap_or(NIL)
}

impl<R: Receiver> Receiver for Syslog<R> {
    fn take(&mut self, lines: &[u8]) -> Result<(), String> {
        let framed = self.framed(lines);
        self.to.take(&framed)
    }

    fn check(&mut self) -> Result<Option<String>, String> {
        self.to.check()
    }

    fn confirms(&self) -> bool {
        self.to.confirms()
    }

    fn close(&mut self) {
        self.to.close();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(1);
    const LINES: &[u8] =
        b"{\"seq\":0,\"time\":\"2026-11-22T08:11:51.365462Z\",\"x\":1}\n{\"checkpoint\":\"c\"}\n";

    /// Priority and version, time, then host, program, process, kind and structured data, and the line.
    fn fields(message: &str) -> (&str, &str, Vec<&str>, &str) {
        let parts: Vec<&str> = message.splitn(8, ' ').collect();
        (parts[0], parts[1], parts[3..7].to_vec(), parts[7])
    }

    #[test]
    fn each_line_is_a_datagram_with_its_own_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let there = UnixDatagram::bind(&path).unwrap();
        let mut sink = Syslog::local(path, 10, DEADLINE);
        sink.take(LINES).unwrap();
        let message = || {
            let mut room = [0; 1024];
            let read = there.recv(&mut room).unwrap();
            String::from_utf8(room[..read].to_vec()).unwrap()
        };
        let process = std::process::id().to_string();
        let (first, second) = (message(), message());
        let (begin, time, about, line) = fields(&first);
        assert_eq!((begin, time), ("<86>1", "2026-11-22T08:11:51.365462Z"));
        assert_eq!(about, ["strongroom", &process, "audit", "-"]);
        assert_eq!(line, "{\"seq\":0,\"time\":\"2026-11-22T08:11:51.365462Z\",\"x\":1}");
        assert_eq!((fields(&second).1, fields(&second).3), ("-", "{\"checkpoint\":\"c\"}"));
    }

    #[test]
    fn over_tcp_each_message_stands_behind_its_length() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sink = Syslog::tcp(listener.local_addr().unwrap(), 16, DEADLINE);
        sink.take(LINES).unwrap();
        let mut there = listener.accept().unwrap().0;
        sink.close();
        let mut text = String::new();
        there.read_to_string(&mut text).unwrap();
        let mut rest = text.as_str();
        for wanted in std::str::from_utf8(LINES).unwrap().lines() {
            let (length, after) = rest.split_once(' ').unwrap();
            let (message, next) = after.split_at(length.parse().unwrap());
            assert_eq!((fields(message).0, fields(message).3), ("<134>1", wanted));
            rest = next;
        }
        assert_eq!(rest, "");
    }

    #[test]
    fn what_is_no_time_or_no_name_is_left_out() {
        for line in ["", "{}", "{\"time\":\"", "{\"time\":\"x y\"}", "{\"time\":\"\"}"] {
            assert_eq!(time_of(line.as_bytes()), NIL, "{line}");
        }
        assert_eq!(host("a b\u{e9}\nc"), "abc");
        assert_eq!(host(" "), NIL);
    }
}
