//! Opening, closing and recovering in real directories, with a real sled and a real `kill -9`.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use tempfile::TempDir;

use super::super::super::{Commit, CommitError, Delete, ReadLevel, Revision, Store, Stored};
use super::super::{Embedded, OpenError, Opened, Options, State};
use super::commit;
use crate::clock::{Clock, Timestamp};

fn options() -> Options {
    Options {
        segment_bytes: 64 << 10,
        overlay_bytes: 32 << 10,
        cache_bytes: 4 << 20,
        snapshot_segments: 2,
        reserve_bytes: 0,
        ..Options::default()
    }
}

fn open(dir: &Path) -> Opened {
    try_open(dir).unwrap()
}

fn try_open(dir: &Path) -> Result<Opened, OpenError> {
    let clock = Clock::manual(Timestamp::from_unix_seconds(1_800_000_000));
    Embedded::open(dir, options(), clock)
}

async fn fill(store: &Embedded, from: u64, to: u64) {
    for n in from..to {
        let mut commit = commit(n, &format!("key/{}", n % 97), vec![n as u8; 200]);
        if n % 31 == 7 {
            commit.deletes.push(Delete::Key(Bytes::from_static(b"key/5")));
            commit.puts.retain(|(key, _)| &key[..] != b"key/5");
        }
        store.commit(commit).await.unwrap();
    }
}

async fn everything(store: &Embedded) -> Vec<(Bytes, Stored)> {
    let page = store.scan(b"", None, 1000).await.unwrap();
    assert!(!page.more);
    page.entries
}

/// Fills a store, closes it cleanly, and returns what it held.
async fn filled(dir: &Path) -> Vec<(Bytes, Stored)> {
    let store = open(dir).store;
    fill(&store, 0, 1_000).await;
    let held = everything(&store).await;
    store.close().unwrap();
    held
}

fn pretend_another_boot(dir: &Path) {
    std::fs::write(dir.join("marker"), "strongroom-index 1\nopen another-boot\n").unwrap();
}

#[tokio::test]
async fn a_clean_close_leaves_nothing_to_replay() {
    let dir = TempDir::new().unwrap();
    let held = filled(dir.path()).await;
    let Opened { store, report } = open(dir.path());
    assert_eq!(report, Default::default());
    assert_eq!(everything(&store).await, held);
    assert_eq!(store.journal_head().seq, 1_000);
}

#[tokio::test]
async fn after_a_restart_of_the_machine_the_index_is_rebuilt_and_the_old_one_kept() {
    let dir = TempDir::new().unwrap();
    let held = filled(dir.path()).await;
    pretend_another_boot(dir.path());
    let Opened { store, report } = open(dir.path());
    assert!(report.index_rebuilt.is_some());
    assert!(report.index_moved_to.unwrap().is_dir());
    assert_eq!(everything(&store).await, held);
    drop(store);
    assert_eq!(open(dir.path()).report.index_rebuilt, None);
}

#[tokio::test]
async fn a_clean_close_is_trusted_after_a_restart_of_the_machine() {
    let dir = TempDir::new().unwrap();
    filled(dir.path()).await;
    let marker = std::fs::read_to_string(dir.path().join("marker")).unwrap();
    assert_eq!(marker, "strongroom-index 1\nclean\n");
}

#[tokio::test]
async fn a_missing_or_ruined_index_is_rebuilt() {
    let dir = TempDir::new().unwrap();
    let held = filled(dir.path()).await;
    let index = dir.path().join("index");
    for ruin in 0..3 {
        match ruin {
            0 => std::fs::remove_dir_all(&index).unwrap(),
            1 => std::fs::write(index.join("db"), vec![0xa5; 300_000]).unwrap(),
            _ => std::fs::remove_file(index.join("db")).unwrap(),
        }
        let Opened { store, report } = open(dir.path());
        assert!(report.index_rebuilt.is_some(), "ruin {ruin}");
        assert_eq!(everything(&store).await, held, "ruin {ruin}");
    }
}

#[tokio::test]
async fn an_index_of_another_journal_is_not_believed() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let held = filled(dir.path()).await;
    let store = open(other.path()).store;
    for n in 0..1_000 {
        store.commit(commit(n, "foreign", vec![1; 200])).await.unwrap();
    }
    drop(store);
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    std::fs::rename(other.path().join("index"), dir.path().join("index")).unwrap();
    let Opened { store, report } = open(dir.path());
    assert!(report.index_rebuilt.is_some());
    assert_eq!(everything(&store).await, held);
}

#[tokio::test]
async fn a_journal_that_ends_before_its_index_is_refused() {
    let (dir, longer) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    filled(dir.path()).await;
    let store = open(longer.path()).store;
    fill(&store, 0, 1_001).await;
    drop(store);
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    std::fs::rename(longer.path().join("index"), dir.path().join("index")).unwrap();
    assert!(matches!(try_open(dir.path()), Err(OpenError::Damaged(_))));
}

#[tokio::test]
async fn a_rebuild_from_snapshot_and_journal_gives_the_same_state() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).store;
    let mut n = 0;
    while store.state().snapshot_revision == 0 {
        assert!(n < 100_000, "no snapshot came about: {:?}", store.state());
        fill(&store, n, n + 500).await;
        n += 500;
    }
    let close = Commit {
        deletes: vec![Delete::Closed(Bytes::from_static(b"key/1"))],
        ..commit(n, "z", "")
    };
    store.commit(close).await.unwrap();
    let held = everything(&store).await;
    assert_eq!(store.state().snapshot_problem, None);
    store.close().unwrap();
    pretend_another_boot(dir.path());
    let Opened { store, report } = open(dir.path());
    assert!(report.index_rebuilt.is_some());
    assert!(report.replayed_frames < n, "the snapshot wasn't used");
    assert_eq!(everything(&store).await, held);
}

#[tokio::test]
async fn snapshots_free_segments_but_keep_the_ids_of_recent_commits() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).store;
    let kept = crate::limits::COMMIT_IDS_KEPT as u64;
    fill(&store, 0, 2 * kept).await;
    store.close().unwrap();
    let store = open(dir.path()).store;
    let first = std::fs::read_dir(dir.path().join("journal"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".journal"))
        .min()
        .unwrap();
    assert_ne!(first, format!("{:020}.journal", 1), "nothing was freed");
    for n in [kept, 2 * kept - 1] {
        let retry = Commit {
            guards: vec![super::super::super::Guard::Absent(Bytes::from_static(b"key/1"))],
            ..commit(n, "key/1", "")
        };
        assert_eq!(store.commit(retry).await, Ok(Revision(n + 1)));
    }
}

#[tokio::test]
async fn a_retry_after_a_restart_returns_the_first_revision() {
    let dir = TempDir::new().unwrap();
    filled(dir.path()).await;
    for boot in 0..2 {
        let store = open(dir.path()).store;
        assert_eq!(store.commit(commit(3, "key/3", "")).await, Ok(Revision(4)));
        drop(store);
        if boot == 0 {
            pretend_another_boot(dir.path());
        }
    }
}

#[tokio::test]
async fn a_new_store_starts_above_a_given_revision_and_remembers_it() {
    let dir = TempDir::new().unwrap();
    let clock = Clock::manual(Timestamp::from_unix_seconds(1));
    let options = Options { first_after: Revision(5_000), ..options() };
    let store = Embedded::open(dir.path(), options, clock).unwrap().store;
    assert_eq!(store.commit(commit(1, "k", "v")).await, Ok(Revision(5_001)));
    drop(store);
    pretend_another_boot(dir.path());
    let store = open(dir.path()).store;
    assert_eq!(store.commit(commit(2, "k", "v")).await, Ok(Revision(5_002)));
}

#[tokio::test]
async fn a_second_opener_is_turned_away_until_the_first_closed() {
    let dir = TempDir::new().unwrap();
    let first = open(dir.path()).store;
    assert!(matches!(try_open(dir.path()), Err(OpenError::Locked(_))));
    first.close().unwrap();
    open(dir.path());
}

#[tokio::test]
async fn a_closed_store_answers_clearly() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).store;
    store.commit(commit(1, "k", "v")).await.unwrap();
    store.close().unwrap();
    store.close().unwrap();
    assert!(matches!(store.commit(commit(2, "k", "v")).await, Err(CommitError::Retry(_))));
    assert!(store.get(&[Bytes::from_static(b"k")], ReadLevel::Local).await.is_err());
    assert!(store.scan(b"", None, 1).await.is_err());
}

#[tokio::test]
async fn without_room_commits_are_refused_and_reads_go_on() {
    let dir = TempDir::new().unwrap();
    let held = filled(dir.path()).await;
    let clock = Clock::manual(Timestamp::from_unix_seconds(1));
    let options = Options { reserve_bytes: u64::MAX, ..options() };
    let store = Embedded::open(dir.path(), options, clock).unwrap().store;
    assert!(matches!(store.commit(commit(9_999, "k", "v")).await, Err(CommitError::Full(_))));
    assert!(matches!(store.state().state, State::Full(_)));
    assert_eq!(everything(&store).await, held);
}

#[tokio::test]
async fn files_are_private() {
    let dir = TempDir::new().unwrap();
    filled(dir.path()).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut waiting = vec![dir.path().to_path_buf()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            assert_eq!(mode(&path), 0o700, "{}", path.display());
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

const CRASH_DIRECTORY: &str = "STRONGROOM_TEST_CRASH_DIRECTORY";

/// The other process of the next test: says each commit that was acknowledged, until it is killed.
/// In a normal run it ends by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_acknowledges_every_commit_in_order() {
    let own = TempDir::new().unwrap();
    let (dir, commits) = match std::env::var_os(CRASH_DIRECTORY) {
        Some(dir) => (dir.into(), u64::MAX),
        None => (own.path().to_path_buf(), 20),
    };
    let store = open(&dir).store;
    let start = store.journal_head().seq;
    for n in (start..).take_while(|n| *n < commits) {
        let revision = store.commit(commit(n, &format!("k{n}"), vec![1; 300])).await.unwrap();
        assert_eq!(revision, Revision(n + 1));
        println!("acknowledged {revision}");
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_acknowledged() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged = 0;
    let module = module_path!().split_once("::").unwrap().1;
    let writer = format!("{module}::a_writer_acknowledges_every_commit_in_order");
    for _ in 0..4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", &writer])
            .env(CRASH_DIRECTORY, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines.map_while(Result::ok) {
            if let Some((_, revision)) = line.split_once("acknowledged ") {
                acknowledged = revision.parse().unwrap();
                seen += 1;
            }
            if seen == 400 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(seen >= 400, "the child wrote nothing");
    }
    let Opened { store, report } = open(dir.path());
    assert_eq!(report.index_rebuilt, None, "a crash of the process leaves the index trusted");
    assert!(store.journal_head().seq >= acknowledged);
    for seq in 1..=acknowledged {
        let key = Bytes::from(format!("k{}", seq - 1));
        let snapshot = store.get(&[key], ReadLevel::Local).await.unwrap();
        assert_eq!(snapshot.values[0].as_ref().map(|s| s.revision), Some(Revision(seq)));
    }
}
