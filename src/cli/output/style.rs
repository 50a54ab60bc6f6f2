//! Colour and width, for terminals alone: never in what a program reads, and not where NO_COLOR or
//! TERM=dumb ask for none.

use std::io::IsTerminal;

const BOLD: &str = "1";
const RED: &str = "1;31";
const YELLOW: &str = "1;33";

/// The head of a table.
pub fn head(text: &str) -> String {
    painted(text, BOLD, coloured(&std::io::stdout()))
}

/// The word before an error.
pub fn error() -> String {
    painted("Error:", RED, coloured(&std::io::stderr()))
}

/// The word before a warning.
pub fn warning() -> String {
    painted("Warning:", YELLOW, coloured(&std::io::stderr()))
}

/// Columns of the terminal that stdout is; `None` where it is none.
pub fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

fn coloured(stream: &impl IsTerminal) -> bool {
    wanted(stream.is_terminal(), |name| std::env::var(name).ok())
}

fn wanted(terminal: bool, read: impl Fn(&str) -> Option<String>) -> bool {
    let plain = read("NO_COLOR").is_some_and(|v| !v.is_empty())
        || read("TERM").is_some_and(|term| term == "dumb");
    terminal && !plain
}

fn painted(text: &str, colour: &str, coloured: bool) -> String {
    if coloured { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        let with = |name: &'static str, value: &'static str| {
            move |asked: &str| (asked == name).then(|| value.to_owned())
        };
        assert!(wanted(true, with("TERM", "xterm")));
        assert!(wanted(true, with("NO_COLOR", "")));
        assert!(!wanted(true, with("NO_COLOR", "1")));
        assert!(!wanted(true, with("TERM", "dumb")));
        assert!(!wanted(false, with("TERM", "xterm")));
        assert_eq!(painted("x", BOLD, true), "\u{1b}[1mx\u{1b}[0m");
        assert_eq!(painted("x", BOLD, false), "x");
    }
}
