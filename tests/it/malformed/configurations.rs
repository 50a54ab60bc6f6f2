//! Configuration files with one thing wrong, made of one that is right by changing each of its lines:
//! the program ends, names file and line, and has created nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{Run, finish, root};

/// Every key of the example, without its comments; the required ones at the end, so that what is cut
/// off lacks one. No certificate is there: even a file that was taken by mistake would not start.
fn whole() -> String {
    let example = fs::read_to_string(root().join("config/strongroom.toml")).unwrap();
    let mut sections: Vec<String> = vec![String::new()];
    for line in example.lines() {
        let shown = line.strip_prefix("# tls_").map(|rest| format!("tls_{rest}"));
        let line = shown.as_deref().unwrap_or(line);
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        if line.starts_with('[') {
            sections.push(String::new());
        }
        let section = sections.last_mut().unwrap();
        section.push_str(line);
        section.push('\n');
    }
    sections.sort_by_key(|s| s.starts_with("[hsm]"));
    let text = sections.concat();
    let text = text.replace("tls = \"auto\"\n", "").replace("\"/var/lib/strongroom", "\"data");
    // What has a default goes to the front of what has none.
    let (before, pin) = text.split_once("pin_file = ").unwrap();
    let (pin, after) = pin.split_once('\n').unwrap();
    format!("{before}{after}pin_file = {pin}\n").replace("\"off\"", "\"require\"")
}

struct Place(tempfile::TempDir);

impl Place {
    fn run(&self, text: &[u8]) -> (Run, String) {
        let file = self.0.path().join("strongroom.toml");
        fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        let ran =
            finish(command.args(["server", "--config"]).arg(&file).env("HOME", self.0.path()));
        assert_eq!(names(self.0.path()), ["strongroom.toml"], "{}", String::from_utf8_lossy(text));
        (ran, file.display().to_string())
    }

    /// Refused, with the line in question; or, where there is none, with the key that is missing.
    fn refuses(&self, text: impl AsRef<[u8]>, line: Option<usize>) {
        let text = text.as_ref();
        let (ran, file) = self.run(text);
        let shown = String::from_utf8_lossy(text);
        assert_eq!(ran.code, Some(1), "{shown}\n{}", ran.stderr);
        assert_eq!(ran.stdout, "", "{shown}");
        let said = ran.stderr.trim_end();
        let place = match line {
            Some(line) => said.split("line ").any(|rest| {
                rest.split(|c: char| !c.is_ascii_digit()).next() == Some(&line.to_string())
            }),
            None => said.contains(" is missing; ") || said.contains("line "),
        };
        let in_one_line = said.starts_with(&format!("Error: {file}: ")) && !said.contains('\n');
        assert!(place && in_one_line, "line {line:?}\n{shown}\n{said}");
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Wrong for whatever key.
const VALUES: &[&str] = &[
    "",
    "{}",
    "[]",
    "[[1]]",
    "1.5",
    "-1",
    "nan",
    "1979-05-27",
    "99999999999999999999",
    "\"",
    "\"\\x\"",
    "\"\\u0000\"",
    "\"\"",
    "word",
];

#[test]
fn a_malformed_configuration_is_refused_with_its_line_and_nothing_is_created() {
    let place = Place(tempfile::tempdir().unwrap());
    let whole = whole();
    // It is right but for the certificate.
    let (ran, _) = place.run(whole.as_bytes());
    assert!(ran.code == Some(1) && ran.stderr.contains("cert.pem"), "{whole}\n{}", ran.stderr);

    let lines: Vec<&str> = whole.lines().collect();
    assert!(lines.len() > 30, "{whole}");
    for (at, line) in lines.iter().enumerate() {
        let with = |changed: &str| {
            let mut lines = lines.clone();
            lines[at] = changed;
            lines.join("\n") + "\n"
        };
        let number = Some(at + 1);
        match line.split_once(" = ") {
            Some((key, _)) => {
                for value in VALUES {
                    place.refuses(with(&format!("{key} = {value}")), number);
                }
                place.refuses(with(&format!("{key}x = 1")), number);
                place.refuses(with(&format!("{line}\n{line}")), Some(at + 2));
                place.refuses(with(&format!("{key} {line}")), number);
            }
            None => {
                let section = line.trim_matches(['[', ']']);
                place.refuses(with(&format!("[{section}x]")), number);
                place.refuses(with(&format!("[{section}")), number);
                place.refuses(with(&format!("[[{section}]]")), number);
                place.refuses(with(&format!("{line}\n{line}")), Some(at + 2));
            }
        }
        // Bytes that are no text, and the end of the file in the middle of the line.
        let begins: usize = lines[..at].iter().map(|line| line.len() + 1).sum();
        let (before, after) = whole.as_bytes().split_at(begins + line.len() / 2);
        place.refuses([before, b"\xff\xfe", after].concat(), number);
        place.refuses(before, None);
    }
    let (ran, _) = place.run(format!("# {}\n", "x".repeat(2 << 20)).as_bytes());
    assert!(ran.code == Some(1) && ran.stderr.contains("no configuration file"), "{}", ran.stderr);
}
