"""hvac lists, switches off and switches on an audit sink called copy, whose file is given."""

import os
import sys

import hvac

client = hvac.Client(url=os.environ["BAO_ADDR"], token=os.environ["BAO_TOKEN"])
place = sys.argv[1]

listed = client.sys.list_enabled_audit_devices()["data"]
assert listed["copy/"]["type"] == "file", listed
client.sys.disable_audit_device("copy")
assert "copy/" not in client.sys.list_enabled_audit_devices()["data"]
client.sys.enable_audit_device("file", path="copy", options={"file_path": place})
assert "copy/" in client.sys.list_enabled_audit_devices()["data"]
try:
    client.sys.calculate_hash("copy", "x")
except hvac.exceptions.InvalidRequest as refusal:
    assert "no digests" in str(refusal), refusal
else:
    raise AssertionError("a hash was calculated")
