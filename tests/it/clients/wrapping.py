"""Wraps and unwraps with hvac: what orchestrators and applications do with it."""

import os
import sys

import hvac

client = hvac.Client(url=os.environ["BAO_ADDR"], token=os.environ["BAO_TOKEN"])
role_id = sys.argv[1]

# A wrapped secret id, handed to an application that has nothing else.
made = client.auth.approle.generate_secret_id("hvac", wrap_ttl="60s")
info = made["wrap_info"]
assert made["data"] is None and info["ttl"] == 60, made
assert info["creation_path"] == "auth/approle/role/hvac/secret-id", info
application = hvac.Client(url=os.environ["BAO_ADDR"], token=info["token"])
secret_id = application.sys.unwrap()["data"]
assert secret_id["secret_id_accessor"] == info["wrapped_accessor"], (secret_id, info)
application.auth.approle.login(role_id=role_id, secret_id=secret_id["secret_id"])
assert application.is_authenticated()
try:
    application.sys.unwrap(info["token"])
    raise SystemExit("unwrapped twice")
except hvac.exceptions.InvalidRequest as error:
    assert "wrapping token is not valid or does not exist" in str(error), error

# Any data, wrapped by one client and unwrapped by another.
wrapped = client.sys.wrap(payload={"a": 1, "b": {"c": [1, 2]}}, ttl=120)
token = wrapped["wrap_info"]["token"]
assert application.sys.unwrap(token)["data"] == {"a": 1, "b": {"c": [1, 2]}}

# A wrapped token.
wrapped = client.auth.token.create(policies=["default"], wrap_ttl="30s")
inner = hvac.Client(url=os.environ["BAO_ADDR"], token=wrapped["wrap_info"]["token"])
auth = inner.sys.unwrap()["auth"]
assert auth["accessor"] == wrapped["wrap_info"]["wrapped_accessor"], auth
