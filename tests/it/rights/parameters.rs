//! Rules about parameters, wrapping and paging: real requests, which are refused with 403 or fail
//! for another reason. No body has the `data` that KV asks for, so no request changes anything.

use std::time::Duration;

use serde_json::{Map, Value, json};
use strongroom::access::{Acl, Operation, Reason, Request};

use super::generate::Generator;
use super::{Differences, Side, compile, number};
use crate::harness::{Oracle, Server};

const POLICIES: usize = 120;
const REQUESTS_A_SET: usize = 20;
const PATHS: [&str; 6] = ["old", "new", "*", "+", "o*", "+/x"];

struct Sent {
    method: &'static str,
    operation: Operation,
    path: String,
    parameters: Map<String, Value>,
    wrap: Option<u64>,
}

#[test]
fn p17_limits_of_rules_hold_as_with_the_oracle_but_for_listed_denies() {
    let oracle = Oracle::start();
    let theirs = Side { address: &oracle.address, root_token: oracle.root_token.clone() };
    let server = Server::start();
    let ours = Side { address: server.address(), root_token: server.root_token() };
    for side in [&theirs, &ours] {
        let made = side.root("POST", "secret/data/old", json!({"data": {"a": 1}}));
        assert_eq!(made.status, 200, "{made:?}");
    }
    let mut generator = Generator::new(number("STRONGROOM_RIGHTS_SEED", 1));
    let mut differences = Differences::new();
    let texts: Vec<String> = (0..POLICIES).map(|_| policy(&mut generator)).collect();
    for (n, text) in texts.iter().enumerate() {
        theirs.policy(&format!("l{n}"), text);
        ours.policy(&format!("l{n}"), text);
    }

    let wanted = number("STRONGROOM_RIGHTS_REQUESTS", 6_000);
    let (mut requests, mut allowed, mut sampled) = (0_u64, 0_u64, 0);
    while requests < wanted {
        let mut chosen = generator.distinct(POLICIES);
        chosen.truncate(3);
        let names: Vec<String> = chosen.iter().map(|n| format!("l{n}")).collect();
        let set: Vec<&str> = chosen.iter().map(|n| texts[*n].as_str()).collect();
        let acl = compile(&set);
        let token = theirs.token(&names);
        let own = (requests / 20).is_multiple_of(4).then(|| ours.token(&names));
        for _ in 0..REQUESTS_A_SET {
            let sent = request(&mut generator);
            let (may, reason) = decide(&acl, &sent);
            let expected = admits(&theirs, &token, &sent);
            let show = || format!("{}\n{}", describe(&sent), set.join("--\n"));
            requests += 1;
            allowed += u64::from(expected);
            if may != expected {
                let class = match (expected, reason) {
                    (true, Reason::ParameterDenied) => {
                        Some("limits: a denied value of another type")
                    }
                    (false, Reason::Granted) if rests_on_a_number(&acl, &sent) => {
                        Some("limits: an allowed number")
                    }
                    _ => None,
                };
                differences.note(class, || format!("{expected} -> {may} ({reason:?}): {}", show()));
            }
            if let Some(token) = own.as_ref().filter(|_| sent.wrap.is_none()) {
                assert_eq!(admits(&ours, token, &sent), may, "{}", show());
                sampled += 1;
            }
        }
    }
    println!("{requests} requests, {allowed} allowed, {sampled} sent to us too");
    assert!(allowed * 5 > requests && allowed * 5 < requests * 4, "{allowed} of {requests}");
    differences.settle("limits");
}

fn decide(acl: &Acl, sent: &Sent) -> (bool, Reason) {
    let decision = acl.decide(&Request {
        operation: sent.operation,
        path: &sent.path,
        parameters: Some(&sent.parameters),
        wrap_ttl: sent.wrap.map(Duration::from_secs),
    });
    (decision.allowed, decision.reason)
}

/// Whether the request would be refused if its numbers matched nothing.
fn rests_on_a_number(acl: &Acl, sent: &Sent) -> bool {
    let mut parameters = sent.parameters.clone();
    for value in parameters.values_mut().filter(|v| v.is_number()) {
        *value = json!({"matches": "nothing"});
    }
    let without = Sent { parameters, path: sent.path.clone(), ..*sent };
    decide(acl, &without).1 == Reason::ParameterNotAllowed
}

/// Whether policies let the request through, whatever became of it then.
fn admits(side: &Side<'_>, token: &str, sent: &Sent) -> bool {
    let wrap = sent.wrap.map(|w| w.to_string());
    let headers: Vec<(&str, &str)> =
        wrap.iter().map(|w| ("X-Vault-Wrap-TTL", w.as_str())).collect();
    let in_query = matches!(sent.method, "GET" | "LIST" | "DELETE");
    let (mut path, mut body) = (sent.path.clone(), None);
    if in_query {
        let pairs = sent.parameters.iter().map(|(k, v)| format!("{k}={}", v.as_str().unwrap()));
        path = format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"));
    } else {
        body = Some(Value::Object(sent.parameters.clone()));
    }
    let answer = side.send(sent.method, &path, token, &headers, body.as_ref());
    let text = answer.body.as_str();
    assert!(answer.status != 403 || text.contains("1 error occurred"), "{answer:?}");
    answer.status != 403
}

fn describe(sent: &Sent) -> String {
    let parameters = Value::Object(sent.parameters.clone());
    format!("{} {:?} {} {parameters} wrap {:?}", sent.method, sent.operation, sent.path, sent.wrap)
}

fn request(generator: &mut Generator) -> Sent {
    let name = generator.pick(&["old", "new", "new/x", "old/x"]).to_owned();
    let existing = name == "old";
    let write = if existing { Operation::Update } else { Operation::Create };
    let (method, operation) = match generator.below(9) {
        0..=3 => ("PUT", write),
        4 => ("PATCH", Operation::Patch),
        5 | 6 => ("GET", Operation::Read),
        7 => ("DELETE", Operation::Delete),
        _ => ("LIST", Operation::List),
    };
    let in_query = matches!(method, "GET" | "LIST" | "DELETE");
    let mut parameters = Map::new();
    for _ in 0..generator.below(4) {
        let value = match in_query {
            true => generator.pick(&["x", "xy", "5", "true", "z"]).into(),
            false => value(generator),
        };
        parameters.insert(generator.pick(&["k", "K", "m", "n"]).to_owned(), value);
    }
    let mut path = format!("secret/data/{name}");
    if method == "LIST" {
        path = format!("secret/metadata/{name}");
        if generator.chance(70) {
            let limit = generator.pick(&["-1", "0", "2", "3", "5", "max", "x"]);
            parameters.insert("limit".into(), limit.into());
        }
    }
    let wrap = generator.chance(20).then(|| [5, 10, 60, 90, 300][generator.below(5)]);
    Sent { method, operation, path, parameters, wrap }
}

fn value(generator: &mut Generator) -> Value {
    let values = [
        json!("x"),
        json!("xy"),
        json!("z"),
        json!("5"),
        json!(5),
        json!(5.0),
        json!(5.5),
        json!(true),
        json!("true"),
        json!(null),
        json!(["x"]),
        json!({"x": "x"}),
    ];
    values[generator.below(values.len())].clone()
}

/// A few rules with limits over the same few paths.
fn policy(generator: &mut Generator) -> String {
    (0..=generator.below(3))
        .map(|_| {
            let path = generator.pick(&PATHS);
            let place = if generator.chance(25) { "metadata" } else { "data" };
            let rights = match generator.chance(4) {
                true => "capabilities = [\"deny\"]".to_owned(),
                false => {
                    "capabilities = [\"create\", \"read\", \"update\", \"patch\", \"delete\", \"list\"]"
                        .to_owned()
                }
            };
            let limits: String = (0..generator.below(3)).map(|_| limit(generator)).collect();
            format!("path \"secret/{place}/{path}\" {{\n  {rights}\n{}}}\n", once(&limits))
        })
        .collect()
}

/// Of several lines for one key, the first.
fn once(lines: &str) -> String {
    let mut seen = Vec::new();
    let key = |line: &str| line.trim().split(' ').next().unwrap_or("").to_owned();
    let lines = lines.lines().filter(|line| {
        let fresh = !seen.contains(&key(line));
        seen.push(key(line));
        fresh
    });
    lines.map(|line| format!("{line}\n")).collect()
}

fn limit(generator: &mut Generator) -> String {
    let values = |generator: &mut Generator| {
        let written =
            ["\"x\"", "\"x*\"", "\"*y\"", "\"*\"", "\"5\"", "5", "5.5", "true", "\"true\""];
        let list: Vec<&str> = (0..generator.below(3)).map(|_| generator.pick(&written)).collect();
        format!("[{}]", list.join(", "))
    };
    let map = |generator: &mut Generator| {
        let names: Vec<&str> = ["k", "M", "n", "*"]
            .into_iter()
            .filter(|name| generator.chance(if *name == "*" { 15 } else { 45 }))
            .collect();
        let pairs: Vec<String> =
            names.iter().map(|name| format!("\"{name}\" = {}", values(generator))).collect();
        format!("{{ {} }}", pairs.join("\n ")).replace('\n', ",")
    };
    match generator.below(10) {
        0..=2 => format!("  allowed_parameters = {}\n", map(generator)),
        3..=5 => format!("  denied_parameters = {}\n", map(generator)),
        6 => format!("  required_parameters = [\"{}\"]\n", generator.pick(&["k", "M", "limit"])),
        7 => format!("  max_wrapping_ttl = {}\n", generator.pick(&["\"1m\"", "90", "\"5m\""])),
        8 => format!("  min_wrapping_ttl = {}\n", generator.pick(&["\"10s\"", "60", "\"1m\""])),
        _ => format!("  pagination_limit = {}\n", generator.pick(&["3", "\"4\""])),
    }
}
