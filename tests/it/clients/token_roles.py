"""Token roles and leases with hvac."""
import os

import hvac

url = os.environ["BAO_ADDR"]
client = hvac.Client(url=url, token=os.environ["BAO_TOKEN"])
token = client.auth.token

token.create_or_update_role(
    "team",
    allowed_policies=["a", "b"],
    disallowed_policies=["x"],
    orphan=True,
    renewable=True,
    path_suffix="sfx",
    token_explicit_max_ttl="2h",
    token_period="30m",
    allowed_entity_aliases=["svc-*"],
)
role = token.read_role("team")["data"]
assert role["allowed_policies"] == ["a", "b"] and role["token_period"] == 1800 and role["orphan"], role
assert token.list_roles()["data"]["keys"] == ["team"]
made = token.create(role_name="team", policies=["a"], ttl="5m")["auth"]
assert made["policies"] == ["a", "default"] and made["lease_duration"] == 1800, made
looked = token.lookup_accessor(made["accessor"])["data"]
assert looked["role"] == "team" and looked["path"] == "auth/token/create/team/sfx", looked
assert client.sys.list_leases("auth/token/create/team/sfx")["data"]["keys"] == [made["accessor"]]
try:
    token.create(role_name="team", policies=["c"])
    raise AssertionError("not refused")
except hvac.exceptions.InvalidRequest as error:
    assert "must be subset of the role's allowed policies" in str(error), error
client.sys.revoke_prefix("auth/token/create/team")
assert not hvac.Client(url=url, token=made["client_token"]).is_authenticated()
assert token.tidy().status_code == 202
token.delete_role("team")
try:
    token.read_role("team")
    raise AssertionError("still there")
except hvac.exceptions.InvalidPath:
    pass
