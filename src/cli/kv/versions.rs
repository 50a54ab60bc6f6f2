//! `kv rollback` and `kv diff`: one version beside another.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::json;

use super::mount::Place;
use super::{At, Body, gone};
use crate::cli::client::{Answer, Client, Object, text_of};
use crate::cli::error::CliError;
use crate::cli::output::cell;

#[derive(Debug, Args)]
pub struct Rollback {
    #[command(flatten)]
    at: At,
    /// The version whose data becomes the newest
    #[arg(long, value_name = "N")]
    version: u64,
}

#[derive(Debug, Args)]
pub struct Diff {
    #[command(flatten)]
    at: At,
    /// The older version [default: the one before --to]
    #[arg(long, value_name = "N")]
    from: Option<u64>,
    /// The newer version [default: the newest]
    #[arg(long, value_name = "N")]
    to: Option<u64>,
    /// Show the values too, not only which fields differ
    #[arg(long)]
    values: bool,
}

/// Writes an old version's data anew, if nobody wrote in between.
pub fn rollback(args: &Rollback) -> Result<(), CliError> {
    let (client, place) = args.at.open()?;
    let (client, wrap_ttl) = client.without_wrapping();
    let newest = newest(&args.at, &client, &place)?;
    let old = version(&args.at, &client, &place, args.version)?;
    let body = Body { data: &old, options: json!({ "cas": newest }) };
    let client = client.with_wrap_ttl(wrap_ttl);
    args.at.written(&client.put(&place.inner("data")?, &body)?.ok()?, &place)
}

pub fn diff(args: &Diff) -> Result<(), CliError> {
    let (client, place) = args.at.open()?;
    let (client, _) = client.without_wrapping();
    let to = match args.to {
        Some(to) => to,
        None => newest(&args.at, &client, &place)?,
    };
    let from = args.from.unwrap_or(to.saturating_sub(1));
    if from == 0 || to == 0 {
        return Err(CliError::usage("there is no version before the first; give --from and --to"));
    }
    let old = version(&args.at, &client, &place, from)?;
    let new = version(&args.at, &client, &place, to)?;
    let changes = changes(&old, &new);
    let lists = |change: &str| -> Vec<&String> {
        changes.iter().filter(|(c, _)| *c == change).map(|(_, key)| *key).collect()
    };
    let json = json!({
        "from": from, "to": to,
        "added": lists("added"), "removed": lists("removed"), "changed": lists("changed"),
    });
    let shown = |object: &Object, key: &String| object.get(key).map_or(String::new(), |v| cell(v));
    let rows = changes.iter().map(|(change, key)| {
        let mut row = vec![(*change).to_owned(), (*key).clone()];
        if args.values {
            row.extend([shown(&old, key), shown(&new, key)]);
        }
        row
    });
    let rows: Vec<_> = rows.collect();
    let (before, after) = (format!("Version {from}"), format!("Version {to}"));
    let head = ["Change", "Field", before.as_str(), after.as_str()];
    let head = if args.values { &head[..] } else { &head[..2] };
    args.at.output.rows(&json.to_string(), head, &rows)
}

/// What happened to each field that is not the same.
fn changes<'o>(old: &'o Object, new: &'o Object) -> Vec<(&'static str, &'o String)> {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    keys.into_iter()
        .filter_map(|key| match (old.get(key), new.get(key)) {
            (Some(before), Some(after)) if before.get() == after.get() => None,
            (Some(_), Some(_)) => Some(("changed", key)),
            (Some(_), None) => Some(("removed", key)),
            (None, _) => Some(("added", key)),
        })
        .collect()
}

fn newest(at: &At, client: &Client, place: &Place) -> Result<u64, CliError> {
    let answer = client.get(&place.inner("metadata")?, "")?;
    let answer = answer.found()?.ok_or_else(|| at.absent(client))?;
    number(&answer, "current_version")
}

fn number(answer: &Answer, name: &str) -> Result<u64, CliError> {
    let data = answer.require(&["data"])?;
    let number = data.get(name).and_then(|v| text_of(v).parse().ok());
    number.ok_or_else(|| CliError::Answer(format!("it has no {name:?}")))
}

fn version(at: &At, client: &Client, place: &Place, n: u64) -> Result<Object, CliError> {
    let answer = client.get(&place.inner("data")?, &format!("version={n}"))?;
    if answer.status == 404 {
        return Err(match gone(at, client, &answer) {
            CliError::Absent(_) if answer.object(&["data", "metadata"])?.is_none() => {
                CliError::Absent(format!(
                    "there is no version {n} of {}; strongroom kv metadata get shows those there are",
                    at.path
                ))
            }
            other => other,
        });
    }
    answer.ok()?.require(&["data", "data"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_a_change() {
        let object = |json: &str| -> Object { serde_json::from_str(json).unwrap() };
        let (old, new) = (object(r#"{"a":1,"b":2,"c":3}"#), object(r#"{"b":2,"c":"3","d":4}"#));
        let changes = changes(&old, &new);
        let seen: Vec<_> = changes.iter().map(|(change, key)| (*change, key.as_str())).collect();
        assert_eq!(seen, [("removed", "a"), ("changed", "c"), ("added", "d")]);
    }
}
