//! What the interface promises and this version does not do yet: refused in clear words, never silently ignored.
//! Where mail flows all the same and nobody is let in who should not be, a warning is enough.
//!
//! A row leaves this file in the change that makes its function work.

use super::{check::Checker, key::Key, raw};

const REMOVE: &str = "remove the line";

pub fn refuse(check: &mut Checker, file: &raw::File) {
    for (n, listener) in file.listener.iter().enumerate() {
        let key = Key::of("listener").item(n).field("pass-through");
        later(check, &key, listener.pass_through == Some(true), "`pass-through = true`", REMOVE);
    }
    for (n, each) in file.account.iter().enumerate() {
        account(check, &Key::of("account").item(n), each);
    }
    for (n, each) in file.client.iter().enumerate() {
        client(check, &Key::of("client").item(n), each);
    }
    queue(check, &file.queue);
}

fn account(check: &mut Checker, table: &Key, raw: &raw::Account) {
    delivery(check, table, raw.delivery);
}

fn client(check: &mut Checker, table: &Key, raw: &raw::Client) {
    delivery(check, table, raw.delivery);
    later(check, &table.field("capture"), raw.capture == Some(true), "`capture = true`", REMOVE);
}

fn delivery(check: &mut Checker, table: &Key, delivery: Option<raw::Delivery>) {
    let queued = delivery == Some(raw::Delivery::Queue);
    later(check, &table.field("delivery"), queued, "`delivery = \"queue\"`", "use delivery = \"direct\"");
}

fn queue(check: &mut Checker, raw: &raw::Queue) {
    let given = raw.max_age_hours.is_some() || raw.max_bytes.is_some() || raw.postmaster.is_some();
    let text = "[queue] has no effect in this version: messages are passed on while the client waits";
    notice(check, &Key::of("queue"), given, text);
}

fn later(check: &mut Checker, key: &Key, wanted: bool, what: &str, hint: &str) {
    if wanted {
        check.error(key, format!("{what} is not available in this version"), hint);
    }
}

fn notice(check: &mut Checker, key: &Key, given: bool, text: &str) {
    if given {
        check.warning(key, text, "the line may stay: a later version obeys it");
    }
}
