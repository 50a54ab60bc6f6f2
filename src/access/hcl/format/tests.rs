//! What the canonical spelling looks like, and that it changes nothing but the spelling.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn formats(text: &str, expected: &str) {
    assert_eq!(format(text).unwrap(), expected, "{text}");
    assert_eq!(format(expected).unwrap(), expected);
}

#[test]
fn neighbours_are_aligned_and_what_takes_lines_stands_apart() {
    formats(
        "path \"a\" {\ncapabilities=[\"read\"]\nmin_wrapping_ttl = 5 # s\nrequired_parameters = [\"a\",\n\"b\"]\npolicy=\"read\"}\npath \"b\" {}\npath \"c\" {\n}\n",
        "path \"a\" {\n  capabilities     = [\"read\"]\n  min_wrapping_ttl = 5        # s\n\n  required_parameters = [\n    \"a\",\n    \"b\",\n  ]\n\n  policy = \"read\"\n}\n\npath \"b\" {}\npath \"c\" {}\n",
    );
}

#[test]
fn comments_stay_where_they_say_something() {
    formats(
        "# head\n\n# of a\npath \"a\" { # first\n  capabilities = [\"read\"] // why\n  # last\n} # end\n// after",
        "# head\n\n# of a\npath \"a\" {\n  # first\n  capabilities = [\"read\"] // why\n\n  # last\n} # end\n\n// after\n",
    );
    formats(
        "a /* k */ = /* v */ [ # one\n 1, # two\n # three\n 2 # four\n # five\n ] /* six */, # seven\n",
        "/* k */\n/* v */\na = [\n  # one\n  1, # two\n\n  # three\n  2, # four\n\n  # five\n] /* six */ # seven\n",
    );
}

#[test]
fn heredocs_json_and_what_is_no_hcl_stay_as_they_are() {
    formats("a=<<EOF\n x  y\nEOF\nb=1", "a = <<EOF\n x  y\nEOF\n\nb = 1\n");
    formats("a = [<<EOF\nx\nEOF\n, 1]", "a = [\n  <<EOF\nx\nEOF\n  ,\n  1,\n]\n");
    formats("{\"a\" :1}", "{\"a\" :1}");
    formats("", "");
    assert!(format("a = [").is_err());
}

/// Every piece of a document, with comments and line breaks anywhere.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "\"b c\"",
        " = ",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\n",
        "\n\n",
        " ",
        "1",
        "true",
        "\"x\"",
        "# c\n",
        "// d \r\n",
        "/* e */",
        "/* f\n g */",
        "<<EOF\nh\nEOF\n",
        "<<-EOF\n  i\n  EOF\n",
        "\"${j \"k\"}\"",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn gap() -> impl Strategy<Value = &'static str> {
    let gaps =
        vec!["", " ", "\n", "\n\n", "# c\n", " // d \r\n", "/* e */", "/* f\n g */", "\n# h\n\n"];
    prop::sample::select(gaps)
}

/// Documents that parse, with anything that may stand between tokens between them.
fn document() -> impl Strategy<Value = String> {
    let literal =
        prop::sample::select(vec!["1", "true", "\"x\"", "<<EOF\nh\nEOF\n", "\"${j \"k\"}\""]);
    let value = literal.prop_map(str::to_owned).prop_recursive(3, 16, 4, |inner| {
        let list =
            prop::collection::vec((gap(), inner.clone(), gap(), gap()), 0..4).prop_map(|l| {
                let inside: String =
                    l.iter().map(|(a, v, b, c)| format!("{a}{v}{b},{c}")).collect();
                format!("[{inside}]")
            });
        let object =
            prop::collection::vec((gap(), gap(), inner, gap(), gap()), 0..4).prop_map(|o| {
                let item =
                    |(a, b, v, c, d): &(_, _, String, _, _)| format!("{a} k{b} = {v}{c},{d}");
                format!("{{{}}}", o.iter().map(item).collect::<String>())
            });
        prop_oneof![list, object]
    });
    prop::collection::vec((gap(), gap(), value, gap()), 0..4).prop_map(|items| {
        items.iter().map(|(a, b, v, c)| format!("{a} key{b} = {v}{c}\n")).collect()
    })
}

fn comments(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> =
        text.split(['\n', ' ']).filter(|w| w.starts_with(['#', '/'])).collect();
    lines.sort_unstable();
    lines
}

proptest! {
    #[test]
    fn it_means_the_same_and_is_done_once(text in prop_oneof![soup(), document()]) {
        let Ok(before) = parse(&text) else { return Ok(()) };
        let once = format(&text).unwrap();
        prop_assert!(says_the_same(&before, &parse(&once).unwrap()), "{}\n->\n{}", text, once);
        prop_assert_eq!(&format(&once).unwrap(), &once, "{}", text);
        prop_assert!(!once.lines().any(|line| line.ends_with("  = ")), "{}", once);
    }

    #[test]
    fn no_comment_is_lost(text in document()) {
        prop_assume!(!is_json(&text));
        let (before, after) = (layout::body(&text).unwrap(), format(&text).unwrap());
        prop_assert!(before.is_some(), "{}", text);
        let printed = print::document(&before.unwrap());
        prop_assert_eq!(&printed, &after, "the guard against a change of meaning fell");
        let spaced = text.replace("/*", " /*").replace(['#'], " #").replace("//", " //");
        prop_assert_eq!(comments(&spaced), comments(&after), "{}\n->\n{}", text, after);
    }
}
