//! `token create|lookup|renew|revoke|capabilities`, and the roles that tokens are made by.

mod role;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::client::{Answer, Object};
use super::environment::Connection;
use super::error::CliError;
use super::input::{Input, named_values};
use super::output::Output;

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a child of the own token
    Create(Box<Create>),
    /// Show a token (the own one when none is named)
    Lookup(Chosen),
    /// Extend a token's life (the own one's when none is named)
    Renew(Renew),
    /// End a token and its children
    Revoke(Revoke),
    /// What a token may do at some paths (the own one when none is named)
    Capabilities(Capabilities),
    /// Rules that tokens are made by
    #[command(subcommand)]
    Role(role::RoleCommand),
}

#[derive(Debug, Args)]
pub struct Create {
    /// A policy of the new token; may be given several times
    #[arg(long = "policy", value_name = "NAME")]
    policies: Vec<String>,
    /// First life, such as 1h
    #[arg(long, value_name = "TTL")]
    ttl: Option<String>,
    /// The end that no renewal passes
    #[arg(long, value_name = "TTL")]
    explicit_max_ttl: Option<String>,
    /// Renewable without end, each time for this long
    #[arg(long, value_name = "TTL")]
    period: Option<String>,
    /// Uses after which the token ends; 0 is no limit
    #[arg(long, value_name = "N")]
    use_limit: Option<u64>,
    /// Shown in lookups and in the audit log
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Whether the token can be renewed
    #[arg(long, value_name = "BOOL")]
    renewable: Option<bool>,
    /// Without the policy "default"
    #[arg(long)]
    no_default_policy: bool,
    /// Not ended together with the own token
    #[arg(long, conflicts_with = "role")]
    orphan: bool,
    /// By the rules of a token role
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// Metadata, KEY=VALUE; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    metadata: Vec<String>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// Which token: the own one, another (by file or stdin), or one known by its accessor.
#[derive(Debug, Args)]
pub struct Chosen {
    /// Another token: @FILE, or - for stdin
    token: Option<String>,
    /// The token that has this accessor
    #[arg(long, value_name = "ACCESSOR", conflicts_with = "token")]
    accessor: Option<String>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub struct Renew {
    #[command(flatten)]
    chosen: Chosen,
    /// For how long, such as 1h; the server may grant less
    #[arg(long, value_name = "TTL")]
    increment: Option<String>,
}

#[derive(Debug, Args)]
pub struct Revoke {
    #[command(flatten)]
    chosen: Chosen,
    /// The own token
    #[arg(long = "self", conflicts_with_all = ["token", "accessor"])]
    own: bool,
    /// Leave the token's children alive
    #[arg(long, requires = "token")]
    orphan: bool,
}

#[derive(Debug, Args)]
pub struct Capabilities {
    /// Paths of the API, such as secret/data/app
    #[arg(required = true)]
    paths: Vec<String>,
    /// Another token: @FILE, - for stdin, ? to be asked
    #[arg(long, value_name = "SOURCE")]
    token: Option<String>,
    /// The token that has this accessor
    #[arg(long, value_name = "ACCESSOR", conflicts_with = "token")]
    accessor: Option<String>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

pub fn run(command: TokenCommand) -> Result<ExitCode, CliError> {
    match command {
        TokenCommand::Create(create) => {
            let client = create.connection.client()?;
            let answer = client.put(&create.path(), &create.body()?)?.ok()?;
            create.output.fields(&answer, granted(&answer, true)?)?;
        }
        TokenCommand::Lookup(chosen) => {
            let answer = chosen.call("lookup", Map::new())?;
            let mut fields = answer.require(&["data"])?;
            // The token itself is shown only where it is asked for.
            if !chosen.output.wants("id") {
                fields.remove("id");
            }
            chosen.output.fields(&answer, fields)?;
        }
        TokenCommand::Renew(Renew { chosen, increment }) => {
            let more = increment.map(|i| ("increment".to_owned(), i.into()));
            let answer = chosen.call("renew", more.into_iter().collect())?;
            chosen.output.fields(&answer, granted(&answer, false)?)?;
        }
        TokenCommand::Revoke(Revoke { chosen, own, orphan }) => {
            if !own && chosen.token.is_none() && chosen.accessor.is_none() {
                return Err(CliError::usage(
                    "say which token: --self, --accessor ACCESSOR, @FILE or - for stdin",
                ));
            }
            chosen.call(if orphan { "revoke-orphan" } else { "revoke" }, Map::new())?;
            chosen.output.done("Revoked")?;
        }
        TokenCommand::Capabilities(args) => args.show()?,
        TokenCommand::Role(command) => role::run(command)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What `auth` says, under the names that people know from other clients. The token itself is
/// shown only where it was just made.
pub fn granted(answer: &Answer, with_token: bool) -> Result<Object, CliError> {
    const NAMES: [(&str, &str); 8] = [
        ("client_token", "token"),
        ("accessor", "token_accessor"),
        ("lease_duration", "token_duration"),
        ("renewable", "token_renewable"),
        ("token_policies", "token_policies"),
        ("identity_policies", "identity_policies"),
        ("policies", "policies"),
        ("metadata", "token_meta"),
    ];
    let mut auth = answer.require(&["auth"])?;
    let shown = NAMES.iter().filter(|(from, _)| with_token || *from != "client_token");
    Ok(shown.filter_map(|(from, to)| auth.remove(*from).map(|v| ((*to).to_owned(), v))).collect())
}

impl Create {
    fn path(&self) -> String {
        match &self.role {
            Some(role) => format!("auth/token/create/{role}"),
            None if self.orphan => "auth/token/create-orphan".into(),
            None => "auth/token/create".into(),
        }
    }

    /// Only what was asked for: the server has its own defaults.
    fn body(&self) -> Result<Map<String, Value>, CliError> {
        let mut body = Map::new();
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(key.to_owned(), value);
            }
        };
        set("policies", (!self.policies.is_empty()).then(|| json!(self.policies)));
        set("ttl", self.ttl.clone().map(Value::from));
        set("explicit_max_ttl", self.explicit_max_ttl.clone().map(Value::from));
        set("period", self.period.clone().map(Value::from));
        set("num_uses", self.use_limit.map(Value::from));
        set("display_name", self.display_name.clone().map(Value::from));
        set("renewable", self.renewable.map(Value::from));
        set("no_default_policy", self.no_default_policy.then_some(true.into()));
        if !self.metadata.is_empty() {
            set("meta", Some(named_values("--metadata", &self.metadata)?.into()));
        }
        Ok(body)
    }
}

impl Capabilities {
    fn show(&self) -> Result<(), CliError> {
        let mut body = json!({ "paths": self.paths });
        let path = if let Some(accessor) = &self.accessor {
            body["accessor"] = accessor.as_str().into();
            "sys/capabilities-accessor"
        } else if let Some(source) = &self.token {
            // Into the body, which is where the server looks for it.
            body["token"] = Input::new().proof(Some(source), "Token")?.expose().into();
            "sys/capabilities"
        } else {
            "sys/capabilities-self"
        };
        let answer = self.connection.client()?.put(path, &body)?.ok()?;
        let data = answer.require(&["data"])?;
        let rows = self.paths.iter().filter_map(|path| {
            let words: Vec<String> = serde_json::from_str(data.get(path)?.get()).ok()?;
            Some(vec![path.clone(), words.join(", ")])
        });
        let rows: Vec<_> = rows.collect();
        self.output.rows(answer.body(), &["Path", "Capabilities"], &rows)
    }
}

impl Chosen {
    /// `verb`, `verb`-self or `verb`-accessor, with what names the token in the body.
    fn call(&self, verb: &str, mut body: Map<String, Value>) -> Result<Answer, CliError> {
        let client = self.connection.client()?;
        let answer = if let Some(accessor) = &self.accessor {
            body.insert("accessor".into(), accessor.as_str().into());
            client.put(&format!("auth/token/{verb}-accessor"), &body)?
        } else if let Some(source) = &self.token {
            // Into the body, which is where the server looks for it.
            body.insert("token".into(), Input::new().line(source)?.expose().into());
            client.put(&format!("auth/token/{verb}"), &body)?
        } else if verb == "lookup" {
            client.get("auth/token/lookup-self", "")?
        } else {
            client.put(&format!("auth/token/{verb}-self"), &body)?
        };
        answer.ok()
    }
}
