"""hvac's KV version 1, and its methods for mounts of both versions."""
import os

import hvac

client = hvac.Client(url=os.environ["BAO_ADDR"], token=os.environ["BAO_TOKEN"])
sys, kv = client.sys, client.secrets.kv.v1


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


sys.enable_secrets_engine("kv", path="one", options={"version": "1"}, description="first")
assert sys.list_mounted_secrets_engines()["data"]["one/"]["options"] == {"version": "1"}
assert sys.retrieve_mount_option("one", "version") == "1"
kv.create_or_update_secret("a/b", {"k": "v", "n": 1, "ttl": "90s"}, mount_point="one")
read = kv.read_secret("a/b", mount_point="one")
assert read["data"] == {"k": "v", "n": 1, "ttl": "90s"} and read["lease_duration"] == 90, read
kv.create_or_update_secret("a/b", {"k": "w"}, method="PUT", mount_point="one")
kv.create_or_update_secret("a/c/d", {"k": "x"}, method="POST", mount_point="one")
assert kv.read_secret("a/b", mount_point="one")["data"] == {"k": "w"}
assert kv.list_secrets("a", mount_point="one")["data"]["keys"] == ["b", "c/"]
raises(hvac.exceptions.InvalidRequest, lambda: kv.create_or_update_secret("a/b", {}, mount_point="one"))
kv.delete_secret("a/b", mount_point="one")
raises(hvac.exceptions.InvalidPath, lambda: kv.read_secret("a/b", mount_point="one"))

client.write_data("one/plain", data={"k": "v"})
assert client.read("one/plain")["data"] == {"k": "v"}
assert client.list("one")["data"]["keys"] == ["a/", "plain"]
client.delete("one/plain")
assert client.read("one/plain") is None

sys.move_backend("one", "moved/one")
assert kv.read_secret("a/c/d", mount_point="moved/one")["data"] == {"k": "x"}
sys.tune_mount_configuration("moved/one", description="second", audit_non_hmac_request_keys=["k"], listing_visibility="unauth")
tuned = sys.read_mount_configuration("moved/one")["data"]
assert (tuned["description"], tuned["audit_non_hmac_request_keys"], tuned["listing_visibility"]) == ("second", ["k"], "unauth"), tuned
sys.tune_mount_configuration("moved/one", options={"version": "2"})
versioned = client.secrets.kv.v2.read_secret("a/c/d", mount_point="moved/one", raise_on_deleted_version=True)
assert versioned["data"]["data"] == {"k": "x"} and versioned["data"]["metadata"]["version"] == 1, versioned
sys.disable_secrets_engine("moved/one")
assert "moved/one/" not in sys.list_mounted_secrets_engines()["data"]
