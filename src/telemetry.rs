//! What the process tells of itself. Never a secret: secret types have no `Display`, nothing here
//! formats a request's body or headers, and labels of metrics are words of the program.
//!
//! * `log`: lines on standard error and for those who watch
//! * `metrics`, `histogram`: what is counted; `flights`: requests under way
//! * `tally`: what one request caused, for its audit entry
//! * `host`: what the kernel says of process and machine

mod flights;
mod histogram;
mod host;
mod log;
mod metrics;
mod tally;

pub use flights::{Airborne, Flight, Flights};
pub use histogram::Histogram;
pub use host::{Host, Process};
pub use log::{LEVELS, LogFormat, Logs, RequestIds, Watcher, current, level_named, within};
pub use metrics::{
    Asked, AuditMetrics, Counter, Figure, Gauge, HsmMetrics, Leases, Metrics, Requests, Stages,
    StoreMetrics,
};
pub use tally::{Counts, Tally, count_commit, count_hsm_call, counts};
