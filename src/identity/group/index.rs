//! All groups, resident: by id, by name, and who belongs to which. Replaced as a whole when a group
//! changes; never changed in place.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Group;
use crate::identity::{Id, canonical};

/// The groups in force.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    by_id: BTreeMap<Id, Arc<Group>>,
    by_name: HashMap<String, Id>,
    /// Entity to the groups that list it.
    of_entity: HashMap<Id, Vec<Id>>,
    /// Group to the groups that list it.
    parents: HashMap<Id, Vec<Id>>,
}

impl Groups {
    pub fn new(groups: impl IntoIterator<Item = Group>) -> Self {
        let mut all = Self::default();
        for group in groups {
            all.put(group);
        }
        all
    }

    /// With `group` new or in the place of the one of its id.
    pub fn put(&mut self, group: Group) {
        self.remove(group.id);
        self.by_name.insert(group.key(), group.id);
        for entity in &group.entities {
            self.of_entity.entry(*entity).or_default().push(group.id);
        }
        for child in &group.groups {
            self.parents.entry(*child).or_default().push(group.id);
        }
        self.by_id.insert(group.id, Arc::new(group));
    }

    pub fn remove(&mut self, id: Id) {
        let Some(group) = self.by_id.remove(&id) else { return };
        self.by_name.remove(&group.key());
        for (members, index) in
            [(&group.entities, &mut self.of_entity), (&group.groups, &mut self.parents)]
        {
            for member in members {
                if let Some(listing) = index.get_mut(member) {
                    listing.retain(|g| *g != id);
                    if listing.is_empty() {
                        index.remove(member);
                    }
                }
            }
        }
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.by_id.values()
    }

    pub fn get(&self, id: Id) -> Option<&Arc<Group>> {
        self.by_id.get(&id)
    }

    /// By any spelling of its name.
    pub fn named(&self, name: &str) -> Option<&Arc<Group>> {
        self.get(*self.by_name.get(&canonical(name))?)
    }

    /// The groups that list `entity`, sorted.
    pub fn direct(&self, entity: Id) -> Vec<Id> {
        let mut ids = self.of_entity.get(&entity).cloned().unwrap_or_default();
        ids.sort_unstable();
        ids
    }

    /// The groups that list `group`, sorted.
    pub fn parents(&self, group: Id) -> Vec<Id> {
        let mut ids = self.parents.get(&group).cloned().unwrap_or_default();
        ids.sort_unstable();
        ids
    }

    /// Every group that `entity` belongs to: those that list it first, then those above them. Ends
    /// even if stored groups were to contain each other.
    pub fn all_of(&self, entity: Id) -> Vec<Arc<Group>> {
        let mut queue = self.direct(entity);
        let mut seen: BTreeSet<Id> = queue.iter().copied().collect();
        let mut next = 0;
        while let Some(id) = queue.get(next).copied() {
            next += 1;
            queue.extend(self.parents(id).into_iter().filter(|parent| seen.insert(*parent)));
        }
        queue.iter().filter_map(|id| self.get(*id).cloned()).collect()
    }

    /// The member of `members` that, as a member of `group`, would close a circle.
    pub fn circle(&self, group: Id, members: &[Id]) -> Option<Id> {
        members.iter().copied().find(|member| {
            let mut queue = vec![*member];
            let mut seen = BTreeSet::new();
            while let Some(id) = queue.pop() {
                if id == group {
                    return true;
                }
                if seen.insert(id)
                    && let Some(below) = self.get(id)
                {
                    queue.extend_from_slice(&below.groups);
                }
            }
            false
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Timestamp;
    use crate::identity::GroupUpdate;

    fn id(n: u8) -> Id {
        Id([n; 16])
    }

    fn group(n: u8, entities: &[u8], groups: &[u8]) -> Group {
        let update = GroupUpdate {
            name: Some(format!("G{n}")),
            entities: Some(entities.iter().map(|n| id(*n)).collect()),
            groups: Some(groups.iter().map(|n| id(*n)).collect()),
            ..GroupUpdate::default()
        };
        Group::create(id(n), update, Timestamp(0)).unwrap()
    }

    fn ids(groups: &Groups, entity: u8) -> Vec<Id> {
        groups.all_of(id(entity)).iter().map(|g| g.id).collect()
    }

    #[test]
    fn members_of_members_are_members_and_removal_takes_that_away() {
        let mut all =
            Groups::new([group(1, &[100], &[]), group(2, &[], &[1]), group(3, &[101], &[2])]);
        assert_eq!(ids(&all, 100), [id(1), id(2), id(3)]);
        assert_eq!(ids(&all, 101), [id(3)]);
        assert_eq!(ids(&all, 102), []);
        assert_eq!(all.named(" g2 ").unwrap().id, id(2));
        all.put(group(2, &[], &[]));
        assert_eq!(ids(&all, 100), [id(1)]);
        all.put(group(1, &[], &[]));
        assert_eq!(ids(&all, 100), []);
        all.remove(id(3));
        assert_eq!(ids(&all, 101), []);
        assert!(all.named("G3").is_none());
    }

    #[test]
    fn circles_are_seen_before_they_are_closed_and_end_if_they_are() {
        let mut all =
            Groups::new([group(1, &[100], &[]), group(2, &[], &[1]), group(3, &[], &[2])]);
        assert_eq!(all.circle(id(1), &[id(3)]), Some(id(3)));
        assert_eq!(all.circle(id(1), &[id(1)]), Some(id(1)));
        assert_eq!(all.circle(id(3), &[id(1)]), None);
        all.put(group(1, &[100], &[3]));
        assert_eq!(ids(&all, 100).len(), 3);
    }

    proptest! {
        /// The index after any changes is the one that the same groups make afresh.
        #[test]
        fn the_index_says_what_the_groups_say(
            changes in prop::collection::vec(
                (1_u8..6, prop::collection::vec(100_u8..104, 0..3), prop::collection::vec(1_u8..6, 0..2), any::<bool>()),
                0..12,
            )
        ) {
            let mut all = Groups::default();
            for (n, entities, groups, keep) in changes {
                if keep { all.put(group(n, &entities, &groups)); } else { all.remove(id(n)); }
            }
            let fresh = Groups::new(all.iter().map(|g| Group::clone(g)));
            for n in 0..110 {
                prop_assert_eq!(all.direct(id(n)), fresh.direct(id(n)));
                prop_assert_eq!(all.parents(id(n)), fresh.parents(id(n)));
            }
            prop_assert_eq!(all.by_name, fresh.by_name);
        }
    }
}
