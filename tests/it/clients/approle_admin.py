"""AppRole administration with hvac."""
import os

import hvac

client = hvac.Client(url=os.environ["BAO_ADDR"], token=os.environ["BAO_TOKEN"])
client.sys.enable_auth_method("approle", path="roles")
at = {"mount_point": "roles"}
approle = client.auth.approle


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


approle.create_or_update_approle(
    "r", token_policies=["p1", "p2"], token_ttl="10m", token_max_ttl="1h", secret_id_ttl="1h", secret_id_num_uses=3, **at
)
role = approle.read_role("r", **at)["data"]
assert role["token_policies"] == ["p1", "p2"] and role["token_ttl"] == 600 and role["secret_id_ttl"] == 3600, role
assert approle.list_roles(**at)["data"]["keys"] == ["r"]
raises(hvac.exceptions.InvalidPath, lambda: approle.read_role("absent", **at))
approle.update_role_id("r", "chosen-role-id", **at)
assert approle.read_role_id("r", **at)["data"]["role_id"] == "chosen-role-id"

made = approle.generate_secret_id("r", metadata={"team": "a"}, cidr_list=["127.0.0.0/8"], **at)["data"]
assert made["secret_id_num_uses"] == 3 and made["secret_id_ttl"] == 3600, made
known = approle.read_secret_id("r", made["secret_id"], **at)["data"]
assert known["secret_id_accessor"] == made["secret_id_accessor"] and known["metadata"] == {"team": "a"}, known
assert approle.read_secret_id_accessor("r", made["secret_id_accessor"], **at)["data"]["metadata"] == {"team": "a"}
assert approle.list_secret_id_accessors("r", **at)["data"]["keys"] == [made["secret_id_accessor"]]
guest = hvac.Client(url=os.environ["BAO_ADDR"])
auth = guest.auth.approle.login("chosen-role-id", made["secret_id"], **at)["auth"]
assert auth["metadata"] == {"role_name": "r", "team": "a"} and auth["orphan"], auth
approle.destroy_secret_id_accessor("r", made["secret_id_accessor"], **at)
raises(hvac.exceptions.InvalidPath, lambda: approle.read_secret_id_accessor("r", made["secret_id_accessor"], **at))

approle.create_custom_secret_id("r", "chosen-secret-id", **at)
guest.auth.approle.login("chosen-role-id", "chosen-secret-id", **at)
approle.destroy_secret_id("r", "chosen-secret-id", **at)
error = raises(
    hvac.exceptions.InvalidRequest,
    lambda: guest.auth.approle.login("chosen-role-id", "chosen-secret-id", **at),
)
assert "invalid role or secret ID" in str(error), error
approle.delete_role("r", **at)
raises(hvac.exceptions.InvalidPath, lambda: approle.list_roles(**at))
client.sys.disable_auth_method("roles")
