//! `login`: exchanges a proof for a token and keeps it in the token file.

use std::process::ExitCode;

use clap::Args;

use super::client::{Answer, Object, text_of};
use super::environment::{self, Connection};
use super::error::CliError;
use super::input::{Input, json_text};
use super::output::Output;
use super::{prompt, token};
use crate::sensitive::SecretText;

/// Without a method: asks for a token and checks it.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// Login method: token, approle, userpass, jwt, …
    #[arg(long, default_value = "token")]
    method: String,
    /// Where the method is mounted [default: the method's name]
    #[arg(long, value_name = "MOUNT")]
    path: Option<String>,
    /// Do not keep the token; print it
    #[arg(long)]
    no_store: bool,
    /// The proof as KEY=VALUE, KEY=@FILE or KEY=- (approle: role_id, secret_id; userpass:
    /// password, and the user's name alone or as username); - alone reads a token from stdin. What
    /// is secret and missing is asked for
    #[arg(value_name = "KEY=VALUE")]
    proof: Vec<String>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

pub fn run(args: LoginArgs) -> Result<ExitCode, CliError> {
    if args.method == "token" {
        by_token(&args)?
    } else {
        by_proof(&args)?
    }
    Ok(ExitCode::SUCCESS)
}

fn by_token(args: &LoginArgs) -> Result<(), CliError> {
    let token = match args.proof.as_slice() {
        [] => prompt::secret("Token")?,
        [source] if source == "-" || source.starts_with('@') => Input::new().line(source)?,
        [pair] if pair.starts_with("token=") => Input::new().line(&pair["token=".len()..])?,
        _ => {
            return Err(CliError::usage(
                "login by token takes no arguments but - (stdin), @FILE or token=@FILE; \
                 it asks for the token",
            ));
        }
    };
    let copy = SecretText::new(token.expose().to_owned());
    let answer = args.connection.anonymous()?.with_token(Some(copy));
    let answer = answer.get("auth/token/lookup-self", "")?.ok()?;
    let mut fields = answer.require(&["data"])?;
    fields.remove("id");
    keep(args, &answer, fields, &token)
}

fn by_proof(args: &LoginArgs) -> Result<(), CliError> {
    let mut proof = args.proof()?;
    let mount = args.path.as_deref().unwrap_or(&args.method).trim_matches('/');
    let mut path = format!("auth/{mount}/login");
    // The path says it; said twice, every login would come with the server's warning about it.
    if args.method == "userpass"
        && let Some(user) = proof.remove("username")
    {
        path = format!("{path}/{}", text_of(&user));
    }
    let answer = args.connection.anonymous()?.put(&path, &proof)?.ok()?;
    let auth = answer.require(&["auth"])?;
    let token = auth.get("client_token").map(|token| SecretText::new(text_of(token)));
    let token = token.ok_or_else(|| CliError::Answer("it has no token".into()))?;
    keep(args, &answer, token::granted(&answer, false)?, &token)
}

/// Stores the token, unless told not to, and prints the rest. `--field token` prints it too.
fn keep(
    args: &LoginArgs,
    answer: &Answer,
    mut fields: Object,
    token: &SecretText,
) -> Result<(), CliError> {
    if !args.no_store {
        let path = environment::token_file().ok_or_else(|| {
            CliError::usage("there is no home directory to keep the token in; use --no-store")
        })?;
        environment::store_token(&path, token)?;
        // Both win over what was stored; TOKEN over TOKEN_FILE.
        let winner = ["TOKEN", "TOKEN_FILE"];
        if winner.into_iter().any(|name| environment::variable(name).is_some()) {
            eprintln!(
                "Warning: the environment names a token too, which wins over the stored one: unset \
                 STRONGROOM_TOKEN and STRONGROOM_TOKEN_FILE (BAO_…, VAULT_…)."
            );
        }
    }
    if args.no_store || args.output.wants("token") {
        fields.insert("token".into(), json_text(token.expose()));
    }
    args.output.fields(answer, fields)
}

impl LoginArgs {
    /// The pairs, without the line breaks that end files, and with the secret part asked for.
    fn proof(&self) -> Result<Object, CliError> {
        let mut proof = self.proof.clone();
        // `login --method userpass bob`: a word alone is the user's name.
        if let Some(first) = proof.first_mut().filter(|_| self.method == "userpass")
            && !first.contains(['=', '@'])
            && first != "-"
        {
            first.insert_str(0, "username=");
        }
        let pairs = Input::new().pairs(&proof)?;
        let mut proof: Object = pairs
            .into_iter()
            .map(|(key, value)| match serde_json::from_str::<String>(value.get()) {
                Ok(text) => (key, json_text(text.trim_end_matches(['\r', '\n']))),
                Err(_) => (key, value),
            })
            .collect();
        let (public, secret, question) = match self.method.as_str() {
            "approle" => ("role_id", "secret_id", "Secret ID"),
            "userpass" => ("username", "password", "Password"),
            _ => return Ok(proof),
        };
        if !proof.contains_key(public) {
            return Err(CliError::usage(format!("give {public}=…")));
        }
        if public == "username" && proof.get(public).is_some_and(|n| text_of(n).contains('/')) {
            return Err(CliError::usage("a user's name has no slashes"));
        }
        if !proof.contains_key(secret) {
            proof.insert(secret.into(), json_text(prompt::secret(question)?.expose()));
        }
        Ok(proof)
    }
}
