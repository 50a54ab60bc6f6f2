//! `sys/tools`: random bytes and digests, for those who have no good source of their own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::reply::{Outcome, Reply, Stop, settle};
use super::request::Ctx;
use crate::limits::{TOOLS_HSM_RANDOM_BYTES_MAX, TOOLS_RANDOM_BYTES_END};
use crate::sensitive::SecretBytes;
use crate::vault::{Entropy, VaultError};
use crate::wire::envelope::Envelope;

const BYTES_DEFAULT: i64 = 32;

/// `random`, `random/:bytes`, `random/:source`, `random/:source/:bytes`.
pub async fn random(ctx: &Ctx) -> Outcome {
    let (first, second) = (ctx.capture(0), ctx.capture(1));
    let named = |text: &str| -> Result<Option<Entropy>, Stop> {
        match text {
            "platform" => Ok(Some(Entropy::Platform)),
            "seal" => Ok(Some(Entropy::Hsm)),
            "all" => Ok(Some(Entropy::Both)),
            _ => Ok(None),
        }
    };
    let (source, count) = match (named(first)?, second) {
        _ if first.is_empty() => (Entropy::Platform, None),
        (Some(source), "") => (source, None),
        (Some(source), count) => (source, Some(count)),
        (None, "") => (Entropy::Platform, Some(first)),
        (None, _) => {
            return Err(bad(format!(
                "unsupported entropy source {first:?}; must be \"platform\" or \"seal\", or \"all\""
            )));
        }
    };
    let count = match count {
        Some(text) => text.parse().map_err(|_| {
            bad(format!(
                "error parsing url-set byte count: strconv.Atoi: parsing {text:?}: invalid syntax"
            ))
        })?,
        None => ctx.body.int("bytes")?.unwrap_or(BYTES_DEFAULT),
    };
    if count < 1 {
        return Err(bad("'bytes' cannot be less than 1"));
    }
    if count >= TOOLS_RANDOM_BYTES_END {
        return Err(bad(format!("'bytes' should be less than {TOOLS_RANDOM_BYTES_END}")));
    }
    let count = usize::try_from(count).unwrap_or(0);
    if source != Entropy::Platform && count > TOOLS_HSM_RANDOM_BYTES_MAX {
        return Err(bad(format!(
            "the HSM gives at most {TOOLS_HSM_RANDOM_BYTES_MAX} bytes at a time; ask for fewer"
        )));
    }
    let encoding = encoding(ctx, "base64", |format| format!("{format:?}"))?;
    let answer = ctx.vault.random_bytes(&ctx.caller, ctx.ask(), source, count).await;
    let bytes: SecretBytes = settle(answer)?;
    let shape = json!({ "random_bytes": encoding(bytes.expose()) });
    let warnings = ctx.body.warnings(&["bytes", "format", "source", "urlbytes"], &[]);
    Ok(Reply::envelope(&Envelope::new(&ctx.caller.request_id).shape(&shape).warn(warnings)))
}

/// `hash`, `hash/:algorithm`.
pub async fn hash(ctx: &Ctx) -> Outcome {
    let named = ctx.body.string("algorithm")?.filter(|name| !name.is_empty());
    let algorithm = match ctx.capture(0) {
        "" => named.unwrap_or_else(|| "sha2-256".into()),
        captured => captured.to_owned(),
    };
    let input = ctx.body.secret("input")?;
    let encoding = encoding(ctx, "hex", str::to_owned)?;
    let input = STANDARD.decode(input.as_ref().map_or("", |i| i.expose())).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _)
            | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            base64::DecodeError::InvalidLength(at) => at,
            base64::DecodeError::InvalidPadding => 0,
        };
        bad(format!("unable to decode input as base64: illegal base64 data at input byte {at}"))
    })?;
    let input = SecretBytes::new(input);
    let digest = digest(&algorithm, input.expose())
        .ok_or_else(|| bad(format!("unsupported algorithm {}", shown(&algorithm))))?;
    let sum = encoding(&digest);
    settle(ctx.vault.operate(&ctx.caller, ctx.ask(), |_| Ok(())).await)?;
    let warnings = ctx.body.warnings(&["algorithm", "format", "input", "urlalgorithm"], &[]);
    let shape = json!({ "sum": sum });
    Ok(Reply::envelope(&Envelope::new(&ctx.caller.request_id).shape(&shape).warn(warnings)))
}

fn digest(algorithm: &str, input: &[u8]) -> Option<Vec<u8>> {
    use aws_lc_rs::digest;
    let algorithm = match algorithm {
        "sha2-224" => &digest::SHA224,
        "sha2-256" => &digest::SHA256,
        "sha2-384" => &digest::SHA384,
        "sha2-512" => &digest::SHA512,
        "sha3-256" => &digest::SHA3_256,
        "sha3-384" => &digest::SHA3_384,
        "sha3-512" => &digest::SHA3_512,
        _ => return None,
    };
    Some(digest::digest(algorithm, input).as_ref().to_vec())
}

/// How the answer is written; `shown` words an unknown format.
fn encoding(
    ctx: &Ctx,
    default: &str,
    shown_format: impl Fn(&str) -> String,
) -> Result<fn(&[u8]) -> String, Stop> {
    let format = ctx.body.string("format")?.unwrap_or_else(|| default.to_owned());
    match format.as_str() {
        "hex" => Ok(|bytes| hex::encode(bytes)),
        "base64" => Ok(|bytes| STANDARD.encode(bytes)),
        other => Err(bad(format!(
            "unsupported encoding format {}; must be \"hex\" or \"base64\"",
            shown_format(&shown(other))
        ))),
    }
}

/// A word of the request, short enough for an error.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

fn bad(text: impl Into<String>) -> Stop {
    Stop::Bad(VaultError::invalid(text))
}
