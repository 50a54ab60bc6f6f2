//! `policy write|read|list|delete|explain|fmt`.
//!
//! * `fmt`: files in their canonical spelling

mod fmt;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::client::text_of;
use super::environment::Connection;
use super::error::CliError;
use super::input::Input;
use super::output::{Output, harmless};
use crate::wire::explain::Explanation;

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Create or replace a policy
    Write(Write),
    /// Print a policy
    Read(Named),
    /// Names of all policies
    List(All),
    /// Remove a policy
    Delete(Named),
    /// Say why a request is allowed or denied
    Explain(Explain),
    /// Give policy files their canonical spelling
    Fmt(fmt::Fmt),
}

#[derive(Debug, Args)]
pub struct Write {
    #[command(flatten)]
    named: Named,
    /// File with the policy, or - for stdin
    file: String,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// Path of the request, as policies name it: secret/data/app
    path: String,
    /// create, read, update, patch, delete, list or scan
    #[arg(long, default_value = "read")]
    operation: String,
    /// The path asks for sudo besides, as those marked so in docs/API.md do
    #[arg(long)]
    sudo: bool,
    /// The request asks for its answer to be wrapped for so long: 5m
    #[arg(long, value_name = "DURATION")]
    wrapped_for: Option<String>,
    /// Accessor of the lease in question; your own lease without
    #[arg(long)]
    accessor: Option<String>,
    #[command(flatten)]
    all: All,
}

#[derive(Debug, Args)]
pub struct Named {
    name: String,
    #[command(flatten)]
    all: All,
}

#[derive(Debug, Args)]
pub struct All {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

pub fn run(command: PolicyCommand) -> Result<ExitCode, CliError> {
    match command {
        PolicyCommand::Write(Write { named, file }) => {
            let source =
                if file == "-" { file } else { format!("@{}", file.trim_start_matches('@')) };
            let policy = Input::new().text(&source)?;
            let body = json!({ "policy": policy.expose() });
            named.all.connection.client()?.put(&named.path()?, &body)?.ok()?;
            named.all.output.done(&format!("Wrote policy {}", named.name))?;
        }
        PolicyCommand::Read(named) => {
            let answer = named.all.connection.client()?.get(&named.path()?, "")?;
            let answer = answer.found()?.ok_or_else(|| {
                CliError::Absent(format!(
                    "there is no policy {:?}; strongroom policy list shows those there are",
                    named.name
                ))
            })?;
            let data = answer.require(&["data"])?;
            let text = data.get("policy").map(|policy| text_of(policy)).unwrap_or_default();
            named.all.output.document(&answer, &text)?;
        }
        PolicyCommand::List(all) => {
            let answer = all.connection.client()?.list("sys/policies/acl")?.ok()?;
            all.output.keys(&answer)?;
        }
        PolicyCommand::Delete(named) => {
            named.all.connection.client()?.delete(&named.path()?)?.ok()?;
            named.all.output.done(&format!("Deleted policy {}", named.name))?;
        }
        PolicyCommand::Fmt(files) => return fmt::run(&files),
        PolicyCommand::Explain(Explain { path, operation, sudo, wrapped_for, accessor, all }) => {
            let mut body = json!({ "path": path, "operation": operation });
            if sudo {
                body["sudo"] = true.into();
            }
            if let Some(wrapped_for) = wrapped_for {
                body["wrap_ttl"] = wrapped_for.into();
            }
            if let Some(accessor) = accessor {
                body["accessor"] = accessor.into();
            }
            let answer = all.connection.client()?.put("sys/policies/explain", &body)?.ok()?;
            let data = answer.require(&["data"])?;
            let data = serde_json::to_string(&data)
                .and_then(|text| serde_json::from_str::<Explanation>(&text))
                .map_err(|_| CliError::Answer("not an explanation".into()))?;
            all.output.document(&answer, &in_words(&data))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// For people: the sentence, the rules that fit with the deciding one marked, what would help.
fn in_words(explanation: &Explanation) -> String {
    let mut out = format!("{}\n", harmless(&explanation.explanation));
    if explanation.narrowed == Some(true) {
        out.push_str(
            "The lease itself is narrowed so that it can't do this, whatever policies say.\n",
        );
    }
    for name in &explanation.missing_policies {
        out.push_str(&format!("Policy {:?} of the lease does not exist.\n", harmless(name)));
    }
    if !explanation.rules.is_empty() {
        out.push_str("\nRules that fit, best first (* decides):\n");
    }
    for rule in &explanation.rules {
        let (mark, rights) = (if rule.decides { '*' } else { ' ' }, rule.capabilities.join(", "));
        let (path, policy) = (harmless(&rule.path), harmless(&rule.policy));
        out.push_str(&format!("{mark} {policy}:{}  {path:?}  {}\n", rule.line, harmless(&rights)));
    }
    if let Some(policy) = &explanation.permitting_policy {
        let lines: Vec<String> = policy.lines().map(harmless).collect();
        out.push_str(&format!("\nA policy with this would permit it:\n\n{}\n", lines.join("\n")));
    }
    out
}

impl Named {
    fn path(&self) -> Result<String, CliError> {
        if self.name.is_empty() || self.name.contains('/') {
            return Err(CliError::usage("the name of a policy is one word without slashes"));
        }
        Ok(format!("sys/policies/acl/{}", self.name))
    }
}
