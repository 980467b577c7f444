//! A preset as TOML, ready to paste: a `[[listener]]` where one is needed, and the `[[client]]`.

use super::{Device, Place, Retries, Sender, Words};
use crate::{
    base::{Lang, Protocol},
    config::{Problem, Severity, Surroundings, check_text},
};

/// What a person wants of a preset.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// What logs and pages will call the device.
    pub name: &'a str,
    /// Address of the account.
    pub account: &'a str,
    /// Addresses and blocks that it connects from.
    pub from: &'a [String],
    /// User name and argon2id hash.
    pub login: Option<(&'a str, &'a str)>,
    pub beside: Beside,
}

/// Which listeners the configuration has that the block is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// None is known.
    Nothing,
    /// None is written, and the first one that is takes the place of the usual ones.
    UsualListeners,
    /// Some are written, one like the block's among them.
    ThisListener,
    OtherListeners,
}

/// Where a remark begins, as in the other files.
const REMARK_AT: usize = 49;

/// Remarks, in the order of the keys.
mod remark {
    use super::Words;

    pub const HEAD: Words = Words {
        en: "{}. What to type into it: docs/devices/{guide}.md",
        ja: "{}。入力する内容: docs/ja/devices/{guide}.md",
    };
    pub const DEFAULT_LISTENER: Words = Words {
        en: "# It connects to 127.0.0.1:{}: the listener that is there without any [[listener]].\n",
        ja: "# 接続先は 127.0.0.1:{}（[[listener]] が1つもないときに開くリスナー）です。\n",
    };
    pub const LISTENER: Words = Words {
        en: "# Leave the listener out where one like it is there. Without any [[listener]] there are three of loopback;\n\
             # with one, only what is written.\n",
        ja: "# 同じリスナーがすでにあれば、この [[listener]] は省いてください。[[listener]] が1つもなければループバックの3つが開き、\n\
             # 1つでも書くと、書いたものだけが開きます。\n",
    };
    pub const USUAL_LISTENERS: Words = Words {
        en: "# The usual listeners are gone once one is written: they are written here too, for the mail programs that use them.\n",
        ja: "# [[listener]] を書くと通常のリスナーは開かなくなるため、メールソフトが使うものもここに書いてあります。\n",
    };
    pub const THIS_LISTENER: Words = Words {
        en: "# It connects to port {}: that listener is there already.\n",
        ja: "# 接続先はポート {} です。このリスナーはすでにあります。\n",
    };
    pub const NETWORK_OF_DEVICES: Words = Words {
        en: "better: this machine's address in the network of the devices",
        ja: "できれば、このマシンの機器側ネットワークのアドレスだけに",
    };
    pub const EVERY_ADDRESS: Words =
        Words { en: "every address of this machine", ja: "このマシンのすべてのアドレス" };
    pub const TLS_OFF: Words = Words {
        en: "many models know no newer TLS than 1.1: an address admits them",
        ja: "TLS 1.1 までの機種が多いため、アドレスで許可します",
    };
    pub const TLS_AUTO: Words = Words {
        en: "TLS from the first byte, STARTTLS or none, as the device likes",
        ja: "最初からの TLS、STARTTLS、TLS なしのどれでも",
    };
    pub const TLS_OFFERED: Words = Words {
        en: "offered; \"starttls-required\" lets nobody log in without it",
        ja: "任意。\"starttls-required\" なら TLS なしのログインを拒否します",
    };
    pub const NAME: Words = Words { en: "what logs and pages call it", ja: "ログとコンソールに出る名前" };
    pub const ACCOUNT: Words = Words {
        en: "the mailbox that sends, an [[account]]",
        ja: "送信に使うメールボックス（[[account]] の1つ）",
    };
    pub const FROM_ALONE: Words = Words {
        en: "its own address: that alone admits it",
        ja: "接続元のアドレス。これだけで許可します",
    };
    pub const FROM_AND: Words = Words { en: "only from there,", ja: "このアドレスからだけ、" };
    pub const LOGIN_AND: Words =
        Words { en: "and only with this login", ja: "かつこのログインでだけ許可します" };
    pub const KEEP: Words = Words {
        en: "it sends as the account, or as what send-as allows",
        ja: "差出人はアカウントか、send-as にあるもの",
    };
    pub const FORCE: Words = Words {
        en: "From becomes the account's, the old From goes to Reply-To",
        ja: "From をアカウントにし、元の From を Reply-To に移します",
    };
    pub const REPAIR: Words = Words {
        en: "a missing Date, Message-ID or From is added, and the like",
        ja: "足りない Date、Message-ID、From などを補います",
    };
    pub const NO_REPAIR: Words = Words {
        en: "a mail server writes whole messages",
        ja: "メールサーバーのメールは整っています",
    };
    pub const QUEUE: Words = Words {
        en: "it never sends again by itself: Gatepost does",
        ja: "自分では再送しないので、Gatepost が再送します",
    };
    pub const DIRECT: Words = Words {
        en: "it has a queue of its own and hears how each message fared",
        ja: "自身のキューがあり、各メールの結果を受け取ります",
    };
    pub const RECIPIENTS: Words = Words {
        en: "whom it may write to; without it, anybody",
        ja: "送ってよい宛先。省くとどこへでも送れます",
    };
    pub const CAPTURE: Words = Words {
        en: "commissioning: messages stay on hold in the queue, nothing is sent",
        ja: "導入時の確認用: 送信せず、キューに保留します",
    };
}

/// The block, with a remark at each key that a person may want to change.
pub fn block(device: &Device, wish: &Wish, lang: Lang) -> String {
    let head = remark::HEAD.get(lang).replacen("{}", device.title.get(lang), 1).replace("{guide}", device.guide);
    let mut page = Page { out: format!("\n# {head}\n"), lang };
    page.listener(device, wish);
    page.out.push_str("\n[[client]]\n");
    page.line(&format!("name = {}", quoted(wish.name)), Some(remark::NAME));
    page.line(&format!("account = {}", quoted(wish.account)), Some(remark::ACCOUNT));
    page.credentials(wish);
    page.treatment(device, wish);
    page.out
}

struct Page {
    out: String,
    lang: Lang,
}

impl Page {
    fn listener(&mut self, device: &Device, wish: &Wish) {
        let door = device.door(wish.login.is_some());
        if door.is_default {
            let port = door.port.to_string();
            self.out.push_str(&remark::DEFAULT_LISTENER.get(self.lang).replace("{}", &port));
            return;
        }
        match wish.beside {
            Beside::Nothing => self.out.push_str(remark::LISTENER.get(self.lang)),
            Beside::UsualListeners => self.out.push_str(remark::USUAL_LISTENERS.get(self.lang)),
            Beside::OtherListeners => {}
            Beside::ThisListener => {
                let port = door.port.to_string();
                return self.out.push_str(&remark::THIS_LISTENER.get(self.lang).replace("{}", &port));
            }
        }
        self.out.push_str("\n[[listener]]\nprotocol = \"smtp\"\n");
        let address = match device.place {
            Place::OldTls => remark::NETWORK_OF_DEVICES,
            _ => remark::EVERY_ADDRESS,
        };
        self.line(&format!("listen = [\"0.0.0.0:{}\"]", door.port), Some(address));
        let tls = match door.tls {
            "off" => remark::TLS_OFF,
            "auto" => remark::TLS_AUTO,
            _ => remark::TLS_OFFERED,
        };
        self.line(&format!("tls = \"{}\"", door.tls), Some(tls));
        // A configuration that has none written has these, which TLS needs nowhere.
        let usual = Protocol::ALL.map(|protocol| (protocol, protocol.port_of_ours())).into_iter();
        for (protocol, port) in usual.filter(|(_, port)| wish.beside == Beside::UsualListeners && *port != door.port) {
            self.out.push_str(&format!("\n[[listener]]\nprotocol = \"{protocol}\"\nlisten = [\"127.0.0.1:{port}\"]\n"));
        }
    }

    fn credentials(&mut self, wish: &Wish) {
        if !wish.from.is_empty() {
            let from: Vec<String> = wish.from.iter().map(|one| quoted(one)).collect();
            let alone = if wish.login.is_none() { remark::FROM_ALONE } else { remark::FROM_AND };
            self.line(&format!("from = [{}]", from.join(", ")), Some(alone));
        }
        if let Some((login, hash)) = wish.login {
            let only = (!wish.from.is_empty()).then_some(remark::LOGIN_AND);
            self.line(&format!("login = {}", quoted(login)), only);
            self.line(&format!("password = {}", quoted(hash)), None);
        }
    }

    fn treatment(&mut self, device: &Device, wish: &Wish) {
        match device.sender {
            Sender::Keep => self.line("sender = \"keep\"", Some(remark::KEEP)),
            Sender::Force => self.line("sender = \"force\"", Some(remark::FORCE)),
        }
        match device.retries {
            Retries::Never => {
                self.line("repair = true", Some(remark::REPAIR));
                self.line("delivery = \"queue\"", Some(remark::QUEUE));
            }
            Retries::Itself => {
                self.line("repair = false", Some(remark::NO_REPAIR));
                self.line("delivery = \"direct\"", Some(remark::DIRECT));
            }
        }
        let domain = wish.account.rsplit_once('@').map_or("contoso.com", |(_, domain)| domain);
        let recipients = format!("# recipients = [{}]", quoted(&format!("*@{domain}")));
        self.line(&recipients, Some(remark::RECIPIENTS));
        self.line("# capture = true", Some(remark::CAPTURE));
    }

    fn line(&mut self, key: &str, remark: Option<Words>) {
        match remark {
            None => self.out.push_str(&format!("{key}\n")),
            Some(remark) => self.out.push_str(&format!("{key:<REMARK_AT$}# {}\n", remark.get(self.lang))),
        }
    }
}

/// As TOML writes a string, on one line.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What a check finds wrong with the wishes themselves: name, account, addresses, login. Empty: nothing.
pub fn mistakes(block: &str, wish: &Wish) -> Vec<Problem> {
    const OF_WISHES: &[&str] =
        &["client[0].name", "client[0].account", "client[0].from", "client[0].login", "account[0].address"];
    let text = format!(
        "[store]\nurl = \"sqlite:///gatepost.db\"\n[app.contoso]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\n\
         client-id = \"id\"\n[[account]]\naddress = {}\n{block}",
        quoted(wish.account)
    );
    let found = match check_text(&text, "", &Surroundings::default()) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    };
    let of_wishes = |problem: &Problem| {
        let key = problem.key.to_string();
        problem.severity == Severity::Error && OF_WISHES.iter().any(|of| key.starts_with(of))
    };
    found.problems.into_iter().filter(of_wishes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_written_comes_back_from_the_toml() {
        for text in ["3F copier", "3階の \"複合機\"", "a\\b", "a\nb\u{7f}", ""] {
            let table: toml::Table = format!("x = {}", quoted(text)).parse().unwrap();
            assert_eq!(table["x"].as_str(), Some(text));
        }
    }
}
