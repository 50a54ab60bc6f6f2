"""AppRole login with hvac: role id and secret id are the arguments."""
import os
import sys

import hvac

client = hvac.Client(url=os.environ["BAO_ADDR"])
role_id, secret_id = sys.argv[1:]
auth = client.auth.approle.login(role_id, secret_id)["auth"]
assert auth["lease_duration"] == 300 and auth["renewable"], auth
assert client.is_authenticated()
assert client.lookup_token()["data"]["path"] == "auth/approle/login"
client.auth.token.renew_self()
client.logout(revoke_token=True)

try:
    hvac.Client(url=os.environ["BAO_ADDR"]).auth.approle.login(role_id, "wrong")
    raise AssertionError("a wrong secret id logs in")
except hvac.exceptions.InvalidRequest as error:
    assert "invalid role or secret ID" in str(error), error
