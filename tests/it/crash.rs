//! What was acknowledged survives a kill -9, nothing is half there, and the start needs no help.

mod works;

use std::collections::HashSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::harness::Server;
use works::{Client, Leases, Mounts, Names, Policies, SecretIds, Versions, Work};

const CYCLES: u64 = 50;

/// `STRONGROOM_KILL_CYCLES` sets how often.
#[test]
fn acknowledged_changes_survive_kill_9_under_load() {
    let given = std::env::var("STRONGROOM_KILL_CYCLES").ok().and_then(|n| n.parse().ok());
    let cycles = given.unwrap_or(CYCLES);
    let mut server = Server::start();
    let root = server.root_token();
    let mut works: Vec<Box<dyn Work>> = vec![
        Box::new(Versions::new("secret/data/crash/one")),
        Box::new(Versions::new("secret/data/crash/two")),
        Box::new(Names::new("crash/names/of-one")),
        Box::new(Names::new("crash/names/of-two")),
        Box::new(Leases::new(&server)),
        Box::new(Policies::default()),
        Box::new(SecretIds::new(&server)),
        Box::new(Mounts::default()),
    ];
    for cycle in 0..cycles {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let client = Client { server: &server, root: &root, stop: &stop };
            for work in &mut works {
                scope.spawn(move || while client.goes_on() && work.step(&client).is_ok() {});
            }
            // Every cycle meets the server at another point of its work.
            std::thread::sleep(Duration::from_millis(20 + cycle * 37 % 180));
            server.signal_kill();
            stop.store(true, Ordering::Relaxed);
        });
        if cycle % 10 == 9 {
            server.kill9();
            let verdict = server.verify_audit();
            // 2: the lines after the last signature are not proven, as they can't be.
            assert!(matches!(verdict.code, Some(0 | 2)), "cycle {cycle}: {verdict:?}");
        }
        server.restart();
        let client = Client { server: &server, root: &root, stop: &stop };
        for work in &mut works {
            work.check(&client, &format!("cycle {cycle}"));
        }
    }
    let acknowledged: Vec<u64> = works.iter().map(|work| work.acknowledged()).collect();
    let idle = acknowledged.iter().any(|n| *n < cycles / 10);
    assert!(!idle, "{acknowledged:?} changes in {cycles} cycles: that was no load");
    println!("{acknowledged:?} acknowledged changes in {cycles} cycles");

    server.stop();
    let verdict = server.verify_audit();
    assert_eq!(verdict.code, Some(0), "after a clean stop: {verdict:?}");
    no_change_has_two_entries(&server);
    server.restart();
    let client = Client { server: &server, root: &root, stop: &AtomicBool::new(true) };
    works.iter_mut().for_each(|work| work.check(&client, "after a clean stop"));
}

/// What the starts made up for had no entry.
fn no_change_has_two_entries(server: &Server) {
    let (mut recovered, mut others) = (Vec::new(), HashSet::new());
    for entry in fs::read_dir(server.audit()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "jsonl") {
            continue;
        }
        for line in fs::read_to_string(path).unwrap().lines() {
            let entry: Value = serde_json::from_str(line).unwrap();
            let Some(id) = entry["request_id"].as_str() else { continue };
            match entry["type"] == "recovered" {
                true => recovered.push(id.to_owned()),
                false => drop(others.insert(id.to_owned())),
            }
        }
    }
    let told = recovered.len();
    recovered.sort();
    recovered.dedup();
    let twice: Vec<_> = recovered.iter().filter(|id| others.contains(*id)).collect();
    assert!(twice.is_empty() && recovered.len() == told, "{twice:?} {told}");
    println!("{told} changes got their entry at a start");
}
