"""Userpass with hvac: users written, read, listed, changed, deleted; login."""
import os

import hvac

url = os.environ["BAO_ADDR"]
admin = hvac.Client(url=url, token=os.environ["BAO_TOKEN"])
admin.sys.enable_auth_method("userpass", path="hv")
users = admin.auth.userpass
users.create_or_update_user("Ann", password="one", policies="p1", mount_point="hv")
assert users.list_user(mount_point="hv")["data"]["keys"] == ["ann"]
data = users.read_user("ann", mount_point="hv")["data"]
assert data["token_policies"] == data["policies"] == ["p1"], data

client = hvac.Client(url=url)
auth = client.auth.userpass.login("ann", "one", mount_point="hv")["auth"]
assert auth["metadata"] == {"username": "ann"} and auth["renewable"], auth
assert client.lookup_token()["data"]["display_name"] == "hv-ann"
client.auth.token.renew_self()

users.update_password_on_user("ann", password="two", mount_point="hv")
try:
    hvac.Client(url=url).auth.userpass.login("ann", "one", mount_point="hv")
    raise AssertionError("the old password logs in")
except hvac.exceptions.InvalidRequest as error:
    assert "invalid username or password" in str(error), error
hvac.Client(url=url).auth.userpass.login("ANN", "two", mount_point="hv")
users.delete_user("ann", mount_point="hv")
assert client.is_authenticated()
