"""Tokens and policies with hvac."""
import os

import hvac

url = os.environ["BAO_ADDR"]
client = hvac.Client(url=url, token=os.environ["BAO_TOKEN"])

rules = 'path "secret/data/t" { capabilities = ["read"] }'
client.sys.create_or_update_acl_policy("t", rules)
assert client.sys.read_acl_policy("t")["data"]["policy"] == rules
assert "t" in client.sys.list_acl_policies()["data"]["keys"]

created = client.auth.token.create(policies=["t"], ttl="1h", meta={"a": "b"})["auth"]
child = hvac.Client(url=url, token=created["client_token"])
assert child.is_authenticated()
assert child.auth.token.lookup_self()["data"]["policies"] == ["default", "t"]
assert child.auth.token.renew_self(increment="2h")["auth"]["lease_duration"] == 7200
for denied in (
    lambda: child.secrets.kv.v2.create_or_update_secret("t", {"a": "b"}),
    lambda: child.sys.list_mounted_secrets_engines(),
):
    try:
        denied()
        raise AssertionError("not denied")
    except hvac.exceptions.Forbidden as error:
        assert "permission denied" in str(error), error

client.auth.token.revoke_accessor(created["accessor"])
assert not child.is_authenticated()
client.sys.delete_policy("t")

first = client.auth.token.create(ttl="1h", policies=["default"], num_uses=0, display_name="first")["auth"]
token, accessor = first["client_token"], first["accessor"]
assert client.auth.token.lookup(token)["data"]["display_name"] == "token-first"
assert client.auth.token.lookup_accessor(accessor)["data"]["id"] == ""
assert accessor in client.auth.token.list_accessors()["data"]["keys"]
assert client.auth.token.renew(token, increment="30m")["auth"]["lease_duration"] == 1800
assert client.auth.token.renew_accessor(accessor, increment="40m")["auth"]["lease_duration"] == 2400
parent = hvac.Client(url=url, token=client.auth.token.create(policies=["root"], ttl="1h")["auth"]["client_token"])
child = parent.auth.token.create(ttl="30m", policies=["default"])["auth"]["client_token"]
orphan = parent.auth.token.create_orphan(ttl="30m", policies=["default"])["auth"]["client_token"]
client.auth.token.revoke_and_orphan_children(parent.token)
assert not parent.is_authenticated()
for left in (child, orphan):
    assert hvac.Client(url=url, token=left).is_authenticated()
client.auth.token.revoke(child)
assert not hvac.Client(url=url, token=child).is_authenticated()
last = hvac.Client(url=url, token=orphan)
last.auth.token.revoke_self()
assert not last.is_authenticated()
