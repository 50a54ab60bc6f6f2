//! What is answered below `identity/`.

use super::{Route, Verb, routes};
use crate::http::identity::{alias, entity, group, group_alias};

pub const TABLE: &[Route] = routes! {
    lease "entity" { Write => entity::write }
    lease "entity/id" { List => entity::list }
    lease "entity/id/:id" {
        Read => entity::read, Write => entity::write_by_id, Delete => entity::delete,
    }
    lease "entity/name" { List => entity::list_names }
    lease "entity/name/*known" {
        Read => entity::read_named, Write => entity::write_named, Delete => entity::delete_named,
    }
    lease "entity/batch-delete" { Write => entity::batch_delete }
    lease "entity/merge" { Write => entity::merge }
    lease "entity-alias" { Write => alias::write }
    lease "entity-alias/id" { List => alias::list }
    lease "entity-alias/id/:id" {
        Read => alias::read, Write => alias::write_by_id, Delete => alias::delete,
    }
    lease "group" { Write => group::write }
    lease "group/id" { List => group::list }
    lease "group/id/:id" {
        Read => group::read, Write => group::write_by_id, Delete => group::delete,
    }
    lease "group/name" { List => group::list_names }
    lease "group/name/*known" {
        Read => group::read_named, Write => group::write_named, Delete => group::delete_named,
    }
    lease "group-alias" { Write => group_alias::write }
    lease "group-alias/id" { List => group_alias::list }
    lease "group-alias/id/:id" {
        Read => group_alias::read, Write => group_alias::write_by_id,
        Delete => group_alias::delete,
    }
    lease "lookup/entity" { Write => entity::lookup }
    lease "lookup/group" { Write => group::lookup }
};
