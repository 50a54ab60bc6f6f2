//! `{{identity.…}}` in rule paths: how they are read and which values may fill them (security
//! property P18). Not here: where the values come from.

use std::collections::BTreeMap;

use crate::limits::SEGMENT_BYTES_MAX;

/// What the templates of one caller's policies resolve to: expression (`identity.entity.id`,
/// spelled without spaces around it) to value. Expressions that are missing here have no value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateValues(BTreeMap<String, String>);

impl TemplateValues {
    /// For callers without an identity.
    pub fn none() -> Self {
        Self::default()
    }

    pub fn insert(&mut self, expression: &str, value: &str) {
        self.0.insert(expression.to_owned(), value.to_owned());
    }

    /// A value only if it cannot add structure to a path: no separator, no wildcard, no list, no
    /// relative segment.
    fn get(&self, expression: &str) -> Option<&str> {
        let value = self.0.get(expression)?;
        let is_plain = !value.is_empty()
            && value.len() <= SEGMENT_BYTES_MAX
            && !value.contains("..")
            && value != "."
            && !value.chars().any(|c| c.is_control() || matches!(c, '/' | '*' | '+' | ','));
        is_plain.then_some(value)
    }
}

/// A rule path as written, cut at its templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Expression(String),
}

impl PathTemplate {
    /// `None` when `{{` and `}}` do not pair.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = path;
        while let Some((literal, after)) = rest.split_once("{{") {
            let (expression, after) = after.split_once("}}")?;
            if literal.contains("}}") || expression.contains("{{") {
                return None;
            }
            parts.push(Part::Literal(literal.to_owned()));
            parts.push(Part::Expression(expression.trim().to_owned()));
            rest = after;
        }
        if rest.contains("}}") {
            return None;
        }
        parts.push(Part::Literal(rest.to_owned()));
        Some(Self(parts))
    }

    /// The path with its values, or `None` when one is missing or unfit.
    pub fn fill(&self, values: &TemplateValues) -> Option<String> {
        self.0
            .iter()
            .map(|part| match part {
                Part::Literal(text) => Some(text.as_str()),
                Part::Expression(expression) => values.get(expression),
            })
            .collect()
    }

    /// A pattern that covers the path for every value there could be: segments with a template
    /// become `+`, and a last one that ends in `*` becomes `*`.
    pub fn widen(&self) -> String {
        const MARK: char = '\0'; // cannot stand in a policy: the lexer refuses it
        let marked: String = self
            .0
            .iter()
            .map(|part| match part {
                Part::Literal(text) => text.clone(),
                Part::Expression(_) => MARK.to_string(),
            })
            .collect();
        let segments: Vec<&str> = marked
            .split('/')
            .map(|segment| match (segment.contains(MARK), segment.ends_with('*')) {
                (false, _) => segment,
                (true, false) => "+",
                (true, true) => "*",
            })
            .collect();
        // A `*` is a wildcard at the end only; before it, its segment is any name.
        let (last, others) = segments.split_last().unwrap_or((&"", &[]));
        let others = others.iter().map(|s| if *s == "*" { "+" } else { *s });
        others.chain([*last]).collect::<Vec<_>>().join("/")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(path: &str, value: &str) -> Option<String> {
        let mut values = TemplateValues::none();
        values.insert("identity.entity.id", value);
        PathTemplate::parse(path).unwrap().fill(&values)
    }

    #[test]
    fn unbalanced_templates_are_refused() {
        for path in ["x/{{a", "x/a}}", "{{a}}}}", "{{a{{b}}", "{{ {{a}} }}", "}}{{"] {
            assert_eq!(PathTemplate::parse(path), None, "{path}");
        }
        for path in ["", "x", "{x}", "{{}}", "{{a}}", "{{a}}{{b}}", "a/{{b}}/c"] {
            assert!(PathTemplate::parse(path).is_some(), "{path}");
        }
    }

    #[test]
    fn expressions_are_filled_and_missing_ones_leave_no_path() {
        assert_eq!(filled("u/{{identity.entity.id}}/*", "e1").as_deref(), Some("u/e1/*"));
        assert_eq!(filled("u/{{ identity.entity.id }}x", "e1").as_deref(), Some("u/e1x"));
        assert_eq!(filled("u/{{identity.entity.name}}", "e1"), None);
        assert_eq!(filled("u/{{}}", "e1"), None);
        assert_eq!(filled("plain", "e1").as_deref(), Some("plain"));
        // A value is not read again as a template.
        let nested = filled("u/{{identity.entity.id}}", "{{identity.entity.id}}");
        assert_eq!(nested.as_deref(), Some("u/{{identity.entity.id}}"));
    }

    #[test]
    fn p18_values_with_structure_fill_nothing() {
        for value in ["", "a/b", "/", "*", "a*", "+", "a+b", "a,b", "..", "a..b", ".", "a\0", "\n"]
        {
            assert_eq!(filled("u/{{identity.entity.id}}/x", value), None, "{value:?}");
        }
    }

    #[test]
    fn widening_covers_whole_segments() {
        for (path, wide) in [
            ("u/{{a}}", "u/+"),
            ("u/x-{{a}}-y/z", "u/+/z"),
            ("u/{{a}}*", "u/*"),
            ("{{a}}*/x", "+/x"),
            ("{{a}}", "+"),
            ("u/{{a}}/*", "u/+/*"),
        ] {
            assert_eq!(PathTemplate::parse(path).unwrap().widen(), wide, "{path}");
        }
    }

    proptest! {
        #[test]
        fn p18_a_filled_path_has_the_structure_of_its_template(value in "[a-c/*+,. \\n{}]{0,4}") {
            if let Some(path) = filled("u/{{identity.entity.id}}/+/x*", &value) {
                prop_assert_eq!(path.matches('/').count(), 3);
                prop_assert_eq!(path.matches('*').count(), 1);
                prop_assert_eq!(path.matches('+').count(), 1);
                prop_assert!(!path.contains(',') && !path.contains(".."));
            }
        }
    }
}
