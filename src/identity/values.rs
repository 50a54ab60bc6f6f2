//! What `{{identity.…}}` in policies stands for, for one entity. Which values may fill a path is
//! decided in `access::TemplateValues` (security property P18).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Entity, Group, Metadata};
use crate::access::TemplateValues;

/// The values of `entity`, and of the groups that it belongs to. An expression that two things
/// give different values to (names may have dots) has none: nobody gets another's path by a name.
pub fn template_values(entity: &Entity, groups: &[Arc<Group>]) -> TemplateValues {
    let mut all = Values::default();
    all.add("identity.entity.id".into(), entity.id.to_string());
    all.add("identity.entity.name".into(), entity.name.clone());
    all.pairs("identity.entity.metadata", entity.metadata.as_ref());
    for alias in &entity.aliases {
        let of = format!("identity.entity.aliases.{}", alias.mount_accessor);
        all.add(format!("{of}.id"), alias.id.to_string());
        all.add(format!("{of}.name"), alias.name.clone());
        all.pairs(&format!("{of}.metadata"), Some(&alias.metadata));
        all.pairs(&format!("{of}.custom_metadata"), alias.custom_metadata.as_ref());
    }
    for group in groups {
        let by_id = format!("identity.groups.ids.{}", group.id);
        all.add(format!("{by_id}.name"), group.name.clone());
        all.pairs(&format!("{by_id}.metadata"), group.metadata.as_ref());
        let by_name = format!("identity.groups.names.{}", group.name);
        all.add(format!("{by_name}.id"), group.id.to_string());
        all.pairs(&format!("{by_name}.metadata"), group.metadata.as_ref());
    }
    let mut out = TemplateValues::none();
    for (expression, value) in &all.0 {
        if let Some(value) = value {
            out.insert(expression, value);
        }
    }
    out
}

/// `None`: ambiguous.
#[derive(Default)]
struct Values(BTreeMap<String, Option<String>>);

impl Values {
    fn add(&mut self, expression: String, value: String) {
        let known = self.0.entry(expression).or_insert_with(|| Some(value.clone()));
        if known.as_ref() != Some(&value) {
            *known = None;
        }
    }

    fn pairs(&mut self, of: &str, metadata: Option<&Metadata>) {
        for (key, value) in metadata.into_iter().flatten() {
            self.add(format!("{of}.{key}"), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Acl, Operation, Policy, PolicyName, Request};
    use crate::clock::Timestamp;
    use crate::identity::{EntityUpdate, GroupUpdate, Id};

    fn entity(name: &str, metadata: &[(&str, &str)]) -> Entity {
        let update = EntityUpdate {
            name: Some(name.into()),
            metadata: Some(metadata.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()),
            ..EntityUpdate::default()
        };
        Entity::create(Id([7; 16]), update, Timestamp(0)).unwrap()
    }

    fn may_read(text: &str, values: &TemplateValues, path: &str) -> bool {
        let policy = Policy::parse(PolicyName::canonical("p").unwrap(), text).unwrap();
        let acl = Acl::compile(&[Arc::new(policy)], values, Timestamp(0));
        let (operation, parameters, wrap_ttl) = (Operation::Read, None, None);
        acl.decide(&Request { operation, path, parameters, wrap_ttl }).allowed
    }

    #[test]
    fn p18_no_name_and_no_metadata_adds_structure_to_a_policy() {
        let rule = |of: &str| format!("path \"u/{{{{{of}}}}}/x\" {{ capabilities = [\"read\"] }}");
        let name = rule("identity.entity.name");
        let team = rule("identity.entity.metadata.team");
        for (value, path, fits) in [
            ("alice", "u/alice/x", true),
            ("a b", "u/a b/x", true),
            ("a/b", "u/a/b/x", false),
            ("*", "u/any/x", false),
            ("+", "u/any/x", false),
            ("a*", "u/abc/x", false),
            ("..", "u/../x", false),
            ("{{identity.entity.id}}", "u/07070707-0707-0707-0707-070707070707/x", false),
        ] {
            let values = template_values(&entity(value, &[("team", value)]), &[]);
            assert_eq!(may_read(&name, &values, path), fits, "{value:?}");
            assert_eq!(may_read(&team, &values, path), fits, "{value:?}");
        }
    }

    #[test]
    fn p18_an_expression_with_two_meanings_has_no_value() {
        let group = |n: u8, name: &str, metadata: &[(&str, &str)]| {
            let update = GroupUpdate {
                name: Some(name.into()),
                metadata: Some(metadata.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()),
                ..GroupUpdate::default()
            };
            Arc::new(Group::create(Id([n; 16]), update, Timestamp(0)).unwrap())
        };
        let text =
            "path \"u/{{identity.groups.names.a.metadata.id}}\" { capabilities = [\"read\"] }";
        let one = [group(1, "a", &[("id", "mine")])];
        let both = [group(1, "a", &[("id", "mine")]), group(2, "a.metadata", &[])];
        let of = |groups: &[Arc<Group>]| template_values(&entity("e", &[]), groups);
        assert!(may_read(text, &of(&one), "u/mine"));
        assert!(!may_read(text, &of(&both), "u/mine"));
        assert!(!may_read(text, &of(&both), "u/02020202-0202-0202-0202-020202020202"));
    }
}
