//! Remarks in the configuration, in both languages.

use super::Remark;

pub fn en(remark: &Remark) -> String {
    match remark {
        Remark::MadeBySetup { day } => format!("Added by `gatepost setup` on {day}."),
        Remark::EveryKey => {
            "Every key, with its default: config/gatepost.toml of Gatepost, or `gatepost config schema`.".to_owned()
        }
        Remark::UsualListeners => {
            "No [[listener]] is written here: smtp 1587, imap 1993 and pop3 1995 listen, on this machine alone."
                .to_owned()
        }
        Remark::WideListener => {
            "Open to other machines. auto: the first byte decides between TLS and plain, for old devices.".to_owned()
        }
        Remark::App { provider, grant, is_public } => match (grant.is_unattended(), is_public) {
            (true, _) => {
                format!("The app registration at {provider}. Nobody signs in: it has the right to mailboxes by itself.")
            }
            (false, true) => format!("The app registration at {provider}: a public client needs no secret."),
            (false, false) => format!("The app registration at {provider}."),
        },
        Remark::Tenant { name } => format!("the tenant of {name}"),
        Remark::SecretExpires => {
            "Write down when it ends, and you are told in advance: secret-expires = <YYYY-MM-DD>".to_owned()
        }
        Remark::Certificate => "Proves the app; the end of the certificate is told in advance.".to_owned(),
        Remark::LivesOnSignInOf { delegate } => {
            format!("A shared mailbox: {delegate} signs in, IMAP and POP3 open this one, SMTP sends as this one.")
        }
        Remark::PasswordHash => "The hash of what mail programs type here. Another one: gatepost password".to_owned(),
        Remark::FirstUse => {
            "The first password typed on this machine after the sign-in becomes the account's.".to_owned()
        }
        Remark::Graph => "Messages leave through Microsoft Graph: SMTP AUTH may stay off.".to_owned(),
    }
}

pub fn ja(remark: &Remark) -> String {
    match remark {
        Remark::MadeBySetup { day } => format!("`gatepost setup` が {day} に追加しました。"),
        Remark::EveryKey => {
            "すべてのキーと既定値: Gatepost の config/gatepost.toml、または `gatepost config schema`。".to_owned()
        }
        Remark::UsualListeners => {
            "[[listener]] を書いていないので、smtp 1587、imap 1993、pop3 1995 をこのマシンからのみ受け付けます。"
                .to_owned()
        }
        Remark::WideListener => {
            "ほかのマシンにも開いています。auto: 最初の1バイトで TLS か平文かを判断します（古い機器用）。".to_owned()
        }
        Remark::App { provider, grant, is_public } => match (grant.is_unattended(), is_public) {
            (true, _) => {
                format!("{provider} のアプリの登録。誰もサインインせず、アプリ自身がメールボックスの権限を持ちます。")
            }
            (false, true) => format!("{provider} のアプリの登録。パブリッククライアントにシークレットは要りません。"),
            (false, false) => format!("{provider} のアプリの登録。"),
        },
        Remark::Tenant { name } => format!("{name} のテナント"),
        Remark::SecretExpires => "期限を書いておくと事前に知らせます: secret-expires = <YYYY-MM-DD>".to_owned(),
        Remark::Certificate => "アプリを証明します。証明書の期限は事前に知らせます。".to_owned(),
        Remark::LivesOnSignInOf { delegate } => {
            format!(
                "共有メールボックス: {delegate} がサインインし、IMAP と POP3 はこれを開き、SMTP はこれとして送ります。"
            )
        }
        Remark::PasswordHash => "メールソフトで入力するパスワードのハッシュ。変えるには: gatepost password".to_owned(),
        Remark::FirstUse => {
            "サインイン後にこのマシンで最初に入力されたパスワードが、このアカウントのものになります。".to_owned()
        }
        Remark::Graph => "メールは Microsoft Graph で送信します。SMTP AUTH は無効のままでかまいません。".to_owned(),
    }
}
