//! Lines over sockets. Nobody on the other end says what he has read, so that what went last is
//! sent again when a connection is lost; a call takes no longer than its deadline but for a
//! reader that takes little at a time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::audit::Receiver;

/// One line after the other over a connection.
pub struct Stream {
    to: Place,
    deadline: Duration,
    open: Option<Connection>,
}

enum Place {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

enum Connection {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    pub fn unix(path: PathBuf, deadline: Duration) -> Self {
        Self { to: Place::Unix(path), deadline, open: None }
    }

    pub fn tcp(address: SocketAddr, deadline: Duration) -> Self {
        Self { to: Place::Tcp(address), deadline, open: None }
    }

    fn connection(&mut self) -> io::Result<&mut Connection> {
        match &mut self.open {
            Some(open) => Ok(open),
            empty => Ok(empty.insert(connect(&self.to, self.deadline)?)),
        }
    }
}

fn connect(to: &Place, deadline: Duration) -> io::Result<Connection> {
    match to {
        Place::Unix(path) => {
            let stream = connect_unix(path)?;
            stream.set_write_timeout(Some(deadline))?;
            Ok(Connection::Unix(stream))
        }
        Place::Tcp(address) => {
            let stream = TcpStream::connect_timeout(address, deadline)?;
            stream.set_write_timeout(Some(deadline))?;
            stream.set_nodelay(true)?;
            // What the other machine does not acknowledge for so long ends the connection.
            let millis = u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX);
            rustix::net::sockopt::set_tcp_user_timeout(&stream, millis)?;
            Ok(Connection::Tcp(stream))
        }
    }
}

/// A listener that accepts nobody lets `connect` wait for ever; this one fails instead.
fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

impl Connection {
    fn write_all(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Connection::Unix(stream) => stream.write_all(lines),
            Connection::Tcp(stream) => stream.write_all(lines),
        }
    }

    /// Whether the other end is still there. What it says is not looked at.
    fn is_closed(&mut self) -> io::Result<bool> {
        let mut said = [0; 512];
        self.set_nonblocking(true)?;
        let read = match self {
            Connection::Unix(stream) => stream.read(&mut said),
            Connection::Tcp(stream) => stream.read(&mut said),
        };
        self.set_nonblocking(false)?;
        match read {
            Ok(read) => Ok(read == 0),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Connection::Unix(stream) => stream.set_nonblocking(nonblocking),
            Connection::Tcp(stream) => stream.set_nonblocking(nonblocking),
        }
    }
}

impl Receiver for Stream {
    fn take(&mut self, lines: &[u8]) -> Result<(), String> {
        let sent = self.connection().and_then(|connection| connection.write_all(lines));
        sent.map_err(|error| told(&error))
    }

    fn check(&mut self) -> Result<Option<String>, String> {
        match self.open.as_mut().map(Connection::is_closed) {
            None | Some(Ok(false)) => Ok(None),
            Some(Ok(true)) => Err("the other end closed the connection".into()),
            Some(Err(error)) => Err(told(&error)),
        }
    }

    fn confirms(&self) -> bool {
        false
    }

    fn close(&mut self) {
        self.open = None;
    }
}

/// A datagram a line.
pub struct Datagrams {
    path: PathBuf,
    deadline: Duration,
    open: Option<UnixDatagram>,
}

impl Datagrams {
    pub fn new(path: PathBuf, deadline: Duration) -> Self {
        Self { path, deadline, open: None }
    }

    fn socket(&mut self) -> io::Result<&UnixDatagram> {
        if self.open.is_none() {
            let socket = UnixDatagram::unbound()?;
            socket.connect(&self.path)?;
            socket.set_write_timeout(Some(self.deadline))?;
            self.open = Some(socket);
        }
        self.open.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Receiver for Datagrams {
    fn take(&mut self, lines: &[u8]) -> Result<(), String> {
        let socket = self.socket().map_err(|error| told(&error))?;
        for line in lines.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            socket.send(line).map_err(|error| told(&error))?;
        }
        Ok(())
    }

    fn check(&mut self) -> Result<Option<String>, String> {
        Ok(None)
    }

    fn confirms(&self) -> bool {
        false
    }

    fn close(&mut self) {
        self.open = None;
    }
}

/// A write that ran into its deadline is `WouldBlock` to the system.
fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            "the other end does not read, or does not answer, in time".into()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufRead as _;
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use super::*;

    type Accept = Box<dyn Fn() -> Box<dyn Read>>;

    const DEADLINE: Duration = Duration::from_millis(100);

    #[test]
    fn lines_arrive_and_an_end_is_noticed_before_the_next_line_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let unix = UnixListener::bind(&path).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let both: [(Stream, Accept); 2] = [
            (Stream::unix(path, DEADLINE), Box::new(move || Box::new(unix.accept().unwrap().0))),
            (Stream::tcp(address, DEADLINE), Box::new(move || Box::new(tcp.accept().unwrap().0))),
        ];
        for (mut sink, accept) in both {
            sink.take(b"a\nb\n").unwrap();
            let mut reader = io::BufReader::new(accept());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            assert_eq!((line.as_str(), sink.check()), ("a\n", Ok(None)));
            line.clear();
            reader.read_line(&mut line).unwrap();
            drop(reader);
            assert!(sink.check().is_err());
            sink.close();
            assert_eq!(sink.check(), Ok(None));
        }
    }

    #[test]
    fn who_never_reads_or_never_accepts_ends_a_call() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let mut sink = Stream::unix(path.clone(), DEADLINE);
        let told = sink.take(&vec![b'x'; 16 << 20]).unwrap_err();
        assert!(told.contains("does not read"), "{told}");
        // Nobody accepts: once the queue is full, connecting fails.
        let mut all: Vec<Stream> = Vec::new();
        let refused = (0..10_000).find_map(|_| {
            let mut sink = Stream::unix(path.clone(), DEADLINE);
            let taken = sink.take(b"x\n");
            all.push(sink);
            taken.err()
        });
        assert!(refused.is_some());
        drop(listener);
        assert!(Stream::unix(path, DEADLINE).take(b"x\n").is_err());
    }

    #[test]
    fn a_datagram_is_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let mut sink = Datagrams::new(path.clone(), DEADLINE);
        assert!(sink.take(b"a\n").is_err());
        let socket = UnixDatagram::bind(&path).unwrap();
        sink.take(b"a\nbc\n").unwrap();
        let mut bytes = [0; 8];
        assert_eq!(socket.recv(&mut bytes).unwrap(), 1);
        assert_eq!(socket.recv(&mut bytes).unwrap(), 2);
        let full = (0..100_000).find_map(|_| sink.take(b"x\n").err());
        assert!(full.unwrap().contains("does not read"));
    }
}
