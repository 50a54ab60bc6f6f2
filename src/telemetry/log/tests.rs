//! Lines: their form, their request, their level, and who watches.

use super::*;

fn logs(level: &str) -> Logs {
    Logs::new(level, LogFormat::Text, Clock::system())
}

#[test]
fn a_line_is_one_line_whatever_it_holds() {
    let said = Said { message: "a\nb".into(), fields: vec![("x", "1\r\u{1b}[2J".into())] };
    let ids =
        RequestIds { request_id: "r".into(), trace_id: String::new(), ..RequestIds::default() };
    assert_eq!(
        said.text("T", Level::WARN, Some(&ids)),
        "T  WARN a\\nb x=1\\r\\u{1b}[2J request_id=r"
    );
    let json = said.json("T", Level::WARN, "t", Some(&ids));
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["message"], "a\nb");
    assert_eq!(value["request_id"], "r");
    assert!(value.get("trace_id").is_none());
}

#[tokio::test]
async fn lines_of_a_request_carry_its_ids_into_its_tasks() {
    let ids = Arc::new(RequestIds {
        request_id: "r1".into(),
        trace_id: "t1".into(),
        ..RequestIds::default()
    });
    assert!(current().is_none());
    let inner = within(ids, async {
        let handed = current().unwrap();
        tokio::spawn(within(handed, async { current().unwrap().request_id.clone() })).await
    });
    assert_eq!(inner.await.unwrap(), "r1");
}

#[tokio::test]
async fn p27_who_watches_gets_lines_of_his_level_and_the_number_is_bounded() {
    let logs = logs("error");
    let mut watcher = logs.watch(Level::DEBUG).unwrap();
    let others: Vec<_> = (1..limits::MONITORS_MAX).map(|_| logs.watch(Level::INFO)).collect();
    assert!(others.iter().all(Option::is_some) && logs.watch(Level::INFO).is_none());
    let subscriber = tracing_subscriber::registry().with(logs.clone());
    tracing::subscriber::with_default(subscriber, || {
        tracing::trace!("too fine");
        tracing::debug!(answer = 42, "seen");
    });
    let line = watcher.next().await.unwrap();
    assert!(line.text.ends_with("seen answer=42"), "{line:?}");
    drop(others);
    assert!(logs.watch(Level::INFO).is_some());
    logs.end_watching();
    assert!(watcher.next().await.is_none() && logs.watch(Level::INFO).is_none());
}

#[test]
fn levels_change_and_come_back() {
    let logs = logs("warn");
    logs.set_level(Level::TRACE);
    assert_eq!(logs.level(), "trace");
    logs.reset_level();
    assert_eq!(logs.level(), "warn");
    assert!(level_named("nope").is_none());
}
