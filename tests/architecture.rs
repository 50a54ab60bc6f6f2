//! Holds the code under `src/` against the tables in `docs/ARCHITECTURE.md`: who may import whom,
//! and which crate has which home. Reads text, so it sees what is written and not what a macro
//! makes; code of tests is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "common", "helpers", "core", "manager"];

type Names = BTreeSet<String>;

#[test]
fn modules_import_only_what_the_table_allows() {
    let table = modules();
    let mut wrong = Vec::new();
    for file in sources() {
        let Some(allowed) = table.allowed.get(&file.module) else {
            wrong.push(format!("{}: `{}` has no row in the table", file.name, file.module));
            continue;
        };
        for import in imports(&file.code) {
            let known = table.allowed.contains_key(&import);
            let fine = import == file.module
                || table.foundation.contains(&import)
                || allowed.as_ref().is_none_or(|allowed| allowed.contains(&import));
            if known && !fine {
                wrong.push(format!("{}: `{}` imports `{import}`", file.name, file.module));
            }
        }
    }
    assert!(wrong.is_empty(), "against docs/ARCHITECTURE.md:\n{}", wrong.join("\n"));
}

#[test]
fn crates_stay_in_their_homes() {
    let homes: BTreeMap<String, Names> = rows("crates")
        .into_iter()
        .map(|row| (ticked(&row[0]).remove(0), ticked(&row[1]).into_iter().collect()))
        .collect();
    assert!(!homes.is_empty());
    let mut wrong = Vec::new();
    for file in sources() {
        for (name, homes) in &homes {
            if !homes.contains(&file.module) && uses_crate(&file.code, name) {
                wrong.push(format!("{}: `{}` uses the crate {name}", file.name, file.module));
            }
        }
    }
    assert!(wrong.is_empty(), "against docs/ARCHITECTURE.md:\n{}", wrong.join("\n"));
}

#[test]
fn no_path_climbs_out_of_its_module_and_no_name_is_empty() {
    let mut wrong = Vec::new();
    for file in sources() {
        // One level more than the file is deep, for an inline module.
        if file.code.contains(&"super::".repeat(file.depth + 1)) {
            wrong.push(format!("{}: says super:: where crate:: would show the module", file.name));
        }
        if file.name.split(['/', '.']).any(|part| EMPTY_NAMES.contains(&part)) {
            wrong.push(format!("{}: its name does not say what is inside", file.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_in_its_first_line_what_it_is() {
    let silent: Vec<_> = sources().into_iter().filter(|f| !f.text.starts_with("//! ")).collect();
    let names: Vec<_> = silent.iter().map(|f| f.name.as_str()).collect();
    assert!(names.is_empty(), "no //! line: {names:?}");
}

#[test]
fn the_reader_of_imports_sees_every_way_to_write_one() {
    let code = "use crate::a::b;\nuse crate::{c, d::{e, f}, g as h};\nlet x = crate::i::j();\n\
                pub(crate) fn k() {}\nuse crate :: l;\n/* crate::z */ use strongroom::m::n;";
    let seen: Vec<String> = imports(&without_comments(code)).into_iter().collect();
    assert_eq!(seen, ["a", "c", "d", "g", "i", "l", "m"]);
    assert!(uses_crate("use sled::Db;", "sled") && uses_crate("::sled::open()", "sled"));
    assert!(!uses_crate("use crate::store::sled::X; my_sled::y()", "sled"));
}

struct Modules {
    foundation: Names,
    /// `None` allows everything.
    allowed: BTreeMap<String, Option<Names>>,
}

fn modules() -> Modules {
    let mut modules = Modules { foundation: Names::new(), allowed: BTreeMap::new() };
    for row in rows("modules") {
        let imports = ticked(&row[2]).into_iter().collect();
        let allowed = if row[2].contains("everything") { None } else { Some(imports) };
        for name in ticked(&row[0]) {
            if row[0].starts_with("foundation") {
                modules.foundation.insert(name.clone());
            }
            modules.allowed.insert(name, allowed.clone());
        }
    }
    assert!(modules.foundation.contains("limits") && modules.allowed.contains_key("vault"));
    modules
}

/// The cells of a table between `<!-- NAME: begin -->` and its end, without its head.
fn rows(name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let (_, rest) = text.split_once(&format!("<!-- {name}: begin -->")).unwrap();
    let (table, _) = rest.split_once(&format!("<!-- {name}: end -->")).unwrap();
    let lines = table.lines().filter(|line| line.starts_with('|')).skip(2);
    lines.map(|line| line.trim_matches('|').split('|').map(|c| c.trim().into()).collect()).collect()
}

/// What stands in backticks.
fn ticked(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

struct Source {
    /// Relative to `src`.
    name: String,
    /// Folders above it, and itself.
    depth: usize,
    module: String,
    text: String,
    /// The text without comments and tests.
    code: String,
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut files = Vec::new();
    collect(&src, &mut files);
    assert!(files.len() > 5);
    files
        .into_iter()
        .filter_map(|path| {
            let name = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
            let parts: Vec<_> = name.trim_end_matches(".rs").split('/').collect();
            let is_test = parts
                .iter()
                .any(|part| matches!(*part, "tests" | "fuzzing") || part.ends_with("_tests"));
            if parts[0] == "lib" || is_test {
                return None;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = without_comments(without_tests(&text));
            let (depth, module) = (parts.len(), parts[0].to_owned());
            Some(Source { name, depth, module, text, code })
        })
        .collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// Cuts off the inline test module that ends a file.
fn without_tests(text: &str) -> &str {
    let mut from = 0;
    while let Some(at) = text[from..].find("#[cfg(test)]\nmod ") {
        let head = &text[from + at..];
        let line = head.lines().nth(1).unwrap_or("");
        if line.ends_with('{') {
            return &text[..from + at];
        }
        from += at + "#[cfg(test)]".len();
    }
    text
}

fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("/*") {
        out.push_str(&rest[..at]);
        rest = rest[at..].split_once("*/").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    let cut = |line: &str| line.split_once("//").map_or(line.to_owned(), |(code, _)| code.into());
    out.lines().map(cut).collect::<Vec<_>>().join("\n")
}

/// First names after `crate::` (from `main`, after `strongroom::`), groups included.
fn imports(code: &str) -> Names {
    let code: String = code.replace(" ::", "::").replace(":: ", "::");
    let mut found = Names::new();
    for root in ["crate::", "strongroom::"] {
        for (at, _) in code.match_indices(root) {
            if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let rest = &code[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => found.extend(group_heads(group)),
                None => found.extend(identifier(rest)),
            }
        }
    }
    found
}

/// The first name of each member of a group, whose opening brace is already gone.
fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut heads) = (0, true, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            c if start && !c.is_whitespace() => {
                heads.extend(identifier(&group[at..]));
                start = false;
            }
            _ => {}
        }
    }
    heads
}

fn identifier(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// Whether `name::` stands where a path begins.
fn uses_crate(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = &code[..at];
        let global = before.strip_suffix("::");
        let begins = |s: &str| !s.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        begins(before) || global.is_some_and(begins)
    })
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
