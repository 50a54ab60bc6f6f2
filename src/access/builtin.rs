//! The texts of the built-in policies. `default` is what every lease has unless it declines; an
//! operator may edit it, and the built-in text counts until then. `response-wrapping` is what
//! wrapping tokens have, and nobody edits it.

/// What a lease may always do: manage itself and its own cubbyhole, use leases and wrapping
/// tokens it knows, ask what it may do. The rules are those that Vault's clients rely on.
pub const DEFAULT_POLICY_TEXT: &str = r#"# The lease itself
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}

# What it may do
path "sys/capabilities-self" {
  capabilities = ["update"]
}
path "sys/internal/ui/resultant-acl" {
  capabilities = ["read"]
}

# Who it is
path "identity/entity/id/{{identity.entity.id}}" {
  capabilities = ["read"]
}
path "identity/entity/name/{{identity.entity.name}}" {
  capabilities = ["read"]
}

# Leases of secrets, whose ids only their holder knows
path "sys/leases/renew" {
  capabilities = ["update"]
}
path "sys/renew" {
  capabilities = ["update"]
}
path "sys/leases/lookup" {
  capabilities = ["update"]
}

# Its own cubbyhole
path "cubbyhole/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

# Response wrapping
path "sys/wrapping/wrap" {
  capabilities = ["update"]
}
path "sys/wrapping/lookup" {
  capabilities = ["update"]
}
path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}

# Hashing of given input
path "sys/tools/hash" {
  capabilities = ["update"]
}
path "sys/tools/hash/*" {
  capabilities = ["update"]
}

# Sign-in with this vault as OpenID provider
path "identity/oidc/provider/+/authorize" {
  capabilities = ["read", "update"]
}
"#;

/// What a wrapping token may do: give out what it holds, once, by the endpoint of today or by the
/// old one; and be thrown away unread. The rules are those that Vault's clients rely on.
pub const WRAPPING_POLICY_TEXT: &str = r#"path "cubbyhole/response" {
  capabilities = ["read"]
}
path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
"#;
