//! What the interface promises and this version does not do yet: refused in clear words, never silently ignored.
//! Where mail flows all the same and nobody is let in who should not be, a warning is enough.
//!
//! A row leaves this file in the change that makes its function work.

use super::{check::Checker, key::Key, raw};

pub fn refuse(check: &mut Checker, file: &raw::File) {
    let mut later = |key: Key, wanted: bool, what: &str, hint: &str| {
        if wanted {
            check.error(&key, format!("{what} is not available in this version"), hint);
        }
    };
    const REMOVE: &str = "remove the line";

    let network = Key::of("network");
    let raw = &file.network;
    for (name, given) in [
        ("mail-proxy", raw.mail_proxy.is_some()),
        ("mail-proxy-file", raw.mail_proxy_file.is_some()),
        ("mail-proxy-env", raw.mail_proxy_env.is_some()),
    ] {
        later(network.field(name), given, &format!("`{name}`"), REMOVE);
    }

    for (n, listener) in file.listener.iter().enumerate() {
        let table = Key::of("listener").item(n);
        later(table.field("pass-through"), listener.pass_through == Some(true), "`pass-through = true`", REMOVE);
    }

    for (name, app) in &file.app {
        let word = match app.grant {
            Some(raw::Grant::ServiceAccount) => "service-account",
            Some(raw::Grant::Password) => "password",
            Some(raw::Grant::ManagedIdentity) => "managed-identity",
            Some(raw::Grant::WorkloadIdentity) => "workload-identity",
            _ => continue,
        };
        let key = Key::of("app").field(name).field("grant");
        let hint = "use authorization-code, device-code or client-credentials";
        later(key, true, &format!("`grant = \"{word}\"`"), hint);
    }

    for (n, account) in file.account.iter().enumerate() {
        let table = Key::of("account").item(n);
        let domain = account.address.as_deref().is_some_and(|address| address.starts_with("*@"));
        later(
            table.field("address"),
            domain,
            "an account for a whole domain (\"*@\")",
            "name each mailbox in its own [[account]]",
        );
        later(table.field("passwords-file"), account.passwords_file.is_some(), "`passwords-file`", REMOVE);
        let word = match account.outbound {
            Some(raw::Outbound::Graph) => Some("graph"),
            Some(raw::Outbound::SmtpThenGraph) => Some("smtp-then-graph"),
            _ => None,
        };
        let what = format!("`outbound = \"{}\"`", word.unwrap_or_default());
        later(table.field("outbound"), word.is_some(), &what, "use outbound = \"smtp\"");
        let queued = account.delivery == Some(raw::Delivery::Queue);
        later(table.field("delivery"), queued, "`delivery = \"queue\"`", "use delivery = \"direct\"");
    }

    for (n, client) in file.client.iter().enumerate() {
        let table = Key::of("client").item(n);
        let forced = client.sender == Some(raw::Sender::Force);
        later(table.field("sender"), forced, "`sender = \"force\"`", "use sender = \"keep\"");
        later(table.field("recipients"), client.recipients.is_some(), "`recipients`", REMOVE);
        let queued = client.delivery == Some(raw::Delivery::Queue);
        later(table.field("delivery"), queued, "`delivery = \"queue\"`", "use delivery = \"direct\"");
        later(table.field("capture"), client.capture == Some(true), "`capture = true`", REMOVE);
    }
    let notify = &file.notify;
    let told = !notify.command.is_empty()
        || notify.webhook.is_some()
        || notify.webhook_file.is_some()
        || notify.webhook_env.is_some();
    notice(
        check,
        Key::of("notify"),
        told,
        "[notify] has no effect in this version: watch `gatepost status` and /metrics",
    );
    let queue = &file.queue;
    let queued = queue.max_age_hours.is_some() || queue.max_bytes.is_some() || queue.postmaster.is_some();
    notice(
        check,
        Key::of("queue"),
        queued,
        "[queue] has no effect in this version: messages are passed on while the client waits",
    );
    for (n, account) in file.account.iter().enumerate() {
        let key = Key::of("account").item(n).field("limits");
        notice(check, key, account.limits.is_some(), "`limits` are not kept by this version; Microsoft's own hold");
    }
    for (n, client) in file.client.iter().enumerate() {
        let key = Key::of("client").item(n).field("repair");
        notice(check, key, client.repair == Some(true), "messages are not repaired by this version");
    }
}

fn notice(check: &mut Checker, key: Key, given: bool, text: &str) {
    if given {
        check.warning(&key, text, "the line may stay: a later version obeys it");
    }
}
