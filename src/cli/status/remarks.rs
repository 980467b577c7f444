//! What stands beneath the faults of a status: what it means that one is past, where no mail that went shows it, and what
//! ends one. It draws no table, and tells no step.

use serde_json::Value;

use crate::{base::Lang, catalog::message::SENDER_NOT_ALLOWED};

struct Remark {
    /// Of a fault that it has to do with.
    is_about: fn(&Value) -> bool,
    en: &'static str,
    ja: &'static str,
}

const REMARKS: [Remark; 3] = [
    // Where only the address of clients is known, what ends a fault of one may have been another one's.
    Remark {
        is_about: |one| is_over(one) && one.get("account").is_none_or(|of| of == "") && one.get("client").is_none(),
        en: "Without an account, it worked again means: a client of that address was let in, or a rule admits it.",
        ja: "アカウントのない行の「その後、成功した時刻」は、同じアドレスのクライアントが受け入れられたか、ルールで許可された時刻です。",
    },
    // What ended a refusal of ours for want of a rule: that is no message that went.
    Remark {
        is_about: |one| is_over(one) && one.get("id").is_some_and(|id| id == SENDER_NOT_ALLOWED.id),
        en: "With sender-not-allowed, it worked again means: since then send-as allows the sender, or its program sends as another.",
        ja: "sender-not-allowed の行の「その後、成功した時刻」は、send-as で差出人が許可されたか、プログラムの差出人が変わった時刻です。",
    },
    // What ends a refusal of a sender: nobody can be asked whether its program was set otherwise.
    Remark {
        is_about: |one| !is_over(one) && one.get("sender").is_some(),
        en: "A refused sender is past once a message of it goes, its program sends as another for the first time, or a day passes.",
        ja: "差出人の拒否は、その差出人のメッセージが送信されるか、プログラムの差出人が初めて別のものに変わるか、1日が過ぎると、過去のものとします。",
    },
];

fn is_over(fault: &Value) -> bool {
    fault.get("worked-again-at").is_some()
}

pub fn remarks(faults: &[Value], lang: Lang) -> String {
    let told = REMARKS.iter().filter(|remark| faults.iter().any(remark.is_about));
    told.map(|remark| format!("  {}\n", if lang == Lang::Ja { remark.ja } else { remark.en })).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn draw(status: &Value, lang: Lang) -> String {
        remarks(status["faults"].as_array().unwrap(), lang)
    }

    #[test]
    fn a_client_without_a_name_is_not_said_to_work_again_where_another_one_at_its_address_may_have_been_let_in() {
        let over = |account: &str| json!({ "faults": [{ "id": "x", "account": account, "worked-again-at": 60 }] });
        for (lang, said) in [(Lang::En, "a client of that address"), (Lang::Ja, "同じアドレスのクライアント")]
        {
            assert!(draw(&over(""), lang).contains(said));
            assert!(!draw(&over("ann@contoso.com"), lang).contains(said));
            let mut of_client = over("");
            of_client["faults"][0]["client"] = json!("copier");
            assert!(!draw(&of_client, lang).contains(said), "it has a name");
        }
    }

    #[test]
    fn of_a_sender_that_the_configuration_allows_by_now_it_is_not_said_that_a_message_of_it_went() {
        for (lang, said) in
            [(Lang::En, "since then send-as allows the sender"), (Lang::Ja, "send-as で差出人が許可された")]
        {
            let of = |id: &str| json!({ "faults": [{ "id": id, "account": "a@b.c", "sender": "x@b.c", "worked-again-at": 60 }] });
            assert!(draw(&of("sender-not-allowed"), lang).contains(said));
            assert!(!draw(&of("send-as-denied"), lang).contains(said));
        }
    }
}
