//! Which leases there are: accessors, and lease ids below a path. Rows stand in buckets by the hour
//! of their hard end, so a listing looks at every row; both what it looks at and what it answers
//! are bounded.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::opened::Opened;
use super::turn::{Answer, Ask, Caller};
use super::{Vault, VaultError};
use crate::audit;
use crate::barrier::MountId;
use crate::lease::{Accessor, Row};
use crate::limits::{LEASES_LISTED_MAX, LEASES_SCANNED_MAX};

/// Names in byte order.
pub struct Listed {
    pub names: Vec<String>,
    /// There may be more: a limit was reached.
    pub cut: bool,
}

impl Vault {
    /// Accessors of all leases that stand.
    pub async fn accessor_list(&self, caller: &Caller, ask: Ask<'_>) -> Answer<Listed> {
        let name = |row: &Row| Some(row.accessor.to_string());
        self.listing(caller, ask, name).await
    }

    /// What stands right below `prefix`, by whole segments: accessors of leases made by a request
    /// at that path, and, with a slash, the next segments of the paths of all others.
    pub async fn lease_list(&self, caller: &Caller, ask: Ask<'_>, prefix: &str) -> Answer<Listed> {
        let prefix = prefix.trim_matches('/');
        self.listing(caller, ask, |row: &Row| child(prefix, row)).await
    }

    async fn listing(
        &self,
        caller: &Caller,
        ask: Ask<'_>,
        name: impl Fn(&Row) -> Option<String>,
    ) -> Answer<Listed> {
        let (turn, pass) = self.admit(caller, ask.kind(audit::Kind::Auth)).await?;
        turn.run(async {
            let opened = pass?.opened;
            let mut names = BTreeSet::new();
            let cut = self
                .each_standing(&opened, |row| {
                    names.extend(name(row));
                    match names.len() < LEASES_LISTED_MAX {
                        true => ControlFlow::Continue(()),
                        false => ControlFlow::Break(()),
                    }
                })
                .await?;
            if names.is_empty() && !cut {
                return Err(VaultError::NotFound);
            }
            Ok(Listed { names: names.into_iter().collect(), cut })
        })
        .await
    }

    /// Shows every lease that stands to `look`, soonest to end for good first. True when it was
    /// stopped before the end, by `look` or by the limit.
    async fn each_standing(
        &self,
        opened: &Opened,
        mut look: impl FnMut(&Row) -> ControlFlow<()>,
    ) -> Result<bool, VaultError> {
        let now = self.now();
        let mut from = Accessor::new(now, [0; 16]).hour;
        let mut looked = 0;
        while let Some(hour) = opened.barrier.next_bucket::<Row>(MountId::SYSTEM, from).await? {
            let mut after = None;
            loop {
                let page =
                    opened.barrier.scan_bucket::<Row>(MountId::SYSTEM, hour, after, 500).await?;
                let Some((id, _)) = page.last() else { break };
                after = Some(*id);
                looked += page.len();
                for (_, entry) in &page {
                    let row = &entry.value;
                    let ended = row.revoked || row.uses_left == Some(0) || row.ttl(now).is_zero();
                    if !ended && !self.is_cut(opened, row) && look(row).is_break() {
                        return Ok(true);
                    }
                }
                if looked >= LEASES_SCANNED_MAX {
                    return Ok(true);
                }
            }
            from = hour + 1;
        }
        Ok(false)
    }
}

/// The entry of `row` in a listing of `prefix`.
fn child(prefix: &str, row: &Row) -> Option<String> {
    let path = row.attribution.path.as_str();
    let rest = match prefix {
        "" => path,
        _ if path == prefix => return Some(row.accessor.to_string()),
        _ => path.strip_prefix(prefix)?.strip_prefix('/')?,
    };
    let segment = rest.split('/').next().unwrap_or(rest);
    Some(format!("{segment}/"))
}
