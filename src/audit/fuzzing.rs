//! Entries, notes and whole logs: an entry is one printable line that reads back, a note is by a
//! trusted key or proves nothing, and a log of which a line was changed is never intact.

use std::borrow::Cow;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::checkpoint::Checkpoint;
use super::entry::{
    Decision, Draft, Kind, Outcome, TimeText, Who, encode_head, encode_outcome, encode_request,
    encode_who, encode_withheld,
};
use super::keys::PublicKeys;
use super::lines::parse_head;
use super::log::Head;
use super::note::{Notes, Unverified};
use super::query::Entry;
use super::verify::{Anchor, Verdict, open_note, verify};
use crate::clock::{BootTime, Timestamp};
use crate::fuzzing::Plan;
use crate::limits::AUDIT_ENTRY_BYTES_MAX;

/// The files of a small log; `tests/fixtures/audit-log/README.md` says how it came about.
macro_rules! fixture {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../tests/fixtures/audit-log/", $name)))),*]
    };
}
const LOG: &[(&str, &str)] = fixture!(
    "00000000000000000000.checkpoints",
    "00000000000000000000.jsonl",
    "00000000000000000005.checkpoints",
    "00000000000000000005.jsonl",
    "00000000000000000010.checkpoints",
    "00000000000000000010.jsonl",
);
const PUBLIC_KEY: &str = include_str!("../../tests/fixtures/audit-log/audit.pub");

/// Numbers, then texts with a NUL between.
pub(crate) fn line(data: &[u8]) {
    let mut plan = Plan::new(data);
    let (seq, at, choice) = (plan.u64(), Timestamp(plan.u64()), plan.u8());
    let text = String::from_utf8_lossy(plan.rest());
    let mut texts = text.split('\0');
    let mut next = || texts.next().unwrap_or_default();
    let draft = Draft {
        kind: Kind::Request,
        path: next(),
        request_id: next(),
        operation: "read",
        version: None,
        mount: next(),
        mount_accessor: next(),
        decision: Decision::Deny,
        rule: next(),
        trace_id: next(),
        started: BootTime(0),
        wrapping: next(),
        who: Who {
            entity: next(),
            accessor: next(),
            role: next(),
            display: next(),
            client: next().parse().ok(),
        },
    };
    let head = Head { seq, prev: [choice; 32] };
    let mut line = Vec::new();
    encode_head(&mut line, head.seq, &head.prev, TimeText::default().print(at));
    encode_request(&mut line, &draft);
    encode_who(&mut line, &draft.who);
    let outcome = Outcome { version: Some(seq), ..Outcome::new(200, "ok") };
    encode_outcome(&mut line, &outcome, None, Duration::from_nanos(at.0));
    if choice % 2 == 0 {
        encode_withheld(&mut line);
    }
    line.push(b'}');

    assert!(line.len() < AUDIT_ENTRY_BYTES_MAX, "{} bytes of entry", line.len());
    assert!(line.iter().all(|b| matches!(b, b' '..=b'~')), "not one line of printable ASCII");
    assert_eq!(parse_head(&line), Some(head));
    let entry = Entry::parse(&line).expect("an entry is read back");
    assert_eq!(entry.seq, seq);
    if draft.path.len() < 1_000 {
        assert_eq!(entry.path.as_str(), draft.path);
    }
    if draft.who.role.len() < 80 {
        assert_eq!(entry.role.as_str(), draft.who.role);
    }
    let value: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
    let names = value.as_object().expect("an object").len();
    let written = line.windows(2).filter(|pair| *pair == b",\"").count() + 1;
    assert!(written >= names, "a name is there twice");
    // What strangers wrote.
    let _ = (parse_head(data), Entry::parse(data).map(|e| e.seq));
}

/// A zero first: edits of a signed checkpoint. Else: any text as notes, checkpoint and keys.
pub(crate) fn note(data: &[u8]) {
    let keys = PublicKeys::from_pem(PUBLIC_KEY).expect("the fixture's key");
    let (_, sound) = LOG.iter().find(|(name, _)| name.ends_with(".checkpoints")).expect("one");
    let sound = Notes::new(sound.as_bytes()).next().expect("the fixture's first note");
    let mut plan = Plan::new(data);
    let kind = plan.u8();
    let bytes = match kind % 2 {
        0 => Cow::Owned(plan.edit(sound.as_bytes())),
        _ => Cow::Borrowed(plan.rest()),
    };
    let signed = Unverified::parse(sound).expect("a note").claimed_text();
    let mut notes = Notes::new(&bytes);
    let mut end = 0;
    for note in notes.by_ref() {
        end += note.len();
        if let Ok(checkpoint) = open_note(note, &keys) {
            assert!(checkpoint.to_string() == signed, "a note that was never signed");
        }
    }
    assert!(end <= notes.good() && notes.good() <= bytes.len());

    let text = String::from_utf8_lossy(&bytes);
    if let Some(checkpoint) = Checkpoint::parse(&text) {
        let shown = checkpoint.to_string();
        assert!(text.starts_with(&shown), "two texts of one checkpoint");
    }
    if let Ok(keys) = PublicKeys::from_pem(&text) {
        let again = PublicKeys::from_pem(&keys.to_pem()).expect("what was written is read");
        assert_eq!(again, keys);
    }
    let anchor = Anchor::new(text.into_owned());
    if let Ok(checkpoint) = anchor.open(&keys) {
        assert!(checkpoint.to_string() == signed, "an anchor that was never signed");
    }
}

/// Edits of the files of a log; the first byte says how many, and whether there is an anchor.
pub(crate) fn log(data: &[u8]) {
    let mut plan = Plan::new(data);
    let choice = plan.u8();
    let mut files: Vec<(&str, Vec<u8>)> =
        LOG.iter().map(|(name, text)| (*name, text.as_bytes().to_vec())).collect();
    for _ in 0..=choice % 3 {
        let at = usize::from(plan.u8()) % files.len();
        let part = plan.u8();
        let edits = plan.take(part.into());
        files[at].1 = Plan::new(edits).edit(&files[at].1);
    }
    if choice & 8 != 0 {
        let at = usize::from(plan.u8()) % files.len();
        drop(files.remove(at));
    }
    let before: Vec<u8> = entries(LOG.iter().map(|(name, text)| (*name, text.as_bytes())));
    let after = entries(files.iter().map(|(name, bytes)| (*name, bytes.as_slice())));
    let folder = Folder::new(&files);
    let keys = PublicKeys::from_pem(PUBLIC_KEY).expect("the fixture's key");
    let anchored = choice & 16 != 0;
    let anchor = Anchor::new(last_note());
    let verdict = verify(&folder.0, Some(keys), anchored.then_some(&anchor), &mut |_| ());
    match verdict {
        Ok(Verdict::Intact(summary)) => {
            // Without an anchor an older copy of the whole log looks the same.
            assert!(before.starts_with(&after), "a changed line, and the log is intact");
            assert!(!anchored || after == before, "a cut tail under an anchor, and it is intact");
            assert_eq!(summary.proven, summary.entries);
        }
        Ok(Verdict::TailUnproven(summary)) => {
            let lines = |bytes: &[u8]| -> Vec<Vec<u8>> {
                let lines = bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec);
                lines.take(usize::try_from(summary.proven).unwrap_or(usize::MAX)).collect()
            };
            assert!(lines(&before) == lines(&after), "a changed line counts as proven");
            assert!(!anchored, "the anchor covers every entry");
        }
        Ok(Verdict::Tampered { finding, summary }) => {
            assert!(after != before || !finding.file.ends_with(".jsonl"), "{finding}");
            assert!(summary.proven <= summary.entries);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn entries<'a>(files: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    files.filter(|(name, _)| name.ends_with(".jsonl")).flat_map(|(_, b)| b.to_vec()).collect()
}

/// Covers all entries.
fn last_note() -> String {
    let files = LOG.iter().filter(|(name, _)| name.ends_with(".checkpoints"));
    let notes = files.flat_map(|(_, text)| Notes::new(text.as_bytes()));
    notes.last().expect("the fixture has checkpoints").to_owned()
}

/// A directory that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, Vec<u8>)]) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let (process, number) = (std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(format!("strongroom-fuzz-{process}-{number}"));
        fs::create_dir(&path).expect("a fresh directory");
        for (name, bytes) in files {
            fs::write(path.join(name), bytes).expect("a small file");
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left over, it takes a few KiB of the temporary directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}
