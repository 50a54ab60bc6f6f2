//! What a server takes from itself, and what it refuses to run on.

use std::fs::{Permissions, metadata, read_dir, set_permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::configured;
use crate::harness::Server;

#[test]
fn p45_a_server_neither_dumps_its_memory_nor_runs_on_places_open_to_others() {
    let mut server = configured(false, "");
    let of =
        |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", server.pid())).unwrap();
    let limits = of("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert!(core.split_whitespace().filter(|word| *word == "0").count() == 2, "{core}");
    assert!(of("status").contains("NoNewPrivs:\t1"));
    everything_is_private(&server.data().join("data"));
    everything_is_private(&server.data().join("audit"));

    let (config, storage) = (server.config(), server.data().join("data"));
    for (path, bad, good) in [
        (config.as_path(), 0o622, 0o600),
        (storage.as_path(), 0o750, 0o700),
        (storage.as_path(), 0o707, 0o700),
        (&server.data().join("pin"), 0o640, 0o600),
    ] {
        server.stop();
        set_permissions(path, Permissions::from_mode(bad)).unwrap();
        let said = server.try_start().err().unwrap_or_else(|| panic!("{path:?} {bad:o}"));
        assert!(said.contains("chmod"), "{path:?} {bad:o}: {said}");
        set_permissions(path, Permissions::from_mode(good)).unwrap();
        server.restart();
    }
}

/// What `/proc` shows of it depends on who looks, so the call itself is watched. It comes before the
/// configuration's secrets are read, and nothing turns it back.
#[test]
fn p45_a_servers_memory_can_be_neither_dumped_nor_traced() {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let path = trace.path().to_str().unwrap();
    let mut server =
        Server::start_under(&["strace", "-D", "-f", "-e", "trace=prctl,execve", "-o", path]);
    server.reconfigure(|text| text);
    server.restart();
    let lines = std::fs::read_to_string(trace.path()).unwrap();
    let of_dumpable: Vec<&str> =
        lines.lines().filter(|line| line.contains("PR_SET_DUMPABLE")).collect();
    assert_eq!(of_dumpable.len(), 1, "{lines}");
    assert!(of_dumpable[0].contains("SUID_DUMP_DISABLE") && of_dumpable[0].ends_with("= 0"));
    // No other program was begun after it.
    let after = lines.split_once("PR_SET_DUMPABLE").unwrap().1;
    assert!(!after.contains("execve("), "{after}");
}

fn everything_is_private(path: &Path) {
    let mode = metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o077, 0, "{path:?} {mode:o}");
    if path.is_dir() {
        read_dir(path).unwrap().for_each(|entry| everything_is_private(&entry.unwrap().path()));
    }
}

#[test]
fn plain_text_beyond_this_machine_must_be_asked_for() {
    let mut server = configured(false, "");
    let text = std::fs::read_to_string(server.config()).unwrap();
    server.stop();
    let open = text.replace("127.0.0.1:0", "0.0.0.0:0");
    std::fs::write(server.config(), &open).unwrap();
    let said = server.try_start().unwrap_err();
    assert!(said.contains("plain text"), "{said}");
    // Only read, never listened on: this machine's other addresses are not a test's to open.
    std::fs::write(server.config(), text).unwrap();
    server.restart();
}
