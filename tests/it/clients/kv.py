"""A secret through all verbs of hvac's KV version 2."""
import os

import hvac

client = hvac.Client(url=os.environ["BAO_ADDR"], token=os.environ["BAO_TOKEN"])
kv = client.secrets.kv.v2


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


assert client.is_authenticated()
assert client.sys.read_health_status(method="GET")["sealed"] is False
assert client.sys.is_initialized() and not client.sys.is_sealed()

assert kv.create_or_update_secret("h/a", {"k": "v1", "o": 1}, cas=0)["data"]["version"] == 1
error = raises(hvac.exceptions.InvalidRequest, lambda: kv.create_or_update_secret("h/a", {}, cas=0))
assert "check-and-set parameter did not match" in str(error), error
assert kv.patch("h/a", {"k": "v2"})["data"]["version"] == 2
read = kv.read_secret_version("h/a", raise_on_deleted_version=True)
assert read["data"]["data"] == {"k": "v2", "o": 1}, read
assert kv.read_secret_version("h/a", version=1, raise_on_deleted_version=True)["data"]["data"]["k"] == "v1"
assert kv.list_secrets("h")["data"]["keys"] == ["a"]

kv.delete_latest_version_of_secret("h/a")
raises(hvac.exceptions.InvalidPath, lambda: kv.read_secret_version("h/a", raise_on_deleted_version=True))
deleted = kv.read_secret_version("h/a", raise_on_deleted_version=False)
assert deleted["data"]["data"] is None and deleted["data"]["metadata"]["deletion_time"], deleted
kv.undelete_secret_versions("h/a", [2])
kv.destroy_secret_versions("h/a", [1])
kv.update_metadata("h/a", max_versions=5, custom_metadata={"owner": "h"})
metadata = kv.read_secret_metadata("h/a")["data"]
assert metadata["versions"]["1"]["destroyed"] and metadata["custom_metadata"] == {"owner": "h"}, metadata
kv.delete_metadata_and_all_versions("h/a")
raises(hvac.exceptions.InvalidPath, lambda: kv.list_secrets("h"))

kv.configure(max_versions=4, delete_version_after="2h")
configuration = kv.read_configuration()["data"]
assert (configuration["max_versions"], configuration["delete_version_after"]) == (4, "2h0m0s"), configuration
kv.configure(max_versions=0, delete_version_after="0s", cas_required=True)
raises(hvac.exceptions.InvalidRequest, lambda: kv.create_or_update_secret("h/b", {"k": 1}))
kv.create_or_update_secret("h/b", {"k": 1}, cas=0)
kv.configure(cas_required=False)
kv.create_or_update_secret("h/b", {"k": 2})
kv.delete_secret_versions("h/b", [1, 2])
raises(hvac.exceptions.InvalidPath, lambda: kv.read_secret("h/b", raise_on_deleted_version=True))
kv.undelete_secret_versions("h/b", [2])
assert kv.read_secret("h/b", raise_on_deleted_version=True)["data"]["data"] == {"k": 2}

client.write_data("secret/data/plain", data={"data": {"k": "v"}})
assert client.read("secret/data/plain")["data"]["data"] == {"k": "v"}
assert "plain" in client.list("secret/metadata")["data"]["keys"]
client.delete("secret/metadata/plain")
assert client.read("secret/data/plain") is None
