//! Who may do what: generated policy sets and requests, decided by `bao server` and by us. What
//! differs stands, with its reason, in `tests/golden/rights-differences.txt`; nothing else may.
//!
//! `STRONGROOM_RIGHTS_PAIRS` sets how many pairs of a policy set and a path are compared,
//! `STRONGROOM_RIGHTS_SEED` where the generator begins.

mod documents;
mod generate;
mod parameters;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use strongroom::access::{Acl, Operation, Policy, PolicyName, Request, TemplateValues};
use strongroom::clock::Timestamp;

use crate::harness::{Oracle, Response, Server, exchange, root};
use generate::Generator;

const POLICIES: usize = 160;
const PATHS_A_SET: usize = 250;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().map_or(otherwise, |v| v.parse().expect(variable))
}

/// A server of either kind.
struct Side<'a> {
    address: &'a str,
    root_token: String,
}

impl Side<'_> {
    fn send(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Response {
        let kind =
            if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let mut all = vec![("X-Vault-Token", token), ("Content-Type", kind)];
        all.extend(headers);
        let body = body.map(Value::to_string);
        let target = format!("/v1/{path}");
        exchange(self.address, method, &target, &all, body.as_deref()).unwrap()
    }

    fn root(&self, method: &str, path: &str, body: Value) -> Response {
        self.send(method, path, &self.root_token, &[], Some(&body))
    }

    fn policy(&self, name: &str, text: &str) {
        let answer =
            self.root("PUT", &format!("sys/policies/acl/{name}"), json!({ "policy": text }));
        assert_eq!(answer.status, 204, "{answer:?}\n{text}");
    }

    fn token(&self, policies: &[String]) -> String {
        let body = json!({"policies": policies, "no_default_policy": true, "type": "batch"});
        let answer = self.root("POST", "auth/token/create", body).ok();
        answer["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    fn capabilities(&self, token: &str, paths: &[String]) -> BTreeMap<String, Vec<String>> {
        let answer =
            self.root("POST", "sys/capabilities", json!({"token": token, "paths": paths})).ok();
        paths
            .iter()
            .map(|path| {
                let mut list: Vec<String> =
                    serde_json::from_value(answer["data"][path].clone()).unwrap();
                list.sort();
                (path.clone(), list)
            })
            .collect()
    }
}

/// The reasons why we may decide otherwise; a pair that has none of them must be decided alike.
struct Differences {
    listed: BTreeMap<String, bool>,
    unlisted: Vec<String>,
}

impl Differences {
    fn new() -> Self {
        let golden = root().join("tests/golden/rights-differences.txt");
        let text = std::fs::read_to_string(golden).unwrap();
        let lines = text.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty());
        let listed = lines.map(|line| {
            let (name, reason) = line.split_once(" | ").expect("name | reason");
            assert!(!reason.trim().is_empty(), "{name} gives no reason");
            (name.trim().to_owned(), false)
        });
        Self { listed: listed.collect(), unlisted: Vec::new() }
    }

    /// The listed difference whose name is `prefix` and a part of `text`.
    fn found(&self, prefix: &str, text: &str) -> Option<String> {
        let mut names =
            self.listed.keys().filter_map(|name| Some((name, name.strip_prefix(prefix)?)));
        names.find(|(_, part)| text.contains(part)).map(|(name, _)| name.clone())
    }

    /// `class`: the difference that explains what was seen, if any does.
    fn note(&mut self, class: Option<&str>, what: impl FnOnce() -> String) {
        match class.and_then(|class| self.listed.get_mut(class)) {
            Some(seen) => *seen = true,
            None => self.unlisted.push(what()),
        }
    }

    /// Nothing unlisted was seen, and of the listed ones with this prefix, all were.
    fn settle(self, prefix: &str) {
        let shown: Vec<&str> = self.unlisted.iter().take(60).map(String::as_str).collect();
        assert!(shown.is_empty(), "{} unlisted:\n{}", self.unlisted.len(), shown.join("\n"));
        for (name, seen) in self.listed.iter().filter(|(name, _)| name.starts_with(prefix)) {
            assert!(seen, "{name} is listed and was not seen");
        }
    }
}

fn compile(texts: &[&str]) -> Acl {
    let policies: Vec<Arc<Policy>> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| {
            let name = PolicyName::canonical(&format!("p{n}")).unwrap();
            Arc::new(Policy::parse(name, text).unwrap_or_else(|e| panic!("{e}\n{text}")))
        })
        .collect();
    Acl::compile(&policies, &TemplateValues::none(), Timestamp(0))
}

fn list_reason(acl: &Acl, path: &str) -> strongroom::access::Reason {
    let request = Request { operation: Operation::List, path, parameters: None, wrap_ttl: None };
    acl.decide(&request).reason
}

#[test]
fn p17_rights_are_those_of_the_oracle_but_for_listed_denies() {
    let oracle = Oracle::start();
    let theirs = Side { address: &oracle.address, root_token: oracle.root_token.clone() };
    let server = Server::start();
    let ours = Side { address: server.address(), root_token: server.root_token() };
    let wanted = number("STRONGROOM_RIGHTS_PAIRS", 100_000);
    let mut generator = Generator::new(number("STRONGROOM_RIGHTS_SEED", 1));
    let mut differences = Differences::new();
    let texts: Vec<String> = (0..POLICIES).map(|_| generator.policy()).collect();
    for (n, text) in texts.iter().enumerate() {
        theirs.policy(&format!("g{n}"), text);
        ours.policy(&format!("g{n}"), text);
    }

    let (mut pairs, mut sets, mut granted, mut sampled) = (0_u64, 0, 0_u64, 0);
    while pairs < wanted {
        let chosen = generator.distinct(POLICIES);
        let names: Vec<String> = chosen.iter().map(|n| format!("g{n}")).collect();
        let set: Vec<&str> = chosen.iter().map(|n| texts[*n].as_str()).collect();
        let acl = compile(&set);
        let paths = generator.paths(&set, PATHS_A_SET);
        let answers = theirs.capabilities(&theirs.token(&names), &paths);
        for (path, expected) in &answers {
            let mine = acl.capabilities(path);
            granted += u64::from(*expected != ["deny"]);
            pairs += 1;
            if mine == *expected {
                continue;
            }
            let denied = path
                .strip_suffix('/')
                .is_some_and(|d| list_reason(&acl, d) == strongroom::access::Reason::Denied);
            let class = (denied && mine == ["deny"]).then_some("list: a deny without the slash");
            differences
                .note(class, || format!("{path}: {expected:?} -> {mine:?}\n{}", set.join("--\n")));
        }
        // What the server says is what the rules say.
        if sets % 20 == 0 {
            let real = ours.capabilities(&ours.token(&names), &paths);
            for (path, list) in &real {
                assert_eq!(*list, acl.capabilities(path), "{path}\n{}", set.join("--\n"));
            }
            sampled += real.len();
        }
        sets += 1;
    }
    println!("{pairs} pairs, {sets} sets, {granted} granted, {sampled} asked of the server too");
    // A generator whose requests are all refused compares nothing.
    assert!(granted * 4 > pairs, "{granted} of {pairs}");
    differences.settle("list");
}
