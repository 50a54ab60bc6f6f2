//! Entities as rules.

use super::*;

fn id(n: u8) -> Id {
    Id([n; 16])
}

fn entity(n: u8) -> Entity {
    Entity::create(id(n), EntityUpdate::default(), Timestamp(1)).unwrap()
}

fn alias(n: u8, mount: u8) -> Alias {
    Alias {
        id: id(n),
        name: format!("a{n}"),
        key: format!("a{n}"),
        mount_id: [mount; 16],
        mount_accessor: format!("auth_{mount}"),
        metadata: Metadata::new(),
        custom_metadata: None,
        merged_from: Vec::new(),
        created: Timestamp(1),
        updated: Timestamp(1),
    }
}

#[test]
fn an_update_changes_what_it_names() {
    let first = EntityUpdate {
        name: Some("Alice".into()),
        policies: Some(vec!["P2, p1".into(), "p1".into()]),
        metadata: Some([("a".to_owned(), "b".to_owned())].into()),
        disabled: None,
    };
    let one = Entity::create(id(1), first, Timestamp(1)).unwrap();
    assert_eq!(
        (one.policies.as_slice(), one.key().as_str()),
        (&["p1", "p2"].map(String::from)[..], "alice")
    );
    let two =
        one.updated(EntityUpdate { disabled: Some(true), ..Default::default() }, Timestamp(2));
    let two = two.unwrap();
    assert_eq!(two, Entity { disabled: true, updated: Timestamp(2), ..one });
}

#[test]
fn p03_no_entity_gets_root_in_any_spelling() {
    for name in ["root", " ROOT ", "a,Root", "\u{a0}root"] {
        let update = EntityUpdate { policies: Some(vec![name.into()]), ..Default::default() };
        let refused = entity(1).updated(update, Timestamp(2));
        assert_eq!(refused, Err(IdentityError::RootPolicy), "{name:?}");
    }
    let update =
        EntityUpdate { policies: Some(vec!["response-wrapping".into()]), ..Default::default() };
    assert!(matches!(
        entity(1).updated(update, Timestamp(2)),
        Err(IdentityError::ReservedPolicy(_))
    ));
}

#[test]
fn an_entity_has_one_alias_a_mount() {
    let one = entity(1).with_alias(alias(10, 1)).unwrap().with_alias(alias(11, 2)).unwrap();
    assert_eq!(one.with_alias(alias(12, 1)), Err(IdentityError::SecondAlias));
    let renamed = Alias { name: "other".into(), ..alias(10, 1) };
    assert_eq!(one.with_alias(renamed.clone()).unwrap().alias(id(10)), Some(&renamed));
}

#[test]
fn merging_carries_aliases_and_asks_where_two_meet() {
    let to = entity(1).with_alias(alias(10, 1)).unwrap();
    let apart = entity(2).with_alias(alias(20, 2)).unwrap();
    let merged = to.merged_with(std::slice::from_ref(&apart), &[], Timestamp(9)).unwrap();
    assert_eq!(merged.merged, [id(2)]);
    assert_eq!(merged.alias(id(20)).unwrap().merged_from, [id(2)]);
    let clashing = entity(3).with_alias(alias(30, 1)).unwrap();
    let clash = |from: &[Entity], keep: &[Id]| to.merged_with(from, keep, Timestamp(9));
    let one = std::slice::from_ref(&clashing);
    assert_eq!(clash(one, &[]), Err(IdentityError::AliasClash));
    assert_eq!(clash(one, &[id(10), id(30)]), Err(IdentityError::AliasClash));
    assert_eq!(clash(&[clashing.clone(), apart], &[id(10)]), Err(IdentityError::AliasClash));
    assert!(clash(one, &[id(10)]).unwrap().alias(id(30)).is_none());
    assert!(clash(one, &[id(30)]).unwrap().alias(id(10)).is_none());
}
