//! Which addresses outgoing HTTP may go to (P36): public ones, and those that the configuration
//! allows. The address that was looked at is the one that is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Whether a connection may be made to `ip`.
pub(super) fn may_reach(ip: IpAddr, allow: &[IpNet]) -> bool {
    // An IPv4 address in an IPv6 dress is that IPv4 address.
    let ip = ip.to_canonical();
    allow.iter().any(|network| network.contains(&ip)) || is_public(ip)
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_unspecified()
        || ip.is_loopback()
        || ip.is_private()
        // Where clouds keep their metadata.
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    // Of the global unicast range, without what is for documents and what carries IPv4 addresses.
    let global = first & 0xe000 == 0x2000;
    let documents = first == 0x2001 && second == 0x0db8;
    let tunnels = first == 0x2002 || (first == 0x2001 && second == 0);
    global && !documents && !tunnels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p36_what_is_not_public_is_reached_only_where_it_is_allowed() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2001:db8::1",
            "2002:7f00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
        ] {
            let ip: IpAddr = text.parse().unwrap();
            assert!(!may_reach(ip, &[]), "{text}");
            let itself = IpNet::from(ip.to_canonical());
            assert!(may_reach(ip, &[itself]), "{text}");
        }
        for text in ["1.1.1.1", "100.128.0.1", "172.32.0.1", "198.20.0.1", "2606:4700::1111"] {
            assert!(may_reach(text.parse().unwrap(), &[]), "{text}");
        }
    }
}
