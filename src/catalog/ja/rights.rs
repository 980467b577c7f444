//! `catalog::rights` in Japanese.

use super::Row;

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    ("send-as-denied",
        "メッセージの差出人は別のメールボックスですが、認証したユーザーにその Send As（所有者として送信）権限がありません。",
        "`Add-RecipientPermission MAILBOX -Trustee WHO-SIGNS-ON -AccessRights SendAs` を実行してください。反映に最大1時間かかります。両方の名前は応答にあります。"),
    ("send-on-behalf-denied",
        "Sender は認証したユーザー、From は別のメールボックスですが、そのメールボックスの Send on Behalf（代理で送信）権限も Send As（所有者として送信）権限もありません。",
        "`Set-Mailbox MAILBOX -GrantSendOnBehalfTo @{Add='WHO-SIGNS-ON'}` を実行するか、Send As 権限を付与してください。反映に最大1時間かかります。両方の名前は応答にあります。"),
];
