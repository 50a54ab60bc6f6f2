//! What a lease says about itself, in JSON. No secret value is ever in one.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Accessor;

/// The incarnation of a vault: random, redrawn at init, restore and accepted rollback. In JSON 32
/// lowercase hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Incarnation(pub [u8; 16]);

impl Serialize for Incarnation {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            s.collect_str(&hex::encode(self.0))
        } else {
            self.0.serialize(s)
        }
    }
}

impl<'de> Deserialize<'de> for Incarnation {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if !d.is_human_readable() {
            return <[u8; 16]>::deserialize(d).map(Self);
        }
        let mut out = [0; 16];
        hex::decode_to_slice(String::deserialize(d)?, &mut out)
            .map_err(|_| serde::de::Error::custom("invalid incarnation"))?;
        Ok(Self(out))
    }
}

/// The claims of a lease (RFC 7519 §4). Times are whole seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    pub iss: String,
    /// The cluster.
    pub aud: String,
    /// The entity id, of the root of the lineage; empty where there is no entity.
    pub sub: String,
    pub jti: Accessor,
    pub iat: u64,
    /// `iat` − 60 s, for skewed clocks.
    pub nbf: u64,
    /// The hard end; the soft end stands in the row.
    pub exp: u64,
    /// Namespace path; empty is the root namespace.
    pub ns: String,
    /// Policies of the lease itself; those of entity and groups resolve per request.
    pub pol: Vec<String>,
    /// Narrowings, all of which must permit a request; empty narrows nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scp: Vec<Narrowing>,
    /// Id of the login method's mount, of the root of the lineage.
    pub mth: String,
    /// Role logged in with, of the root of the lineage; may be empty.
    pub role: String,
    /// Path of the request that created the lease.
    pub pth: String,
    pub inc: Incarnation,
    /// Store revision at which the decision of the root's login was read.
    pub rev: u64,
    /// Accessors of the ancestors, nearest first (at most `limits::LEASE_ANCESTORS_MAX`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anc: Vec<Accessor>,
    #[serde(default, skip_serializing_if = "Lineage::is_empty")]
    pub lin: Lineage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

impl Claims {
    /// Whether every narrowing permits `operation` on the canonical `path` from `client`. Policies
    /// decide besides.
    pub fn permits(&self, path: &str, operation: &str, client: Option<IpAddr>) -> bool {
        self.scp.iter().all(|n| n.permits(path, operation, client))
    }
}

/// What ancestors had and this lease has not: whatever revokes an ancestor by its policy or path
/// must reach its descendants (P13).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lineage {
    pub pol: Vec<String>,
    pub pth: Vec<String>,
}

impl Lineage {
    pub fn is_empty(&self) -> bool {
        self.pol.is_empty() && self.pth.is_empty()
    }
}

/// One narrowing: paths × operations × networks. An empty list narrows nothing in its dimension.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Narrowing {
    /// Exact canonical paths, or prefixes that end in `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Names of operations, lowercase (`read`, `list`, …).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ops: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cidrs: Vec<IpNet>,
}

impl Narrowing {
    fn permits(&self, path: &str, operation: &str, client: Option<IpAddr>) -> bool {
        let path_fits = self.paths.is_empty()
            || self.paths.iter().any(|p| match p.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix),
                None => path == p,
            });
        let operation_fits = self.ops.is_empty() || self.ops.iter().any(|o| o == operation);
        path_fits && operation_fits && admits(&self.cidrs, client)
    }
}

/// Whether what is bound to `networks` may be used from `client`. An empty list binds nothing; a
/// non-empty one needs a known address. IPv4 in IPv6 counts as IPv4.
pub fn admits(networks: &[IpNet], client: Option<IpAddr>) -> bool {
    networks.is_empty()
        || client
            .map(|address| address.to_canonical())
            .is_some_and(|address| networks.iter().any(|network| network.contains(&address)))
}

/// Proof of possession by client certificate (RFC 8705 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// SHA-256 of the certificate's DER; in JSON `{"x5t#S256": base64url}`.
    pub certificate: [u8; 32],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfirmationJson {
    #[serde(rename = "x5t#S256")]
    thumbprint: String,
}

impl Serialize for Confirmation {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        ConfirmationJson { thumbprint: super::keys::encode(&self.certificate) }.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Confirmation {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let json = ConfirmationJson::deserialize(d)?;
        let certificate = super::keys::decode(&json.thumbprint)
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or_else(|| serde::de::Error::custom("invalid x5t#S256"))?;
        Ok(Self { certificate })
    }
}
