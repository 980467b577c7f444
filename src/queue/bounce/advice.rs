//! What a refusal means for who wrote the message, by its enhanced status code (RFC 3463). Where a server gives none,
//! or one that says little, its own words have to do.

use crate::{
    base::Lang,
    wire::smtp::{Enhanced, Reply},
};

/// Cause and next step.
type Advice = (&'static str, &'static str);

/// Code without the class; the advice in English, the same in Japanese.
const ADVICE: &[(&str, Advice, Advice)] = &[
    (
        "1.1",
        ("There is no mailbox of this address.", "Check how the address is spelled, and send the message again."),
        ("このアドレスのメールボックスは存在しません。", "アドレスに誤りがないか確認し、もう一度送信してください。"),
    ),
    (
        "1.2",
        (
            "The domain of this address does not exist, or takes no mail.",
            "Check the part behind the @, and send the message again.",
        ),
        (
            "このアドレスのドメインが存在しないか、メールを受け付けていません。",
            "@ より後ろの部分に誤りがないか確認し、もう一度送信してください。",
        ),
    ),
    (
        "1.10",
        ("The domain of this address takes no mail.", "Check the part behind the @, and send the message again."),
        (
            "このアドレスのドメインは、メールを受け付けていません。",
            "@ より後ろの部分に誤りがないか確認し、もう一度送信してください。",
        ),
    ),
    (
        "1.",
        ("The address is not accepted.", "Check how the address is spelled, and send the message again."),
        ("このアドレスは受け付けられませんでした。", "アドレスに誤りがないか確認し、もう一度送信してください。"),
    ),
    (
        "2.1",
        ("The recipient's mailbox is switched off.", "Ask the recipient for another address."),
        ("宛先のメールボックスは無効になっています。", "相手に別のアドレスを確認してください。"),
    ),
    (
        "2.2",
        (
            "The recipient's mailbox is full.",
            "Tell the recipient by another way, and send the message again when there is room.",
        ),
        (
            "宛先のメールボックスに空き容量がありません。",
            "別の方法で相手に知らせ、空きができてからもう一度送信してください。",
        ),
    ),
    (
        "2.3",
        ("The message is larger than the recipient's server takes.", "Send less at once, or a link to it."),
        (
            "メッセージのサイズが、宛先のサーバーの上限を超えています。",
            "分割して送信するか、ファイルの代わりにリンクを送信してください。",
        ),
    ),
    (
        "3.4",
        ("The message is larger than a mail server on the way takes.", "Send less at once, or a link to it."),
        (
            "メッセージのサイズが、経路上のメールサーバーの上限を超えています。",
            "分割して送信するか、ファイルの代わりにリンクを送信してください。",
        ),
    ),
    (
        "4.7",
        (
            "The message was tried for as long as it may be and could not be delivered.",
            "Send it again if it is still of use. The words behind \"last\" say what was in the way; show them to your \
             administrator if it stays.",
        ),
        (
            "期限まで再試行しましたが、配信できませんでした。",
            "まだ必要なメッセージであれば、もう一度送信してください。「last」に続く文が、配信できなかった理由です。\
             繰り返す場合は、管理者に見せてください。",
        ),
    ),
    (
        "7.57",
        ("The mailbox may not send this way.", "Show this notice to your administrator."),
        ("このメールボックスからは、この方法で送信できません。", "この通知を管理者に見せてください。"),
    ),
    (
        "7.60",
        (
            "The mailbox may not send as this sender.",
            "Use the mailbox's own address as the sender, or show this notice to your administrator.",
        ),
        (
            "このメールボックスには、この差出人として送信する権限がありません。",
            "差出人をメールボックス自身のアドレスにするか、この通知を管理者に見せてください。",
        ),
    ),
    (
        "7.708",
        ("The organization's mail is blocked at the provider.", "Show this notice to your administrator."),
        ("組織から送信するメールが、プロバイダーにブロックされています。", "この通知を管理者に見せてください。"),
    ),
    (
        "7.",
        (
            "A rule of the recipient's or of your own mail server forbids this message.",
            "Show this notice to your administrator, or ask the recipient to allow it.",
        ),
        (
            "宛先または送信側のメールサーバーの規則により、このメッセージは拒否されました。",
            "この通知を管理者に見せるか、受信を許可するよう相手に依頼してください。",
        ),
    ),
    (
        "6.",
        (
            "The mail server does not carry this kind of content.",
            "Send it in another form; your administrator can read the server's words above.",
        ),
        (
            "メールサーバーが、この形式の内容に対応していません。",
            "別の形式で送信してください。詳しい原因は、上の応答を管理者に見せると分かります。",
        ),
    ),
];

/// Where nothing else is known.
const REFUSED: (Advice, Advice) = (
    (
        "The mail server refused this recipient for good.",
        "Read the server's words above; if they do not help, show this notice to your administrator.",
    ),
    (
        "メールサーバーがこの宛先を拒否しました。再試行しても配信できません。",
        "上の応答を確認してください。原因が分からない場合は、この通知を管理者に見せてください。",
    ),
);

/// The class 5 of a status code (RFC 3463), as text; the server's own if it gave one.
pub(super) fn status(reply: &str) -> String {
    let own = Reply::of_text(reply).and_then(|reply| reply.enhanced());
    own.filter(|code| code.0 == 5).unwrap_or(Enhanced(5, 0, 0)).to_string()
}

pub(super) fn advice(status: &str, lang: Lang) -> Advice {
    let detail = status.split_once('.').map(|(_, detail)| detail).unwrap_or_default();
    let fits = |code: &str| if code.ends_with('.') { detail.starts_with(code) } else { detail == code };
    let found = ADVICE.iter().find(|(code, ..)| fits(code)).map(|(_, english, japanese)| (*english, *japanese));
    let (english, japanese) = found.unwrap_or(REFUSED);
    if lang == Lang::Ja { japanese } else { english }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::latin_sentence;

    #[test]
    fn a_status_is_the_servers_own_or_says_nothing() {
        for (reply, wanted) in [
            ("550 5.1.1 User unknown", "5.1.1"),
            ("550 5.1.10 RESOLVER.ADR.RecipientNotFound", "5.1.10"),
            ("554 5.7.708 x", "5.7.708"),
            ("550 no such user", "5.0.0"),
            ("550 4.1.1 odd", "5.0.0"),
            ("550 5.1", "5.0.0"),
            ("550 5.1.1x", "5.0.0"),
            ("550 5.1.1234", "5.0.0"),
            ("", "5.0.0"),
        ] {
            assert_eq!(status(reply), wanted, "{reply}");
        }
    }

    #[test]
    fn every_status_has_a_cause_and_a_next_step() {
        for (status, told) in [
            ("5.1.1", "no mailbox"),
            ("5.1.3", "not accepted"),
            ("5.2.2", "full"),
            ("5.7.1", "administrator"),
            ("5.0.0", "refused"),
        ] {
            let (cause, next) = advice(status, Lang::En);
            assert!(cause.contains(told) || next.contains(told), "{status}");
        }
        let all = || ADVICE.iter().map(|(_, english, japanese)| (english, japanese)).chain([(&REFUSED.0, &REFUSED.1)]);
        assert!(all().all(|((cause, next), _)| cause.is_ascii() && next.is_ascii()));
        assert!(all().all(|(_, (cause, next))| cause.ends_with('。') && next.ends_with('。')));
        assert!(all().all(|(_, (cause, next))| latin_sentence(&format!("{cause}{next}")).is_none()));
    }
}
