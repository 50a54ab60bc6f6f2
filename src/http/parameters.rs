//! Fields that the roles and users of every login method share: `token_*`.

use std::time::Duration;

use ipnet::IpNet;

use super::reply::Stop;
use crate::identity::{TokenParametersUpdate, TokenType};
use crate::vault::VaultError;
use crate::wire::json::Body;

/// The `token_*` fields of a body.
pub fn token_parameters(body: &Body) -> Result<TokenParametersUpdate, Stop> {
    let token_type = match body.string("token_type")? {
        Some(text) => {
            Some(TokenType::parse(&text).map_err(|e| VaultError::invalid(e.to_string()))?)
        }
        None => None,
    };
    Ok(TokenParametersUpdate {
        ttl: seconds(body, "token_ttl")?,
        max_ttl: seconds(body, "token_max_ttl")?,
        explicit_max_ttl: seconds(body, "token_explicit_max_ttl")?,
        period: seconds(body, "token_period")?,
        policies: body.strings("token_policies")?,
        bound_cidrs: networks(body, "token_bound_cidrs")?,
        strictly_bind_ip: body.boolean("token_strictly_bind_ip")?,
        no_default_policy: body.boolean("token_no_default_policy")?,
        num_uses: number(body, "token_num_uses")?,
        token_type,
    })
}

pub fn seconds(body: &Body, name: &str) -> Result<Option<Duration>, Stop> {
    Ok(body.seconds(name)?.map(Duration::from_secs))
}

pub fn number(body: &Body, name: &str) -> Result<Option<u32>, Stop> {
    let Some(n) = body.int(name)? else { return Ok(None) };
    u32::try_from(n)
        .map(Some)
        .map_err(|_| Stop::Bad(VaultError::Invalid(format!("{name} cannot be negative"))))
}

/// Networks in CIDR form; a bare address is a network of one.
pub fn networks(body: &Body, name: &str) -> Result<Option<Vec<IpNet>>, Stop> {
    let Some(texts) = body.strings(name)? else { return Ok(None) };
    texts
        .iter()
        .map(|text| {
            let text = text.trim();
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
                .map(|net| net.trunc())
                .map_err(|_| {
                    Stop::Bad(VaultError::Invalid(format!(
                        "{name}: {:?} is not a CIDR block; write 10.0.0.0/8, or one address",
                        text.chars().take(64).collect::<String>()
                    )))
                })
        })
        .collect::<Result<Vec<_>, _>>()
        .map(Some)
}

pub fn network_texts(networks: &[IpNet]) -> Vec<String> {
    networks.iter().map(ToString::to_string).collect()
}
