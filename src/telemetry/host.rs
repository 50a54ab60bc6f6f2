//! What the kernel says of this process and its machine, read from `/proc` when somebody asks.
//! Nothing here is cached, and nothing is an error: what can't be read is left out.

use std::fs;

/// This process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    pub resident_bytes: u64,
    pub threads: u64,
    pub open_files: u64,
}

/// The machine's memory and load.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Host {
    pub hostname: String,
    pub kernel: String,
    pub cpus: usize,
    pub cpu_model: String,
    pub memory_total: u64,
    pub memory_available: u64,
    pub swap_total: u64,
    pub swap_free: u64,
    pub uptime_seconds: u64,
    pub load: [f64; 3],
}

impl Process {
    pub fn now() -> Self {
        let status = read("/proc/self/status");
        Self {
            resident_bytes: kilobytes(&status, "VmRSS:"),
            threads: number(field(&status, "Threads:")),
            open_files: fs::read_dir("/proc/self/fd").map_or(0, |all| all.count() as u64),
        }
    }
}

impl Host {
    pub fn now() -> Self {
        let (cpu, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
        let load = read("/proc/loadavg");
        let mut loads = load.split(' ').map(|n| n.parse().unwrap_or(0.0));
        let mut next = || loads.next().unwrap_or(0.0);
        Self {
            hostname: read("/proc/sys/kernel/hostname").trim().to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            cpus: cpu.lines().filter(|l| l.starts_with("processor")).count(),
            cpu_model: field(&cpu, "model name").trim_start_matches([':', ' ']).to_owned(),
            memory_total: kilobytes(&memory, "MemTotal:"),
            memory_available: kilobytes(&memory, "MemAvailable:"),
            swap_total: kilobytes(&memory, "SwapTotal:"),
            swap_free: kilobytes(&memory, "SwapFree:"),
            uptime_seconds: number(&read("/proc/uptime")),
            load: [next(), next(), next()],
        }
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// What follows `name` on its line.
fn field<'t>(text: &'t str, name: &str) -> &'t str {
    text.lines().find_map(|l| l.strip_prefix(name)).unwrap_or("").trim()
}

/// The whole number that a text begins with.
fn number(text: &str) -> u64 {
    let digits = text.trim().split(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
    digits.parse().unwrap_or(0)
}

fn kilobytes(text: &str, name: &str) -> u64 {
    number(field(text, name)) << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_and_machine_are_seen() {
        let (process, host) = (Process::now(), Host::now());
        assert!(process.resident_bytes > 1 << 20 && process.threads > 0 && process.open_files > 2);
        assert!(host.cpus > 0 && host.memory_total > host.memory_available);
        assert!(!host.hostname.is_empty() && host.uptime_seconds > 0);
    }

    #[test]
    fn numbers_are_read_from_their_lines() {
        assert_eq!(kilobytes("A: 1 kB\nVmRSS:\t  20 kB\n", "VmRSS:"), 20 << 10);
        assert_eq!(number("12.5 3"), 12);
        assert_eq!(number("none"), 0);
    }
}
