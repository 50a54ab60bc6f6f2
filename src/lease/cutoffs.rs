//! Cutoffs: one record that kills every lease of a subject decided before its commit, whatever
//! their number. Revisions are compared, never clocks.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Row;
use crate::clock::Timestamp;
use crate::jwt::{Accessor, Claims, Incarnation, Lineage};
use crate::limits::LEASE_HARD_MAX;

/// Whose leases die.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Subject {
    Role {
        mount_id: String,
        role: String,
    },
    Entity(String),
    /// A login method's mount, by id.
    Mount(String),
    Namespace(String),
    /// Leases that carry the policy themselves, and their descendants.
    Policy(String),
    /// Leases created by a request at this path or below it, by whole segments, and their
    /// descendants. The empty path is every lease.
    Prefix(String),
    /// Descendants of this lease; the lease itself dies by its row.
    Parent(Accessor),
    Everything,
}

/// The stored record. Its revision is the revision of the commit that puts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cutoff {
    pub subject: Subject,
    /// No lease it could kill lives longer; then the record may be deleted.
    pub expires: Timestamp,
}

impl Cutoff {
    /// A cutoff written at `now`: every lease it can kill was issued before and has ended by
    /// `now` + `limits::LEASE_HARD_MAX`.
    pub fn new(subject: Subject, now: Timestamp) -> Self {
        Self::until(subject, now + LEASE_HARD_MAX)
    }

    /// A cutoff of leases that all end by `last_end`.
    pub fn until(subject: Subject, last_end: Timestamp) -> Self {
        // An hour more: ends are rounded up to seconds, and clocks of nodes differ.
        Self { subject, expires: last_end + std::time::Duration::from_secs(3600) }
    }
}

/// What of a lease a cutoff can name.
struct Marks<'a> {
    incarnation: Incarnation,
    revision: u64,
    mount: &'a str,
    role: &'a str,
    entity: &'a str,
    namespace: &'a str,
    path: &'a str,
    policies: &'a [String],
    ancestors: &'a [Accessor],
    lineage: &'a Lineage,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    revision: u64,
    expires: Timestamp,
}

type Lines<K> = HashMap<K, Line>;

/// All cutoffs in force, as one node knows them. Cheap where there are few: an empty dimension
/// costs one comparison.
#[derive(Clone, Debug)]
pub struct Cutoffs {
    incarnation: Incarnation,
    generation: u64,
    roles: HashMap<String, Lines<String>>,
    entities: Lines<String>,
    mounts: Lines<String>,
    namespaces: Lines<String>,
    policies: Lines<String>,
    prefixes: Lines<String>,
    parents: Lines<Accessor>,
    everything: Option<Line>,
}

impl Cutoffs {
    /// No cutoffs; leases of another incarnation are dead all the same.
    pub fn new(incarnation: Incarnation) -> Self {
        Self {
            incarnation,
            generation: 0,
            roles: HashMap::new(),
            entities: HashMap::new(),
            mounts: HashMap::new(),
            namespaces: HashMap::new(),
            policies: HashMap::new(),
            prefixes: HashMap::new(),
            parents: HashMap::new(),
            everything: None,
        }
    }

    /// Rises with every change that could kill a lease.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes in a cutoff that commit `revision` put. Adding one twice changes nothing, an older one
    /// never weakens a newer one.
    pub fn add(&mut self, cutoff: Cutoff, revision: u64) {
        let line = Line { revision, expires: cutoff.expires };
        match cutoff.subject {
            Subject::Role { mount_id, role } => {
                raise(self.roles.entry(mount_id).or_default(), role, line);
            }
            Subject::Entity(id) => raise(&mut self.entities, id, line),
            Subject::Mount(id) => raise(&mut self.mounts, id, line),
            Subject::Namespace(path) => raise(&mut self.namespaces, path, line),
            Subject::Policy(name) => raise(&mut self.policies, name, line),
            Subject::Prefix(path) => {
                raise(&mut self.prefixes, path.trim_matches('/').to_owned(), line);
            }
            Subject::Parent(accessor) => raise(&mut self.parents, accessor, line),
            Subject::Everything => {
                self.everything = Some(self.everything.map_or(line, |old| later(old, line)));
            }
        }
        self.generation += 1;
    }

    /// A restored or rolled-back vault: everything issued before is dead.
    pub fn reincarnate(&mut self, incarnation: Incarnation) {
        self.incarnation = incarnation;
        self.generation += 1;
    }

    /// Whether any cutoff (or the incarnation) ends this lease.
    pub fn kills(&self, claims: &Claims) -> bool {
        self.end(&Marks {
            incarnation: claims.inc,
            revision: claims.rev,
            mount: &claims.mth,
            role: &claims.role,
            entity: &claims.sub,
            namespace: &claims.ns,
            path: &claims.pth,
            policies: &claims.pol,
            ancestors: &claims.anc,
            lineage: &claims.lin,
        })
    }

    /// As [`Cutoffs::kills`], for a row whose token is not at hand.
    pub fn kills_row(&self, row: &Row) -> bool {
        let about = &row.attribution;
        self.end(&Marks {
            incarnation: row.incarnation,
            revision: row.revision,
            mount: &about.mount_id,
            role: &about.role,
            entity: &about.entity_id,
            namespace: &about.namespace,
            path: &about.path,
            policies: &about.token_policies,
            ancestors: &row.ancestors,
            lineage: &row.lineage,
        })
    }

    fn end(&self, of: &Marks<'_>) -> bool {
        if of.incarnation != self.incarnation {
            return true;
        }
        let cut = |line: Option<&Line>| line.is_some_and(|l| of.revision < l.revision);
        cut(self.everything.as_ref())
            || cut(self.mounts.get(of.mount))
            || cut(self.roles.get(of.mount).and_then(|roles| roles.get(of.role)))
            || (!of.entity.is_empty() && cut(self.entities.get(of.entity)))
            || cut(self.namespaces.get(of.namespace))
            || (!self.policies.is_empty()
                && of.policies.iter().chain(&of.lineage.pol).any(|p| cut(self.policies.get(p))))
            || (!self.parents.is_empty() && of.ancestors.iter().any(|a| cut(self.parents.get(a))))
            || (!self.prefixes.is_empty()
                && std::iter::once(of.path)
                    .chain(of.lineage.pth.iter().map(String::as_str))
                    .flat_map(prefixes_of)
                    .any(|p| cut(self.prefixes.get(p))))
    }

    /// Forgets cutoffs that can kill nothing any more; kills no lease and revives none.
    pub fn prune(&mut self, now: Timestamp) {
        let alive = |line: &Line| line.expires > now;
        for roles in self.roles.values_mut() {
            roles.retain(|_, l| alive(l));
        }
        self.roles.retain(|_, roles| !roles.is_empty());
        self.entities.retain(|_, l| alive(l));
        self.mounts.retain(|_, l| alive(l));
        self.namespaces.retain(|_, l| alive(l));
        self.policies.retain(|_, l| alive(l));
        self.prefixes.retain(|_, l| alive(l));
        self.parents.retain(|_, l| alive(l));
        self.everything = self.everything.filter(alive);
    }
}

fn later(a: Line, b: Line) -> Line {
    Line { revision: a.revision.max(b.revision), expires: a.expires.max(b.expires) }
}

fn raise<K: std::hash::Hash + Eq>(lines: &mut Lines<K>, key: K, line: Line) {
    lines.entry(key).and_modify(|old| *old = later(*old, line)).or_insert(line);
}

/// The whole path, each of its directories, and the empty path above all.
fn prefixes_of(path: &str) -> impl Iterator<Item = &str> {
    let path = path.trim_matches('/');
    let directories = path.rmatch_indices('/').map(move |(at, _)| &path[..at]);
    std::iter::once(path).chain(directories).chain([""])
}
