//! Tables for people: fields below one another, or rows with columns. On a terminal rows are cut to
//! its width; the last value of a line never is, so that what is copied is whole.

use serde_json::value::RawValue;

use super::harmless;
use super::style;
use crate::cli::client::{Object, text_of};

const GAP: &str = "    ";
/// No column is cut to less.
const COLUMN_MIN: usize = 8;
/// What the last column gets at least.
const LAST_MIN: usize = 20;

/// Key and value, a line each.
pub(super) fn of_fields(fields: &Object) -> String {
    let width = fields.keys().map(|k| k.chars().count()).chain([3]).max().unwrap_or(3);
    let mut out = style::head(&format!("{:width$}{GAP}Value", "Key"));
    out.push_str(&format!("\n{:width$}{GAP}-----\n", "---"));
    for (key, value) in fields {
        out.push_str(&format!("{:width$}{GAP}{}\n", harmless(key), harmless(&cell(value))));
    }
    out
}

/// Rows below a head. `room` is the width of the terminal, where there is one.
pub(super) fn of_rows(head: &[&str], rows: &[Vec<String>], room: Option<usize>) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let mut widths: Vec<usize> = head.iter().map(|name| name.chars().count()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    if let Some(room) = room {
        shrink(&mut widths, room);
    }
    let names: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
    let rules: Vec<String> = head.iter().map(|name| "-".repeat(name.chars().count())).collect();
    let mut out = style::head(&line(&names, &widths));
    out.push('\n');
    for row in std::iter::once(&rules).chain(&rows) {
        out.push_str(&line(row, &widths));
        out.push('\n');
    }
    out
}

/// Takes from the widest column but the last, until a line fits or nothing more can be taken. The last
/// one may run over the edge: no other is cut for the sake of a long description.
fn shrink(widths: &mut [usize], room: usize) {
    let Some((last, others)) = widths.split_last_mut() else { return };
    let room = room.saturating_sub((*last).min(LAST_MIN) + GAP.len() * others.len());
    while others.iter().sum::<usize>() > room {
        let Some(widest) = others.iter_mut().max().filter(|width| **width > COLUMN_MIN) else {
            return;
        };
        *widest -= 1;
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let last = cells.len().saturating_sub(1);
    let mut out = String::new();
    for (i, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if i == last {
            out.push_str(cell);
        } else {
            out.push_str(&format!("{:width$}{GAP}", cut(cell, *width)));
        }
    }
    out.trim_end().to_owned()
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

fn one_line(text: &str) -> String {
    harmless(text).replace(['\n', '\t'], " ")
}

/// A value within a table: lists of words without their quotes, nothing for null.
pub fn cell(value: &RawValue) -> String {
    if value.get() == "null" {
        return "n/a".into();
    }
    match serde_json::from_str::<Vec<String>>(value.get()) {
        Ok(words) => format!("[{}]", words.join(" ")),
        Err(_) => text_of(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> Object {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn tables_align_and_keep_literals() {
        let table = of_fields(&object(r#"{"a":"x","long_key":1.10,"p":["b","c"],"z":null}"#));
        assert_eq!(
            table,
            "Key         Value\n---         -----\na           x\nlong_key    1.10\n\
             p           [b c]\nz           n/a\n"
        );
    }

    #[test]
    fn a_secret_cannot_drive_the_terminal_from_a_table() {
        let table = of_fields(&object(r#"{"a":"\u001b[2Jx\u009b\u0007"}"#));
        assert!(!table.contains(['\u{1b}', '\u{9b}', '\u{7}']), "{table:?}");
        let rows = of_rows(&["A"], &[vec!["\u{1b}[2J\nx".into()]], None);
        assert_eq!(rows.lines().count(), 3, "{rows:?}");
        assert!(!rows.contains('\u{1b}'));
    }

    #[test]
    fn rows_align_and_are_cut_only_for_a_terminal() {
        let rows = [vec!["secret/".to_owned(), "x".repeat(30), "words to keep".to_owned()]];
        let head = ["Path", "Accessor", "Description"];
        let whole = of_rows(&head, &rows, None);
        assert!(whole.contains(&"x".repeat(30)));
        assert!(whole.starts_with("Path       Accessor "), "{whole}");
        let narrow = of_rows(&head, &rows, Some(40));
        assert!(narrow.contains("xxx…    words to keep"), "{narrow}");
        assert!(narrow.lines().all(|line| line.chars().count() <= 40), "{narrow}");
        // Where nothing fits, words win over the width.
        assert!(of_rows(&head, &rows, Some(1)).contains("words to keep"));
    }
}
