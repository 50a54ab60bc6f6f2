//! Lives of secrets recorded from `bao` 2.7.2, replayed. A line of the file is a life, a list of
//! [command, answer]; the answer is [status, …]: a version or an error text of a write; version,
//! destroyed, has a deletion time and payload of a read; counters, settings and versions of a
//! metadata read.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

const LIVES: &str = include_str!("../../../../tests/golden/kv-lives.jsonl");

#[derive(Default)]
struct Secret {
    head: Option<Head>,
    records: BTreeMap<u64, Version>,
}

impl Secret {
    fn commit<T>(&mut self, change: Change<T>) -> T {
        for version in &change.remove {
            self.records.remove(version).unwrap();
        }
        self.records.extend(change.put);
        match change.head {
            HeadAction::Keep => {}
            HeadAction::Put(head) => self.head = Some(head),
            HeadAction::Delete => self.head = None,
        }
        change.outcome
    }

    fn done<T>(&mut self, change: Change<T>) -> Value {
        self.commit(change);
        json!([204])
    }

    fn answer(&mut self, command: &Value, now: Timestamp) -> Value {
        let config = Config::default();
        let head = self.head.clone();
        let head = head.as_ref();
        let number = command.get(1).and_then(Value::as_i64);
        let text = command.get(2).and_then(Value::as_str).unwrap_or("{}");
        let numbers: Vec<i64> = serde_json::from_value(command[1].clone()).unwrap_or_default();
        match command[0].as_str().unwrap() {
            "put" => match put(head, &config, number, payload(text), INCARNATION, now) {
                Ok(change) => json!([200, self.commit(change).version]),
                Err(error) => json!([400, error.to_string()]),
            },
            "patch" => match patch_base(head, &config, number, now) {
                Ok(PatchBase::Version { version, .. }) => {
                    let base = &self.records[&version];
                    let change = patch(head.unwrap(), &config, base, number, text, now).unwrap();
                    json!([200, self.commit(change).version])
                }
                Ok(PatchBase::Gone(view)) => json!([404, view.version]),
                Ok(PatchBase::Missing) => json!([404, null]),
                Err(error) => json!([400, error.to_string()]),
            },
            "del" => self.done(delete_latest(head, now)),
            "delv" => self.done(delete_versions(head, &numbers, now).unwrap()),
            "und" => self.done(undelete(head, &config, &numbers, now).unwrap()),
            "des" => self.done(destroy(head, &numbers, now).unwrap()),
            "rm" => self.done(remove(head, now)),
            "max" => self.settings(MetadataChange { max_versions: number, ..Default::default() }),
            "casreq" => self.settings(MetadataChange {
                cas_required: command[1].as_bool(),
                ..Default::default()
            }),
            "read" => self.read(number, now),
            "sub" => match select(head, None, now) {
                Selection::Missing => json!([404]),
                Selection::Live { view, .. } => {
                    let payload = &self.records[&view.version].payload;
                    json!([200, sorted(&subkeys(payload, number.unwrap()).unwrap())])
                }
                _ => json!([404, "null"]),
            },
            "meta" => match head {
                None => json!([404]),
                Some(h) => json!([
                    200,
                    h.current_version,
                    h.oldest_version,
                    h.current_metadata_version,
                    h.settings.max_versions,
                    h.settings.cas_required,
                    h.versions
                        .iter()
                        .map(|e| json!([e.version, e.destroyed, e.deletion.is_some()]))
                        .collect::<Vec<_>>()
                ]),
            },
            other => panic!("unknown command {other}"),
        }
    }

    fn settings(&mut self, change: MetadataChange) -> Value {
        let head = self.head.clone();
        let config = Config::default();
        let change = put_metadata(head.as_ref(), &config, None, &change, INCARNATION, at(0));
        self.done(change.unwrap())
    }

    fn read(&self, version: Option<i64>, now: Timestamp) -> Value {
        match select(self.head.as_ref(), version, now) {
            Selection::Missing => json!([404]),
            Selection::Live { view, .. } => {
                let payload = self.records[&view.version].payload.expose();
                json!([200, view.version, false, view.deletion.is_some(), sorted(payload)])
            }
            Selection::Deleted(v) | Selection::Destroyed(v) => {
                json!([404, v.version, v.destroyed, v.deletion.is_some(), "null"])
            }
        }
    }
}

/// The reference server sorts keys, ours keeps their order.
fn sorted(text: &str) -> String {
    serde_json::from_str::<Value>(text).unwrap().to_string()
}

#[test]
fn recorded_lives_are_answered_alike() {
    let mut steps = 0;
    for (i, line) in LIVES.lines().enumerate() {
        let life: Vec<(Value, Value)> = serde_json::from_str(line).unwrap();
        let mut secret = Secret::default();
        for (j, (command, answer)) in life.iter().enumerate() {
            let now = at(u64::try_from(j).unwrap());
            assert_eq!(&secret.answer(command, now), answer, "life {i}, step {j}: {command}");
            steps += 1;
        }
    }
    assert!(steps > 900, "{steps} steps");
}
