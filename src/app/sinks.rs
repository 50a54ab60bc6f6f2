//! From the configuration of an audit sink to what takes its lines.

use crate::audit::{Declared, FileReceiver, Receiver, StdoutReceiver};
use crate::config::{Sink, SinkTo, SocketTo, Syslog, SyslogTo};
use crate::outbound;

pub fn declared(sink: Sink) -> Declared {
    let deadline = sink.deadline;
    let receiver: Box<dyn Receiver> = match &sink.to {
        SinkTo::File(path) => Box::new(FileReceiver::new(path.clone())),
        SinkTo::Stdout => Box::new(StdoutReceiver::new()),
        SinkTo::Socket(SocketTo::Unix(path)) => {
            Box::new(outbound::Stream::unix(path.clone(), deadline))
        }
        SinkTo::Socket(SocketTo::UnixDatagram(path)) => {
            Box::new(outbound::Datagrams::new(path.clone(), deadline))
        }
        SinkTo::Socket(SocketTo::Tcp(address)) => {
            Box::new(outbound::Stream::tcp(*address, deadline))
        }
        SinkTo::Syslog(Syslog { to: SyslogTo::Unix(path), facility }) => {
            Box::new(outbound::Syslog::local(path.clone(), facility.number(), deadline))
        }
        SinkTo::Syslog(Syslog { to: SyslogTo::Tcp(address), facility }) => {
            Box::new(outbound::Syslog::tcp(*address, facility.number(), deadline))
        }
        SinkTo::Http(to) => Box::new(outbound::Post::new(to.clone(), deadline)),
    };
    Declared { sink, receiver }
}
