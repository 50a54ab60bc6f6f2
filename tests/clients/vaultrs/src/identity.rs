//! Entities, groups and their aliases.

use std::collections::HashMap;

use vaultrs::api::identity::entity::requests::{
    CreateEntityByNameRequestBuilder, CreateEntityRequestBuilder, UpdateEntityByIdRequestBuilder,
};
use vaultrs::api::identity::entity_alias::requests::{
    CreateEntityAliasRequestBuilder, UpdateEntityAliasByIdRequestBuilder,
};
use vaultrs::api::identity::group::requests::{
    CreateGroupByNameRequestBuilder, CreateGroupRequestBuilder, UpdateGroupByIdRequestBuilder,
};
use vaultrs::api::identity::group_alias::requests::{
    CreateGroupAliasRequestBuilder, UpdateGroupAliasByIdRequestBuilder,
};
use vaultrs::client::VaultClient;
use vaultrs::identity::{entity, entity_alias, group, group_alias};
use vaultrs::sys::auth;

use crate::refused;

pub async fn run(root: &VaultClient) {
    auth::enable(root, "people", "userpass", None).await.unwrap();
    let accessor = auth::list(root).await.unwrap()["people/"].accessor.clone();
    entities(root).await;
    entity_aliases(root, &accessor).await;
    groups(root).await;
    group_aliases(root, &accessor).await;
    auth::disable(root, "people").await.unwrap();
}

async fn named(root: &VaultClient, name: &str) -> String {
    let mut asked = CreateEntityRequestBuilder::default();
    entity::create(root, Some(asked.name(name))).await.unwrap().id
}

async fn entities(root: &VaultClient) {
    let nameless = entity::create(root, None).await.unwrap();
    entity::delete_by_id(root, &nameless.id).await.unwrap();
    assert_eq!(refused(entity::read_by_id(root, &nameless.id).await), 404);

    let id = named(root, "ann").await;
    assert!(entity::list_by_id(root).await.unwrap().keys.contains(&id));
    let mut asked = UpdateEntityByIdRequestBuilder::default();
    let asked = asked.name("anna").policies(vec!["default".to_owned()]);
    entity::update_by_id(root, &id, Some(asked)).await.unwrap();
    let read = entity::read_by_id(root, &id).await.unwrap();
    assert_eq!((read.name.as_str(), read.policies), ("anna", vec!["default".to_owned()]));
    let mut asked = CreateEntityByNameRequestBuilder::default();
    let asked = asked.metadata(HashMap::from([("team".to_owned(), "us".to_owned())]));
    entity::create_or_update_by_name(root, "anna", Some(asked)).await.unwrap();
    let read = entity::read_by_name(root, "anna").await.unwrap();
    assert_eq!((read.id, read.metadata.unwrap()["team"].as_str()), (id.clone(), "us"));
    assert!(entity::list_by_name(root).await.unwrap().keys.contains(&"anna".to_owned()));

    let (from, into) = (named(root, "from").await, named(root, "into").await);
    entity::merge(root, vec![from.clone()], into.clone(), None).await.unwrap();
    let merged = entity::read_by_id(root, &from).await;
    assert!(merged.is_err() || merged.unwrap().id == into);
    entity::batch_delete(root, &[id.clone(), into]).await.unwrap();
    assert_eq!(refused(entity::read_by_id(root, &id).await), 404);
    entity::create_or_update_by_name(root, "ben", None).await.unwrap();
    entity::delete_by_name(root, "ben").await.unwrap();
    assert_eq!(refused(entity::read_by_name(root, "ben").await), 404);
}

async fn entity_aliases(root: &VaultClient, accessor: &str) {
    let owner = named(root, "owner").await;
    let made = entity_alias::create(root, "ann", &owner, accessor, None).await.unwrap();
    assert_eq!(made.canonical_id, owner);
    let note = HashMap::from([("note".to_owned(), "x".to_owned())]);
    let mut again = CreateEntityAliasRequestBuilder::default();
    let again = again.id(made.id.clone()).custom_metadata(note.clone());
    entity_alias::create(root, "ann", &owner, accessor, Some(again)).await.unwrap();
    let read = entity_alias::read_by_id(root, &made.id).await.unwrap();
    assert_eq!((read.custom_metadata, read.mount_path.as_str()), (Some(note), "auth/people/"));
    let mut asked = UpdateEntityAliasByIdRequestBuilder::default();
    entity_alias::update_by_id(root, &made.id, Some(asked.name("anna"))).await.unwrap();
    assert_eq!(entity_alias::read_by_id(root, &made.id).await.unwrap().name, "anna");
    let listed = entity_alias::list_by_id(root).await.unwrap();
    assert_eq!(listed.key_info[&made.id].canonical_id, owner);
    let aliases = entity::read_by_id(root, &owner).await.unwrap().aliases;
    assert_eq!((aliases.len(), aliases[0].id.as_str()), (1, made.id.as_str()));
    entity_alias::delete_by_id(root, &made.id).await.unwrap();
    assert_eq!(refused(entity_alias::read_by_id(root, &made.id).await), 404);
    entity::delete_by_id(root, &owner).await.unwrap();
}

async fn groups(root: &VaultClient) {
    let mut asked = CreateGroupRequestBuilder::default();
    let made = group::create(root, Some(&mut asked)).await.unwrap();
    assert_eq!(group::read_by_name(root, &made.name).await.unwrap().id, made.id);
    let mut asked = UpdateGroupByIdRequestBuilder::default();
    group::update_by_id(root, &made.id, Some(asked.name("them"))).await.unwrap();
    assert_eq!(group::read_by_id(root, &made.id).await.unwrap().name, "them");
    assert_eq!(group::list_by_id(root).await.unwrap().keys, [made.id.as_str()]);
    group::delete_by_id(root, &made.id).await.unwrap();
    assert_eq!(refused(group::read_by_id(root, &made.id).await), 404);

    let mut asked = CreateGroupByNameRequestBuilder::default();
    let asked = asked.policies(vec!["default".to_owned()]);
    group::create_or_update_by_name(root, "us", Some(asked)).await.unwrap();
    // vaultrs' own tests want none, not an empty map.
    assert!(group::read_by_name(root, "us").await.unwrap().metadata.is_none());
    let company = HashMap::from([("company".to_owned(), "example".to_owned())]);
    let mut asked = CreateGroupByNameRequestBuilder::default();
    let asked = asked.metadata(company.clone());
    group::create_or_update_by_name(root, "us", Some(asked)).await.unwrap();
    assert_eq!(group::read_by_name(root, "us").await.unwrap().metadata, Some(company));
    assert_eq!(group::list_by_name(root).await.unwrap().keys, ["us"]);
    group::delete_by_name(root, "us").await.unwrap();
    assert_eq!(refused(group::read_by_name(root, "us").await), 404);
}

async fn group_aliases(root: &VaultClient, accessor: &str) {
    let mut asked = CreateGroupByNameRequestBuilder::default();
    group::create_or_update_by_name(root, "theirs", Some(asked.group_type("external")))
        .await
        .unwrap();
    let id = group::read_by_name(root, "theirs").await.unwrap().id;
    let mut asked = CreateGroupAliasRequestBuilder::default();
    let made = group_alias::create(root, "staff", accessor, Some(asked.canonical_id(&id)));
    let made = made.await.unwrap();
    assert_eq!(made.canonical_id, id);
    let mut asked = UpdateGroupAliasByIdRequestBuilder::default();
    let asked = asked.name("all staff");
    group_alias::update_by_id(root, &made.id, accessor, Some(asked)).await.unwrap();
    assert_eq!(group_alias::read_by_id(root, &made.id).await.unwrap().name, "all staff");
    assert_eq!(group_alias::list_by_id(root).await.unwrap().keys, [made.id.as_str()]);
    group_alias::delete_by_id(root, &made.id).await.unwrap();
    assert_eq!(refused(group_alias::read_by_id(root, &made.id).await), 404);
    group::delete_by_id(root, &id).await.unwrap();
}
