//! What is told, as values; the sentences are here in both languages beside each other. Addresses, commands and what a
//! server said are in them as they are.

use jiff::Timestamp;

use crate::{
    base::Lang,
    catalog::{is_harmless, is_harmless_path},
    expiry::{days_left, renew_app_certificate},
};

/// More names than this are counted in a text; the JSON has all.
const NAMED: usize = 5;

pub(super) enum Said<'a> {
    /// The whole of an event.
    OnHost {
        host: &'a str,
        text: &'a str,
    },
    SignInNeeded {
        who: &'a str,
    },
    NoToken {
        who: &'a str,
    },
    WorksAgain {
        who: &'a str,
        /// Who signed in, where that is somebody else, whom no mail server let in yet.
        other: Option<&'a str>,
    },
    WillEnd {
        who: &'a str,
        is_one: bool,
        left: &'a str,
    },
    PolicyEnds {
        seconds: u64,
        is_guess: bool,
    },
    SignInBefore {
        place: &'a str,
    },
    NotRenewed,
    SignInAnew {
        place: &'a str,
    },
    Place {
        page: Option<&'a str>,
        command: Option<&'a str>,
    },
    Secret {
        app: &'a str,
    },
    AppCertificate {
        app: &'a str,
    },
    ListenerCertificate {
        file: &'a str,
    },
    Ends {
        what: &'a str,
        when: &'a str,
        is_over: bool,
    },
    NoTokensBehindIt,
    NoLoginsBehindIt,
    RenewSecret {
        app: &'a str,
        reload: &'a str,
    },
    RenewAppCertificate {
        /// Of an account of it.
        address: &'a str,
    },
    RenewListenerCertificate {
        file: &'a str,
    },
    Standstill,
    LeftBehind {
        store: &'a str,
        messages: u64,
    },
    LeftBodies {
        folder: &'a str,
        messages: u64,
    },
    WithDetail {
        cause: &'a str,
        detail: &'a str,
    },
    TriedAgain,
    Stuck {
        account: &'a str,
        waiting: usize,
        hours: u64,
    },
    Heard {
        short: &'a str,
    },
    /// Of a fault that no catalogue explains.
    Explain {
        id: &'a str,
    },
    Undelivered {
        is_notice: bool,
        recipients: &'a str,
        reply: &'a str,
    },
    AskWhetherItArrived {
        id: &'a str,
    },
    LookAtDisk {
        id: &'a str,
    },
    SenderIsTold {
        sender: &'a str,
    },
    /// `lost`: by this id it is on the list of those that somebody wanted to hear of.
    NobodyIsTold {
        lost: Option<&'a str>,
    },
    Message {
        account: &'a str,
        is_held: bool,
    },
    QueueId {
        id: &'a str,
    },
}

impl Said<'_> {
    pub fn text(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.en(),
            Lang::Ja => self.ja(),
        }
    }

    fn en(&self) -> String {
        match self {
            Said::OnHost { host, text } => format!("Gatepost on {host}: {text}"),
            Said::SignInNeeded { who } => format!("mail of {who} stands still, a sign-in is needed."),
            Said::NoToken { who } => format!("mail of {who} stands still, the provider gives no token."),
            Said::WorksAgain { who, other: None } => {
                format!("the sign-in of {who} works again: the provider gives tokens.")
            }
            Said::WorksAgain { who, other: Some(other) } => format!(
                "the sign-in of {who} works again: the provider gives tokens. They are of {other}, who signed in for it."
            ),
            Said::WillEnd { who, is_one: true, left } => format!("the sign-in of {who} is expected to end {left}."),
            Said::WillEnd { who, is_one: false, left } => {
                format!("the sign-ins of {who} are expected to end, the first of them {left}.")
            }
            Said::PolicyEnds { seconds, is_guess } => {
                let guess = if *is_guess { ". It was seen once so far, so the date is a guess" } else { "" };
                let period = period(*seconds, Lang::En);
                format!("A policy of the organization ends every sign-in after about {period}{guess}.")
            }
            Said::SignInBefore { place } => {
                format!(
                    "Sign in before, and no mail stands still: {place}. Or let an administrator exempt the account."
                )
            }
            Said::NotRenewed => "The sign-in could not be renewed for long, because requests for tokens fail or this \
                                 machine was off; unused for too long it dies."
                .to_owned(),
            Said::SignInAnew { place } => {
                format!("See `gatepost status` for what is in the way; or sign in anew: {place}.")
            }
            Said::Place { page: Some(page), command: Some(command) } => format!("open {page} or run: {command}"),
            Said::Place { page: Some(page), command: None } => format!("open {page}."),
            Said::Place { page: None, command } => command.map(|run| format!("run: {run}")).unwrap_or_default(),
            Said::Secret { app } => format!("the client secret of the app {app}"),
            Said::AppCertificate { app } => format!("the certificate of the app {app}"),
            Said::ListenerCertificate { file } => format!("the certificate {file}, which listeners show,"),
            Said::Ends { what, when, is_over: false } => format!("{what} ends {when}."),
            Said::Ends { what, when, is_over: true } => format!("{what} ended {when}."),
            Said::NoTokensBehindIt => {
                "Behind its end the provider gives no tokens to this app, and mail stands still.".to_owned()
            }
            Said::NoLoginsBehindIt => "Behind its end mail programs warn or refuse to connect.".to_owned(),
            Said::RenewSecret { app, reload } => format!(
                "Make a new secret at the provider, put it in the place of the old one, write the day on which it ends \
                 under `[app.{app}]`, as `secret-expires = <YYYY-MM-DD>`, then `{reload}`."
            ),
            Said::RenewAppCertificate { address } => format!(
                "{} `{}` shows whether the provider takes it.",
                renew_app_certificate(Lang::En),
                doctor(address)
            ),
            Said::RenewListenerCertificate { file } => format!(
                "Put a new certificate, with its key, in the place of the old files; no restart is needed. {} shows from \
                 when to when it is valid.",
                dates(file)
            ),
            Said::Standstill => "nothing is sent from the queue.".to_owned(),
            Said::LeftBehind { store, messages: 1 } => {
                format!("1 message waits in a store that no daemon works on: {store}.")
            }
            Said::LeftBehind { store, messages } => {
                format!("{messages} messages wait in a store that no daemon works on: {store}.")
            }
            Said::LeftBodies { folder, messages } => {
                format!("messages for which the database has no row lie in {folder} ({messages}).")
            }
            Said::WithDetail { cause, detail } => format!("{cause} ({detail})"),
            Said::TriedAgain => "It is tried again by itself.".to_owned(),
            Said::Stuck { account, waiting, hours } => {
                let counted =
                    if *waiting == 1 { "1 message waits".to_owned() } else { format!("{waiting} messages wait") };
                format!("{counted} in the queue of {account}, the oldest for {hours} h.")
            }
            Said::Heard { short } => format!("{short}."),
            Said::Explain { id } => format!("See `gatepost explain {id}`."),
            Said::Undelivered { is_notice, recipients, reply } => {
                let who = if *is_notice { "A notice of Gatepost" } else { "A message" };
                format!("{who} could not be delivered to {recipients}: {reply}.")
            }
            Said::AskWhetherItArrived { id } => format!(
                "Ask whoever it is for whether it arrived; then `gatepost queue drop {id}`, or `gatepost queue release {id}` \
                 for one more attempt."
            ),
            Said::LookAtDisk { id } => {
                format!("Look at its disk; then `gatepost queue release {id}`, or `gatepost queue drop {id}`.")
            }
            Said::SenderIsTold { sender } => format!("The sender {sender} gets a notice with the next step."),
            Said::NobodyIsTold { lost } => {
                let off =
                    lost.map(|id| format!(" `gatepost queue drop {id}` then takes it off the list of the queue."));
                let gone =
                    "Nobody was told by mail, and the message is gone: mend what it failed of, and have it sent again.";
                format!("{gone}{}", off.unwrap_or_default())
            }
            Said::Message { account, is_held: true } => format!("mail of {account} is held."),
            Said::Message { account, is_held: false } => format!("mail of {account} failed."),
            Said::QueueId { id } => format!("Queue id {id}."),
        }
    }

    fn ja(&self) -> String {
        match self {
            Said::OnHost { host, text } => format!("{host} の Gatepost：{text}"),
            Said::SignInNeeded { who } => format!("{who} のメールが止まっています。サインインが必要です。"),
            Said::NoToken { who } => {
                format!("{who} のメールが止まっています。プロバイダーがトークンを発行しません。")
            }
            Said::WorksAgain { who, other } => {
                let of_other = other.map(|other| format!("ただし、サインインしたのは {other} です。"));
                format!(
                    "{who} のサインインが再び使えるようになり、プロバイダーがトークンを発行しています。{}",
                    of_other.unwrap_or_default()
                )
            }
            Said::WillEnd { who, is_one: true, left } => format!("{who} のサインインは{left}に切れる見込みです。"),
            Said::WillEnd { who, is_one: false, left } => {
                format!("{who} のサインインが切れる見込みです。最も早いものは{left}です。")
            }
            Said::PolicyEnds { seconds, is_guess } => {
                let guess = if *is_guess { "まだ一度しか確認していないため、日付は推測です。" } else { "" };
                let period = period(*seconds, Lang::Ja);
                format!("組織のポリシーにより、サインインは毎回およそ{period}で切れます。{guess}")
            }
            Said::SignInBefore { place } => format!(
                "その前にサインインすれば、メールは止まりません。{place}。または、このアカウントをポリシーの対象から外すよう、管理者に頼んでください。"
            ),
            Said::NotRenewed => "トークンの要求が失敗し続けているか、このマシンが停止していたため、サインインを長い間更新できていません。使われない期間が長すぎると、サインインは無効になります。".to_owned(),
            Said::SignInAnew { place } => {
                format!("`gatepost status` で原因を確認するか、サインインし直してください。{place}。")
            }
            Said::Place { page: Some(page), command: Some(command) } => {
                format!("{page} を開くか、次を実行してください：`{command}`")
            }
            Said::Place { page: Some(page), command: None } => format!("{page} を開いてください。"),
            Said::Place { page: None, command } => {
                command.map(|run| format!("次を実行してください：`{run}`")).unwrap_or_default()
            }
            Said::Secret { app } => format!("アプリ {app} のクライアントシークレット"),
            Said::AppCertificate { app } => format!("アプリ {app} の証明書"),
            Said::ListenerCertificate { file } => format!("リスナーの証明書 {file} "),
            Said::Ends { what, when, is_over: false } => format!("{what}の期限は{when}です。"),
            Said::Ends { what, when, is_over: true } => format!("{what}の期限が{when}に切れました。"),
            Said::NoTokensBehindIt => {
                "期限が切れると、プロバイダーはこのアプリにトークンを発行しなくなり、メールが止まります。".to_owned()
            }
            Said::NoLoginsBehindIt => {
                "期限が切れると、メールソフトは警告を出すか、接続を拒否します。".to_owned()
            }
            Said::RenewSecret { app, reload } => format!(
                "プロバイダーで新しいシークレットを作成して古いものと置き換え、期限の日を `[app.{app}]` の下に `secret-expires = <YYYY-MM-DD>` の形で書いて、`{reload}` を実行してください。"
            ),
            Said::RenewAppCertificate { address } => format!(
                "{}プロバイダーが受け入れるかどうかは `{}` で確認できます。",
                renew_app_certificate(Lang::Ja),
                doctor(address)
            ),
            Said::RenewListenerCertificate { file } => format!(
                "新しい証明書を、鍵とともに古いファイルと置き換えてください。再起動は不要です。有効期間は {} で確認できます。",
                dates(file)
            ),
            Said::Standstill => "キューから何も送信されていません。".to_owned(),
            Said::LeftBehind { store, messages } => {
                format!("どのデーモンも使用していないストア {store} で{messages}件のメッセージが待っています。")
            }
            Said::LeftBodies { folder, messages } => {
                format!("データベースに記録のないメッセージが {folder} に{messages}件残っています。")
            }
            Said::WithDetail { cause, detail } => format!("{cause}（{detail}）"),
            Said::TriedAgain => "自動的に再試行されます。".to_owned(),
            Said::Stuck { account, waiting, hours } => {
                format!("{account} のキューで{waiting}件のメッセージが待っています。最も古いものは{hours}時間待っています。")
            }
            Said::Heard { short } => format!("{short}。"),
            Said::Explain { id } => format!("`gatepost explain {id}` を参照してください。"),
            Said::Undelivered { is_notice, recipients, reply } => {
                let who = if *is_notice { "Gatepost の通知" } else { "メッセージ" };
                format!("{who}を {recipients} に配信できませんでした：{reply}。")
            }
            Said::AskWhetherItArrived { id } => format!(
                "届いたかどうかを宛先の人に確認し、届いていれば `gatepost queue drop {id}`、もう一度だけ送る場合は `gatepost queue release {id}` を実行してください。"
            ),
            Said::LookAtDisk { id } => format!(
                "ディスクを確認し、`gatepost queue release {id}` または `gatepost queue drop {id}` を実行してください。"
            ),
            Said::SenderIsTold { sender } => format!("差出人 {sender} に、次の手順を書いた通知が届きます。"),
            Said::NobodyIsTold { lost } => {
                let off = lost.map(|id| format!("その後、`gatepost queue drop {id}` でキューの一覧から削除できます。"));
                let gone = "メールでは誰にも通知されず、メッセージは残っていません。原因を取り除いてから、差出人に再送を依頼してください。";
                format!("{gone}{}", off.unwrap_or_default())
            }
            Said::Message { account, is_held: true } => format!("{account} のメールが保留されています。"),
            Said::Message { account, is_held: false } => format!("{account} のメールを配信できませんでした。"),
            Said::QueueId { id } => format!("キュー ID：{id}。"),
        }
    }
}

/// Sentences, one behind the other.
pub(super) fn joined(lang: Lang, sentences: &[&str]) -> String {
    let said: Vec<&str> = sentences.iter().copied().filter(|one| !one.is_empty()).collect();
    match lang {
        Lang::En => said.join(" "),
        // Japanese has no blank behind its full stop.
        Lang::Ja => said.concat(),
    }
}

pub(super) fn listed(lang: Lang, names: &[String]) -> String {
    let named = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match (names.len().saturating_sub(NAMED), lang) {
        (0, _) => named,
        (more, Lang::En) => format!("{named} and {more} more"),
        (more, Lang::Ja) => format!("{named} ほか{more}件"),
    }
}

/// `in 3 days, on 2027-05-01`; hours where days say too little.
pub(super) fn span(lang: Lang, now: Timestamp, due: Timestamp) -> String {
    let seconds = due.as_second() - now.as_second();
    let (day, time) = (due.strftime("%Y-%m-%d"), due.strftime("%Y-%m-%d %H:%M UTC"));
    match (seconds, lang) {
        (..0, Lang::En) => format!("on {day}"),
        (..0, Lang::Ja) => format!(" {day} "),
        (0..172_800, Lang::En) => format!("in {}, at {time}", period(seconds.unsigned_abs(), lang)),
        (0..172_800, Lang::Ja) => format!("{}後（{time}）", period(seconds.unsigned_abs(), lang)),
        (_, Lang::En) => format!("in {} days, on {day}", days_left(now, due)),
        (_, Lang::Ja) => format!(" {}日後（{day}）", days_left(now, due)),
    }
}

/// Looks at one account of what it is about; at all, where none can be named in a shell.
fn doctor(address: &str) -> String {
    let named = Some(address).filter(|address| !address.is_empty() && is_harmless(address));
    named.map_or_else(|| "gatepost doctor".to_owned(), |address| format!("gatepost doctor {address}"))
}

/// Shows when a certificate is valid.
fn dates(file: &str) -> String {
    match is_harmless_path(file) {
        true => format!("`openssl x509 -noout -dates -in {file}`"),
        false => "`gatepost doctor`".to_owned(),
    }
}

fn period(seconds: u64, lang: Lang) -> String {
    let (n, one, ja) = match seconds {
        0..7200 => (seconds / 60, "minute", "分"),
        7200..172_800 if !seconds.is_multiple_of(86_400) => (seconds / 3600, "hour", "時間"),
        _ => (seconds / 86_400, "day", "日"),
    };
    match (lang, n) {
        (Lang::En, 1) => format!("1 {one}"),
        (Lang::En, _) => format!("{n} {one}s"),
        (Lang::Ja, _) => format!(" {n} {ja}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_to_the_date_that_is_shown_at_any_hour() {
        let due = "2027-05-06T00:30:00Z".parse().unwrap();
        for now in ["2027-05-01T00:10:00Z", "2027-05-01T12:00:00Z", "2027-05-01T23:50:00Z"] {
            assert_eq!(span(Lang::En, now.parse().unwrap(), due), "in 5 days, on 2027-05-06", "{now}");
            assert_eq!(span(Lang::Ja, now.parse().unwrap(), due), " 5日後（2027-05-06）", "{now}");
        }
    }
}
