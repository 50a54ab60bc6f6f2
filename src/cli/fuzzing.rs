//! Arguments as people type them: a value is what was typed, and no error repeats one.

use super::input::Input;

/// Arguments with a NUL between, after the text of stdin.
pub(crate) fn input(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split('\0').map(str::to_owned);
    let stdin = parts.next().unwrap_or_default();
    // Files of this machine are none of a fuzzer's.
    let names_file = |arg: &String| arg.starts_with('@') || arg.contains("=@");
    let args: Vec<String> = parts.filter(|arg| !names_file(arg)).take(16).collect();
    let pairs = match Input::with_stdin(stdin.clone()).pairs(&args) {
        Ok(pairs) => pairs,
        Err(error) => {
            let shown = error.to_string();
            let long = args.iter().chain([&stdin]).filter(|arg| arg.len() > 40);
            assert!(long.clone().all(|arg| !shown.contains(arg.as_str())), "{shown}");
            return;
        }
    };
    let Some((last, value)) = args.last().and_then(|arg| arg.split_once('=')) else { return };
    if args.last().is_some_and(|arg| arg == "-") {
        return;
    }
    let typed = match value {
        "-" => stdin.as_str(),
        value if value.starts_with("\\@") => &value[1..],
        value => value,
    };
    let kept: String = serde_json::from_str(pairs[last].get()).expect("a JSON string");
    assert_eq!(kept, typed);
    let whole = serde_json::to_string(&pairs).expect("pairs are JSON");
    assert!(
        crate::json::parse(whole.as_bytes(), crate::json::Limits::STORED).is_ok()
            || args.iter().any(|arg| arg == "-")
    );
}
