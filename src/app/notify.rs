//! Tells systemd how the server stands (`Type=notify`, sd_notify(3)): one datagram to the socket
//! that it names. Without that socket, nothing.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Who starts the server says where he listens.
const VARIABLE: &str = "NOTIFY_SOCKET";

pub fn ready() {
    send("READY=1");
}

pub fn stopping() {
    send("STOPPING=1");
}

/// Before a reload; [`ready`] ends it.
pub fn reloading() {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let microseconds = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
    send(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
}

fn send(state: &str) {
    let Some(place) = std::env::var_os(VARIABLE) else { return };
    if let Err(error) = send_to(&place, state) {
        tracing::warn!(%error, "the service manager could not be told: {state}");
    }
}

fn send_to(place: &OsStr, state: &str) -> std::io::Result<()> {
    let address = match place.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(place)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_manager_gets_what_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        send_to(path.as_os_str(), "READY=1").unwrap();
        let mut text = [0; 64];
        let n = listener.recv(&mut text).unwrap();
        assert_eq!(&text[..n], b"READY=1");

        let name = format!("strongroom-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixDatagram::bind_addr(&address).unwrap();
        send_to(OsStr::new(&format!("@{name}")), "STOPPING=1").unwrap();
        assert_eq!(listener.recv(&mut text).unwrap(), 10);
    }
}
