//! What was found is told in English by whoever found it, with the words of servers and of the system in it. Here ours
//! and the system's become Japanese; those of servers stay, as does what stands in quotation marks. It lies here, below all
//! that shows it to people: pages of a sign-in, the console, `gatepost doctor`.

use std::sync::OnceLock;

use crate::{
    base::{Lang, OF_THE_SYSTEM, Phrases, latin_sentence, rows},
    catalog::oauth_word,
    net::ProxyTrouble,
    store,
};

/// Ours, and what they read in Japanese. The longer one first where one begins like another.
const OURS: &[(&str, &str)] = &[
    ("upstream said ", "サーバーの応答: "),
    (", challenge status ", "、チャレンジの状態: "),
    ("a page in the place of an OAuth answer", "OAuth の応答ではなくページ"),
    ("not an OAuth answer", "OAuth の応答ではありません"),
    ("; this machine's clock differs by ", "。プロバイダーとの時計のずれ: "),
    (" s from the provider's", " 秒"),
    (" through http://", "、プロキシー http://"),
    (" through socks5://", "、プロキシー socks5://"),
    (ProxyTrouble::Unreachable.words(), "プロキシーを使えません"),
    (ProxyTrouble::Login.words(), "プロキシーがログインを拒否しました"),
    (ProxyTrouble::NoLogin.words(), "プロキシーがログインを求めていますが、設定されていません"),
    (ProxyTrouble::Scheme.words(), "プロキシーが Gatepost の対応しないログインを求めています"),
    (ProxyTrouble::Portal.words(), "プロキシーの代わりにログインページが応答しています"),
    (ProxyTrouble::Forbids.words(), "プロキシーが許可していません"),
    (ProxyTrouble::NoWay.words(), "プロキシーが接続できません"),
    (
        "it says yes, and a web page comes in place of the server",
        "プロキシーは接続を許可しますが、サーバーの代わりにウェブページを返してきます",
    ),
    ("the user is ", "ユーザー名: "),
    ("it asks for ", "求められた認証方式: "),
    (", and Gatepost speaks Basic alone", "（Gatepost が対応するのは Basic だけです）"),
    ("it leads to ", "転送先: "),
    ("the server's certificate is refused: ", "サーバーの証明書を受け入れません: "),
    ("the server presented no certificate", "サーバーが証明書を提示しません"),
    ("the server answered in plain text instead of TLS", "サーバーが TLS ではなく平文で応答しました"),
    ("the server does not offer TLS 1.2 or 1.3", "サーバーが TLS 1.2 と 1.3 に対応していません"),
    ("the TLS handshake did not end in time", "TLS ハンドシェイクが時間内に終わりません"),
    (": connected", ": 接続済み"),
    ("name resolution failed: ", "名前を解決できません: "),
    ("no address answers: ", "応答するアドレスがありません: "),
    ("a connection to each of its addresses failed", "どのアドレスにも接続できません"),
    ("while connecting", "接続中"),
    ("while resolving the name", "名前の解決中"),
    ("the identity provider's answer (", "ID プロバイダーの応答（"),
    ("it is not JSON, or was cut short on the way", "JSON ではないか、途中で切れています"),
    ("no access_token in it", "access_token がありません"),
    ("no device code in it", "デバイスコードがありません"),
    ("certificate refused: ", "証明書を受け入れません: "),
    ("TLS failed: ", "TLS に失敗しました: "),
    ("timed out: ", "時間切れです: "),
    ("timed out", "時間切れです"),
    (" (tried ", "（試したアドレス: "),
    ("; issued by ", "、発行者: "),
    (": it answers ", ": 応答は "),
    ("the network wants a login", "ネットワークへのログインが必要です"),
    (", a redirect to ", "、転送先: "),
    (", a page: ", "、ページ: "),
    ("without a title", "題名なし"),
    (
        "holds no certificate; it needs PEM blocks (BEGIN CERTIFICATE)",
        "証明書がありません。PEM 形式（BEGIN CERTIFICATE）で書いてください",
    ),
    ("holds no private key in PEM form (unencrypted)", "暗号化されていない PEM 形式の秘密鍵がありません"),
    ("no items found", "PEM のブロックがありません"),
    ("does not belong to ", "次の証明書の秘密鍵ではありません: "),
    ("keys may not be consistent: ", ""),
    ("no certificate in PEM", "PEM 形式の証明書がありません"),
    ("it belongs to user ", "所有者のユーザー ID: "),
    (" is not writable", " に書き込めません"),
    (": no answer", ": 応答がありません"),
    ("in the token: ", "トークンの中: "),
    ("the systemd credential ", "systemd の資格情報 "),
    ("the key of the configuration", "設定にある鍵"),
    ("the key file ", "鍵ファイル "),
    ("the daemon is about to fetch a token", "デーモンがまもなくトークンを取得します"),
    // On the way.
    ("the name has no address", "名前にアドレスがありません"),
    ("cannot connect: ", "接続できません: "),
    // Of the HTTP client: the layers above the cause.
    ("client error (Connect): ", ""),
    ("client error (SendRequest): ", ""),
    ("tcp connect error: ", ""),
    ("dns error: error resolving DNS: ", "名前を解決できません: "),
    ("dns error: ", "名前を解決できません: "),
    ("connection closed before message completed", "応答の途中で接続が切れました"),
    ("no answer in time from ", "時間内に応答がありません: "),
    ("the connection to it broke: ", "プロキシーとの接続が切れました: "),
    ("the connection broke: ", "接続が切れました: "),
    ("connection broke: ", "接続が切れました: "),
    ("request cannot be sent: ", "要求を送信できません: "),
    (" is larger than 1 MiB", " が 1 MiB を超えています"),
    ("the answer of ", "応答 "),
    ("; ca-file names authorities, not servers", "。ca-file に書くのは、サーバーではなく認証局の証明書です"),
    // Of the daemon.
    ("no answer from ", "応答がありません: "),
    (" within 5 s", "（5 秒待ちました）"),
    ("something else than the console answers at ", "コンソールではないプログラムが応答しています: "),
    ("the console at ", "コンソールの "),
    (
        " does not know the token of this configuration: another Gatepost has that port, or the daemon was started on \
         another [store]",
        " は、この設定のトークンを知りません。そのポートを別の Gatepost が使っているか、デーモンが別の [store] で起動されています",
    ),
    ("the peer hung up during the TLS handshake", "TLS ハンドシェイクの途中で相手が切断しました"),
    // Of a proxy.
    ("it takes nobody without a user and password", "ユーザー名とパスワードのない接続は受け付けません"),
    ("it takes no user and password", "ユーザー名とパスワードでの認証に対応していません"),
    ("it refuses the password of the user ", "パスワードが拒否されました。ユーザー名: "),
    ("general failure of the proxy", "プロキシーの障害"),
    ("not allowed by its rules", "プロキシーの規則で許可されていません"),
    ("the network is unreachable from it", "プロキシーからそのネットワークに到達できません"),
    (
        "the host is unreachable from it, or it does not know the name",
        "プロキシーからそのホストに到達できないか、名前を解決できません",
    ),
    ("the connection was refused there", "接続先で接続が拒否されました"),
    ("no answer from there in time", "接続先から時間内に応答がありません"),
    ("it does not make connections (CONNECT)", "接続（CONNECT）に対応していません"),
    ("it does not take addresses of this type", "この種類のアドレスに対応していません"),
    ("a reason that RFC 1928 does not know", "RFC 1928 にない理由"),
    (
        "it is a SOCKS4 proxy, which takes no passwords and no names; SOCKS5 is needed",
        "パスワードと名前に対応しない SOCKS4 のプロキシーです。SOCKS5 が必要です",
    ),
    ("it is no SOCKS5 proxy: it said ", "SOCKS5 のプロキシーではありません。応答: "),
    ("it is no HTTP proxy: it said ", "HTTP のプロキシーではありません。応答: "),
    ("it was connected and did not answer in time", "接続できましたが、時間内に応答がありません"),
    ("it closed the connection without an answer", "応答せずに接続を閉じました"),
    ("it did not come to an end in time", "応答が時間内に終わりません"),
    ("the header of its answer has no end", "応答のヘッダーが終わりません"),
    ("the header of its answer has too many fields", "応答のヘッダーが多すぎます"),
    ("its interim answers have no end", "途中の応答が終わりません"),
    ("the name of the server is longer than SOCKS can say", "サーバーの名前が、SOCKS で送れる長さを超えています"),
    // Of a provider.
    ("this provider has no device-url", "このプロバイダーには device-url がありません"),
    ("nothing is stored for ", "保存されたサインインがありません: "),
    ("no RSA private key in PEM", "PEM 形式の RSA の秘密鍵がありません"),
    ("lacking ", "不足: "),
    ("; in the token: ", "、トークンの中: "),
    (" in place of ", "、期待した値: "),
    ("no content type", "Content-Type なし"),
    ("signed on without being asked to", "認証を求める前に成功と応答しました"),
    // Of this machine.
    ("the daemon is of an older version", "デーモンのバージョンが古いため、応答に含まれていません"),
    ("the console cannot listen on ", "コンソールが待ち受けられません: "),
    ("cannot listen on ", "待ち受けられません: "),
    ("the system gives no random bytes", "システムから乱数を得られません"),
    ("this machine has no clock or no random numbers", "このマシンでは時刻または乱数を得られません"),
    (
        "the access token holds spaces, control or 8-bit bytes",
        "アクセストークンに、空白、制御文字、または8ビットの文字があります",
    ),
    ("the refresh token holds control bytes", "リフレッシュトークンに制御文字があります"),
    (
        "no refresh token came: the scopes need offline_access (Google: access_type=offline, prompt=consent)",
        "リフレッシュトークンが届きません。スコープに offline_access が必要です（Google では access_type=offline と prompt=consent）",
    ),
];

/// The detail of a fault, as a person reads it.
pub fn found(lang: Lang, text: &str) -> String {
    match lang {
        Lang::En => text.to_owned(),
        Lang::Ja => in_japanese(text),
    }
}

/// What a provider said, in its own words: those stay in every language, so they are called a quotation.
pub fn is_quotation(text: &str) -> bool {
    let begins = text.split(": ").next().unwrap_or_default();
    let is_answer = begins.starts_with("HTTP ") || oauth_word(begins).is_some();
    is_answer || latin_sentence(&in_japanese(text)).is_some()
}

fn in_japanese(text: &str) -> String {
    static SENTENCES: OnceLock<Phrases> = OnceLock::new();
    let read = || Phrases::read(&[include_str!("japanese.txt"), store::PHRASES, OF_THE_SYSTEM]);
    let text = SENTENCES.get_or_init(read).told(text);
    static SYSTEM: OnceLock<Vec<(&str, &str)>> = OnceLock::new();
    let system = SYSTEM.get_or_init(|| rows(OF_THE_SYSTEM).collect());
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut is_quoted) = (text.as_str(), false);
    // Brackets that are open, and whether each is wide: it closes as it was opened.
    let mut brackets = Vec::new();
    while let Some(next) = rest.chars().next() {
        let ours = system.iter().chain(OURS).find(|(en, _)| !is_quoted && rest.starts_with(en));
        let taken = match (ours, next) {
            (Some((en, ja)), _) => {
                out.push_str(ja);
                // Only where what closes it is not ours.
                brackets.extend((ja.contains('（') && !ja.contains('）')).then_some(true));
                en.len()
            }
            // As Rust quotes: what stands behind a backslash ends nothing.
            (None, '\\') if is_quoted => {
                let pair = rest.chars().take(2).map(char::len_utf8).sum();
                out.push_str(rest.get(..pair).unwrap_or_default());
                pair
            }
            (None, next) => {
                is_quoted ^= next == '"';
                brackets.extend((next == '(' && !is_quoted).then_some(false));
                let is_wide = next == ')' && !is_quoted && brackets.pop().unwrap_or_default();
                out.push(if is_wide { '）' } else { next });
                next.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_japanese_and_those_of_servers_stay() {
        for (en, ja) in [
            (
                r#"upstream said "535 5.7.3 \"upstream said \" no", challenge status "400""#,
                r#"サーバーの応答: "535 5.7.3 \"upstream said \" no"、チャレンジの状態: "400""#,
            ),
            ("HTTP 400 invalid_grant AADSTS50173 (revoked)", "HTTP 400 invalid_grant AADSTS50173 (revoked)"),
            ("smtp.example:587: timed out: \u{e4}", "smtp.example:587: 時間切れです: \u{e4}"),
            ("\"\\", "\"\\"),
            (
                "h:587 through http://p:3128: the proxy forbids it: HTTP 403 Forbidden (tried 10.0.0.1:3128: connected)",
                "h:587、プロキシー http://p:3128: プロキシーが許可していません: HTTP 403 Forbidden（試したアドレス: 10.0.0.1:3128: 接続済み）",
            ),
            (
                "h:993: the server's certificate is refused: UnknownIssuer",
                "h:993: サーバーの証明書を受け入れません: UnknownIssuer",
            ),
            ("h:587: timed out", "h:587: 時間切れです"),
            (
                "the identity provider's answer (HTTP 200, 2 bytes of text/plain): it is not JSON, or was cut short on the way",
                "ID プロバイダーの応答（HTTP 200, 2 bytes of text/plain）: JSON ではないか、途中で切れています",
            ),
            ("h:587: Connection timed out (os error 110)", "h:587: 時間内に応答がありません (os error 110)"),
            (
                "cannot connect: https://h: client error (Connect): dns error: error resolving DNS: failed to lookup address \
                 information: Name or service not known",
                "接続できません: https://h: 名前を解決できません: その名前は見つかりません",
            ),
            (
                "the database /x/gatepost.db answers: disk I/O error; check free space and rights",
                "データベース /x/gatepost.db の応答: disk I/O error。空き容量と権限を確認してください",
            ),
            (
                "no address answers: refused (os error 111) (tried a (os error 111), b (os error 113))",
                "応答するアドレスがありません: refused (os error 111)（試したアドレス: a (os error 111), b (os error 113)）",
            ),
            (
                "/k.pem: does not belong to /c.pem: keys may not be consistent: KeyMismatch",
                "/k.pem: 次の証明書の秘密鍵ではありません: /c.pem: KeyMismatch",
            ),
            ("nobody finished the sign-in in time", "サインインが時間内に完了しませんでした"),
            (
                "bob@contoso.com signed in; the sign-in of ann@contoso.com stays: ann@contoso.com is who was meant",
                "bob@contoso.com がサインインしましたが、ann@contoso.com のサインインがそのまま使われます。必要なのは ann@contoso.com のサインインです",
            ),
            ("app.x has no graph-url", "`app.x` に `graph-url` がありません"),
            (
                "the proxy forbids it: not allowed by its rules",
                "プロキシーが許可していません: プロキシーの規則で許可されていません",
            ),
        ] {
            assert_eq!(in_japanese(en), ja);
        }
    }

    /// Where a mail server breaks its protocol no words of its own are told.
    #[test]
    fn what_a_mail_server_does_that_no_protocol_allows_is_japanese() {
        let of = [
            include_str!("../wire/smtp/back.rs"),
            include_str!("../wire/imap/back.rs"),
            include_str!("../wire/pop3/back.rs"),
        ];
        let sentences: Vec<String> = of
            .iter()
            .flat_map(|code| code.split("(Violation::").skip(1))
            .filter_map(|call| {
                let literal = call.split('"').nth(1)?.replace("{}", "501").replace("{wanted}", "XOAUTH2");
                call.find('"').is_some_and(|at| at < 40).then_some(literal)
            })
            .collect();
        assert!(sentences.len() > 15, "{sentences:?}");
        for said in sentences {
            let told = in_japanese(&format!("h:587: {said}"));
            assert!(latin_sentence(&told).is_none() && told != said, "{told}");
        }
    }

    #[test]
    fn what_a_provider_said_is_called_a_quotation_and_what_we_say_is_not() {
        for said in [
            "access_denied: AADSTS65004: User declined to consent to access the app.",
            "access_denied: AADSTS65004: no",
            "HTTP 400 invalid_grant AADSTS50173 (revoked)",
        ] {
            assert!(is_quotation(said), "{said}");
        }
        for ours in ["nobody finished the sign-in in time", "h:443: timed out", "the refresh token holds control bytes"]
        {
            assert!(!is_quotation(ours), "{ours}");
        }
    }
}
