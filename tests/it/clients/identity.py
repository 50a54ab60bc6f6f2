"""Entities, aliases and groups with hvac."""
import os

import hvac

client = hvac.Client(url=os.environ["BAO_ADDR"], token=os.environ["BAO_TOKEN"])
identity = client.secrets.identity
client.sys.enable_auth_method("approle", path="machines")
accessor = client.sys.list_auth_methods()["data"]["machines/"]["accessor"]


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


made = identity.create_or_update_entity("Lena", policies=["a"], metadata={"team": "x"})["data"]
entity = made["id"]
assert identity.create_or_update_entity("lena", policies=["b"]).status_code == 204
read = identity.read_entity_by_name("LENA")["data"]
assert read["id"] == entity and read["policies"] == ["b"] and read["metadata"] == {"team": "x"}, read
assert identity.update_entity(entity, metadata={"team": "y"}).status_code == 204
assert identity.read_entity(entity)["data"]["metadata"] == {"team": "y"}
assert identity.list_entities()["data"]["keys"] == [entity]
assert identity.list_entities_by_name()["data"]["keys"] == ["lena"]

alias = identity.create_or_update_entity_alias("machine-1", entity, accessor)["data"]
assert alias["canonical_id"] == entity, alias
shown = identity.read_entity_alias(alias["id"])["data"]
assert shown["name"] == "machine-1" and shown["mount_path"] == "auth/machines/", shown
assert identity.list_entity_aliases()["data"]["keys"] == [alias["id"]]
assert identity.lookup_entity(alias_name="machine-1", alias_mount_accessor=accessor)["data"]["id"] == entity
identity.update_entity_alias(alias["id"], "machine-2", entity, accessor)
assert identity.lookup_entity(alias_id=alias["id"])["data"]["aliases"][0]["name"] == "machine-2"

group = identity.create_or_update_group("ops", policies=["g"], member_entity_ids=[entity])["data"]["id"]
above = identity.create_or_update_group("all", member_group_ids=[group])["data"]["id"]
assert identity.read_entity(entity)["data"]["inherited_group_ids"] == [above]
assert identity.read_group(group)["data"]["parent_group_ids"] == [above]
assert identity.read_group_by_name("OPS")["data"]["member_entity_ids"] == [entity]
assert set(identity.list_groups_by_name()["data"]["keys"]) == {"ops", "all"}
assert identity.lookup_group(name="ops")["data"]["id"] == group
external = identity.create_or_update_group("ext", group_type="external")["data"]["id"]
named = identity.create_or_update_group_alias("ldap-ops", mount_accessor=accessor, canonical_id=external)["data"]["id"]
assert identity.read_group_alias(named)["data"]["name"] == "ldap-ops"
assert identity.list_group_aliases()["data"]["keys"] == [named]
identity.delete_group_alias(named)
raises(hvac.exceptions.InvalidPath, lambda: identity.read_group_alias(named))

other = identity.create_or_update_entity("other")["data"]["id"]
identity.merge_entities([other], entity)
assert identity.read_entity(entity)["data"]["merged_entity_ids"] == [other]
raises(hvac.exceptions.InvalidPath, lambda: identity.read_entity(other))
identity.delete_entity_alias(alias["id"])
identity.delete_group(group)
identity.delete_group_by_name("all")
identity.delete_entity(entity)
raises(hvac.exceptions.InvalidPath, lambda: identity.read_entity_by_name("lena"))
identity.create_or_update_entity_by_name("last")
identity.delete_entity_by_name("last")
raises(hvac.exceptions.InvalidPath, identity.list_entities)
