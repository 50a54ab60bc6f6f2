//! Who may come in, and how much at a time: connections in all and from one address, requests that
//! are worked on, and counts of what was turned away. Decides at once and cheaply; nobody queues.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::bodies::Bodies;
use crate::config::ListenerLimits;
use crate::limits;
use crate::telemetry::Figure;
use crate::tls::Acceptor;

/// One listener's door. Its limits can be replaced while it runs; who is inside stays.
pub struct Gate {
    limits: ArcSwap<ListenerLimits>,
    connections: Mutex<Connections>,
    requests: AtomicUsize,
    bodies: Arc<Bodies>,
    counts: Counts,
    tls: Option<Arc<Acceptor>>,
}

#[derive(Default)]
struct Connections {
    open: u32,
    by_address: HashMap<IpAddr, u32>,
}

/// Since the start.
#[derive(Default)]
struct Counts([AtomicU64; Event::ALL.len()]);

/// What happens at the door and is not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection that came in.
    Accepted,
    /// Turned away: all connections there may be are open …
    TooManyConnections,
    /// … or all there may be from its address.
    TooManyFromAddress,
    /// No connection: the operating system refused (no descriptors, for example).
    AcceptFailed,
    /// Its handshake failed, or took too long.
    HandshakeFailed,
    /// It spoke plain HTTP where TLS is spoken.
    PlainOnTls,
    /// The head of a request was no HTTP, or past its limits.
    Malformed,
    /// A head or an answer took too long.
    TooSlow,
    /// A request turned away: all there may be are being worked on.
    Shed,
    /// A request turned away in its body: the bodies there are hold all that they may.
    BodiesFull,
}

impl Event {
    pub const ALL: [Event; 10] = [
        Event::Accepted,
        Event::TooManyConnections,
        Event::TooManyFromAddress,
        Event::AcceptFailed,
        Event::HandshakeFailed,
        Event::PlainOnTls,
        Event::Malformed,
        Event::TooSlow,
        Event::Shed,
        Event::BodiesFull,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Event::Accepted => "accepted",
            Event::TooManyConnections => "too_many_connections",
            Event::TooManyFromAddress => "too_many_from_address",
            Event::AcceptFailed => "accept_failed",
            Event::HandshakeFailed => "handshake_failed",
            Event::PlainOnTls => "plain_on_tls",
            Event::Malformed => "malformed",
            Event::TooSlow => "too_slow",
            Event::Shed => "shed",
            Event::BodiesFull => "bodies_full",
        }
    }
}

/// A connection's place; free again when dropped.
pub(super) struct Place {
    gate: Arc<Gate>,
    key: IpAddr,
}

/// A request's place.
pub struct Working<'g>(&'g Gate);

impl Gate {
    pub fn new(listener: ListenerLimits, tls: Option<Arc<Acceptor>>) -> Arc<Self> {
        Arc::new(Self {
            limits: ArcSwap::from_pointee(listener),
            connections: Mutex::default(),
            requests: AtomicUsize::new(0),
            bodies: Bodies::new(limits::BODIES_BYTES_MAX, limits::LEASED_BODIES_BYTES_MAX),
            counts: Counts::default(),
            tls,
        })
    }

    pub fn limits(&self) -> Arc<ListenerLimits> {
        self.limits.load_full()
    }

    pub fn set_limits(&self, limits: ListenerLimits) {
        self.limits.store(Arc::new(limits));
    }

    /// `None` on a listener of plain HTTP.
    pub fn tls(&self) -> Option<&Arc<Acceptor>> {
        self.tls.as_ref()
    }

    pub fn count(&self, event: Event) -> u64 {
        self.counts.of(event).load(Ordering::Relaxed)
    }

    pub fn connections(&self) -> u32 {
        self.connections.lock().open
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    pub fn bodies(&self) -> &Arc<Bodies> {
        &self.bodies
    }

    /// What metrics tell about this listener.
    pub fn figures(&self) -> Vec<Figure> {
        let mut figures = vec![
            Figure::level("connections", "Open connections", f64::from(self.connections())),
            Figure::level(
                "requests_worked_on",
                "Requests that have a place among listener.requests_max",
                self.requests() as f64,
            ),
            Figure::level(
                "request_bodies_bytes",
                "Bodies of requests under way",
                self.bodies.bytes() as f64,
            ),
        ];
        figures.extend(Event::ALL.into_iter().map(|event| {
            let help = "What happened at the listener and is not a request answered";
            Figure::counter("listener_events", help, self.count(event)).of("event", event.as_str())
        }));
        figures.extend(self.tls.as_ref().map(|tls| {
            let help = "Until the certificate of the listener ends; below 0, since it ended";
            Figure::level("certificate_expiry_seconds", help, tls.seconds_left())
        }));
        figures
    }

    /// What health tells about this listener.
    pub fn trouble(&self) -> Option<String> {
        self.tls.as_ref()?.trouble(limits::CERTIFICATE_DEGRADED)
    }

    pub(super) fn note(&self, event: Event) {
        self.counts.of(event).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Place, Event> {
        let (limits, key) = (self.limits.load(), group(address));
        let mut connections = self.connections.lock();
        if connections.open >= limits.connections_max {
            return Err(Event::TooManyConnections);
        }
        let here = connections.by_address.entry(key).or_insert(0);
        if *here >= limits.connections_per_address_max {
            return Err(Event::TooManyFromAddress);
        }
        *here += 1;
        connections.open += 1;
        Ok(Place { gate: self.clone(), key })
    }

    /// Asked before a body is read, where nothing is held yet.
    pub fn is_full(&self) -> bool {
        self.requests() >= self.limits.load().requests_max as usize
    }

    /// A place for a request whose body is here; `None` where there is none.
    pub fn work(&self) -> Option<Working<'_>> {
        let before = self.requests.fetch_add(1, Ordering::Relaxed);
        let place = Working(self);
        (before < self.limits.load().requests_max as usize).then_some(place)
    }

    /// Counts a request that got no place.
    pub fn shed(&self) {
        self.note(Event::Shed);
    }

    /// Counts a request whose body found no room.
    pub fn body_refused(&self) {
        self.note(Event::BodiesFull);
    }
}

impl Counts {
    fn of(&self, event: Event) -> &AtomicU64 {
        &self.0[event as usize]
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut connections = self.gate.connections.lock();
        connections.open -= 1;
        // The map holds only addresses that are connected.
        if let Some(here) = connections.by_address.get_mut(&self.key) {
            *here -= 1;
            if *here == 0 {
                connections.by_address.remove(&self.key);
            }
        }
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who counts as one client: an IPv4 address, or the /64 that one IPv6 host can choose from.
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & (u128::MAX << 64)).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(connections_max: u32, per_address: u32, requests_max: u32) -> Arc<Gate> {
        let limits = ListenerLimits {
            connections_max,
            connections_per_address_max: per_address,
            requests_max,
            ..ListenerLimits::default()
        };
        Gate::new(limits, None)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_bounded_in_all_and_by_address_and_come_back() {
        let gate = gate(3, 2, 1);
        let first = gate.admit(ip("10.0.0.1")).ok().unwrap();
        // The same host in another spelling.
        let _second = gate.admit(ip("::ffff:10.0.0.1")).ok().unwrap();
        assert_eq!(gate.admit(ip("10.0.0.1")).err(), Some(Event::TooManyFromAddress));
        let third = gate.admit(ip("2001:db8::1")).ok().unwrap();
        assert_eq!(gate.admit(ip("10.0.0.2")).err(), Some(Event::TooManyConnections));
        drop(third);
        drop(first);
        assert_eq!(gate.connections(), 1);
        assert_eq!(gate.connections.lock().by_address.len(), 1);
        assert!(gate.admit(ip("10.0.0.1")).is_ok());
    }

    #[test]
    fn a_whole_ipv6_subnet_is_one_client() {
        let gate = gate(9, 1, 1);
        let _held = gate.admit(ip("2001:db8::1")).ok().unwrap();
        assert_eq!(gate.admit(ip("2001:db8::ffff:2")).err(), Some(Event::TooManyFromAddress));
        assert!(gate.admit(ip("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn an_address_that_was_refused_leaves_nothing_behind() {
        let gate = gate(1, 1, 1);
        let held = gate.admit(ip("10.0.0.1")).ok().unwrap();
        assert!(gate.admit(ip("10.0.0.2")).is_err());
        drop(held);
        assert!(gate.connections.lock().by_address.is_empty());
    }

    #[test]
    fn requests_are_bounded_and_a_new_limit_counts_at_once() {
        let gate = gate(1, 1, 1);
        let working = gate.work().unwrap();
        assert!(gate.is_full() && gate.work().is_none());
        assert_eq!(gate.requests(), 1);
        gate.set_limits(ListenerLimits { requests_max: 2, ..ListenerLimits::default() });
        assert!(gate.work().is_some());
        drop(working);
        assert_eq!(gate.requests(), 0);
    }

    #[test]
    fn every_event_has_a_place_and_a_name() {
        for (at, event) in Event::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, at, "{}", event.as_str());
        }
    }
}
