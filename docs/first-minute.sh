#!/usr/bin/env bash
# A service's first minute, and its last second. Runs in the tests, so it is true.
#
#   strongroom dev --data .dev &
#   BAO_ADDR=http://127.0.0.1:8200 BAO_TOKEN=$(cat .dev/root-token) docs/first-minute.sh
#
# STRONGROOM names the program when it is not on the PATH.
set -euo pipefail
strongroom=${STRONGROOM:-strongroom}
# These would win over the BAO_ variables, and with them one token over another.
unset STRONGROOM_ADDR STRONGROOM_TOKEN STRONGROOM_TOKEN_FILE
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# api METHOD PATH TOKEN [JSON]: prints the body, then the status on a line of its own. The token goes
# through a file descriptor: arguments are visible to other processes.
api() {
  curl -sS -X "$1" -H @<(printf 'X-Vault-Token: %s\n' "$3") ${4+-d "$4"} \
    -w '\n%{http_code}\n' "$BAO_ADDR/v1/$2"
}

# Once for a vault: the operator enables the login method.
api GET sys/auth "$BAO_TOKEN" > "$work/methods"
grep -q '"approle/"' "$work/methods" ||
  api POST sys/auth/approle "$BAO_TOKEN" '{"type":"approle"}' | grep -qx 204

# The operator writes a secret, a policy, and a role for the service.
"$strongroom" kv put secret/shop/db user=shop password=correct-horse
"$strongroom" policy write shop - <<'POLICY'
path "secret/data/shop/*" { capabilities = ["read"] }
POLICY
api POST auth/approle/role/shop "$BAO_TOKEN" \
  '{"token_policies":["shop"],"token_ttl":"5m","token_max_ttl":"1h"}' | grep -qx 204
api GET auth/approle/role/shop/role-id "$BAO_TOKEN" |
  sed -n 's/.*"role_id":"\([^"]*\)".*/\1/p' > "$work/role-id"
(umask 077 && api POST auth/approle/role/shop/secret-id "$BAO_TOKEN" '{}' |
  sed -n 's/.*"secret_id":"\([^"]*\)".*/\1/p' > "$work/secret-id")
operator=$BAO_TOKEN

# The service logs in with what it was given...
unset BAO_TOKEN
token=$("$strongroom" login --method approle --no-store --field token \
  "role_id=@$work/role-id" "secret_id=@$work/secret-id")
export BAO_TOKEN=$token

# ...reads its secret, and only that...
test "$("$strongroom" kv get --field password secret/shop/db)" = correct-horse
if "$strongroom" kv get secret/other 2> "$work/denied"; then echo "read too much" >&2; exit 1; fi
grep -q 'permission denied' "$work/denied"

# ...and renews its lease while it runs.
"$strongroom" token renew --increment 5m

# The operator revokes it: from the next request on, the service gets a 403.
printf '%s' "$token" | BAO_TOKEN=$operator "$strongroom" token revoke -
api GET secret/data/shop/db "$token" | grep -qx 403
echo "the service got what it may, and nothing after it was revoked"
