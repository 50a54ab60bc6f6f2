//! The command line: what is typed, and the commands that speak HTTP like any other client.
//!
//! Exit codes: `topics`. A usage error of `audit` is 3, where 1 and 2 are verdicts.
//! Not here: `server`, `dev`, `hsm` and `audit`, whose work other modules do; they are parsed here
//! and run by `main`.
//!
//! * `client`: HTTP over TCP or a Unix socket
//! * `environment`: address and token from flags, environment and the token file
//! * `input`: `k=v` pairs, `@file`, stdin, prompts
//! * `output`: tables, JSON, YAML, one field, colour
//! * `error`: what went wrong and what to do, with its exit code
//! * `complete`: completion in the shell; `nearest`: did you mean
//! * `examples`, `topics`, `manual`: what help says, and docs/CLI.md made from it
//! * one file per group of commands: `api` (read, write, patch, list, delete), `approle`, `audit`,
//!   `identity` (entity, group), `kv`, `lease`, `login`, `mount` (mount, auth), `operator`, `policy`,
//!   `token`, `userpass`, `wrapping` (wrap, unwrap)

mod api;
mod approle;
pub mod audit;
pub mod client;
mod complete;
mod environment;
mod error;
mod examples;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod identity;
mod input;
mod kv;
mod lease;
mod login;
mod manual;
mod mount;
mod nearest;
mod operator;
mod output;
mod policy;
mod prompt;
mod token;
mod topics;
mod userpass;
mod wrapping;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use audit::AuditCommand;
pub use error::CliError;
use output::Output;
pub use output::print;

/// A secrets vault whose root of trust is an HSM.
#[derive(Debug, Parser)]
#[command(name = "strongroom", version, arg_required_else_help = true, after_help = topics::SHORT)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// What was asked for; `main` dispatches it.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one in a process")]
pub enum Command {
    /// Run the server
    Server(ServerArgs),
    /// Run a server for development: makes a software token, initialises, logs in
    Dev(DevArgs),
    /// Look at the HSM without a running server
    #[command(subcommand)]
    Hsm(HsmCommand),
    /// Verify, prove and search an audit log without a running server; the sinks of one
    #[command(subcommand)]
    Audit(AuditCommand),
    #[command(flatten)]
    Remote(Remote),
}

#[derive(Debug, Args)]
pub struct ServerArgs {
    /// The configuration; config/strongroom.toml explains every key
    #[arg(long, env = "STRONGROOM_CONFIG", value_name = "FILE")]
    pub config: PathBuf,
    /// Set by `dev`: prepare the vault and write its root lease here before listening
    #[arg(long, hide = true, value_name = "FILE")]
    pub dev_root_token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct DevArgs {
    /// Where to listen; port 0 lets the operating system choose
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8200")]
    pub listen: SocketAddr,
    /// Directory of the token, the data and the written configuration
    #[arg(long, value_name = "DIR", default_value = ".dev")]
    pub data: PathBuf,
    /// Listen with TLS: makes an authority and a certificate in the data directory
    #[arg(long)]
    pub tls: bool,
    /// Where the root token is written [default: root-token in the data directory]
    #[arg(long, value_name = "FILE")]
    pub root_token_file: Option<PathBuf>,
}

impl DevArgs {
    pub fn root_token_path(&self) -> PathBuf {
        self.root_token_file.clone().unwrap_or_else(|| self.data.join("root-token"))
    }
}

#[derive(Debug, Subcommand)]
pub enum HsmCommand {
    /// Explain what stands between this configuration and its HSM
    Doctor(ServerArgs),
    /// List slots, tokens and keys
    List(ServerArgs),
}

/// Commands that speak to a server over HTTP.
#[derive(Debug, Subcommand)]
pub enum Remote {
    /// Log in and keep the token in the token file
    Login(login::LoginArgs),
    /// Read and write versioned secrets
    #[command(subcommand)]
    Kv(kv::KvCommand),
    /// Look up, renew and revoke leases
    #[command(subcommand)]
    Lease(lease::LeaseCommand),
    /// Create, look up, renew and revoke tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Read and write policies
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Users who log in with a password
    #[command(subcommand)]
    Userpass(userpass::UserpassCommand),
    /// Roles and secret ids that services log in with
    #[command(subcommand, name = "approle")]
    AppRole(approle::AppRoleCommand),
    /// Secrets engines: where they are mounted
    #[command(subcommand, alias = "secrets")]
    Mount(mount::MountCommand),
    /// Login methods: where they are mounted
    #[command(subcommand)]
    Auth(mount::AuthCommand),
    /// Entities: callers, whatever they log in with
    #[command(subcommand)]
    Entity(identity::IdentityCommand),
    /// Groups of entities
    #[command(subcommand)]
    Group(identity::IdentityCommand),
    /// State of the server; initialise, seal and unseal it
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    /// Wrap values: print a token that gives them out once
    Wrap(wrapping::Wrap),
    /// Print what is wrapped; the wrapping token is used up
    Unwrap(wrapping::Unwrap),
    /// The same as operator status
    #[command(hide = true)]
    Status(operator::Where),
    /// Read any path of the API
    Read(api::Read),
    /// Write to any path of the API
    Write(api::Write),
    /// Change some fields at a path of the API (JSON merge patch)
    Patch(api::Write),
    /// List names below any path of the API
    List(api::At),
    /// Delete at any path of the API
    Delete(api::At),
    /// Print a script that completes commands and paths in a shell
    #[command(long_about = topics::COMPLETION)]
    Completion(complete::CompletionArgs),
    #[command(flatten)]
    Topic(topics::Topic),
}

/// Reads the arguments of this process. Help exits with 0; usage errors print and exit with 1, but
/// for `audit` with 3, where 1 would say that a log was tampered with.
pub fn parse() -> Result<Command, ExitCode> {
    let args = normalised(std::env::args_os());
    if complete::answered(&args) {
        return Err(ExitCode::SUCCESS);
    }
    let usage = usage_code(&args);
    let parsed = command_line().try_get_matches_from(args);
    let parsed = parsed.and_then(|matches| CommandLine::from_arg_matches(&matches));
    parsed.map(|line| line.command).map_err(|e| {
        // Where not even stderr takes the message, the exit code still says it.
        let _ = e.print();
        ExitCode::from(if e.use_stderr() { usage } else { 0 })
    })
}

/// All that can be typed, with its help.
fn command_line() -> clap::Command {
    manual::grouped(examples::added(CommandLine::command()))
}

fn usage_code(args: &[OsString]) -> u8 {
    if args.get(1).is_some_and(|command| command == "audit") { error::AUDIT } else { error::LOCAL }
}

/// Runs a command that speaks HTTP: prints, and says how it went.
pub fn run(command: Remote) -> ExitCode {
    let outcome = match command {
        Remote::Login(args) => login::run(args),
        Remote::Kv(command) => kv::run(command),
        Remote::Lease(command) => lease::run(command),
        Remote::Token(command) => token::run(command),
        Remote::Policy(command) => policy::run(command),
        Remote::Userpass(command) => userpass::run(command),
        Remote::AppRole(command) => approle::run(command),
        Remote::Mount(command) => mount::run(command),
        Remote::Auth(command) => mount::run_auth(command),
        Remote::Entity(command) => identity::run(command, "entity"),
        Remote::Group(command) => identity::run(command, "group"),
        Remote::Operator(command) => operator::run(command),
        Remote::Status(place) => operator::run(operator::OperatorCommand::Status(place)),
        Remote::Read(args) => api::read(&args),
        Remote::Write(args) => api::write(&args),
        Remote::Patch(args) => api::patch(&args),
        Remote::List(at) => api::list(&at),
        Remote::Delete(at) => api::delete(&at),
        Remote::Completion(args) => complete::run(&args),
        Remote::Topic(topic) => topics::run(&topic),
        Remote::Wrap(args) => wrapping::wrap(args),
        Remote::Unwrap(args) => wrapping::unwrap(args),
    };
    end(outcome)
}

/// Says what went wrong, where something did, and how it went.
pub fn end(outcome: Result<ExitCode, CliError>) -> ExitCode {
    let outcome = match outcome {
        Err(CliError::Wrapped(answer)) => wrapping::print(&answer, &output_asked()),
        other => other,
    };
    match outcome {
        Ok(code) => code,
        Err(e) => {
            eprintln!("{} {e}", output::style::error());
            e.exit_code()
        }
    }
}

/// The output flags of whichever command was typed.
fn output_asked() -> Output {
    let typed = CommandLine::command().try_get_matches_from(normalised(std::env::args_os()));
    let Ok(mut leaf) = typed else { return Output::default() };
    while let Some((_, next)) = leaf.remove_subcommand() {
        leaf = next;
    }
    match leaf.try_contains_id("format") {
        Ok(_) => Output::from_arg_matches(&leaf).unwrap_or_default(),
        Err(_) => Output::default(),
    }
}

/// Vault's users type `-field=x`: a single dash before a long name is taken as two.
fn normalised(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut after_separator = false;
    args.map(|arg| {
        after_separator |= arg == "--";
        match arg.to_str() {
            Some(text) if !after_separator && is_long_with_one_dash(text) => {
                format!("-{text}").into()
            }
            _ => arg,
        }
    })
    .collect()
}

fn is_long_with_one_dash(text: &str) -> bool {
    let name = text.strip_prefix('-').unwrap_or("").split('=').next().unwrap_or("");
    name.len() > 1 && name.starts_with(|c: char| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(args: &[&str]) -> Result<Command, clap::Error> {
        let args = std::iter::once("strongroom").chain(args.iter().copied());
        CommandLine::try_parse_from(normalised(args.map(OsString::from))).map(|line| line.command)
    }

    #[test]
    fn the_command_tree_is_consistent() {
        command_line().debug_assert();
    }

    #[test]
    fn a_single_dash_before_a_long_name_is_accepted_and_values_are_left_alone() {
        let args = ["kv", "-field=x", "--a", "-", "k=-", "-h", "--", "-field"];
        let wanted = ["kv", "--field=x", "--a", "-", "k=-", "-h", "--", "-field"];
        assert_eq!(normalised(args.iter().map(OsString::from)), wanted.map(OsString::from));
        assert!(matches!(
            command(&["kv", "get", "-field=a", "-version=2", "secret/x"]),
            Ok(Command::Remote(Remote::Kv(_)))
        ));
    }

    #[test]
    fn dev_puts_the_root_token_into_its_data_directory() {
        let Ok(Command::Dev(args)) = command(&["dev", "--data", "/d", "--listen", "127.0.0.1:0"])
        else {
            panic!("dev does not parse");
        };
        assert_eq!(args.root_token_path(), PathBuf::from("/d/root-token"));
    }

    #[test]
    fn a_usage_error_of_audit_is_not_taken_for_a_verdict() {
        assert_eq!(usage_code(&["strongroom", "audit", "x"].map(OsString::from)), 3);
        assert_eq!(usage_code(&["strongroom", "kv", "audit"].map(OsString::from)), 1);
    }

    #[test]
    fn the_server_needs_a_configuration() {
        assert!(command(&["server", "--config", "f"]).is_ok());
        assert!(command(&["hsm", "doctor", "--config", "f"]).is_ok());
        assert!(command(&["audit", "verify", "d", "--key", "k", "--anchor", "a"]).is_ok());
    }
}
