//! Completion in the shell: the shell asks this program what could follow, and for names this program
//! asks the server with the caller's token, briefly, and keeps quiet when that fails. Names only:
//! nothing here reads a value.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory as _, ValueEnum};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use super::CommandLine;
use super::client::Client;
use super::environment::Connection;
use super::error::CliError;
use super::output;
use crate::limits;

/// Set by the shell's script; it holds the shell's name.
const VARIABLE: &str = "_STRONGROOM_COMPLETE";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// The shell that is to read it
    #[arg(value_enum)]
    shell: Shell,
}

impl Shell {
    fn completer(self) -> &'static dyn EnvCompleter {
        match self {
            Self::Bash => &Bash,
            Self::Zsh => &Zsh,
            Self::Fish => &Fish,
        }
    }
}

/// Prints the script that a shell reads at its start.
pub fn run(args: &CompletionArgs) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    let program = std::env::args_os().next().unwrap_or_default();
    // Called by its name, it is found by its name again; called by a path, by the whole path.
    let program = match std::path::Path::new(&program) {
        path if path.components().count() > 1 => std::path::absolute(path).unwrap_or_default(),
        path => path.to_owned(),
    };
    args.shell
        .completer()
        .write_registration(
            VARIABLE,
            "strongroom",
            "strongroom",
            &program.to_string_lossy(),
            &mut script,
        )
        .map_err(|source| CliError::Io { doing: "write the script", source })?;
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// Answers the shell, if it is the shell that asks.
pub fn answered(args: &[OsString]) -> bool {
    let Some(shell) = std::env::var_os(VARIABLE) else { return false };
    let words = args.iter().skip_while(|arg| *arg != "--").skip(1).cloned().collect();
    let completer = shell.to_str().and_then(|name| Shell::from_str(name, false).ok());
    if let Some(completer) = completer.map(Shell::completer) {
        let mut candidates = Vec::new();
        let mut commands = with_names(CommandLine::command());
        // An error is a shell that asked for nothing sensible: nothing is proposed.
        if completer.write_complete(&mut commands, words, None, &mut candidates).is_ok() {
            let _ = output::print(&String::from_utf8_lossy(&candidates));
        }
    }
    true
}

type Names = fn(&Client, &str) -> Vec<String>;

/// Which argument of which commands stands for a name that the server knows.
const KNOWN: [(&[&str], &str, Names); 19] = [
    (&["kv"], "path", kv_paths),
    (&["read"], "path", api_paths),
    (&["write"], "path", api_paths),
    (&["patch"], "path", api_paths),
    (&["list"], "path", api_paths),
    (&["delete"], "path", api_paths),
    (&["policy", "read"], "name", |client, _| keys(client, "sys/policies/acl")),
    (&["policy", "write"], "name", |client, _| keys(client, "sys/policies/acl")),
    (&["policy", "delete"], "name", |client, _| keys(client, "sys/policies/acl")),
    (&["mount", "disable"], "path", |client, _| mounts(client, "secret")),
    (&["mount", "tune"], "path", |client, _| mounts(client, "secret")),
    (&["mount", "move"], "path", |client, _| mounts(client, "secret")),
    (&["auth", "disable"], "path", |client, _| mounts(client, "auth")),
    (&["auth", "tune"], "path", |client, _| mounts(client, "auth")),
    (&["approle"], "role", |client, _| keys(client, "auth/approle/role")),
    (&["userpass"], "name", |client, _| keys(client, "auth/userpass/users")),
    (&["token", "role"], "role", |client, _| keys(client, "auth/token/roles")),
    (&["entity"], "name", |client, _| keys(client, "identity/entity/name")),
    (&["group"], "name", |client, _| keys(client, "identity/group/name")),
];

fn with_names(command: Command) -> Command {
    KNOWN.iter().fold(command, |command, (path, argument, names)| {
        below(command, path, &|leaf| completed(leaf, argument, *names))
    })
}

/// Changes every command at or below `path`.
fn below(command: Command, path: &[&str], change: &dyn Fn(Command) -> Command) -> Command {
    match path.split_first() {
        Some((name, rest)) => command.mut_subcommand(name, |inner| below(inner, rest, change)),
        None => change(command).mut_subcommands(|inner| below(inner, &[], change)),
    }
}

/// In place: `mut_arg` would move the argument behind the others, and so change positions.
fn completed(command: Command, argument: &str, names: Names) -> Command {
    command.mut_args(|arg| {
        if arg.get_id() != argument {
            return arg;
        }
        arg.add(ArgValueCompleter::new(move |typed: &OsStr| candidates(typed, names)))
    })
}

fn candidates(typed: &OsStr, names: Names) -> Vec<CompletionCandidate> {
    let (Some(typed), Ok(client)) = (typed.to_str(), Connection::default().client()) else {
        return Vec::new();
    };
    let client = client.with_deadline(limits::CLIENT_COMPLETION_MAX);
    let found = names(&client, typed).into_iter().filter(|name| name.starts_with(typed));
    found.filter(|name| is_plain(name)).map(CompletionCandidate::new).collect()
}

/// Some shells insert what is proposed as it stands: a name such as `$(…)`, which whoever may write
/// beside can choose, would be a command there.
fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_alphanumeric() || "/_-.+@=,:%".contains(c)) && !name.starts_with('-')
}

/// Mounts that hold keys and values; below them, names beside what is typed.
fn kv_paths(client: &Client, typed: &str) -> Vec<String> {
    let Some((parent, _)) = typed.rsplit_once('/') else { return mounts(client, "secret") };
    let listed = super::kv::names_below(client, &format!("{parent}/")).unwrap_or_default();
    listed.into_iter().map(|name| format!("{parent}/{name}")).collect()
}

fn api_paths(client: &Client, typed: &str) -> Vec<String> {
    let Some((parent, _)) = typed.rsplit_once('/') else {
        let mut all = mounts(client, "secret");
        all.extend(["auth/", "identity/", "sys/"].map(str::to_owned));
        return all;
    };
    keys(client, parent).into_iter().map(|name| format!("{parent}/{name}")).collect()
}

fn keys(client: &Client, path: &str) -> Vec<String> {
    client.list(path).and_then(|answer| answer.quiet()?.keys()).unwrap_or_default()
}

fn mounts(client: &Client, table: &str) -> Vec<String> {
    let found = client
        .get("sys/internal/ui/mounts", "")
        .and_then(|answer| answer.quiet()?.require(&["data", table]));
    found.map(|mounts| mounts.into_keys().collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p37_a_name_that_a_shell_would_run_is_not_proposed() {
        for hostile in
            ["$(id)", "a;b", "a b", "`id`", "a\nb", "a\u{b}b", "-rf", "a|b", "a'b", "~x", "*"]
        {
            assert!(!is_plain(hostile), "{hostile:?}");
        }
        for plain in ["team/", "app-1.2_x", "bob@example.org", "münchen"] {
            assert!(is_plain(plain), "{plain:?}");
        }
    }

    #[test]
    fn commands_stay_consistent_with_their_completers() {
        with_names(CommandLine::command()).debug_assert();
    }

    #[test]
    fn every_row_names_an_argument_that_some_command_has() {
        for (path, argument, _) in KNOWN {
            let root = CommandLine::command();
            let command = path.iter().fold(&root, |command, name| {
                command.find_subcommand(name).unwrap_or_else(|| panic!("{path:?}"))
            });
            assert!(has(command, argument), "{path:?} {argument}");
        }
    }

    fn has(command: &Command, argument: &str) -> bool {
        command.get_arguments().any(|a| a.get_id() == argument)
            || command.get_subcommands().any(|inner| has(inner, argument))
    }
}
