//! What operators look at: metrics, requests under way, the log and its level, the machine.

use axum::body::{Body as HttpBody, Bytes};
use axum::http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::reply::{Extra, Outcome, Reply, Stop, settle};
use super::request::Ctx;
use crate::limits::{FLIGHTS_LISTED_MAX, MONITOR_MAX, MONITOR_RECHECK};
use crate::telemetry::{Host, LEVELS, Watcher, level_named};
use crate::vault::VaultError;
use crate::wire::json::text;

const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The one logger there is; clients know it by this name.
const LOGGER: &str = "core";

pub async fn metrics(ctx: &Ctx) -> Outcome {
    match ctx.query.string("format")?.as_deref() {
        None | Some("" | "prometheus") => {}
        Some(_) => {
            return Err(bad("metrics are offered in the format prometheus only; leave format out"));
        }
    }
    let body = settle(ctx.vault.metrics_text(&ctx.caller, ctx.ask()).await)?;
    let content_type = Some(HeaderValue::from_static(PROMETHEUS));
    let extra = Extra { content_type, ..Extra::default() };
    Ok(Reply { extra: Some(Box::new(extra)), ..Reply::text(StatusCode::OK, body) })
}

/// Paths of other people's requests: with `sudo` only.
pub async fn in_flight(ctx: &Ctx) -> Outcome {
    let ask = ctx.ask().sudo(true);
    let flights = settle(
        ctx.vault
            .operate(&ctx.caller, ask, |_| Ok(ctx.vault.metrics().flights.list(FLIGHTS_LISTED_MAX)))
            .await,
    )?;
    let clock = ctx.vault.clock();
    let (now, boot) = (clock.now(), clock.boot());
    let shape: Map<String, Value> = flights
        .into_iter()
        .map(|flight| {
            let about = json!({
                "start_time": now.before(boot.saturating_since(flight.since)).rfc3339(),
                "client_remote_address": flight.client.map_or("".into(), |c| c.to_string()),
                "request_path": flight.path,
                "request_method": flight.method,
            });
            (flight.ids.request_id.clone(), about)
        })
        .collect();
    Ok(Reply::text(StatusCode::OK, format!("{}\n", text(&shape))))
}

pub async fn host_info(ctx: &Ctx) -> Outcome {
    let now = ctx.vault.clock().now();
    let ask = ctx.ask().sudo(true);
    let host = settle(ctx.vault.operate(&ctx.caller, ask, |_| Ok(Host::now())).await)?;
    let started = now.unix_seconds().saturating_sub(host.uptime_seconds);
    let shape = json!({
        "cpu": [{ "cores": host.cpus, "modelName": host.cpu_model }],
        "host": {
            "bootTime": started,
            "hostname": host.hostname,
            "kernelVersion": host.kernel,
            "os": "linux",
            "uptime": host.uptime_seconds,
        },
        "load": { "load1": host.load[0], "load5": host.load[1], "load15": host.load[2] },
        "memory": {
            "available": host.memory_available,
            "swapFree": host.swap_free,
            "swapTotal": host.swap_total,
            "total": host.memory_total,
        },
        "timestamp": now.rfc3339(),
    });
    Ok(Reply::shape(&ctx.caller.request_id, &shape))
}

pub async fn loggers(ctx: &Ctx) -> Outcome {
    let answer = ctx.vault.operate(&ctx.caller, ctx.ask(), |_| Ok(ctx.vault.logs().level()));
    let level = settle(answer.await)?;
    Ok(Reply::shape(&ctx.caller.request_id, &json!({ LOGGER: level })))
}

pub async fn logger(ctx: &Ctx) -> Outcome {
    let known = ctx.capture(0) == LOGGER;
    let answer = ctx.vault.operate(&ctx.caller, ctx.ask(), |_| match known {
        true => Ok(ctx.vault.logs().level()),
        false => Err(VaultError::NotFound),
    });
    let level = settle(answer.await)?;
    Ok(Reply::shape(&ctx.caller.request_id, &json!({ LOGGER: level })))
}

/// Until a restart, or until it is reset. With `sudo`: a quiet log hides things.
pub async fn level_write(ctx: &Ctx) -> Outcome {
    known_logger(ctx)?;
    let name = ctx.required("level", "level is required")?;
    let level = level_named(&name).ok_or_else(|| {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        bad(format!("invalid level provided: unknown log level: {shown}"))
    })?;
    let ask = ctx.ask().sudo(true);
    let answer = ctx.vault.operate(&ctx.caller, ask, |_| {
        ctx.vault.logs().set_level(level);
        Ok(())
    });
    settle(answer.await)?;
    Ok(Reply::empty())
}

pub async fn level_reset(ctx: &Ctx) -> Outcome {
    known_logger(ctx)?;
    let ask = ctx.ask().sudo(true);
    let answer = ctx.vault.operate(&ctx.caller, ask, |_| {
        ctx.vault.logs().reset_level();
        Ok(())
    });
    settle(answer.await)?;
    Ok(Reply::empty())
}

fn known_logger(ctx: &Ctx) -> Result<(), Stop> {
    match ctx.capture(0) {
        "" | LOGGER => Ok(()),
        other => Err(bad(format!("logger {other:?} not found"))),
    }
}

/// The log as it is written, until the client leaves, its lease ends, or an hour is over.
pub async fn monitor(ctx: &Ctx) -> Outcome {
    let level = match ctx.query.string("log_level")?.as_deref() {
        None | Some("") => LEVELS[2].1,
        Some(name) => level_named(name).ok_or_else(|| bad("unknown log level"))?,
    };
    let json = match ctx.query.string("log_format")?.as_deref() {
        None | Some("" | "standard") => false,
        Some("json") => true,
        Some(_) => return Err(bad("unknown log format")),
    };
    let ask = ctx.ask().sudo(true);
    let watcher = settle(
        ctx.vault
            .operate(&ctx.caller, ask, |_| {
                ctx.vault.logs().watch(level).ok_or_else(|| VaultError::Unavailable {
                    reason: "as many watch the log already as may; try again when one has left"
                        .into(),
                    retry_after: MONITOR_RECHECK,
                })
            })
            .await,
    )?;
    let (vault, caller, path) = (ctx.vault.clone(), ctx.caller.again(), ctx.path.clone());
    let operation = ctx.verb.operation();
    let (lines, body) = tokio::sync::mpsc::channel::<Bytes>(16);
    tokio::spawn(async move {
        let mut watcher: Watcher = watcher;
        let mut recheck = tokio::time::interval(MONITOR_RECHECK);
        let watch = async {
            loop {
                let line = tokio::select! {
                    line = watcher.next() => line,
                    _ = recheck.tick() => {
                        let ask = crate::vault::Ask::new(operation, &path).sudo(true);
                        if lines.is_closed() || !vault.still_may(&caller, &ask).await {
                            return;
                        }
                        continue;
                    }
                };
                let Some(line) = line else { return };
                let line = format!("{}\n", if json { &line.json } else { &line.text });
                if lines.send(line.into()).await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(MONITOR_MAX, watch).await;
    });
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    let extra = Extra {
        stream: Some(HttpBody::new(Lines(body))),
        content_type: Some(content_type),
        ..Extra::default()
    };
    Ok(Reply { extra: Some(Box::new(extra)), ..Reply::text(StatusCode::OK, String::new()) })
}

/// A body that is written as lines come.
struct Lines(tokio::sync::mpsc::Receiver<Bytes>);

impl axum::body::HttpBody for Lines {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|line| line.map(|line| Ok(hyper::body::Frame::data(line))))
    }
}

fn bad(text: impl Into<String>) -> Stop {
    Stop::Bad(VaultError::invalid(text))
}
