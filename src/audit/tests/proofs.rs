//! Proofs made from a log's files and checked without them.

use std::fs;

use super::support::{Fixture, SoftKey, write};
use crate::audit::PublicKeys;
use crate::audit::prove::{ProofError, Proved, Subject, check, entry, growth};
use crate::audit::verify::{Anchor, Verdict, verify};

const ENTRIES: u64 = 23;

/// A log of several segments, closed; with the checkpoint notes in the order of their sizes.
async fn log() -> (Fixture, PublicKeys, Vec<String>) {
    let log = Fixture::new(1_500);
    let audit = log.open();
    audit.attach_signer(SoftKey::new(7).signer()).unwrap();
    for i in 0..ENTRIES - 2 {
        write(&audit, &format!("secret/data/{i}")).await;
        if i % 4 == 0 {
            audit.checkpoint().await.unwrap();
        }
    }
    audit.close().await;
    drop(audit);
    let mut files: Vec<_> = fs::read_dir(log.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "checkpoints"))
        .collect();
    files.sort();
    assert!(files.len() > 1, "one segment only");
    let notes = files.iter().flat_map(|file| {
        let text = fs::read_to_string(file).unwrap();
        let parts: Vec<String> = text.split("\n\n").map(str::to_owned).collect();
        parts
            .chunks(2)
            .map(|note| format!("{}\n\n{}\n", note[0], note[1].trim_end()))
            .collect::<Vec<_>>()
    });
    let notes = notes.collect();
    let keys = PublicKeys::read(&log.path().join("audit.pub")).unwrap();
    (log, keys, notes)
}

#[tokio::test]
async fn every_entry_can_be_proved_and_its_proof_shows_its_line() {
    let (log, keys, _) = log().await;
    let lines = log.entries();
    for index in 0..ENTRIES {
        let proof = entry(log.path(), &Subject::Entry(index), None).unwrap();
        let Proved::Entry { index: proved, line, checkpoint } = check(&proof, &keys, None).unwrap()
        else {
            panic!("another kind of proof");
        };
        assert_eq!(proved, index);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&line).unwrap(),
            lines[index as usize]
        );
        assert!(checkpoint.size > index);
    }
    let by_request = Subject::Request("5c1d".into());
    let proof = entry(log.path(), &by_request, None).unwrap();
    assert!(proof.contains("\nindex 1\n"), "the first entry of that request: {proof}");
    for unknown in [Subject::Entry(ENTRIES), Subject::Request("5c1".into())] {
        assert!(matches!(entry(log.path(), &unknown, None), Err(ProofError::NoEntry(_))));
    }
}

#[tokio::test]
async fn a_changed_proof_and_one_by_another_key_prove_nothing() {
    let (log, keys, _) = log().await;
    let proof = entry(log.path(), &Subject::Entry(5), None).unwrap();
    let other = PublicKeys::new(vec![SoftKey::new(8).public_point()]);
    assert!(matches!(check(&proof, &other, None), Err(ProofError::Wrong(_))));
    let mut refused = 0;
    for at in 0..proof.len() {
        let mut bytes = proof.clone().into_bytes();
        bytes[at] = if bytes[at] == b'B' { b'C' } else { b'B' };
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        assert!(check(&changed, &keys, None).is_err(), "{changed}");
        refused += 1;
    }
    assert!(refused > 500);
    let moved = proof.replacen("index 5", "index 6", 1);
    assert!(matches!(check(&moved, &keys, None), Err(ProofError::Wrong(_))));
}

#[tokio::test]
async fn growth_from_every_older_checkpoint_can_be_proved_and_a_fork_can_not() {
    let (log, keys, notes) = log().await;
    let (newest, older) = notes.split_last().unwrap();
    for note in older {
        let anchor = Anchor::new(note.clone());
        let proof = growth(log.path(), &anchor, None).unwrap();
        let Proved::Growth { old, new } = check(&proof, &keys, Some(&anchor)).unwrap() else {
            panic!("another kind of proof");
        };
        assert!(old.size < new.size && new.size == ENTRIES, "{old:?} {new:?}");
        assert!(matches!(check(&proof, &keys, None), Err(ProofError::Malformed(_))));
        let other = Anchor::new(older.iter().find(|n| *n != note).unwrap().clone());
        assert!(matches!(check(&proof, &keys, Some(&other)), Err(ProofError::Wrong(_))));
    }
    let same = growth(log.path(), &Anchor::new(newest.clone()), None);
    assert!(matches!(same, Err(ProofError::NotOlder { .. })));

    // Another log by the same key: its checkpoints are no beginning of this one.
    let (_, _, forked) = fork().await;
    let anchor = Anchor::new(forked.first().unwrap().clone());
    assert!(matches!(growth(log.path(), &anchor, Some(keys)), Err(ProofError::Mismatch)));
}

/// As `log`, with other entries.
async fn fork() -> (Fixture, PublicKeys, Vec<String>) {
    let other = Fixture::new(1_500);
    let audit = other.open();
    audit.attach_signer(SoftKey::new(7).signer()).unwrap();
    write(&audit, "kv/elsewhere").await;
    audit.close().await;
    drop(audit);
    let file = other.path().join("00000000000000000000.checkpoints");
    let note = fs::read_to_string(file).unwrap();
    let keys = PublicKeys::read(&other.path().join("audit.pub")).unwrap();
    let first: Vec<&str> = note.splitn(3, "\n\n").collect();
    (other, keys, vec![format!("{}\n\n{}\n", first[0], first[1].trim_end())])
}

#[tokio::test]
async fn a_log_that_was_changed_gives_no_proof_of_what_was_not_written() {
    let (log, _, _) = log().await;
    let first = log.path().join("00000000000000000000.jsonl");
    let text = fs::read_to_string(&first).unwrap();
    fs::write(&first, text.replacen("secret/data/1\"", "secret/data/9\"", 1)).unwrap();
    let changed = entry(log.path(), &Subject::Entry(2), None);
    assert!(matches!(changed, Err(ProofError::Mismatch)), "{changed:?}");
    assert!(matches!(verify(log.path(), None, None, &mut |_| ()), Ok(Verdict::Tampered { .. })));
}

#[tokio::test]
async fn an_entry_that_no_checkpoint_covers_can_not_be_proved_yet() {
    let log = Fixture::new(1 << 20);
    let audit = log.open();
    audit.attach_signer(SoftKey::new(7).signer()).unwrap();
    audit.checkpoint().await.unwrap();
    audit.detach().await;
    write(&audit, "secret/data/late").await;
    drop(audit);
    let proof = entry(log.path(), &Subject::Entry(1), None);
    assert!(matches!(proof, Err(ProofError::Uncovered(1))), "{proof:?}");
}
