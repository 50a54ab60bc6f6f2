//! The tree of a layout to text: two blanks a level, `=` and comments aligned among neighbours,
//! one blank line around what takes several lines.

use super::layout::{Body, Element, Entry, Item, Node};

const INDENT: usize = 2;

/// A whole document, which ends with a line break unless it is empty.
pub fn document(body: &Body<'_>) -> String {
    let mut out = String::new();
    // Items of a document are blocks, each with a blank line around it; only empty ones crowd.
    let mut before: Option<&Entry<'_>> = None;
    for entry in &body.0 {
        if let Some(before) = before {
            let crowd = matches!((before, entry), (Entry::Item(a), Entry::Item(b))
                if is_empty_block(a) && is_empty_block(b) && a.line + 1 == b.line);
            out.push_str(if crowd { "" } else { "\n" });
        }
        match entry {
            Entry::Comments(lines) => comments(&mut out, lines, 0),
            Entry::Item(alone) => items(&mut out, &[alone], 0),
        }
        before = Some(entry);
    }
    out
}

fn is_empty_block(item: &Item<'_>) -> bool {
    let is_empty = matches!(&item.node, Node::Object(Body(entries)) if entries.is_empty());
    is_empty && item.lead.is_empty() && !item.assigned
}

/// The lines inside a block.
fn block(out: &mut String, body: &Body<'_>, depth: usize) {
    let mut entries = body.0.as_slice();
    let mut is_first = true;
    while let Some((first, rest)) = entries.split_first() {
        if !is_first {
            out.push('\n');
        }
        is_first = false;
        match first {
            Entry::Comments(lines) => {
                comments(out, lines, depth);
                entries = rest;
            }
            Entry::Item(item) => {
                let mut group = vec![item];
                group.extend(rest.iter().map_while(|entry| match entry {
                    Entry::Item(item) => Some(item),
                    Entry::Comments(_) => None,
                }));
                let length = neighbours(&group);
                group.truncate(length);
                items(out, &group, depth);
                entries = entries.get(length..).unwrap_or_default();
            }
        }
    }
}

/// How many items from the first belong together: each short and on the line after the one before.
fn neighbours(items: &[&Item<'_>]) -> usize {
    let follow = items.windows(2).take_while(|pair| {
        is_short(pair[0])
            && is_short(pair[1])
            && pair[1].lead.is_empty()
            && pair[0].line + 1 == pair[1].line
    });
    1 + follow.count()
}

fn is_short(item: &Item<'_>) -> bool {
    let lead_lines: usize = item.lead.iter().map(|comment| comment.lines().count()).sum();
    lead_lines <= 1 && !text_of(&item.node, 0).contains('\n')
}

/// Items on lines of their own, aligned with each other.
fn items(out: &mut String, items: &[&Item<'_>], depth: usize) {
    let width = |text: &str| text.chars().count();
    let keys: Vec<String> = items.iter().map(|item| item.keys.join(" ")).collect();
    let values: Vec<String> = items.iter().map(|item| text_of(&item.node, depth)).collect();
    let key_width = keys.iter().map(|key| width(key)).max().unwrap_or(0);
    let value_width = values.iter().map(|value| width(value)).max().unwrap_or(0);
    for ((item, key), value) in items.iter().zip(&keys).zip(&values) {
        comments(out, &item.lead, depth);
        indent(out, depth);
        out.push_str(key);
        pad(out, key_width - width(key));
        out.push_str(if item.assigned { " = " } else { " " });
        out.push_str(value);
        if !item.trailing.is_empty() {
            pad(out, if items.len() > 1 { value_width - width(value) + 1 } else { 1 });
            out.push_str(&item.trailing.join(" "));
        }
        out.push('\n');
    }
}

fn is_heredoc(node: &Node<'_>) -> bool {
    matches!(node, Node::Literal(text) if text.starts_with('<'))
}

/// Without the line break after it; lines after the first stand at `depth`.
fn text_of(node: &Node<'_>, depth: usize) -> String {
    match node {
        Node::Literal(text) => (*text).to_owned(),
        Node::Object(Body(entries)) if entries.is_empty() => "{}".to_owned(),
        Node::Object(body) => {
            let mut out = "{\n".to_owned();
            block(&mut out, body, depth + 1);
            indent(&mut out, depth);
            out.push('}');
            out
        }
        Node::List { elements, end, is_one_line } => {
            let is_plain = |e: &Element<'_>| {
                e.lead.is_empty() && e.trailing.is_empty() && !is_heredoc(&e.node)
            };
            let fits = elements.is_empty() || *is_one_line;
            if fits && end.is_empty() && elements.iter().all(is_plain) {
                let elements: Vec<String> =
                    elements.iter().map(|element| text_of(&element.node, depth)).collect();
                return format!("[{}]", elements.join(", "));
            }
            lines_of(elements, end, depth)
        }
    }
}

/// A list over several lines, one element on each.
fn lines_of(elements: &[Element<'_>], end: &[&str], depth: usize) -> String {
    let inside = depth + 1;
    let mut out = "[\n".to_owned();
    let values: Vec<String> = elements.iter().map(|e| text_of(&e.node, inside)).collect();
    let commented = elements.iter().zip(&values).filter(|(e, _)| !e.trailing.is_empty());
    let width = commented.map(|(_, value)| value.chars().count()).max().unwrap_or(0);
    let mut after_lead = false;
    for (i, (element, value)) in elements.iter().zip(&values).enumerate() {
        if i > 0 && (after_lead || !element.lead.is_empty()) {
            out.push('\n');
        }
        after_lead = !element.lead.is_empty();
        comments(&mut out, &element.lead, inside);
        indent(&mut out, inside);
        out.push_str(value);
        if is_heredoc(&element.node) {
            out.push('\n');
            indent(&mut out, inside);
        }
        out.push(',');
        if !element.trailing.is_empty() {
            pad(&mut out, width.saturating_sub(value.chars().count()) + 1);
            out.push_str(&element.trailing.join(" "));
        }
        out.push('\n');
    }
    if !elements.is_empty() && !end.is_empty() {
        out.push('\n');
    }
    comments(&mut out, end, inside);
    indent(&mut out, depth);
    out.push(']');
    out
}

fn comments(out: &mut String, lines: &[&str], depth: usize) {
    for comment in lines {
        indent(out, depth);
        out.push_str(comment);
        out.push('\n');
    }
}

fn indent(out: &mut String, depth: usize) {
    pad(out, depth * INDENT);
}

fn pad(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n(' ', count));
}
