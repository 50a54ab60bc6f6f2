//! Cutoffs.

use super::*;

pub(super) fn subjects(of: &Claims) -> Vec<Subject> {
    let mut all = vec![
        Subject::Role { mount_id: of.mth.clone(), role: of.role.clone() },
        Subject::Entity(of.sub.clone()),
        Subject::Mount(of.mth.clone()),
        Subject::Namespace(of.ns.clone()),
        Subject::Prefix(of.pth.clone()),
        Subject::Prefix(format!("/{}/", of.pth)),
        Subject::Prefix(of.pth.rsplit_once('/').unwrap().0.into()),
        Subject::Prefix("auth".into()),
        Subject::Prefix(String::new()),
        Subject::Everything,
    ];
    all.extend(of.pol.iter().cloned().map(Subject::Policy));
    all.extend(of.anc.iter().copied().map(Subject::Parent));
    all
}

fn child() -> Claims {
    issue(child_request(), Origin::Child(&login())).unwrap().claims
}

pub(super) fn with(subject: Subject, revision: u64) -> Cutoffs {
    let mut cutoffs = Cutoffs::new(vault().incarnation);
    cutoffs.add(Cutoff::new(subject, NOW), revision);
    cutoffs
}

#[test]
fn a_cutoff_kills_what_was_decided_before_it_and_nothing_after() {
    let claims = child();
    for subject in subjects(&claims) {
        let kills = |revision| with(subject.clone(), revision).kills(&claims);
        assert!(kills(claims.rev + 1), "{subject:?}");
        assert!(!kills(claims.rev), "{subject:?}");
        assert!(!kills(claims.rev - 1), "{subject:?}");
    }
}

#[test]
fn a_cutoff_kills_nothing_of_another_subject() {
    let claims = child();
    let other = || "other".to_owned();
    for subject in [
        Subject::Role { mount_id: claims.mth.clone(), role: other() },
        Subject::Role { mount_id: other(), role: claims.role.clone() },
        Subject::Entity(other()),
        Subject::Mount(other()),
        Subject::Namespace(other()),
        Subject::Policy(other()),
        Subject::Prefix(other()),
        Subject::Prefix("auth/tok".into()),
        Subject::Prefix("auth/token/create/role".into()),
        // A lease itself dies by its row.
        Subject::Parent(claims.jti),
    ] {
        assert!(!with(subject.clone(), u64::MAX).kills(&claims), "{subject:?}");
    }
    // No entity is not an entity that all such leases share.
    let nobody = Claims { sub: String::new(), ..claims };
    assert!(!with(Subject::Entity(String::new()), u64::MAX).kills(&nobody));
}

#[test]
fn p13_descendants_die_with_any_ancestor_and_with_what_killed_their_root() {
    let mut lineage = vec![login()];
    for depth in 1..=4u8 {
        let request = GrantRequest { id: [depth; 16], ..child_request() };
        let parent = lineage.last().unwrap();
        lineage.push(held(issue(request, Origin::Child(parent)).unwrap()));
    }
    for (i, ancestor) in lineage.iter().enumerate() {
        let cutoffs = with(Subject::Parent(ancestor.claims.jti), 10_000);
        for (j, lease) in lineage.iter().enumerate() {
            assert_eq!(cutoffs.kills(&lease.claims), j > i, "{i} {j}");
        }
    }
    let root = &lineage[0].claims;
    let role = Subject::Role { mount_id: root.mth.clone(), role: root.role.clone() };
    for subject in [role, Subject::Entity(root.sub.clone()), Subject::Mount(root.mth.clone())] {
        // Revision 150 lies between the login (100) and the requests of the children (200).
        let cutoffs = with(subject, 150);
        assert!(lineage.iter().all(|lease| cutoffs.kills(&lease.claims)));
    }
}

#[test]
fn a_row_is_killed_exactly_when_its_lease_is() {
    let parent = login();
    let Granted { claims, row, .. } = issue(child_request(), Origin::Child(&parent)).unwrap();
    let mut all = subjects(&claims);
    all.extend(subjects(&parent.claims));
    all.extend([Subject::Mount("other".into()), Subject::Prefix("auth/tok".into())]);
    for subject in all {
        for revision in [claims.rev, claims.rev + 1] {
            let cutoffs = with(subject.clone(), revision);
            assert_eq!(cutoffs.kills_row(&row), cutoffs.kills(&claims), "{subject:?}");
        }
    }
    assert!(Cutoffs::new(Incarnation([2; 16])).kills_row(&row));
}

#[test]
fn an_older_cutoff_never_weakens_a_newer_one() {
    let claims = child();
    for subject in subjects(&claims) {
        let mut cutoffs = with(subject.clone(), claims.rev + 1);
        cutoffs.add(Cutoff::new(subject.clone(), Timestamp(0)), claims.rev - 1);
        assert!(cutoffs.kills(&claims), "{subject:?}");
        cutoffs.prune(NOW);
        assert!(cutoffs.kills(&claims), "{subject:?}");
    }
}

#[test]
fn a_cutoff_outlasts_every_lease_it_can_kill_and_is_forgotten_then() {
    let root = root();
    let mut cutoffs = with(Subject::Everything, root.claims.rev + 1);
    cutoffs.prune(Timestamp::from_unix_seconds(root.claims.exp));
    assert!(cutoffs.kills(&root.claims));
    for subject in subjects(&child()) {
        let mut cutoffs = with(subject, u64::MAX);
        cutoffs.prune(NOW + HOUR * 24 * 366);
        assert!(!cutoffs.kills(&child()));
    }
}

#[test]
fn another_incarnation_kills_and_every_change_shows_in_the_generation() {
    let claims = child();
    let mut cutoffs = Cutoffs::new(vault().incarnation);
    assert!(!cutoffs.kills(&claims));
    let before = cutoffs.generation();
    cutoffs.reincarnate(Incarnation([2; 16]));
    assert!(cutoffs.kills(&claims) && cutoffs.generation() > before);
    let before = cutoffs.generation();
    cutoffs.add(Cutoff::new(Subject::Everything, NOW), 1);
    assert!(cutoffs.generation() > before);
}
