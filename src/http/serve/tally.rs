//! What was turned away before it was a request, for the audit log: counts by kind, one entry a
//! second at most, so that whoever sends too much cannot make the log grow with it.

use std::fmt::Write as _;
use std::sync::Arc;

use tokio::sync::watch;

use super::gate::{Event, Gate};
use crate::audit::Audit;
use crate::limits;

/// Events without an entry of their own. A head that was no HTTP and a body without room have one.
const UNRECORDED: [Event; 7] = [
    Event::TooManyConnections,
    Event::TooManyFromAddress,
    Event::AcceptFailed,
    Event::HandshakeFailed,
    Event::PlainOnTls,
    Event::TooSlow,
    Event::Shed,
];

/// What the log was told so far.
#[derive(Clone, Copy, Default)]
struct Tally([u64; UNRECORDED.len()]);

impl Tally {
    fn of(gate: &Gate) -> Self {
        Self(UNRECORDED.map(|event| gate.count(event)))
    }

    /// `shed=3 too_slow=1`: what came since `before`, or nothing.
    fn since(self, before: Self) -> Option<String> {
        let mut text = String::new();
        for (event, (now, before)) in UNRECORDED.into_iter().zip(self.0.into_iter().zip(before.0)) {
            let more = now.saturating_sub(before);
            if more > 0 {
                let gap = if text.is_empty() { "" } else { " " };
                // Writing to a String does not fail.
                let _ = write!(text, "{gap}{}={more}", event.as_str());
            }
        }
        (!text.is_empty()).then_some(text)
    }
}

/// Tells the log until the listener has `ended`, and a last time then. While the log takes nothing,
/// the counts wait: they are told when it works again.
pub async fn record_refused(gate: Arc<Gate>, audit: Arc<Audit>, mut ended: watch::Receiver<bool>) {
    let mut told = Tally::default();
    loop {
        let last = tokio::select! {
            () = tokio::time::sleep(limits::SHED_ENTRY_INTERVAL) => false,
            _ = ended.wait_for(|ended| *ended) => true,
        };
        let now = Tally::of(&gate);
        if let Some(counts) = now.since(told)
            && audit.shed(&counts).is_ok()
        {
            told = now;
        }
        if last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ListenerLimits;

    #[test]
    fn only_what_is_new_is_told_and_nothing_that_has_an_entry() {
        let gate = Gate::new(ListenerLimits::default(), None);
        let none = Tally::default();
        for event in [Event::Accepted, Event::Malformed, Event::BodiesFull] {
            gate.note(event);
        }
        assert_eq!(Tally::of(&gate).since(none), None);
        gate.shed();
        gate.note(Event::TooManyFromAddress);
        gate.shed();
        let first = Tally::of(&gate);
        assert_eq!(first.since(none).as_deref(), Some("too_many_from_address=1 shed=2"));
        assert_eq!(first.since(first), None);
        gate.note(Event::TooSlow);
        assert_eq!(Tally::of(&gate).since(first).as_deref(), Some("too_slow=1"));
    }
}
