//! Why a request is allowed or denied, told to those who may read the policies that decide it.

use std::time::Duration;

use serde_json::{Map, Value};

use super::system::is_permitted;
use super::tokens::Target;
use super::turn::{Answer, Ask, Caller, Session};
use super::{Vault, VaultError};
use crate::access::{MergedRule, Operation, PolicyName, Request, explain};
use crate::path::RequestPath;

/// The request that is asked about.
pub struct Question<'a> {
    pub target: Target<'a>,
    pub operation: Operation,
    pub path: &'a str,
    pub parameters: Option<&'a Map<String, Value>>,
    /// The endpoint asks for `sudo` besides.
    pub needs_sudo: bool,
    /// The answer is to be wrapped for so long.
    pub wrap_ttl: Option<Duration>,
}

/// The answer; it holds no value of any parameter.
pub struct Explained {
    pub allowed: bool,
    pub sudo: bool,
    pub text: String,
    /// Whether the lease is narrowed so that it can't do this, whatever policies say. `None` where
    /// only the accessor is known: narrowings stand in the token.
    pub narrowed: Option<bool>,
    pub policies: Vec<String>,
    /// Policies of the lease that do not exist.
    pub missing: Vec<String>,
    pub rules: Vec<ExplainedRule>,
    pub permit: Option<String>,
}

pub struct ExplainedRule {
    pub policy: String,
    pub path: String,
    pub line: usize,
    pub capabilities: Vec<&'static str>,
    pub decides: bool,
}

impl Vault {
    /// The caller's own merged rules; `None` for root.
    pub async fn resultant_acl(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
    ) -> Answer<Option<Vec<MergedRule>>> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let acl = pass?.acl;
            Ok((!acl.is_root()).then(|| acl.merged_rules()))
        })
        .await
    }

    /// The caller needs `read` on every policy of the lease in question, besides the right to ask.
    pub async fn explain(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        question: &Question<'_>,
    ) -> Answer<Explained> {
        let (turn, pass) = self.admit(caller, ask).await?;
        turn.run(async {
            let session = pass?;
            let path = RequestPath::from_decoded(question.path.trim_start_matches('/'))
                .map_err(|error| VaultError::Invalid(format!("path: {error}")))?;
            let (_, entry) = self.find(&session, &question.target).await?;
            let about = &entry.value.attribution;
            // A disabled entity has no rights to explain: its leases are refused as a whole.
            let identity = session.opened.identity(&about.entity_id).await?;
            let mut policies = about.token_policies.clone();
            let added = identity.iter().flat_map(|identity| &identity.policies);
            policies.extend(added.filter(|name| !about.token_policies.contains(name)).cloned());
            if !policies.iter().all(|name| may_read(&session, name)) {
                return Err(VaultError::Denied);
            }
            let operation = question.operation.as_str();
            let narrowed = match &question.target {
                Target::Own => {
                    Some(!session.held.claims.permits(path.as_str(), operation, caller.client))
                }
                // The holder's address is not known: networks are held against the one who asks.
                Target::Token(token) => {
                    let claims = self.verify_other(&session.opened, token.expose())?;
                    Some(!claims.permits(path.as_str(), operation, caller.client))
                }
                Target::Accessor(_) => None,
            };
            let existing = session.opened.policies.load();
            let now = self.now();
            let missing = |name: &&String| existing.record(name, now).is_none();
            let acl = session.opened.acl_with(&about.token_policies, identity.as_ref(), now);
            let explained = explain(
                &acl,
                &Request {
                    operation: question.operation,
                    path: path.as_str(),
                    parameters: question.parameters,
                    wrap_ttl: question.wrap_ttl,
                },
            );
            let lacks_sudo =
                question.needs_sudo && explained.decision.allowed && !explained.decision.sudo;
            let mut text = explained.text;
            if lacks_sudo {
                text.push_str(
                    "; the endpoint asks for sudo besides, so it is denied: add \"sudo\" to the \
                     capabilities of that rule",
                );
            }
            Ok(Explained {
                allowed: explained.decision.allowed && !lacks_sudo && narrowed != Some(true),
                sudo: explained.decision.sudo,
                narrowed,
                missing: policies.iter().filter(missing).cloned().collect(),
                policies,
                rules: explained
                    .candidates
                    .iter()
                    .map(|rule| ExplainedRule {
                        policy: rule.policy.to_owned(),
                        path: rule.path.to_owned(),
                        line: rule.line,
                        capabilities: rule.capabilities.names(),
                        decides: rule.decides,
                    })
                    .collect(),
                permit: explained.permit,
                text,
            })
        })
        .await
    }
}

/// `root` has no text that could be read: that it permits everything is no secret.
fn may_read(session: &Session, policy: &str) -> bool {
    policy == PolicyName::ROOT
        || is_permitted(&session.acl, Operation::Read, &format!("sys/policies/acl/{policy}"))
}
