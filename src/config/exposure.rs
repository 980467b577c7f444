//! No relay for strangers: whoever can reach a listener from outside this machine needs a password or an address rule.
//!
//! Everybody on the listener's network could otherwise read and send as the account. Refused, with the line to add.

use std::{net::IpAddr, sync::Arc};

use super::{check::Checker, key::Key};
use crate::{
    account::{Account, Client, Domain, LocalPassword},
    net::{Bind, IpNet, Listener, ListenerTls},
};

/// Whether others than this machine can reach it. What systemd hands over is unknown here, so it counts as wide.
pub fn is_wide(listener: &Listener) -> bool {
    listener.listen.iter().any(|bind| match bind {
        Bind::Address(address) => !address.ip().to_canonical().is_loopback(),
        Bind::Systemd(_) => true,
    })
}

pub fn refuse(
    check: &mut Checker,
    listeners: &[(Key, Listener)],
    accounts: &[(Key, Arc<Account>)],
    domains: &[(Key, Arc<Domain>)],
    clients: &[(Key, Arc<Client>)],
) {
    let wide = listeners.iter().find(|(_, listener)| is_wide(listener));
    for (key, account) in accounts {
        let has_client = clients.iter().any(|(_, client)| client.account.address == account.address);
        unprotected_account(check, key, account, has_client, wide.map(|(key, _)| key));
    }
    let Some((listener, _)) = wide else { return };
    for (key, domain) in domains.iter().filter(|(_, domain)| matches!(domain.password, LocalPassword::FirstUse)) {
        let mailboxes = &domain.sign_ins.domain;
        check.error(
            key,
            format!(
                "the mailboxes of {mailboxes} have no passwords of their own yet (\"first-use\"), and `{listener}` is \
                 open to other machines"
            ),
            "write instead of password: passwords-file = \"/etc/gatepost/users\" (a line user:hash for each), or listen \
             on 127.0.0.1 and [::1] alone",
        );
    }
    for (key, client) in clients {
        let strangers = client.from.iter().filter(|_| client.login.is_none()).find(|block| is_nobodys_network(block));
        if let Some(IpNet { base, prefix }) = strangers {
            check.error(
                &key.field("from"),
                format!(
                    "`{key}.from`: {base}/{prefix} admits much of the internet without a password, and `{listener}` is open to it"
                ),
                "name the device's own address, for example from = [\"192.168.10.21\"]; the widest block here is a /8 \
                 (IPv6: /7)",
            );
        }
    }
    for (key, listener) in listeners {
        let plain = matches!(listener.tls, ListenerTls::Off);
        if plain && is_wide(listener) && (!domains.is_empty() || anybody_types_a_password(accounts, clients)) {
            check.warning(
                key,
                format!("`{key}` takes passwords from other machines without TLS"),
                "add: tls = \"starttls\" (or \"auto\"), unless every device on it is admitted by address",
            );
        }
    }
}

/// Wider than any network that somebody could have to himself: 10.0.0.0/8 and fc00::/7 (RFC 1918, RFC 4193). Held
/// against each block alone, so that no two halves make a whole.
const fn is_nobodys_network(block: &IpNet) -> bool {
    match block.base {
        IpAddr::V4(_) => block.prefix < 8,
        IpAddr::V6(_) => block.prefix < 7,
    }
}

fn unprotected_account(check: &mut Checker, key: &Key, account: &Account, has_client: bool, wide: Option<&Key>) {
    const ADD: &str = "add to this [[account]]: password = \"$argon2id$...\" (made by `gatepost password`)";
    let address = &account.address;
    match (&account.password, wide) {
        (LocalPassword::FirstUse, Some(listener)) => check.error(
            key,
            format!(
                "{address} has no password of its own yet (\"first-use\"), and `{listener}` is open to other machines"
            ),
            format!("{ADD}, or listen on 127.0.0.1 and [::1] alone"),
        ),
        (LocalPassword::None, Some(listener)) if !has_client => check.error(
            key,
            format!(
                "{address} has neither a password nor a [[client]] rule, and `{listener}` is open to other machines"
            ),
            format!("{ADD}, or a [[client]] with from = [\"ADDRESS\"], or listen on 127.0.0.1 and [::1] alone"),
        ),
        (LocalPassword::None, None) if !has_client => check.error(
            key,
            format!("nobody could use {address}: it has neither a password nor a [[client]] rule"),
            ADD,
        ),
        _ => {}
    }
}

fn anybody_types_a_password(accounts: &[(Key, Arc<Account>)], clients: &[(Key, Arc<Client>)]) -> bool {
    accounts.iter().any(|(_, account)| !matches!(account.password, LocalPassword::None))
        || clients.iter().any(|(_, client)| client.login.is_some())
}
