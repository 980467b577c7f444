//! What is to be done about the faults of a status: each cause once, with what was heard of it and the steps of all who met it.
//!
//! It shows what the daemon says, and refuses to explain it anew.

use serde_json::Value;

use super::table::WRAP;
use crate::{
    base::{Lang, printable, wrapped},
    catalog::{
        Step, in_short, in_short_unheard, one_shell, said_not_to,
        together::{Met, Together, together},
    },
};

/// Marks a fault that is beside a sign-in which goes on.
pub const BESIDE: &str = "beside";
/// Marks one that nobody heard of, since it was met behind our own 250.
pub const UNHEARD: &str = "unheard";
/// Marks one that nobody met so far.
pub const AHEAD: &str = "ahead";

/// Of what to do about a fault.
const STEP_CAP: usize = 4000;

fn drawn(told: &Together, lang: Lang) -> String {
    let (names, is_one) = (told.names_protocols(), told.todo.len() == 1);
    let mut text = String::new();
    for cause in &told.causes {
        let of = match names && is_one {
            true => format!(" ({})", cause.protocols.join(", ")),
            false => String::new(),
        };
        text.push_str(&indented(2, &format!("{}{of}: {}", cause.id, cause.text)));
        text.extend(cause.in_short(lang).map(|short| indented(4, &short)));
    }
    for todo in &told.todo {
        let is_named = names && !is_one && !todo.protocols.is_empty();
        // On a line of its own: what is typed stands alone on its line.
        text.extend(is_named.then(|| format!("    {}:\n", todo.protocols.join(", "))));
        let lines = todo.step.drawn(WRAP, &|_| None).join("\n    ");
        text.push_str(&format!("    {lines}\n"));
    }
    text.extend(told.avoid.iter().map(|avoid| indented(4, &said_not_to(avoid, lang))));
    text
}

/// What to do about each fault that may still stand: each cause once, and behind them where the cmdlets of which are typed.
pub fn steps(faults: &[Value], lang: Lang) -> String {
    let (mut met, mut shells, mut ids): (Vec<Met>, Vec<String>, Vec<String>) = Default::default();
    for fault in faults.iter().filter(|fault| fault.get("worked-again-at").is_none()) {
        let text = |name: &str| fault.get(name).and_then(Value::as_str).map(|text| printable(text, STEP_CAP));
        let (Some(id), Some(cause), Some(next)) = (text("id"), text("cause"), text("next-step")) else { continue };
        let (shell, avoid, protocol) = (text("shell"), text("avoid"), text("protocol"));
        if let Some(shell) = shell.clone() {
            shells.push(shell);
            ids.extend((!ids.contains(&id)).then(|| id.clone()));
        }
        let is_beside = [BESIDE, UNHEARD].iter().any(|mark| fault.get(*mark).is_some());
        let is_ahead = fault.get(AHEAD).is_some();
        met.push(Met { id, cause, next, shell, avoid, protocol, is_beside, is_ahead });
    }
    let told = together(met, Step::behind_remark);
    let causes: usize = told.iter().map(|told| told.causes.len()).sum();
    let all: Vec<&Step> = told.iter().flat_map(|told| &told.todo).map(|todo| &todo.step).collect();
    let of = |shell: String| {
        let shell = Step::remark_beside(&shell, &all);
        match causes {
            0 | 1 => indented(2, &shell),
            _ => indented(2, &format!("{}: {shell}", ids.join(lang.comma()))),
        }
    };
    told.iter().map(|told| drawn(told, lang)).chain(one_shell(&shells, lang).map(of)).collect()
}

/// The text by which each that worked again was known, where no other one of its id still stands.
pub fn past(faults: &[Value], lang: Lang) -> String {
    let is_over = |fault: &&Value| fault.get("worked-again-at").is_some();
    let id = |fault: &Value| fault.get("id").and_then(Value::as_str).map(str::to_owned);
    let standing: Vec<String> = faults.iter().filter(|fault| !is_over(fault)).filter_map(id).collect();
    let mut all: Vec<String> = faults.iter().filter(is_over).filter_map(id).collect();
    all.sort();
    all.dedup();
    let was_heard =
        |id: &String| faults.iter().any(|one| one.get("id").is_some_and(|of| of == id) && one.get(UNHEARD).is_none());
    let line = |id: String| {
        let short = if was_heard(&id) { in_short(&id, lang) } else { in_short_unheard(&id, lang) };
        Some(indented(2, &format!("{id}: {}", short?)))
    };
    all.into_iter().filter(|id| !standing.contains(id)).filter_map(line).collect()
}

fn indented(by: usize, text: &str) -> String {
    wrapped(text, WRAP).iter().map(|line| format!("{:by$}{line}\n", "")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::catalog::{Entry, Known, message::SEND_AS_DENIED, sign_on::SMTP_AUTH_DISABLED_MAILBOX};

    use super::*;

    /// Its client had its 250, and nobody is there to hear anything.
    #[test]
    fn what_was_met_behind_our_own_250_is_quoted_as_the_log_has_it() {
        let id = SEND_AS_DENIED.id;
        let heard = json!({ "id": id, "cause": "So.", "next-step": "Do." });
        let mut unheard = heard.clone();
        unheard[UNHEARD] = true.into();
        let mut over = unheard.clone();
        over["worked-again-at"] = 60.into();
        for lang in Lang::ALL {
            let (client, log) = (in_short(id, lang).unwrap(), in_short_unheard(id, lang).unwrap());
            let flat = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat(steps(&[unheard.clone()], lang)).contains(&log), "{log}");
            assert!(flat(past(&[over.clone()], lang)).contains(&log), "{log}");
            assert!(flat(steps(&[unheard.clone(), heard.clone()], lang)).contains(&client), "{client}");
        }
    }

    #[test]
    fn a_cmdlet_is_typed_behind_what_connects_to_its_shell_and_where_is_said_once() {
        let shell = "An administrator types the cmdlets in PowerShell, behind `Connect-ExchangeOnline` (module X).";
        let fault = |id: &str, next: &str| json!({ "id": id, "cause": "So.", "next-step": next, "shell": shell });
        let step = "Allow it: `Set-CASMailbox ann@x -SmtpClientAuthenticationDisabled $false`.";
        let text = steps(&[fault("a", step), fault("b", "Look: `gatepost doctor ann@x`.")], Lang::En);
        let commands = "    Allow it:\n        Connect-ExchangeOnline\n        Set-CASMailbox ann@x ";
        assert!(text.contains(commands), "{text}");
        assert_eq!(text.matches("Connect-ExchangeOnline").count(), 1, "where it is typed: {text}");
        assert_eq!(text.matches("types the cmdlets").count(), 1, "{text}");
    }

    #[test]
    fn where_the_cmdlets_of_several_causes_are_typed_is_said_once_whichever_modules_they_need() {
        for (lang, once) in [(Lang::En, "An administrator types"), (Lang::Ja, "コマンドレットは、管理者が")]
        {
            let fault = |entry: &Entry| {
                let words = entry.told(lang, &Known { is_app_only: Some(true), ..Known::default() });
                json!({ "id": entry.id, "cause": words.cause, "next-step": words.next, "shell": words.shell })
            };
            let text = steps(&[fault(SMTP_AUTH_DISABLED_MAILBOX), fault(SEND_AS_DENIED)], lang);
            assert_eq!(text.matches(once).count(), 1, "{text}");
            assert!(text.contains("smtp-auth-disabled-mailbox") && text.contains("Microsoft.Graph"), "{text}");
        }
    }
}
