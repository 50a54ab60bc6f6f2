//! Where a sink of type `http` sends to: the parts of its URL, whom it trusts, which networks it may
//! reach beside public addresses.

use std::path::PathBuf;

use ipnet::IpNet;

/// The other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTo {
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    pub host: String,
    pub port: u16,
    /// With the query; begins with a slash.
    pub path: String,
    /// PEM: the roots that its certificate must come from; the system's if there is none.
    pub ca_file: Option<PathBuf>,
    /// PEM: who the server is to the other end, where that asks.
    pub client_cert: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    /// Networks that are not public and meant all the same.
    pub allow: Vec<IpNet>,
}

impl HttpTo {
    /// `None` for anything but `https://HOST[:PORT][/PATH]`.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("https://")?;
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
            _ => (authority, 443),
        };
        let name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let good = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(name),
        };
        (good && port != 0 && plain(&path)).then(|| Self {
            host: host.to_owned(),
            port,
            path,
            ca_file: None,
            client_cert: None,
            client_key: None,
            allow: Vec::new(),
        })
    }

    /// Without the brackets of an IPv6 address.
    pub fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Host and port.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub fn url(&self) -> String {
        format!("https://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_https_and_has_a_host_and_nothing_hidden() {
        for (url, host, port, path) in [
            ("https://a.example", "a.example", 443, "/"),
            ("https://a.example:8443/in?x=1", "a.example", 8443, "/in?x=1"),
            ("https://[::1]:1?x", "[::1]", 1, "/?x"),
            ("https://[::1]/", "[::1]", 443, "/"),
            ("https://10.0.0.1", "10.0.0.1", 443, "/"),
        ] {
            let to = HttpTo::parse(url).unwrap_or_else(|| panic!("{url}"));
            assert_eq!((to.host.as_str(), to.port, to.path.as_str()), (host, port, path));
            assert_eq!(HttpTo::parse(&to.url()), Some(to));
        }
        for url in [
            "http://a.example",
            "https://",
            "https:///x",
            "https://user@a.example",
            "https://a:b",
            "https://a:0",
            "https://a/#x",
            "https://a/ b",
            "https://[::1",
            "https://a b/",
        ] {
            assert_eq!(HttpTo::parse(url), None, "{url}");
        }
    }
}
