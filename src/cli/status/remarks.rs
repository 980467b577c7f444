//! What stands beneath the faults of a status: what it means that one is past, where no mail that went shows it, and what
//! ends one. It draws no table, and tells no step.

use serde_json::Value;

use crate::{base::Lang, catalog::message::SENDER_NOT_ALLOWED};

pub fn remarks(faults: &[Value], lang: Lang) -> String {
    [nameless, allowed, of_a_sender].map(|remark| remark(faults, lang)).concat()
}

/// Where only the address of clients is known, what ends a fault of one may have been another one's.
fn nameless(faults: &[Value], lang: Lang) -> &'static str {
    let is_nameless = |one: &Value| one.get("account").is_none_or(|of| of == "") && one.get("client").is_none();
    let is_over = |one: &Value| one.get("worked-again-at").is_some() && is_nameless(one);
    match (faults.iter().any(is_over), lang) {
        (false, _) => "",
        (true, Lang::En) => {
            "  Without an account, it worked again means: a client of that address was let in, or a rule admits it.\n"
        }
        (true, Lang::Ja) => {
            "  アカウントのない行の「その後、成功した時刻」は、同じアドレスのクライアントが受け入れられたか、ルールで許可された時刻です。\n"
        }
    }
}

/// What ended a refusal of ours for want of a rule: that is no message that went.
fn allowed(faults: &[Value], lang: Lang) -> &'static str {
    let is_over = |one: &Value| {
        one.get("worked-again-at").is_some() && one.get("id").is_some_and(|id| id == SENDER_NOT_ALLOWED.id)
    };
    match (faults.iter().any(is_over), lang) {
        (false, _) => "",
        (true, Lang::En) => {
            "  With sender-not-allowed, it worked again means: since then send-as allows the sender, or its program sends as another.\n"
        }
        (true, Lang::Ja) => {
            "  sender-not-allowed の行の「その後、成功した時刻」は、send-as で差出人が許可されたか、プログラムの差出人が変わった時刻です。\n"
        }
    }
}

/// What ends a refusal of a sender: nobody can be asked whether its program was set otherwise.
fn of_a_sender(faults: &[Value], lang: Lang) -> &'static str {
    let stands = |one: &Value| one.get("sender").is_some() && one.get("worked-again-at").is_none();
    match (faults.iter().any(stands), lang) {
        (false, _) => "",
        (true, Lang::En) => {
            "  A refused sender is past once a message of it goes, its program sends as another for the first time, or a day passes.\n"
        }
        (true, Lang::Ja) => {
            "  差出人の拒否は、その差出人のメッセージが送信されるか、プログラムの差出人が初めて別のものに変わるか、1日が過ぎると、過去のものとします。\n"
        }
    }
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
