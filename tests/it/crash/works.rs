//! Kinds of work that a killed server is put under. Each knows what was acknowledged and what was
//! under way when the answer did not come, and compares that with what is there afterwards.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::{Response, Server};

/// The way to the server while it may be killed at any moment.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    pub server: &'a Server,
    pub root: &'a str,
    pub stop: &'a AtomicBool,
}

impl Client<'_> {
    pub fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// An acknowledged change, or an error where the server went away.
    fn post(&self, path: &str, token: &str, body: Value) -> io::Result<Response> {
        self.acknowledged("POST", path, token, Some(body))
    }

    fn delete(&self, path: &str) -> io::Result<Response> {
        self.acknowledged("DELETE", path, self.root, None)
    }

    fn acknowledged(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> io::Result<Response> {
        let body = body.map(|body| body.to_string());
        let token = (!token.is_empty()).then_some(token);
        let answer = self.server.try_request(method, path, token, &[], body.as_deref())?;
        assert!(matches!(answer.status, 200 | 204), "{method} {path}: {answer:?}");
        Ok(answer)
    }

    fn status(&self, path: &str, token: &str) -> u16 {
        self.server.get(path, Some(token)).status
    }
}

pub trait Work: Send {
    /// One change.
    fn step(&mut self, client: &Client<'_>) -> io::Result<()>;
    /// Compares, and goes on from what is there.
    fn check(&mut self, client: &Client<'_>, when: &str);
    /// Changes so far.
    fn acknowledged(&self) -> u64;
}

/// A counter that may be one step further than what was acknowledged.
#[derive(Default)]
struct Counter {
    tried: u64,
    acknowledged: u64,
}

impl Counter {
    fn settle(&mut self, found: u64, when: &str, what: &str) {
        assert!(
            (self.acknowledged..=self.tried).contains(&found),
            "{when}: {what} says {found}, {} was acknowledged, {} tried",
            self.acknowledged,
            self.tried
        );
        *self = Self { tried: found, acknowledged: found };
    }
}

/// Versions of one secret, each of which says its own number.
pub struct Versions {
    path: &'static str,
    counter: Counter,
}

impl Versions {
    pub fn new(path: &'static str) -> Self {
        Self { path, counter: Counter::default() }
    }
}

impl Work for Versions {
    fn step(&mut self, client: &Client<'_>) -> io::Result<()> {
        self.counter.tried += 1;
        let n = self.counter.tried;
        let answer = client.post(self.path, client.root, json!({"data": {"n": n}}))?.ok();
        assert_eq!(answer["data"]["version"], n);
        self.counter.acknowledged = n;
        Ok(())
    }

    fn check(&mut self, client: &Client<'_>, when: &str) {
        let head = client.server.get(&self.path.replace("/data/", "/metadata/"), Some(client.root));
        if head.status == 404 {
            return self.counter.settle(0, when, self.path);
        }
        let head = head.ok();
        let last = head["data"]["current_version"].as_u64().unwrap();
        self.counter.settle(last, when, self.path);
        // The head's history is dense, and every version that it names is there and is that one.
        let kept: BTreeSet<u64> = (last.saturating_sub(9).max(1)..=last).collect();
        let named = head["data"]["versions"].as_object().unwrap().keys();
        assert_eq!(named.map(|n| n.parse().unwrap()).collect::<BTreeSet<u64>>(), kept, "{when}");
        for n in kept {
            let path = format!("{}?version={n}", self.path);
            let version = client.server.get(&path, Some(client.root)).ok();
            assert_eq!(version["data"]["data"]["n"], n, "{when}: {path}");
        }
    }

    fn acknowledged(&self) -> u64 {
        self.counter.acknowledged
    }
}

/// Secrets that come and go in a directory of their own: the directory's entries, the heads and the
/// versions must agree.
pub struct Names {
    directory: &'static str,
    there: BTreeSet<u64>,
    next: u64,
    /// Created or removed just now; no answer came.
    doubtful: Option<u64>,
    changes: u64,
}

impl Names {
    pub fn new(directory: &'static str) -> Self {
        Self { directory, there: BTreeSet::new(), next: 0, doubtful: None, changes: 0 }
    }
}

impl Work for Names {
    fn step(&mut self, client: &Client<'_>) -> io::Result<()> {
        // Up to four names, then down to none: an emptied directory goes and comes back.
        let grows = self.next % 8 < 4;
        let name = if grows { Some(self.next) } else { self.there.first().copied() };
        self.next += 1;
        let Some(name) = name else { return Ok(()) };
        self.doubtful = Some(name);
        if grows {
            let path = format!("secret/data/{}/{name}", self.directory);
            client.post(&path, client.root, json!({"data": {"name": name}}))?;
            self.there.insert(name);
        } else {
            client.delete(&format!("secret/metadata/{}/{name}", self.directory))?;
            self.there.remove(&name);
        }
        self.doubtful = None;
        self.changes += 1;
        Ok(())
    }

    fn check(&mut self, client: &Client<'_>, when: &str) {
        let list = client.server.list(&format!("secret/metadata/{}", self.directory), client.root);
        let listed: BTreeSet<u64> = match list.status {
            404 => BTreeSet::new(),
            _ => {
                let keys = list.ok()["data"]["keys"].as_array().unwrap().clone();
                keys.iter().map(|key| key.as_str().unwrap().parse().unwrap()).collect()
            }
        };
        let differ: Vec<u64> = listed.symmetric_difference(&self.there).copied().collect();
        let excused: Vec<u64> = self.doubtful.into_iter().collect();
        assert!(
            differ.is_empty() || differ == excused,
            "{when}: {differ:?} differ in {listed:?}; only {excused:?} may"
        );
        for name in listed.union(&self.there) {
            let expected = if listed.contains(name) { 200 } else { 404 };
            for kind in ["data", "metadata"] {
                let path = format!("secret/{kind}/{}/{name}", self.directory);
                assert_eq!(client.status(&path, client.root), expected, "{when}: {path}");
            }
        }
        self.there = listed;
        self.doubtful = None;
    }

    fn acknowledged(&self) -> u64 {
        self.changes
    }
}

/// Tokens with a child each: parent and child live and die together.
#[derive(Default)]
pub struct Leases {
    live: Vec<[String; 2]>,
    dead: Vec<[String; 2]>,
    doubtful: Option<[String; 2]>,
    changes: u64,
}

impl Leases {
    pub fn new(server: &Server) -> Self {
        server.policy("minter", r#"path "auth/token/create" { capabilities = ["update"] }"#);
        Self::default()
    }

    fn mint(client: &Client<'_>, parent: &str) -> io::Result<String> {
        let body = json!({"policies": ["minter"], "ttl": "1h"});
        let answer = client.post("auth/token/create", parent, body)?.ok();
        Ok(answer["auth"]["client_token"].as_str().unwrap().to_owned())
    }

    /// Both live (true) or both dead.
    fn state(client: &Client<'_>, pair: &[String; 2], when: &str) -> bool {
        let states = pair.each_ref().map(|token| client.status("auth/token/lookup-self", token));
        match states {
            [200, 200] => true,
            [403, 403] => false,
            other => panic!("{when}: parent and child answer {other:?}"),
        }
    }
}

impl Work for Leases {
    fn step(&mut self, client: &Client<'_>) -> io::Result<()> {
        if self.live.len() < 4 {
            let parent = Self::mint(client, client.root)?;
            let child = Self::mint(client, &parent)?;
            self.live.push([parent, child]);
        } else {
            let pair = self.live.remove(0);
            self.doubtful = Some(pair.clone());
            client.post("auth/token/revoke", client.root, json!({"token": pair[0]}))?;
            self.doubtful = None;
            self.dead.push(pair);
        }
        self.changes += 1;
        Ok(())
    }

    fn check(&mut self, client: &Client<'_>, when: &str) {
        for pair in &self.live {
            assert!(Self::state(client, pair, when), "{when}: an acknowledged lease is gone");
        }
        for pair in &self.dead {
            assert!(!Self::state(client, pair, when), "{when}: a revoked lease is back");
        }
        if let Some(pair) = self.doubtful.take() {
            let lives = Self::state(client, &pair, when);
            if lives { &mut self.live } else { &mut self.dead }.push(pair);
        }
        // The first dead ones are asked for to the end, the others for a while.
        if self.dead.len() > 8 {
            self.dead.drain(4..self.dead.len() - 4);
        }
    }

    fn acknowledged(&self) -> u64 {
        self.changes
    }
}

/// A policy whose text counts.
#[derive(Default)]
pub struct Policies {
    counter: Counter,
}

const POLICY: &str = "sys/policies/acl/counting";

impl Work for Policies {
    fn step(&mut self, client: &Client<'_>) -> io::Result<()> {
        self.counter.tried += 1;
        let n = self.counter.tried;
        let text = format!("path \"secret/{n}\" {{ capabilities = [\"read\"] }}");
        client.post(POLICY, client.root, json!({ "policy": text }))?;
        self.counter.acknowledged = n;
        Ok(())
    }

    fn check(&mut self, client: &Client<'_>, when: &str) {
        let answer = client.server.get(POLICY, Some(client.root));
        let found = match answer.status {
            404 => 0,
            _ => {
                let text = answer.ok()["data"]["policy"].as_str().unwrap().to_owned();
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                digits.parse().unwrap()
            }
        };
        self.counter.settle(found, when, "the policy");
    }

    fn acknowledged(&self) -> u64 {
        self.counter.acknowledged
    }
}

/// Logins with a secret id that counts its uses.
pub struct SecretIds {
    role_id: String,
    secret_id: String,
    counter: Counter,
    last: Option<String>,
}

const USES: u64 = 1_000_000;

impl SecretIds {
    pub fn new(server: &Server) -> Self {
        let settings = json!({"secret_id_num_uses": USES, "token_ttl": "1h"});
        let (role_id, secret_id) = server.role("crash", settings);
        Self { role_id, secret_id, counter: Counter::default(), last: None }
    }
}

impl Work for SecretIds {
    fn step(&mut self, client: &Client<'_>) -> io::Result<()> {
        self.counter.tried += 1;
        let body = json!({"role_id": self.role_id, "secret_id": self.secret_id});
        let answer = client.post("auth/approle/login", "", body)?.ok();
        self.last = Some(answer["auth"]["client_token"].as_str().unwrap().to_owned());
        self.counter.acknowledged += 1;
        Ok(())
    }

    fn check(&mut self, client: &Client<'_>, when: &str) {
        let path = "auth/approle/role/crash/secret-id/lookup";
        let answer = client.server.post(path, client.root, json!({"secret_id": self.secret_id}));
        let left = answer.ok()["data"]["secret_id_num_uses"].as_u64().unwrap();
        self.counter.settle(USES - left, when, "the secret id");
        if let Some(token) = &self.last {
            assert_eq!(client.status("auth/token/lookup-self", token), 200, "{when}");
        }
    }

    fn acknowledged(&self) -> u64 {
        self.counter.acknowledged
    }
}

/// Mounts that come, take a secret, and go.
#[derive(Default)]
pub struct Mounts {
    /// The mount, and whether its secret was acknowledged.
    there: Option<(u64, bool)>,
    next: u64,
    doubtful: Option<u64>,
    changes: u64,
}

impl Work for Mounts {
    fn step(&mut self, client: &Client<'_>) -> io::Result<()> {
        match self.there {
            Some((n, true)) => {
                self.doubtful = Some(n);
                client.delete(&format!("sys/mounts/crash-{n}"))?;
                self.there = None;
            }
            Some((n, false)) => {
                client.post(
                    &format!("crash-{n}/data/s"),
                    client.root,
                    json!({"data": {"n": n}}),
                )?;
                self.there = Some((n, true));
            }
            None => {
                let n = self.next;
                self.next += 1;
                self.doubtful = Some(n);
                let body = json!({"type": "kv", "options": {"version": "2"}});
                client.post(&format!("sys/mounts/crash-{n}"), client.root, body)?;
                self.there = Some((n, false));
            }
        }
        self.doubtful = None;
        self.changes += 1;
        Ok(())
    }

    fn check(&mut self, client: &Client<'_>, when: &str) {
        let mounts = client.server.get("sys/mounts", Some(client.root)).ok();
        let mounts: Vec<u64> = mounts["data"]
            .as_object()
            .unwrap()
            .keys()
            .filter_map(|path| path.strip_prefix("crash-")?.strip_suffix('/')?.parse().ok())
            .collect();
        let expected: Vec<u64> = self.there.iter().map(|(n, _)| *n).collect();
        let doubtful = self.doubtful.take();
        if mounts != expected {
            let doubt: Vec<u64> = doubtful.into_iter().collect();
            let came = expected.is_empty() && mounts == doubt;
            let went = expected == doubt && mounts.is_empty();
            assert!(came || went, "{when}: {mounts:?} instead of {expected:?}, doubtful {doubt:?}");
        }
        let secret = self.there.filter(|(n, _)| mounts.contains(n)).is_some_and(|(_, put)| put);
        self.there = mounts.first().map(|n| (*n, secret));
        if let Some((n, put)) = self.there {
            let status = client.status(&format!("crash-{n}/data/s"), client.root);
            // Put, and the answer did not come: either will do.
            assert!(status == 200 || (!put && status == 404), "{when}: {status} of the secret");
        }
    }

    fn acknowledged(&self) -> u64 {
        self.changes
    }
}
