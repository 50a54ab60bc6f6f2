//! The outcomes of the most recent commits by their id, so that a retry gets the first answer.

use std::collections::{HashMap, VecDeque};

use super::super::{CommitId, Revision};
use crate::limits::COMMIT_IDS_KEPT;

#[derive(Debug, Default)]
pub(super) struct Recent {
    outcomes: HashMap<CommitId, Revision>,
    order: VecDeque<CommitId>,
}

impl Recent {
    pub(super) fn get(&self, id: &CommitId) -> Option<Revision> {
        self.outcomes.get(id).copied()
    }

    pub(super) fn insert(&mut self, id: CommitId, revision: Revision) {
        if self.outcomes.insert(id, revision).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > COMMIT_IDS_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.outcomes.remove(&oldest);
        }
    }
}
