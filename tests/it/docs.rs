//! The documents keep their word: their commands run, the API's document has the server's paths,
//! and no relative link in any document leads nowhere.

mod commands;
mod log;
mod routes;

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::root;

const BEGIN: &str = "<!-- first secret: begin";
const END: &str = "<!-- first secret: end";

#[test]
fn the_first_secret_takes_three_lines() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once(BEGIN).expect("the README marks its first secret");
    let (block, _) = rest.split_once(END).expect("the README ends its first secret");
    let lines: Vec<&str> =
        block.lines().skip(1).filter(|line| !line.is_empty() && !line.starts_with("```")).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(commands::blocks("README.md").contains(lines[2]), "{lines:?}");
}

#[test]
fn every_relative_link_in_the_documents_leads_somewhere() {
    let mut broken = Vec::new();
    let mut links_seen = 0;
    for document in documents(root()) {
        let text = fs::read_to_string(&document).unwrap();
        for link in links(&text) {
            links_seen += 1;
            let target = document.parent().unwrap().join(link);
            if !target.exists() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(links_seen > 20, "the documents link to one another; {links_seen} links were found");
    assert!(broken.is_empty(), "these lead nowhere:\n{}", broken.join("\n"));
}

/// Every Markdown file of the repository, without what is built or installed.
fn documents(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let (name, path) = (entry.file_name(), entry.path());
        let hidden = name.to_string_lossy().starts_with('.');
        if entry.file_type().unwrap().is_dir() {
            if !hidden && name != "target" && name != "dist" && name != "node_modules" {
                found.extend(documents(&path));
            }
        } else if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
    found
}

/// Targets of inline links `](target)` outside code, without those that have a scheme, and without
/// their fragments.
fn links(text: &str) -> Vec<&str> {
    let mut in_fence = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
        }
        if in_fence {
            continue;
        }
        for after in line.split("](").skip(1) {
            let Some((target, _)) = after.split_once(')') else { continue };
            let target = target.split('#').next().unwrap_or("");
            if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                found.push(target);
            }
        }
    }
    found
}

#[test]
fn links_are_found_where_they_are_links() {
    let text = "[a](b.md) and [c](d.md#e), [f](https://x.y/z) [g](#h)\n```\n[i](j)\n```\n[k](l/)";
    assert_eq!(links(text), ["b.md", "d.md", "l/"]);
}
