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
