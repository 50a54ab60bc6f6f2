"""System methods of hvac: mounts, login methods, policies, status, capabilities, leases."""
import os

import hvac

client = hvac.Client(url=os.environ["BAO_ADDR"], token=os.environ["BAO_TOKEN"])
sys = client.sys


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


sys.enable_secrets_engine("kv", path="team", description="of a team", options={"version": "2"})
mounts = sys.list_mounted_secrets_engines()
assert mounts["data"]["team/"]["options"] == {"version": "2"}, mounts
assert mounts["team/"]["description"] == "of a team", mounts
error = raises(hvac.exceptions.InvalidRequest, lambda: sys.enable_secrets_engine("kv-v2", path="team"))
assert "path is already in use at team/" in str(error), error
sys.tune_mount_configuration("team", default_lease_ttl="30m", max_lease_ttl="1h", description="tuned")
tuned = sys.read_mount_configuration("team")["data"]
assert (tuned["default_lease_ttl"], tuned["max_lease_ttl"], tuned["description"]) == (1800, 3600, "tuned"), tuned
assert sys.retrieve_mount_option("team", "version") == "2"
client.secrets.kv.v2.create_or_update_secret("a", {"k": "v"}, mount_point="team")
assert client.secrets.kv.v2.read_secret("a", mount_point="team", raise_on_deleted_version=True)["data"]["data"] == {"k": "v"}
sys.disable_secrets_engine("team")
raises(hvac.exceptions.InvalidPath, lambda: client.secrets.kv.v2.list_secrets("", mount_point="team"))

sys.enable_auth_method("approle", path="machines", description="machines")
methods = sys.list_auth_methods()
assert methods["data"]["machines/"]["type"] == "approle" and methods["token/"]["type"] == "token", methods
sys.tune_auth_method("machines", default_lease_ttl="5m", max_lease_ttl="10m")
assert sys.read_auth_method_tuning("machines")["data"]["default_lease_ttl"] == 300
client.auth.approle.create_or_update_approle("m", mount_point="machines")
role_id = client.auth.approle.read_role_id("m", mount_point="machines")["data"]["role_id"]
secret_id = client.auth.approle.generate_secret_id("m", mount_point="machines")["data"]["secret_id"]
guest = hvac.Client(url=os.environ["BAO_ADDR"])
auth = guest.auth.approle.login(role_id, secret_id, mount_point="machines")["auth"]
assert auth["lease_duration"] == 300 and auth["policies"] == ["default"], auth
assert guest.is_authenticated()
sys.disable_auth_method("machines")
assert not guest.is_authenticated()

rules = 'path "secret/data/s" { capabilities = ["read", "create"] }'
sys.create_or_update_policy("s", rules)
assert sys.read_policy("s")["data"]["rules"] == rules
assert "s" in sys.list_policies()["data"]["policies"]
assert sys.read_acl_policy("s")["data"]["policy"] == rules
capabilities = sys.get_capabilities(["secret/data/s"])
assert capabilities["data"]["secret/data/s"] == ["root"], capabilities
made = client.auth.token.create(policies=["s"])["auth"]
for told in ({"token": made["client_token"]}, {"accessor": made["accessor"]}):
    found = sys.get_capabilities(["secret/data/s", "secret/data/t"], **told)["data"]
    assert found == {"secret/data/s": ["create", "read"], "secret/data/t": ["deny"]}, found
sys.delete_policy("s")
raises(hvac.exceptions.InvalidPath, lambda: sys.read_policy("s"))

assert sys.read_health_status(method="HEAD").status_code == 200
assert sys.read_seal_status()["sealed"] is False
assert sys.read_leader_status()["is_self"] is True
assert sys.read_init_status() == {"initialized": True}
raises(hvac.exceptions.InvalidRequest, lambda: sys.submit_unseal_key("00" * 32))
raises(hvac.exceptions.InvalidRequest, lambda: sys.read_lease("none/such"))
sys.revoke_lease("none/such")
sys.revoke_prefix("none/such")
