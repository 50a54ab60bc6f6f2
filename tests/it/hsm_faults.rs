//! The HSM fails in every way it can while the server is in use: no wrong answer ever, warm reads
//! and writes go on, logins say when to come back, and service is whole again without a restart.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Faulty, Response, Server, finish};

const REMOVED: &str = "* fail CKR_DEVICE_REMOVED";
const WRITERS: usize = 2;

/// Asks until `right`, for a minute at least: more than any recovery takes on a busy machine.
fn until(what: &str, mut right: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if right() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("not in time: {what}");
}

fn asks_to_come_back(answer: &Response) -> bool {
    answer.status == 503
        && answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u64>().unwrap() > 0)
}

/// A server in use: what its users do, and what they must see.
struct Load<'s> {
    server: &'s Server,
    root: &'s str,
    proof: Value,
    done: AtomicBool,
    reads: AtomicU64,
    /// What each writer was last acknowledged.
    written: [AtomicU64; WRITERS],
    logins: AtomicU64,
    refused: AtomicU64,
}

impl Load<'_> {
    /// Reads of what is warm go on whatever the HSM does.
    fn read(&self) {
        while !self.done.load(Ordering::Relaxed) {
            let answer = self.server.get("secret/data/fixed", Some(self.root)).ok();
            assert_eq!(answer["data"]["data"], json!({"v": "right"}));
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// So do writes under warm keys.
    fn write(&self, writer: usize) {
        let path = format!("secret/data/writer-{writer}");
        let mut n = 0;
        while !self.done.load(Ordering::Relaxed) {
            n += 1;
            self.server.post(&path, self.root, json!({"data": {"n": n}})).ok();
            self.written[writer].store(n, Ordering::Relaxed);
            let read = self.server.get(&path, Some(self.root)).ok();
            assert_eq!(read["data"]["data"]["n"], n);
        }
    }

    /// A login is signed by the HSM: it works, or says when to come back.
    fn log_in(&self) {
        while !self.done.load(Ordering::Relaxed) {
            let answer = self.server.login("auth/approle/login", self.proof.clone());
            if answer.status == 200 {
                let token = answer.json()["auth"]["client_token"].as_str().unwrap().to_owned();
                self.server.get("auth/token/lookup-self", Some(&token)).ok();
                self.logins.fetch_add(1, Ordering::Relaxed);
            } else {
                assert!(asks_to_come_back(&answer), "{answer:?}");
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits until `count` has grown by `by`: users were served after this line.
    fn await_more(&self, what: &str, count: &AtomicU64, by: u64) {
        let before = count.load(Ordering::Relaxed);
        until(what, || count.load(Ordering::Relaxed) >= before + by);
    }
}

/// Ends the load even when an assertion fails, so that the test does.
struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn service_goes_on_while_the_hsm_comes_and_goes() {
    let faulty = Faulty::new();
    let mut server = Server::start_on(&faulty);
    let root = server.root_token();
    let (role_id, secret_id) = server.role("svc", json!({"token_ttl": "5m"}));
    server.post("secret/data/fixed", &root, json!({"data": {"v": "right"}})).ok();
    let load = Load {
        server: &server,
        root: &root,
        proof: json!({"role_id": role_id, "secret_id": secret_id}),
        done: AtomicBool::new(false),
        reads: AtomicU64::new(0),
        written: Default::default(),
        logins: AtomicU64::new(0),
        refused: AtomicU64::new(0),
    };
    std::thread::scope(|scope| {
        let _stop = Stop(&load.done);
        let load = &load;
        scope.spawn(|| load.read());
        scope.spawn(|| load.log_in());
        scope.spawn(|| load.log_in());
        for writer in 0..WRITERS {
            scope.spawn(move || load.write(writer));
        }
        let served = || {
            load.await_more("logins work", &load.logins, 3);
            load.await_more("reads go on", &load.reads, 3);
            load.await_more("writes go on", &load.written[0], 3);
        };
        served();
        for seconds in [1, 3] {
            faulty.control(REMOVED);
            load.await_more("logins are refused", &load.refused, 2);
            let health = server.get("sys/health", None).ok();
            let left = health["degraded"]["seconds_left"].as_u64().unwrap();
            assert!((1..=900).contains(&left), "{health}");
            assert!(health["degraded"]["reason"].as_str().unwrap().contains("HSM"), "{health}");
            std::thread::sleep(Duration::from_secs(seconds));
            load.await_more("reads go on", &load.reads, 3);
            load.await_more("writes go on", &load.written[1], 3);
            faulty.control("");
            served();
            assert_eq!(server.get("sys/health", None).ok().get("degraded"), None);
        }
        for lost in ["lose-sessions", "lose-login", "lose-all-sessions"] {
            faulty.control(lost);
            served();
        }
        for transient in [
            "C_Sign fail CKR_GENERAL_ERROR times 1",
            "C_SignInit fail CKR_SESSION_HANDLE_INVALID times 1",
            "C_Sign fail CKR_DEVICE_ERROR times 2",
            "* fail CKR_CRYPTOKI_NOT_INITIALIZED times 3",
            "* fail 0x80000101 times 3",
            "C_Sign garble",
            "C_Sign fail CKR_GENERAL_ERROR",
            "* hang",
        ] {
            faulty.control(transient);
            load.await_more("reads go on", &load.reads, 5);
            if !transient.contains("times") {
                load.await_more("logins are refused", &load.refused, 2);
            }
            faulty.control("");
            served();
        }
    });
    let written: Vec<u64> = load.written.iter().map(|n| n.load(Ordering::Relaxed)).collect();
    server.restart();
    // After a start every data key is cold: its first use needs the HSM, and says so.
    faulty.control(REMOVED);
    let path = |writer: usize| format!("secret/data/writer-{writer}");
    let cold = server.get(&path(0), Some(&root));
    assert!(asks_to_come_back(&cold), "{cold:?}");
    faulty.control("");
    until("a cold read works again", || server.get(&path(0), Some(&root)).status == 200);
    for (writer, n) in written.iter().enumerate() {
        let read = server.get(&path(writer), Some(&root)).ok();
        assert_eq!(read["data"]["data"]["n"], *n, "writer {writer}");
    }
}

#[test]
fn away_for_too_long_the_vault_seals_and_opens_again_by_itself() {
    let faulty = Faulty::new();
    let mut server = Server::start_on(&faulty);
    let root = server.root_token();
    server.post("secret/data/a", &root, json!({"data": {"v": "right"}})).ok();
    let right = |server: &Server| {
        let answer = server.get("secret/data/a", Some(&root));
        if answer.status == 200 {
            assert_eq!(answer.json()["data"]["data"], json!({"v": "right"}));
        }
        answer.status == 200
    };
    let offline = |from: &'static str, to: &'static str| {
        move |text: String| {
            assert!(text.contains(from), "{text}");
            text.replace(from, to)
        }
    };

    server.reconfigure(offline("max_offline = \"15m\"", "max_offline = \"2s\""));
    server.restart();
    until("the vault is open", || right(&server));
    faulty.control(REMOVED);
    until("the vault seals", || server.get("sys/health", None).status == 503);
    let health = server.get("sys/health", None).json();
    assert_eq!(health["sealed"], true);
    assert!(health["sealed_because"].as_str().unwrap().contains("HSM"), "{health}");
    server.get("secret/data/a", Some(&root)).refused(503, &["Vault is sealed"]);
    assert_eq!(server.get("sys/seal-status", None).ok()["sealed"], true);
    faulty.control("");
    until("the vault opens by itself", || right(&server));
    let health = server.get("sys/health", None).ok();
    assert_eq!((health.get("sealed_because"), health.get("degraded")), (None, None));

    // Strict: nothing is served that the HSM did not just answer for.
    server.reconfigure(offline("max_offline = \"2s\"", "max_offline = \"0s\""));
    server.restart();
    until("the vault is open", || right(&server));
    faulty.control(REMOVED);
    for _ in 0..5 {
        let answer = server.get("secret/data/a", Some(&root));
        assert!(asks_to_come_back(&answer), "{answer:?}");
    }
    faulty.control("");
    until("the vault serves again", || right(&server));
}

#[test]
fn without_the_hsm_the_log_goes_on_and_its_unproven_stretch_is_named_until_it_is_covered() {
    let faulty = Faulty::new();
    let server = Server::start_on(&faulty);
    let root = server.root_token();
    server.post("secret/data/a", &root, json!({"data": {"v": "right"}})).ok();
    until("a checkpoint covers all", || server.verify_audit().code == Some(0));
    faulty.control(REMOVED);
    for _ in 0..3 {
        server.get("secret/data/a", Some(&root)).ok();
    }
    let verdict = server.verify_audit();
    assert_eq!(verdict.code, Some(2), "{verdict:?}");
    assert!(verdict.stdout.contains("\nunproven: entries "), "{verdict:?}");
    faulty.control("");
    until("the stretch is covered", || server.verify_audit().code == Some(0));
}

#[test]
fn a_start_without_the_hsm_listens_and_one_with_a_wrong_pin_ends() {
    let faulty = Faulty::new();
    let mut server = Server::start_on(&faulty);
    let root = server.root_token();
    server.post("secret/data/a", &root, json!({"data": {"v": "right"}})).ok();
    server.reconfigure(|text| text);
    for rules in [REMOVED, "C_GetSlotList fail CKR_TOKEN_NOT_PRESENT"] {
        faulty.control(rules);
        server.restart();
        let health = server.get("sys/health", None);
        assert_eq!(health.status, 503, "{health:?}");
        let health = health.json();
        assert_eq!((&health["initialized"], &health["sealed"]), (&json!(true), &json!(true)));
        assert!(health["sealed_because"].as_str().unwrap().contains("HSM"), "{health}");
        assert_eq!(server.get("sys/seal-status", None).ok()["sealed"], true);
        server.get("secret/data/a", Some(&root)).refused(503, &["Vault is sealed"]);
        faulty.control("");
        until("the vault opens", || server.get("sys/health", None).status == 200);
        let read = server.get("secret/data/a", Some(&root)).ok();
        assert_eq!(read["data"]["data"], json!({"v": "right"}));
    }

    server.kill9();
    let right_pin = std::fs::read_to_string(server.data().join("pin")).unwrap();
    std::fs::write(server.data().join("pin"), "marked-pin").unwrap();
    let before = faulty.calls_of("C_Login");
    let run = finish(&mut server.command());
    assert_eq!(run.code, Some(1), "{run:?}");
    let said: Vec<_> = run.stderr.lines().filter(|line| line.starts_with("Error: ")).collect();
    let [line] = said.as_slice() else { panic!("{}", run.stderr) };
    assert!(line.contains("refuses the PIN") && line.contains("hsm.pin_file"), "{line}");
    assert!(!format!("{run:?}").contains("marked-pin"));
    assert_eq!(faulty.calls_of("C_Login"), before + 1);
    // Who starts it again and again doesn't lock the token.
    let again = finish(&mut server.command());
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("the file has not changed since"), "{again:?}");
    assert_eq!(faulty.calls_of("C_Login"), before + 1);
    std::fs::write(server.data().join("pin"), right_pin).unwrap();
    server.restart();
    until("the vault is open", || server.get("sys/health", None).status == 200);
}
