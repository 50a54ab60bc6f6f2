//! The listener as strangers meet it: certificates, deadlines, limits, reloads, the way it stops.

mod certificates;
mod hardening;
mod limits;
mod overload;
mod stopping;

use crate::harness::Server;

/// Starts `server` on the configuration that `dev` left, with these keys of `[listener]` before the
/// others.
fn configured(tls: bool, keys: &str) -> Server {
    let mut server = if tls { Server::start_tls() } else { Server::start_dev() };
    configure(&mut server, keys);
    server
}

/// Starts it anew with these keys.
fn configure(server: &mut Server, keys: &str) {
    server.reconfigure(|text| {
        // A key is there once: what is given here replaces what is written.
        let given: Vec<&str> = keys.lines().filter_map(|line| line.split(" = ").next()).collect();
        let kept = text
            .lines()
            .filter(|line| line.split_once(" = ").is_none_or(|(key, _)| !given.contains(&key)));
        let text: String = kept.map(|line| format!("{line}\n")).collect();
        text.replacen("[listener]\n", &format!("[listener]\n{keys}\n"), 1)
    });
    server.restart();
}

/// What `/proc` says of the server's memory, KiB.
fn resident_kib(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
