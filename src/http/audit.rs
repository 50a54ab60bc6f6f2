//! `sys/audit`: the sinks of the audit log, which the configuration declares, and switching them on
//! and off. No request declares one or chooses a place on the host (P35).

use std::collections::BTreeMap;

use super::operations::refuse;
use super::reply::{Outcome, Reply, Stop, settle};
use super::request::Ctx;
use crate::audit::{SinkState, SinkStatus};
use crate::config::{SEGMENTS, Sink};
use crate::vault::VaultError;
use crate::wire::envelope::Envelope;
use crate::wire::sys::AuditSink;

/// The dialect's words for a server that declares its sinks in its configuration.
const DECLARED_ELSEWHERE: &str = "cannot enable audit device via API; use declarative, config-based \
                                  audit device management instead";

/// Those that are switched off only where `all=true` asks for them: clients take what is listed
/// for what is on.
pub async fn list(ctx: &Ctx) -> Outcome {
    let all = ctx.query.boolean("all")?.unwrap_or(false);
    let sinks = settle(ctx.vault.audit_sinks(&ctx.caller, ctx.ask().sudo(true)).await)?;
    let mut listed = BTreeMap::from([(format!("{SEGMENTS}/"), segments())]);
    let shown = sinks.iter().filter(|status| all || status.state != SinkState::Off);
    listed.extend(shown.map(|status| (format!("{}/", status.sink.name), shape(status))));
    Ok(Reply::injected(&Envelope::new(&ctx.caller.request_id).shape(&listed)))
}

pub async fn enable(ctx: &Ctx) -> Outcome {
    let given = Given::read(ctx)?;
    switch(ctx, true, |sink| match sink {
        Some(sink) => given.agrees_with(sink),
        None => Err(VaultError::invalid(DECLARED_ELSEWHERE)),
    })
    .await
}

pub async fn disable(ctx: &Ctx) -> Outcome {
    if name(ctx) == SEGMENTS {
        return refuse(
            ctx,
            "the audit log's own files are set in the server's configuration and can't be switched \
             off",
        )
        .await;
    }
    switch(ctx, false, |sink| match sink {
        Some(_) => Ok(()),
        None => Err(VaultError::invalid(
            "the server's configuration declares no audit sink of this name; `strongroom audit \
             sinks` lists those there are",
        )),
    })
    .await
}

pub async fn hash(ctx: &Ctx) -> Outcome {
    refuse(
        ctx,
        "this audit log holds no digests of values, so there is nothing to compare a hash \
                 with",
    )
    .await
}

async fn switch(
    ctx: &Ctx,
    on: bool,
    agree: impl Fn(Option<&Sink>) -> Result<(), VaultError>,
) -> Outcome {
    let ask = ctx.ask().sudo(true);
    settle(ctx.vault.switch_audit_sink(&ctx.caller, ask, name(ctx), on, agree).await)?;
    Ok(Reply::empty())
}

fn name(ctx: &Ctx) -> &str {
    ctx.capture(0).trim_end_matches('/')
}

/// What a caller says of the sink that it wants: nothing, or what the configuration says.
struct Given {
    kind: Option<String>,
    description: Option<String>,
    options: BTreeMap<String, String>,
}

impl Given {
    fn read(ctx: &Ctx) -> Result<Self, Stop> {
        Ok(Self {
            kind: ctx.body.string("type")?,
            description: ctx.body.string("description")?,
            options: ctx.body.string_map("options")?.unwrap_or_default().into_iter().collect(),
        })
    }

    fn agrees_with(&self, sink: &Sink) -> Result<(), VaultError> {
        let differs = |what: &str, given: &str| {
            let name = &sink.name;
            Err(VaultError::Invalid(format!(
                "the configuration declares the audit sink {name:?} with another {what} than \
                 {given:?}; leave it out, or change the configuration and restart"
            )))
        };
        if let Some(kind) = self.kind.as_deref().filter(|kind| *kind != sink.to.type_name()) {
            return differs("type", kind);
        }
        let description = self.description.as_deref().filter(|text| !text.is_empty());
        if let Some(text) = description.filter(|text| *text != sink.description) {
            return differs("description", text);
        }
        let declared = options(sink);
        for (key, value) in &self.options {
            if declared.get(key) != Some(value) {
                return differs(&format!("option {key:?}"), value);
            }
        }
        Ok(())
    }
}

/// By the dialect's names, where it has some; the format is the only one there is.
fn options(sink: &Sink) -> BTreeMap<String, String> {
    let named = sink.to.options().into_iter().map(|(key, value)| match key {
        "path" => ("file_path".to_owned(), value),
        _ => (key.to_owned(), value),
    });
    named.chain([("format".to_owned(), "json".to_owned())]).collect()
}

fn shape(status: &SinkStatus) -> AuditSink {
    let sink = &status.sink;
    AuditSink {
        behind: status.behind,
        description: sink.description.clone(),
        local: true,
        options: options(sink),
        path: format!("{}/", sink.name),
        reason: status.reason.clone().unwrap_or_default(),
        required: sink.required,
        state: status.state.as_str().to_owned(),
        kind: sink.to.type_name().to_owned(),
    }
}

/// The log's own files; where they are is not told.
fn segments() -> AuditSink {
    AuditSink {
        description: "the audit log of this server, set in its configuration".to_owned(),
        local: true,
        path: format!("{SEGMENTS}/"),
        required: true,
        state: SinkState::Up.as_str().to_owned(),
        kind: "file".to_owned(),
        ..AuditSink::default()
    }
}
