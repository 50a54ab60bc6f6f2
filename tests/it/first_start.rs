//! A first start of `dev` that is killed anywhere leaves nothing that the next start can't live
//! with.

use std::time::Duration;

use serde_json::json;

use crate::harness::Server;

/// How many moments are tried, over the time that a first start takes.
const MOMENTS: u32 = 8;
const FIRST_START_MS: u32 = 600;

/// Starts the server and lives with it a little: a root token that holds, a secret, a login method.
fn starts_and_works(server: &mut Server, when: &str) {
    if let Err(log) = server.try_start() {
        panic!("killed {when}; the next start said:\n{log}");
    }
    let root = server.root_token();
    assert_eq!(server.get("auth/token/lookup-self", Some(&root)).status, 200, "killed {when}");
    server.post("secret/data/first", &root, json!({"data": {"n": 1}})).ok();
    server.role("first", json!({}));
}

#[test]
fn a_first_start_killed_at_any_moment_is_made_good_by_the_next() {
    for n in 0..MOMENTS {
        let moment = Duration::from_millis(u64::from(n * FIRST_START_MS / MOMENTS));
        let mut server = Server::unstarted();
        server.start_and_kill_after(moment);
        if n % 3 == 0 {
            server.start_and_kill_after(moment / 2);
        }
        starts_and_works(&mut server, &format!("after {moment:?}"));
        let root = server.root_token();
        server.restart();
        assert_eq!(server.root_token(), root, "after {moment:?}: another root token");
        let found = server.get("secret/data/first", Some(&root)).ok();
        assert_eq!(found["data"]["data"]["n"], 1, "after {moment:?}");
    }
}

/// Where a moment hardly ever hits: between two files of the token that SoftHSM makes.
#[test]
fn a_first_start_killed_at_any_file_is_made_good_by_the_next() {
    let mut killed = 0;
    for (call, first, last, step) in
        [("openat", 28, 52, 6), ("write", 2, 14, 4), ("ftruncate", 2, 6, 2), ("rename", 1, 3, 1)]
    {
        for n in (first..=last).step_by(step) {
            let mut server = Server::unstarted();
            killed += u32::from(server.start_and_kill_at(call, n));
            starts_and_works(&mut server, &format!("at {call} number {n}"));
        }
    }
    assert!(killed >= 8, "only {killed} starts were killed");
}
