//! What opening does: decides whether the index may be trusted, rebuilds it from snapshot and
//! journal if not, and replays what the index lacks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::Revision;
use super::super::tails::Past;
use super::committer::origin;
use super::disk::{Directory, Disk};
use super::frame::{Frame, Hash};
use super::index::{Index, IndexError};
use super::journal::{Catalog, Head, Journal};
use super::marker::{Marker, boot_id};
use super::overlay::{Layer, Overlay};
use super::recent::Recent;
use super::snapshot::Reader;
use super::{OpenError, Options, Report};
use crate::clock::Clock;
use crate::limits::COMMIT_IDS_KEPT;

/// Everything that the threads start from.
pub(super) struct Recovered {
    pub journal: Journal,
    pub index: Index,
    pub overlay: Overlay,
    pub recent: Recent,
    pub past: Past,
    pub report: Report,
}

/// The places of one store.
pub(super) struct Layout<'a> {
    pub root: &'a Directory,
    pub path: &'a Path,
    pub journal: Arc<dyn Disk>,
}

impl Layout<'_> {
    pub(super) fn index(&self) -> PathBuf {
        self.path.join(INDEX)
    }
}

const INDEX: &str = "index";

/// How a replay ended that didn't fail.
enum Replay {
    Done(Box<Recovered>),
    /// The index doesn't belong to this journal.
    Foreign(String),
}

/// Recovers a store.
pub(super) fn recover(
    layout: &Layout<'_>,
    options: &Options,
    clock: &Clock,
) -> Result<Recovered, OpenError> {
    let catalog = Catalog::read(&*layout.journal)?;
    let is_new = catalog.segments.is_empty() && catalog.snapshot.is_none();
    let reason = match trusted_index(layout, options, &catalog)? {
        Ok((index, applied)) => {
            let report = Report::default();
            match replay(layout, options, catalog.clone(), index, applied, true, report) {
                Ok(Replay::Done(recovered)) => {
                    mark_open(layout)?;
                    return Ok(*recovered);
                }
                Ok(Replay::Foreign(reason)) | Err(OpenError::Index(reason)) => reason,
                Err(error) => return Err(error),
            }
        }
        Err(reason) => reason,
    };

    Marker::Rebuild.write(layout.root)?;
    let mut report = Report { index_moved_to: move_aside(layout, clock)?, ..Report::default() };
    if !is_new || report.index_moved_to.is_some() {
        tracing::warn!(reason, "the index is rebuilt from snapshot and journal");
        report.index_rebuilt = Some(reason);
    }
    let failed = |e: IndexError| OpenError::Index(e.0);
    let index = Index::open(&layout.index(), options.cache_bytes).map_err(failed)?;
    let base = load_snapshot(layout, options, &catalog, &index)?;
    match replay(layout, options, catalog, index, base, false, report)? {
        Replay::Done(recovered) => {
            recovered.index.flush().map_err(failed)?;
            mark_open(layout)?;
            Ok(*recovered)
        }
        Replay::Foreign(reason) => Err(OpenError::Damaged(reason)),
    }
}

fn mark_open(layout: &Layout<'_>) -> Result<(), OpenError> {
    // Without a boot id the index can be trusted only after a clean close.
    let marker = boot_id().map_or(Marker::Rebuild, Marker::Open);
    Ok(marker.write(layout.root)?)
}

/// The index with what it holds, or why it can't be trusted.
fn trusted_index(
    layout: &Layout<'_>,
    options: &Options,
    catalog: &Catalog,
) -> Result<Result<(Index, Head), String>, OpenError> {
    let trusted = match Marker::read(layout.root)? {
        None => Err("there is no marker"),
        Some(Marker::Clean) => Ok(()),
        Some(Marker::Open(boot)) if Some(&boot) == boot_id().as_ref() => Ok(()),
        Some(Marker::Open(_)) => Err("the machine restarted without a clean close"),
        Some(Marker::Rebuild) => Err("the index was marked for rebuilding"),
    };
    if let Err(reason) = trusted {
        return Ok(Err(reason.into()));
    }
    if !layout.index().is_dir() {
        return Ok(Err("the index is missing".into()));
    }
    let opened = Index::open(&layout.index(), options.cache_bytes);
    let (index, applied) = match opened.and_then(|index| Ok((index.applied()?, index))) {
        Ok((Some(applied), index)) => (index, applied),
        Ok((None, _)) => return Ok(Err("the index doesn't say what it holds".into())),
        Err(error) => return Ok(Err(error.0)),
    };
    match catalog.segments.first() {
        Some(first) if first.first_seq > applied.seq + 1 => {
            Ok(Err("the index ends before the journal begins".into()))
        }
        _ => Ok(Ok((index, applied))),
    }
}

/// Never deletes: an index gone wrong is evidence.
fn move_aside(layout: &Layout<'_>, clock: &Clock) -> Result<Option<PathBuf>, OpenError> {
    let index = layout.index();
    if !index.exists() {
        return Ok(None);
    }
    let seconds = clock.now().unix_seconds();
    let aside = (0..)
        .map(|n| layout.path.join(format!("{INDEX}.aside-{seconds}-{n}")))
        .find(|path| !path.exists())
        .ok_or_else(|| OpenError::Index("no free name to move the index to".into()))?;
    std::fs::rename(&index, &aside)?;
    layout.root.sync_dir()?;
    Ok(Some(aside))
}

/// Fills an empty index from the snapshot and returns where that stands.
fn load_snapshot(
    layout: &Layout<'_>,
    options: &Options,
    catalog: &Catalog,
    index: &Index,
) -> Result<Head, OpenError> {
    let Some(info) = &catalog.snapshot else {
        // A journal that has its beginning knows it; only a new one asks the options.
        let begin = catalog.segments.first().map(|s| s.first_seq - 1).map(Revision);
        let head = origin(begin.unwrap_or(options.first_after));
        index.set_applied(head).map_err(|e| OpenError::Index(e.0))?;
        return Ok(head);
    };
    let file = layout.journal.open(&info.name())?;
    let mut reader = Reader::new(&*file, &info.name())?;
    while let Some((key, stored)) = reader.next()? {
        index.put(&key, &stored).map_err(|e| OpenError::Index(e.0))?;
    }
    let head = Head { seq: info.seq, hash: info.hash };
    index.set_applied(head).map_err(|e| OpenError::Index(e.0))?;
    Ok(head)
}

/// Brings the state from `base`, which the index holds, to the journal's end.
fn replay(
    layout: &Layout<'_>,
    options: &Options,
    catalog: Catalog,
    index: Index,
    base: Head,
    check_base: bool,
    mut report: Report,
) -> Result<Replay, OpenError> {
    // Far enough back for the ids of recent commits; a few segments at most.
    let last_segment = catalog.segments.last().map_or(0, |s| s.first_seq);
    let scan_from = base.seq.min(last_segment.saturating_sub(COMMIT_IDS_KEPT as u64));
    let floor = base.seq.max(catalog.snapshot_seq());
    let mut recent = Recent::default();
    let mut past = Past::default();
    let mut layer = Layer::default();
    let mut applied = base;
    let mut at_base: Option<Hash> = None;
    let visit = |frame: &Frame<'_>| {
        let seq = frame.header.seq;
        recent.insert(frame.id(), Revision(seq));
        let commit = frame
            .commit()
            .ok_or_else(|| OpenError::Damaged(format!("seq {seq} has a malformed body")))?;
        past.push(Revision(seq), &commit);
        if seq == base.seq {
            at_base = Some(frame.hash());
        }
        if seq <= base.seq {
            return Ok(());
        }
        if seq == base.seq + 1 {
            at_base = Some(frame.header.previous);
        }
        layer.apply(&commit, Revision(seq));
        report.replayed_frames += 1;
        if layer.bytes() >= options.overlay_bytes {
            applied = Head { seq, hash: frame.hash() };
            let full = std::mem::take(&mut layer);
            index.apply(&full, applied).map_err(|e| OpenError::Index(e.0))?;
        }
        Ok(())
    };
    let (journal, recovered) = Journal::recover(
        Arc::clone(&layout.journal),
        catalog,
        options.segment_bytes,
        base,
        scan_from,
        floor,
        visit,
    )?;
    if check_base && at_base.is_some_and(|hash| hash != base.hash) {
        return Ok(Replay::Foreign("the index belongs to another journal".into()));
    }
    report.torn_bytes = recovered.torn_bytes;
    let overlay = Overlay::new(applied, journal.head(), layer);
    Ok(Replay::Done(Box::new(Recovered { journal, index, overlay, recent, past, report })))
}
