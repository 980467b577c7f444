//! What a refusal means for who wrote the message: what the catalogue knows its words to mean, as log and direct reply have
//! it, and else by its enhanced status code (RFC 3463). Where a server gives none, or one that says little, its own words
//! have to do.

use std::borrow::Cow;

use crate::{
    base::Lang,
    catalog::{
        Entry, Known, in_the_log,
        message::{
            MAILBOX_FULL, MESSAGE_REFUSED, MESSAGE_REFUSED_FOR_NOW, MESSAGE_TOO_LARGE, OWN_ADDRESS_DENIED,
            RECIPIENT_LIMIT, RECIPIENT_REFUSED, RECIPIENT_REFUSED_FOR_NOW, RECIPIENT_RESTRICTED,
            RECIPIENT_SERVER_FAILING, RECIPIENT_UNKNOWN, SEND_AS_DENIED, SEND_ON_BEHALF_DENIED,
        },
        own::MESSAGE_EXPIRED,
    },
    wire::smtp::{Enhanced, Reply},
};

/// Cause and next step.
type Advice = (&'static str, &'static str);

/// Of these the code, or the words of the server, say as much to who wrote the message.
const BY_CODE: [&Entry; 5] =
    [MESSAGE_EXPIRED, MESSAGE_REFUSED, MESSAGE_REFUSED_FOR_NOW, RECIPIENT_REFUSED, RECIPIENT_REFUSED_FOR_NOW];

/// What stands under a code below; Exchange gives them with others, too.
const AS_CODE: [(&Entry, &str); 7] = [
    (RECIPIENT_RESTRICTED, "7.133"),
    (RECIPIENT_SERVER_FAILING, "4.316"),
    (RECIPIENT_UNKNOWN, "1.1"),
    (MESSAGE_TOO_LARGE, "3.4"),
    (SEND_AS_DENIED, "7.60"),
    (OWN_ADDRESS_DENIED, "7.60"),
    (SEND_ON_BEHALF_DENIED, "7.60"),
];

const LIMITED: (Advice, Advice) = (
    ("The recipient gets more mail in an hour than the mail server allows.", "Send the message again in an hour."),
    ("宛先が1時間に受け取れる件数の上限に達しています。", "1時間ほど待ってから、もう一度送信してください。"),
);

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
        "4.316",
        (
            "The recipient's mail server could not be reached, or did not take the message as it should.",
            "Tell the recipient by another way, and send the message again later.",
        ),
        (
            "宛先のメールサーバーに接続できないか、サーバーに問題があるため、メッセージを渡せませんでした。",
            "別の方法で相手に知らせ、後でもう一度送信してください。",
        ),
    ),
    (
        "7.133",
        (
            "The recipient takes mail from certain senders alone.",
            "Ask the recipient, or whoever keeps that group, to let you write to it.",
        ),
        (
            "宛先は、特定の差出人からのメールだけを受け取ります。",
            "相手またはそのグループの管理者に、受信の許可を依頼してください。",
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

/// `entry`: what the catalogue knows it to mean.
pub(super) fn advice(reply: &str, entry: Option<&Entry>, lang: Lang) -> (Cow<'static, str>, Cow<'static, str>) {
    let status = status(reply);
    let code = status.split_once('.').map(|(_, detail)| detail).unwrap_or_default();
    // Of a domain that takes no mail (RFC 7504, RFC 7505), under the code that Exchange has for a recipient.
    let known = entry.filter(|entry| !reply.starts_with("556") && BY_CODE.iter().all(|one| one.id != entry.id));
    let (english, japanese) = match known {
        None => by_code(code),
        Some(entry) if entry.id == RECIPIENT_LIMIT.id => LIMITED,
        // A server with other words means the recipient's.
        Some(entry) if entry.id == MAILBOX_FULL.id && !reply.to_ascii_lowercase().contains("quotaexceeded") => {
            by_code(code)
        }
        Some(entry) if entry.id == RECIPIENT_UNKNOWN.id && code == "2.1" => by_code(code),
        Some(entry) if entry.id == RECIPIENT_UNKNOWN.id && code == "4.310" => by_code("1.2"),
        Some(entry) => match AS_CODE.iter().find(|(one, _)| one.id == entry.id) {
            Some((_, code)) => by_code(code),
            None => return for_the_administrator(entry, lang),
        },
    };
    let (cause, step) = if lang == Lang::Ja { japanese } else { english };
    (cause.into(), step.into())
}

fn by_code(of: &str) -> (Advice, Advice) {
    let fits = |code: &str| if code.ends_with('.') { of.starts_with(code) } else { of == code };
    let found = ADVICE.iter().find(|(code, ..)| fits(code)).map(|(_, english, japanese)| (*english, *japanese));
    found.unwrap_or(REFUSED)
}

/// Who wrote the message has no hand in it: whoever has looks it up by its id.
fn for_the_administrator(entry: &Entry, lang: Lang) -> (Cow<'static, str>, Cow<'static, str>) {
    let named = in_the_log(entry.id, lang).unwrap_or_default();
    let step = match lang {
        Lang::En => format!("Show this notice to your administrator: {named}"),
        Lang::Ja => format!("この通知を管理者に見せてください。{named}"),
    };
    (entry.told(lang, &Known::default()).cause.into(), step.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::latin_sentence, catalog::upstream::message_refusal};

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
            let (cause, next) = advice(&format!("550 {status} no"), None, Lang::En);
            assert!(cause.contains(told) || next.contains(told), "{status}");
        }
        let all = || {
            let others = [&REFUSED, &LIMITED].map(|(english, japanese)| (english, japanese));
            ADVICE.iter().map(|(_, english, japanese)| (english, japanese)).chain(others)
        };
        assert!(all().all(|((cause, next), _)| cause.is_ascii() && next.is_ascii()));
        assert!(all().all(|(_, (cause, next))| cause.ends_with('。') && next.ends_with('。')));
        assert!(all().all(|(_, (cause, next))| latin_sentence(&format!("{cause}{next}")).is_none()));
    }

    /// Exchange's replies of which the code alone says something else (fact sheet microsoft.md, 3.2).
    #[test]
    fn what_the_catalogue_knows_of_a_reply_goes_before_its_code() {
        for (reply, wanted) in [
            (
                "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
                "no mailbox of this",
            ),
            ("550 5.4.1 Recipient address rejected: Access denied. [AM0]", "no mailbox of this"),
            ("556 5.1.10 Recipient address has null MX", "domain of this address takes no mail"),
            (
                "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiException",
                "copy in Sent",
            ),
            ("552 5.2.2 over quota", "recipient's mailbox is full"),
            ("554 5.2.252 SendAsDenied; ann@contoso.com not allowed to send as bob@contoso.com", "send as this sender"),
            (
                "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied",
                "as this sender",
            ),
            ("554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", "[day-limit-reached]"),
            ("550 5.1.20 Multiple From addresses are not allowed without Sender address", "From names more than one"),
            ("550 5.1.8 Access denied, bad outbound sender", "administrator"),
            ("550 5.1.90 Your message can't be sent because you've reached your daily limit", "administrator"),
            ("550 5.2.121 RESOLVER.ADR.RecipLimit", "in an hour"),
            ("552 5.3.4 Header size exceeds fixed maximum size", "header block"),
            ("552 5.3.4 Message size exceeds fixed maximum message size", "larger than a mail server"),
            ("550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant", "not spelled as RFC 5322"),
            ("550 5.7.233 tenant", "external recipients"),
            ("550 5.7.750 unregistered domain", "not an accepted domain"),
            ("554 5.2.1 mailbox disabled", "recipient's mailbox is switched off"),
            ("550 5.4.310 DNS domain fabrikam.exampel does not exist", "domain of this address does not exist"),
            ("550 5.4.316 Message expired, connection refused", "mail server could not be reached"),
            ("550 5.7.124 RESOLVER.RST.SenderNotInAllowedSendersList; not authorized", "certain senders alone"),
            ("550 5.2.2 Submission quota exceeded", "[day-limit-reached]"),
        ] {
            for lang in Lang::ALL {
                let (cause, step) = advice(reply, message_refusal(reply), lang);
                let told = format!("{cause} {step}");
                assert!(lang == Lang::Ja || told.contains(wanted), "{reply}: {told}");
                assert_eq!(lang == Lang::En, told.is_ascii(), "{reply}: {told}");
                assert!(!told.contains(['{', '⟨']), "{reply}: {told}");
            }
        }
        let recipient = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found";
        assert_eq!(advice(recipient, message_refusal(recipient), Lang::Ja).0, by_code("1.1").1.0);
    }
}
