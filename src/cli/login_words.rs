//! What a sign-in says to people, in both languages beside each other. Addresses, codes and the provider's own words are
//! in it as they are; with `--json` none of it is said.

use std::path::Path;

use url::Url;

use super::{
    outcome::Failure,
    pasted::{shell, with_config},
};
use crate::base::{
    Lang,
    invocation::{as_called, start},
};

pub(super) enum Said<'a> {
    Open {
        url: &'a Url,
        is_opened: bool,
    },
    PasteElsewhere,
    Paste {
        url: &'a Url,
    },
    Code {
        url: &'a Url,
        code: &'a str,
    },
    Waiting {
        minutes: u64,
    },
    AsksForCode {
        provider: &'a str,
    },
    OneMoreCode,
    /// The store did not take the new one.
    OldUnreplaced {
        address: &'a str,
    },
    /// Behind a refusal.
    OldGoesOn {
        address: &'a str,
    },
    BrowserIsDone,
    OtherState,
    NoCode,
    Warning {
        why: &'a str,
    },
    NeedsNobody {
        address: &'a str,
        grant: &'a str,
        app: &'a str,
        minutes: u64,
    },
    SignedIn {
        address: &'a str,
        as_whom: &'a str,
        used: Used,
    },
    OtherDaemon {
        address: &'a str,
        running: &'a str,
        own: &'a str,
        store: &'a str,
    },
    /// `is_of_domain`: the account is one of a whole domain, whose table takes no `sign-in-as`.
    SomebodyElse {
        address: &'a str,
        as_whom: &'a str,
        expected: &'a str,
    },
    AlsoCarries {
        others: &'a str,
    },
    Armed {
        address: &'a str,
        minutes: u64,
    },
    Made {
        address: &'a str,
        password: &'a str,
    },
    NoPassword {
        address: &'a str,
        file: &'a str,
    },
}

/// From when on a sign-in is of use.
#[derive(Clone, Copy)]
pub(super) enum Used {
    /// By the daemon that runs.
    AtOnce,
    OnceOneRuns,
    /// The daemon that runs knows nothing of this configuration.
    Never,
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
            Said::Open { url, is_opened } => {
                let lead = if *is_opened { "Your browser should open. If not, open" } else { "Open in a browser" };
                format!("{lead}:\n\n  {url}\n\n")
            }
            Said::PasteElsewhere => "Browser on another machine? It ends at an address that it cannot open and that \
                 begins with http://localhost:\ncopy that address and paste it here.\n"
                .to_owned(),
            Said::Paste { url } => format!(
                "Open in any browser:\n\n  {url}\n\nIt ends at an address that begins with http://localhost (the page \
                 may fail to open).\nCopy that address and paste it here, then press Enter. Does the page show AADSTS \
                 and a number? Paste that line instead:\n"
            ),
            Said::Code { url, code } => {
                format!("On any device, open:\n\n  {url}\n\nand type the code:\n\n  {code}\n\n")
            }
            Said::Waiting { minutes } => as_called(&format!(
                "Waiting for you to finish, up to {minutes} minutes. Ctrl-C ends it.\nDoes the page show AADSTS and a \
                     number? That with the number tells what to do: `gatepost explain AADSTS...`"
            )),
            Said::AsksForCode { provider } => format!("Asking {provider} for a code ..."),
            Said::OneMoreCode => {
                "Mail is granted. One more code, since messages leave through Microsoft Graph:".to_owned()
            }
            Said::OldGoesOn { address } => {
                format!(
                    "The new sign-in was refused, and changed nothing: the one of before stays in use for {address}."
                )
            }
            Said::OldUnreplaced { address } => format!(
                "The provider granted the new sign-in, and it could not be stored: the one of before stays in use for {address}."
            ),
            Said::BrowserIsDone => "The browser is done; fetching tokens ...".to_owned(),
            Said::OtherState => "That address belongs to another sign-in. Use the one printed above.".to_owned(),
            Said::NoCode => "There is no code in that. Paste the whole address, from http:// on; where the page shows \
                 AADSTS and a number, paste that line."
                .to_owned(),
            Said::Warning { why } => format!("warning: {why}"),
            Said::NeedsNobody { address, grant, app, minutes } => format!(
                "{address} uses the grant {grant} of {app}: nobody has to sign in, and a token for {minutes} minutes \
                 came.\n"
            ),
            Said::SignedIn { address, as_whom, used } => as_called(&format!(
                "{address} is signed in as {as_whom}.{}\n",
                match used {
                    Used::AtOnce => " The daemon that runs uses it at once.".to_owned(),
                    Used::OnceOneRuns => format!(" No daemon runs yet that uses it: `{}` starts one.", start()),
                    Used::Never => String::new(),
                }
            )),
            Said::OtherDaemon { address, running, own, store } => format!(
                "warning: the daemon that runs on this store ({store}) reads {running}, and nothing of {own}.\n\
                 To sign in for that daemon: `{} login {}`. To run both, give {own} a [store] url of its \
                 own first, and other ports.",
                with_config(Path::new(running)),
                shell(address)
            ),
            Said::SomebodyElse { address, as_whom, expected } => format!(
                "{as_whom} signed in, and {address} wants {expected}: the mail server lets in nobody else without rights on \
                 that mailbox.\nIt is kept, since it may be another name of the same person; until the mail server lets it in, \
                 whoever signs in next takes its place."
            ),
            Said::AlsoCarries { others } => format!("The same sign-in also carries {others}.\n"),
            Said::Armed { address, minutes } => format!(
                "Within {minutes} minutes, log in to {address} from this machine with a password of your choice: it \
                 becomes the account's.\n"
            ),
            Said::Made { address, password } => {
                format!("Password for mail programs ({address}): {password}\nIt is shown this once.\n")
            }
            Said::NoPassword { address, file } => format!(
                "{address} has no password for mail programs yet. Add one: gatepost password --user {address} >> {file}\n"
            ),
        }
    }

    fn ja(&self) -> String {
        match self {
            Said::Open { url, is_opened } => {
                let lead = match is_opened {
                    true => "ブラウザーが開きます。開かない場合は、次のアドレスを開いてください",
                    false => "ブラウザーで次のアドレスを開いてください",
                };
                format!("{lead}:\n\n  {url}\n\n")
            }
            Said::PasteElsewhere => {
                "ブラウザーが別のマシンにある場合、最後に http://localhost で始まるアドレスに移動し、\
                 ページは開きません。\nそのアドレスをコピーして、ここに貼り付けてください。\n"
                    .to_owned()
            }
            Said::Paste { url } => format!(
                "任意のブラウザーで次のアドレスを開いてください:\n\n  {url}\n\n最後に http://localhost で始まるアドレスに移動します（ページは開かないことがあります）。\n\
                 そのアドレスをコピーし、ここに貼り付けて Enter を押してください。ページに AADSTS と番号が表示された場合は、代わりにその行を貼り付けてください:\n"
            ),
            Said::Code { url, code } => {
                format!(
                    "スマートフォンやパソコンなど、任意の機器で次のアドレスを開き:\n\n  {url}\n\n次のコードを入力してください:\n\n  {code}\n\n"
                )
            }
            Said::Waiting { minutes } => as_called(&format!(
                "サインインが終わるのを待っています（最長{minutes}分）。Ctrl-C で中止します。\n\
                     ページに AADSTS と番号が表示された場合は、その番号を付けて次を実行すると、原因と次の手順が分かります: `gatepost explain AADSTS...`"
            )),
            Said::AsksForCode { provider } => format!("{provider} にコードを要求しています ..."),
            Said::OneMoreCode => {
                "メールは許可されました。送信に Microsoft Graph を使うため、コードがもう1つ必要です:".to_owned()
            }
            Said::OldGoesOn { address } => {
                format!(
                    "新しいサインインは拒否され、何も変わっていません。{address} では、これまでのサインインが引き続き使われます。"
                )
            }
            Said::OldUnreplaced { address } => format!(
                "プロバイダーは新しいサインインを許可しましたが、保存できませんでした。{address} には以前のサインインが引き続き使われます。"
            ),
            Said::BrowserIsDone => "ブラウザーでの操作が終わりました。トークンを取得しています ...".to_owned(),
            Said::OtherState => {
                "このアドレスは別のサインインのものです。上に表示したアドレスから始めてください。".to_owned()
            }
            Said::NoCode => "コードが含まれていません。http:// から始まるアドレス全体を貼り付けてください。\
                 ページに AADSTS と番号が表示された場合は、その行を貼り付けてください。"
                .to_owned(),
            Said::Warning { why } => format!("警告: {why}"),
            Said::NeedsNobody { address, grant, app, minutes } => format!(
                "{address} は {app} のグラント {grant} を使います。誰もサインインする必要はなく、{minutes}分有効なトークンを取得しました。\n"
            ),
            Said::SignedIn { address, as_whom, used } => as_called(&format!(
                "{address} は {as_whom} としてサインインしました。{}\n",
                match used {
                    Used::AtOnce => "動作中のデーモンがすぐに使用します。".to_owned(),
                    Used::OnceOneRuns => {
                        format!("これを使用するデーモンはまだ動いていません。`{}` で起動してください。", start())
                    }
                    Used::Never => String::new(),
                }
            )),
            Said::OtherDaemon { address, running, own, store } => format!(
                "警告: このストア（{store}）で動作中のデーモンは {running} を読み、{own} は読みません。\n\
                 そのデーモンのためにサインインするには: `{} login {}`。両方を動かす場合は、先に {own} に専用の [store] url と別のポートを設定してください。",
                with_config(Path::new(running)),
                shell(address)
            ),
            Said::SomebodyElse { address, as_whom, expected } => format!(
                "{as_whom} がサインインしましたが、{address} に必要なのは {expected} です。メールサーバーは、そのメールボックスの権限がない人を受け入れません。\n\
                 同じ人の別名かもしれないため保存しましたが、メールサーバーが受け入れるまでは、次にサインインした人のものに置き換わります。"
            ),
            Said::AlsoCarries { others } => format!("同じサインインを {others} も使います。\n"),
            Said::Armed { address, minutes } => format!(
                "{minutes}分以内に、このマシンから {address} に好きなパスワードでログインしてください。それがこのアカウントのパスワードになります。\n"
            ),
            Said::Made { address, password } => {
                format!("メールソフト用パスワード（{address}）: {password}\n表示はこの一度だけです。\n")
            }
            Said::NoPassword { address, file } => format!(
                "{address} にはメールソフト用パスワードがまだありません。追加するには: gatepost password --user {address} >> {file}\n"
            ),
        }
    }
}

/// Why nothing came of it, where no provider refused.
pub(super) enum Failed<'a> {
    NoListener { why: &'a str },
    NothingPasted,
    TooLate,
}

impl Failed<'_> {
    pub fn failure(&self, lang: Lang) -> Failure {
        let (text, hint) = match (self, lang) {
            (Failed::NoListener { why }, Lang::En) => (
                format!("the redirect listener cannot open on loopback: {why}"),
                "free the port of redirect-uri, or use --flow paste",
            ),
            (Failed::NoListener { why }, Lang::Ja) => (
                format!("ループバックでリダイレクトを待ち受けられません: {why}"),
                "redirect-uri のポートを空けるか、--flow paste を使ってください",
            ),
            (Failed::NothingPasted, Lang::En) => {
                ("stdin ended before an address with a code was pasted".to_owned(), "run the command again")
            }
            (Failed::NothingPasted, Lang::Ja) => (
                "コードを含むアドレスが貼り付けられる前に、標準入力が終わりました".to_owned(),
                "もう一度実行してください",
            ),
            (Failed::TooLate, Lang::En) => ("nobody finished the sign-in in time".to_owned(), "run the command again"),
            (Failed::TooLate, Lang::Ja) => {
                ("時間内にサインインが終わりませんでした".to_owned(), "もう一度実行してください")
            }
        };
        Failure::new(text, hint).said_in(lang)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::latin_sentence;

    #[test]
    fn no_english_stands_in_what_a_sign_in_says_in_japanese() {
        let url = Url::parse("http://localhost/").unwrap();
        let one = "x";
        let said = [
            Said::Open { url: &url, is_opened: true },
            Said::Open { url: &url, is_opened: false },
            Said::PasteElsewhere,
            Said::Paste { url: &url },
            Said::Code { url: &url, code: one },
            Said::Waiting { minutes: 1 },
            Said::AsksForCode { provider: one },
            Said::OneMoreCode,
            Said::OldGoesOn { address: one },
            Said::OldUnreplaced { address: one },
            Said::BrowserIsDone,
            Said::OtherState,
            Said::NoCode,
            Said::Warning { why: one },
            Said::NeedsNobody { address: one, grant: one, app: one, minutes: 1 },
            Said::SignedIn { address: one, as_whom: one, used: Used::AtOnce },
            Said::SignedIn { address: one, as_whom: one, used: Used::OnceOneRuns },
            Said::OtherDaemon { address: one, running: one, own: one, store: one },
            Said::SomebodyElse { address: one, as_whom: one, expected: one },
            Said::AlsoCarries { others: one },
            Said::Armed { address: one, minutes: 1 },
            Said::Made { address: one, password: one },
        ];
        let failed = [Failed::NoListener { why: one }, Failed::NothingPasted, Failed::TooLate];
        let failed = failed.map(|failed| failed.failure(Lang::Ja).to_string());
        for text in said.iter().map(|said| said.text(Lang::Ja)).chain(failed) {
            // A command stands further in, on a line of its own.
            let words: Vec<&str> = text.lines().filter(|line| !line.starts_with("  ")).collect();
            assert_eq!(latin_sentence(&words.join("\n")), None, "{text}");
        }
    }
}
