//! docs/CLI.md, made from the commands themselves, and flags put in groups for --help.

use clap::{Arg, Args, Command};

use super::environment::Connection;
use super::output::Output;

/// Flags that nearly every command has, under headings of their own.
pub fn grouped(command: Command) -> Command {
    let groups = [("Connection", flags::<Connection>()), ("Output", flags::<Output>())];
    groups.iter().fold(command, |command, (heading, ids)| headed(command, heading, ids))
}

fn flags<A: Args>() -> Vec<String> {
    let command = A::augment_args(Command::new("flags"));
    command.get_arguments().map(|arg| arg.get_id().to_string()).collect()
}

fn headed(command: Command, heading: &'static str, ids: &[String]) -> Command {
    let here = |arg: &Arg| arg.get_long().is_some() && ids.iter().any(|id| arg.get_id() == id);
    command
        .mut_args(|arg| if here(&arg) { arg.help_heading(heading) } else { arg })
        .mut_subcommands(|inner| headed(inner, heading, ids))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::cli::{command_line, examples, topics};

    const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CLI.md");
    const HEAD: &str = "\
# The command line

Made from the commands themselves by `STRONGROOM_WRITE_DOCS=1 cargo test --lib cli::manual`; a test
fails while it is not current. `strongroom COMMAND --help` says the same.

";

    #[test]
    fn the_document_of_the_command_line_is_current() {
        let made = document();
        if std::env::var_os("STRONGROOM_WRITE_DOCS").is_some() {
            std::fs::write(DOCUMENT, &made).unwrap();
        }
        let kept = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
        assert!(kept == made, "docs/CLI.md is not current; its first lines say how to make it");
    }

    fn document() -> String {
        let mut root = command_line();
        root.build();
        let mut out = HEAD.to_owned();
        write!(out, "```text\n{}\n\n{}\n```\n", topics::EXIT_CODES, topics::ENVIRONMENT).unwrap();
        for (title, mut command) in [
            (
                "Flags of all commands that speak to a server",
                Connection::augment_args(Command::new("x")),
            ),
            ("Flags of all commands that print an answer", Output::augment_args(Command::new("x"))),
        ] {
            write!(out, "\n## {title}\n\n").unwrap();
            command.build();
            let flags = command.get_arguments().filter(|arg| arg.get_id() != "help");
            flags.for_each(|arg| describe(&mut out, arg));
        }
        let shown = |c: &&Command| !c.is_hide_set() && c.get_name() != "help";
        for command in root.get_subcommands().filter(shown) {
            write!(out, "\n## {}\n\n{}\n", command.get_name(), about(command)).unwrap();
            section(&mut out, command, command.get_name());
        }
        out
    }

    fn section(out: &mut String, command: &Command, path: &str) {
        let inner: Vec<&Command> =
            command.get_subcommands().filter(|c| c.get_name() != "help").collect();
        for command in &inner {
            let path = format!("{path} {}", command.get_name());
            if command.get_subcommands().next().is_none() {
                write!(out, "\n### {path}\n\n{}\n", about(command)).unwrap();
            }
            section(out, command, &path);
        }
        if !inner.is_empty() {
            return;
        }
        out.push_str("\n```sh\n");
        examples::lines(path).iter().for_each(|line| writeln!(out, "strongroom {line}").unwrap());
        out.push_str("```\n");
        let shared: Vec<String> =
            [flags::<Connection>(), flags::<Output>()].into_iter().flatten().collect();
        let own = command.get_arguments().filter(|arg| {
            let shared = arg.get_long().is_some() && shared.iter().any(|id| arg.get_id() == id);
            !shared && !arg.is_hide_set() && arg.get_id() != "help"
        });
        let own: Vec<&Arg> = own.collect();
        if !own.is_empty() {
            out.push('\n');
        }
        own.into_iter().for_each(|arg| describe(out, arg));
    }

    fn describe(out: &mut String, arg: &Arg) {
        let name = arg.to_string();
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let help = if help.is_empty() { "which one".into() } else { help };
        writeln!(out, "* `{}`: {}", name.replace('`', ""), escaped(&help)).unwrap();
    }

    fn about(command: &Command) -> String {
        escaped(&command.get_about().map(ToString::to_string).unwrap_or_default())
    }

    /// Angle brackets would be taken for HTML.
    fn escaped(text: &str) -> String {
        text.replace('<', "&lt;").replace('>', "&gt;")
    }
}
