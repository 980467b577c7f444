//! Small things that several sections name: files, mailboxes, user names, host:port, address blocks.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use super::{Checker, shown};
use crate::{
    base::is_mailbox,
    config::{key::Key, outline::has_login, unit::SEALED},
    net::{ClientTls, IpNet, SetupFault},
    store::private_file,
};

impl Checker<'_> {
    /// The absolute path of a file that can be opened now.
    pub(super) fn readable(&mut self, key: &Key, written: &Path) -> PathBuf {
        let path = self.around.path(written);
        if let Err(e) = private_file::open_file(&path) {
            self.unreadable(key, &path, &e);
        }
        path
    }

    /// The same of one with certificates of authorities.
    pub(super) fn authorities(&mut self, key: &Key, written: &Path) -> PathBuf {
        let found = self.problems.len();
        let path = self.readable(key, written);
        if found == self.problems.len() {
            let hint = "put the certificate of the authority there in PEM form, or take the line out";
            self.used_at_a_start(key, || ClientTls::look_into(&path), hint);
        }
        path
    }

    /// What a start would end with. Where the file cannot be opened, that is said already.
    pub(super) fn used_at_a_start(&mut self, key: &Key, look: impl FnOnce() -> Result<(), SetupFault>, hint: &str) {
        if self.around.looks_into_files
            && let Err(fault) = look()
        {
            self.error(key, fault.named(), hint);
        }
    }

    /// What stands in the place of a path may be what belongs into the file.
    pub(super) fn unreadable(&mut self, key: &Key, path: &Path, error: &std::io::Error) {
        if has_login(&path.to_string_lossy()) {
            let text = format!("`{key}` wants the path of a file, and holds a URL with a login (which is not shown)");
            self.error(key, text, "write the URL into a file of its own, as one line, and the path of that file here");
            return;
        }
        if let Some(name) = self.around.lent_to_the_service(path) {
            let text =
                format!("`{key}`: systemd lends {} to the service alone ($CREDENTIALS_DIRECTORY)", name.display());
            let lent = self.around.as_lent(name);
            let hint = match lent.starts_with(SEALED) {
                true => format!(
                    "the service has it by {lent}: `systemd-creds encrypt` seals a new value into that file, then `sudo systemctl \
                     restart gatepost`; commands run as the service (docs/systemd.md)"
                ),
                false => format!(
                    "the service has it by {lent}: a new value goes into that file, then `sudo systemctl restart gatepost`; \
                     commands run as the service (docs/systemd.md)"
                ),
            };
            return self.error(key, text, hint);
        }
        self.error(key, format!("cannot read {}: {error}", path.display()), "check the path and who may read the file");
    }

    /// One mailbox, `local@domain`. Whether it is one.
    pub(super) fn mailbox(&mut self, key: &Key, written: &str) -> bool {
        let fine = is_mailbox(written);
        if !fine {
            let text = format!("`{key}`: \"{}\" is not a mail address", shown(written));
            self.error(key, text, "for example \"ann@contoso.com\"");
        }
        fine
    }

    /// A mailbox or `*@domain`. Whether it is one.
    pub(super) fn mailbox_or_domain(&mut self, key: &Key, written: &str) -> bool {
        let domain = written.strip_prefix("*@").map(|domain| format!("x@{domain}"));
        self.mailbox(key, domain.as_deref().unwrap_or(written))
    }

    /// A user name that may go into a SASL message: no control bytes (they part its fields) and no blanks.
    pub(super) fn user_name(&mut self, key: &Key, written: &str) {
        if written.is_empty() || written.contains(|c: char| c.is_control() || c.is_whitespace()) {
            let text = format!("`{key}` is empty or holds blanks or control characters");
            self.error(key, text, "usually a mail address");
        }
    }

    pub(super) fn block(&mut self, key: &Key, written: &str) -> Option<IpNet> {
        match parse_block(written) {
            Ok(block) => Some(block),
            Err(hint) => {
                self.error(key, format!("`{key}`: \"{}\" is not an address or block", shown(written)), hint);
                None
            }
        }
    }
}

/// `192.168.10.21` or `192.168.10.0/28`; IPv4-mapped IPv6 is IPv4.
fn parse_block(written: &str) -> Result<IpNet, String> {
    const EXAMPLE: &str = "for example \"192.168.10.21\" or \"192.168.10.0/28\"";
    let (ip, prefix) = match written.split_once('/') {
        Some((ip, prefix)) => (ip, Some(prefix)),
        None => (written, None),
    };
    let ip: IpAddr = ip.parse().map_err(|_| EXAMPLE.to_owned())?;
    let width: u8 = if ip.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => width,
        Some(prefix) => prefix.parse().ok().filter(|p| *p <= width).ok_or(EXAMPLE)?,
    };
    let (ip, prefix) = match (ip.to_canonical(), prefix.checked_sub(96)) {
        (canonical, Some(prefix)) if canonical.is_ipv4() != ip.is_ipv4() => (canonical, prefix),
        _ => (ip, prefix),
    };
    let network: IpAddr = match ip {
        IpAddr::V4(ip) => {
            Ipv4Addr::from(u32::from(ip) & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)).into()
        }
        IpAddr::V6(ip) => {
            Ipv6Addr::from(u128::from(ip) & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)).into()
        }
    };
    if network != ip {
        return Err(format!("the block is {network}/{prefix}"));
    }
    Ok(IpNet { base: network, prefix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_addresses_or_networks_without_host_bits() {
        assert_eq!(parse_block("192.168.10.21").unwrap().prefix, 32);
        assert_eq!(parse_block("::ffff:10.0.0.1").unwrap().base, "10.0.0.1".parse::<IpAddr>().unwrap());
        let mapped = parse_block("::ffff:10.0.0.0/104").unwrap();
        assert_eq!((mapped.base, mapped.prefix), ("10.0.0.0".parse::<IpAddr>().unwrap(), 8));
        assert!(parse_block("0.0.0.0/0").is_ok());
        assert!(parse_block("fd00::/8").is_ok());
        assert_eq!(parse_block("192.168.10.5/28").unwrap_err(), "the block is 192.168.10.0/28");
        for wrong in ["", "printer", "10.0.0.0/33", "10.0.0/8", "::1/129", "10.0.0.0/-1", "10.0.0.0/"] {
            assert!(parse_block(wrong).is_err(), "{wrong}");
        }
    }
}
