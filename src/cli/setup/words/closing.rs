//! The last words of setup, in both languages: what to type into a mail program, whose password is which, and how it runs
//! from now on.

use std::{fmt::Write as _, net::SocketAddr};

use super::beside;
use crate::{
    account::LocalPassword,
    base::{Lang, invocation::gatepost},
    cli::pasted::shell,
    net::ListenerTls,
};

/// The last words: what to type, and how it runs.
pub struct Closing<'a> {
    pub users: &'a [String],
    pub smtp: Option<(SocketAddr, ListenerTls)>,
    pub imap: Option<(SocketAddr, ListenerTls)>,
    pub pop3: Option<(SocketAddr, ListenerTls)>,
    /// Those whose password this run settled, and how; the others have theirs already.
    pub settled: &'a [String],
    pub typed: Typed,
    /// How an account gets another password; `None`: there is no such account.
    pub renewed: &'a dyn Fn(&str) -> Option<Renewed>,
    /// Nobody did in this run, and somebody has to.
    pub needs_sign_in: bool,
    pub ended: Ended,
    pub is_of_the_service: bool,
    /// The daemon that runs on this configuration already.
    pub running: Option<u32>,
}

/// What mail programs type for an account.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// The password that this run knows.
    Settled,
    /// The first one that comes, behind the sign-in.
    ArmedBySignIn,
    /// The same, but the sign-in is older than the account.
    ArmedByHand,
    AsBefore,
}

/// How a password that is there is replaced.
#[derive(Clone, PartialEq, Eq)]
pub enum Renewed {
    /// The next one that is typed stays.
    Reset,
    /// By its hash in the configuration.
    Hash,
    /// By a line of this file.
    Line(String),
}

impl Renewed {
    pub fn of(password: &LocalPassword) -> Self {
        match password {
            LocalPassword::FirstUse | LocalPassword::Issued => Self::Reset,
            LocalPassword::None | LocalPassword::Hash(_) => Self::Hash,
            LocalPassword::File(file) => Self::Line(file.path().display().to_string()),
        }
    }

    /// With a remark that a shell leaves alone.
    fn command(&self, address: &str, lang: Lang) -> String {
        let (gatepost, user) = (gatepost(), shell(address));
        match (self, lang) {
            (Self::Reset, _) => format!("{gatepost} password --reset {user}"),
            (Self::Hash, Lang::En) => {
                format!("{gatepost} password  # its hash: `password` under the [[account]] of {address}")
            }
            (Self::Hash, Lang::Ja) => {
                format!("{gatepost} password  # ハッシュを {address} の [[account]] の `password` に書きます")
            }
            (Self::Line(file), Lang::En) => format!("{gatepost} password --user {user}  # its line: {file}"),
            (Self::Line(file), Lang::Ja) => {
                format!("{gatepost} password --user {user}  # この行を {file} に書きます")
            }
        }
    }
}

/// What is known of it at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Mail went the way of a mail program, from each mailbox.
    Proved,
    /// Nothing speaks against it.
    Ready,
    Fails,
}

impl Closing<'_> {
    pub fn text(&self, lang: Lang) -> String {
        match lang {
            Lang::En => closing_en(self),
            Lang::Ja => closing_ja(self),
        }
    }

    /// Whose password is which.
    fn typed(&self) -> Vec<(Vec<&str>, Typed)> {
        let users = self.users.iter().map(String::as_str);
        let (settled, others): (Vec<&str>, Vec<&str>) =
            users.partition(|user| self.settled.iter().any(|one| one == user));
        let of_each = [(settled, self.typed), (others, Typed::AsBefore)];
        of_each.into_iter().filter(|(whose, _)| !whose.is_empty()).collect()
    }

    /// What is typed, for each its line, and the commands that belong to it.
    fn passwords(&self, lang: Lang) -> Vec<String> {
        let typed = self.typed();
        let is_one = typed.len() == 1;
        let lines = typed.iter().map(|(whose, typed)| {
            let lead = match (is_one && *typed != Typed::ArmedByHand, lang) {
                (true, _) => String::new(),
                (false, Lang::En) => format!("{}: ", whose.join(", ")),
                (false, Lang::Ja) => format!("{}: ", whose.join("、")),
            };
            let what = match lang {
                Lang::En => password_en(*typed),
                Lang::Ja => password_ja(*typed),
            };
            format!("{lead}{what}{}", self.commands(whose, *typed, lang))
        });
        lines.collect()
    }

    /// Those behind the sentence on such accounts.
    fn commands(&self, whose: &[&str], typed: Typed, lang: Lang) -> String {
        let command = |one: &&str| match typed {
            Typed::Settled | Typed::ArmedBySignIn => None,
            Typed::ArmedByHand => Some(Renewed::Reset.command(one, lang)),
            Typed::AsBefore => Some((self.renewed)(one)?.command(one, lang)),
        };
        whose.iter().filter_map(command).map(|command| format!("\n    {command}")).collect()
    }

    /// Protocol, address and how TLS begins there.
    fn servers(&self) -> impl Iterator<Item = (&'static str, SocketAddr, ListenerTls)> {
        let all = [("SMTP", self.smtp), ("IMAP", self.imap), ("POP3", self.pop3)];
        all.into_iter().filter_map(|(name, place)| place.map(|(address, tls)| (name, address, tls)))
    }
}

fn security_en(tls: ListenerTls) -> &'static str {
    match tls {
        ListenerTls::Off => "none",
        ListenerTls::StartTls | ListenerTls::StartTlsRequired => "STARTTLS",
        ListenerTls::Implicit => "SSL/TLS",
        ListenerTls::Auto => "SSL/TLS, STARTTLS or none",
    }
}

fn password_en(typed: Typed) -> &'static str {
    match typed {
        Typed::Settled => "the one that this setup showed or asked for (authentication method: normal password)",
        Typed::ArmedBySignIn => "the first one typed on this machine within ten minutes of the sign-in stays",
        Typed::ArmedByHand => "the first one typed on this machine within ten minutes of this command stays:",
        Typed::AsBefore => "as it was before; for a new one:",
    }
}

fn closing_en(closing: &Closing) -> String {
    let mut page = String::from("\nIn the mail program or device:\n\n");
    for (name, address, tls) in closing.servers() {
        let host = if address.ip().is_unspecified() {
            "(this machine's address)".to_owned()
        } else {
            address.ip().to_string()
        };
        let _ = writeln!(page, "  {name}      server {host}, port {}, security {}", address.port(), security_en(tls));
    }
    let _ = writeln!(page, "  user      {}", closing.users.join(", "));
    let _ = write!(page, "  password  {}\n\n", closing.passwords(Lang::En).join("\n            "));
    let gatepost = gatepost();
    if closing.needs_sign_in && !closing.is_of_the_service {
        let first = closing.users.first().map(|user| shell(user)).unwrap_or_default();
        let _ = writeln!(page, "Next:  {gatepost} login {first}");
        if closing.running.is_none() {
            let _ = writeln!(page, "       {gatepost} run");
        }
    } else if let Some(process) = closing.running.filter(|_| !closing.is_of_the_service) {
        let _ = writeln!(page, "{}", beside::runs_en(process, closing.ended));
    } else if !closing.is_of_the_service {
        let lead = match closing.ended {
            Ended::Proved => "Mail flows. From now on keep it running:",
            Ended::Ready => "From now on keep it running:",
            Ended::Fails => "Once what fails is mended, keep it running:",
        };
        let _ = write!(page, "{lead}\n\n  {gatepost} run\n\nAs a service: docs/systemd.md\n");
    }
    page
}

fn security_ja(tls: ListenerTls) -> &'static str {
    match tls {
        ListenerTls::Off => "なし",
        ListenerTls::StartTls | ListenerTls::StartTlsRequired => "STARTTLS",
        ListenerTls::Implicit => "SSL/TLS",
        ListenerTls::Auto => "SSL/TLS、STARTTLS、なしのどれでも",
    }
}

fn password_ja(typed: Typed) -> &'static str {
    match typed {
        Typed::Settled => "このセットアップで表示または入力したパスワード（認証方式: 通常のパスワード認証）",
        Typed::ArmedBySignIn => "サインインから10分以内にこのマシンで最初に入力したものが、そのまま使われます",
        Typed::ArmedByHand => "次のコマンドから10分以内にこのマシンで最初に入力したものが、そのまま使われます:",
        Typed::AsBefore => "これまでと同じ。変更するには:",
    }
}

fn closing_ja(closing: &Closing) -> String {
    let mut page = String::from("\nメールソフトや機器に入力する内容:\n\n");
    for (name, address, tls) in closing.servers() {
        let host = match address.ip().is_unspecified() {
            true => "（このマシンのアドレス）".to_owned(),
            false => address.ip().to_string(),
        };
        let _ = writeln!(
            page,
            "  {name}        サーバー {host}、ポート {}、接続の保護 {}",
            address.port(),
            security_ja(tls)
        );
    }
    let _ = writeln!(page, "  ユーザー名  {}", closing.users.join("、"));
    let _ = write!(page, "  パスワード  {}\n\n", closing.passwords(Lang::Ja).join("\n              "));
    let gatepost = gatepost();
    if closing.needs_sign_in && !closing.is_of_the_service {
        let first = closing.users.first().map(|user| shell(user)).unwrap_or_default();
        let _ = writeln!(page, "次に:  {gatepost} login {first}");
        if closing.running.is_none() {
            let _ = writeln!(page, "       {gatepost} run");
        }
    } else if let Some(process) = closing.running.filter(|_| !closing.is_of_the_service) {
        let _ = writeln!(page, "{}", beside::runs_ja(process, closing.ended));
    } else if !closing.is_of_the_service {
        let lead = match closing.ended {
            Ended::Proved => "メールが届きました。今後は次のコマンドで動かし続けます:",
            Ended::Ready => "今後は次のコマンドで動かし続けます:",
            Ended::Fails => "失敗の原因を直したら、次のコマンドで動かし続けます:",
        };
        let _ = write!(page, "{lead}\n\n  {gatepost} run\n\nサービスとして動かす場合: docs/ja/systemd.md\n");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_name(user: &str) -> Option<Renewed> {
        Some(match user.split('@').next() {
            Some("ann") => Renewed::Hash,
            Some("info") => Renewed::Reset,
            _ => Renewed::Line("/etc/gatepost/passwords".to_owned()),
        })
    }

    fn closing_of<'a>(
        users: &'a [String],
        settled: &'a [String],
        typed: Typed,
        renewed: &'a dyn Fn(&str) -> Option<Renewed>,
    ) -> Closing<'a> {
        let (smtp, imap, pop3, running) = (None, None, None, None);
        let (needs_sign_in, ended, is_of_the_service) = (false, Ended::Ready, false);
        Closing { users, smtp, imap, pop3, settled, typed, renewed, needs_sign_in, ended, is_of_the_service, running }
    }

    /// A mailbox that comes to one that is there has a password of its own, and a sign-in that is older arms none.
    #[test]
    fn each_mailbox_is_told_the_password_that_is_its_own() {
        let users = ["ann@x.example".to_owned(), "info@x.example".to_owned()];
        let closing = |settled, typed| closing_of(&users, settled, typed, &by_name).text(Lang::En);
        let all = closing(&users, Typed::Settled);
        assert!(all.contains("  password  the one that this setup showed") && !all.contains("before"), "{all}");
        let new = closing(&users[1..], Typed::Settled);
        for line in [
            "  password  info@x.example: the one that",
            "            ann@x.example: as it was before; for a new one:\n    gatepost password  #",
        ] {
            assert!(new.contains(line), "{new}");
        }
        let armed = closing(&users[1..], Typed::ArmedByHand);
        assert!(armed.contains("gatepost password --reset info@x.example\n"), "{armed}");
        assert!(!armed.contains("of the sign-in"), "{armed}");
    }

    #[test]
    fn a_password_that_stays_as_it_was_is_told_with_the_command_for_a_new_one() {
        let users = ["ann@x.example".to_owned(), "info@x.example".to_owned(), "eve@x.example".to_owned()];
        let closing = closing_of(&users, &[], Typed::Settled, &by_name);
        for (lang, words) in [
            (Lang::En, "  password  as it was before; for a new one:\n"),
            (Lang::Ja, "これまでと同じ。変更するには:\n"),
        ] {
            let text = closing.text(lang);
            for part in [
                words,
                "\n    gatepost password  # ",
                "\n    gatepost password --reset info@x.example\n",
                "\n    gatepost password --user eve@x.example  # ",
            ] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
    }
}
