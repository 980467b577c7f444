//! What is to be done about the faults of a status: each cause once, with the steps of all who met it.
//!
//! It shows what the daemon says, and refuses to explain it anew.

use serde_json::Value;

use super::table::WRAP;
use crate::{
    base::{Lang, printable, wrapped},
    catalog::Step,
};

/// Of what to do about a fault.
const STEP_CAP: usize = 4000;

/// One cause, with all that is to be done about it.
#[derive(Default)]
struct Cause {
    id: String,
    text: String,
    steps: Vec<ToDo>,
    avoid: Vec<String>,
}

/// One step.
struct ToDo {
    text: String,
    /// Where its cmdlets are typed.
    shell: Option<String>,
    /// That met it.
    protocols: Vec<String>,
}

impl Cause {
    /// The protocols are named where there are several: once, or ahead of the step of each where the steps differ by more
    /// than the commands.
    fn told(&self, lang: Lang) -> String {
        let drawn = |step: &Step| {
            let lines = step.drawn(WRAP, &|_| None).join("\n    ");
            format!("    {lines}\n")
        };
        let mut protocols: Vec<&str> = Vec::new();
        for protocol in self.steps.iter().flat_map(|step| &step.protocols) {
            protocols.extend((!protocols.contains(&protocol.as_str())).then_some(protocol.as_str()));
        }
        let laid_out = |step: &ToDo| Step::behind_remark(&step.text, step.shell.as_deref());
        let all: Vec<Step> = self.steps.iter().map(laid_out).collect();
        let in_common = Step::in_common(&all);
        let is_one_step = in_common.is_some();
        let of = match protocols.len() {
            2.. if is_one_step => format!(" ({})", protocols.join(", ")),
            _ => String::new(),
        };
        let mut told = indented(2, &format!("{}{of}: {}", self.id, self.text));
        let apart = self.steps.iter().zip(&all).filter(|_| !is_one_step);
        for (todo, step) in apart {
            let is_named = protocols.len() > 1 && !todo.protocols.is_empty();
            // On a line of its own: what is typed stands alone on its line.
            told.extend(is_named.then(|| format!("    {}:\n", todo.protocols.join(", "))));
            told.push_str(&drawn(step));
        }
        told.extend(in_common.as_ref().map(drawn));
        let not = if lang == Lang::Ja { "してはならないこと：" } else { "What not to do: " };
        told.extend(self.avoid.iter().map(|avoid| indented(4, &format!("{not}{avoid}"))));
        told
    }
}

/// What to do about each fault that may still stand: each cause once, and behind them where the cmdlets of which are typed.
pub fn steps(faults: &[Value], lang: Lang) -> String {
    let (mut causes, mut shells): (Vec<Cause>, Vec<(String, Vec<String>)>) = Default::default();
    for fault in faults.iter().filter(|fault| fault.get("worked-again-at").is_none()) {
        let text = |name: &str| fault.get(name).and_then(Value::as_str).map(|text| printable(text, STEP_CAP));
        let (Some(id), Some(cause), Some(next)) = (text("id"), text("cause"), text("next-step")) else { continue };
        let shell = text("shell");
        if let Some(shell) = shell.clone() {
            match shells.iter_mut().find(|(known, _)| *known == shell) {
                Some((_, ids)) => ids.extend(Some(id.clone()).filter(|id| !ids.contains(id))),
                None => shells.push((shell, vec![id.clone()])),
            }
        }
        let at = causes.iter().position(|known| known.id == id && known.text == cause).unwrap_or_else(|| {
            causes.push(Cause { id, text: cause, ..Cause::default() });
            causes.len() - 1
        });
        let Some(known) = causes.get_mut(at) else { continue };
        let at = known.steps.iter().position(|step| step.text == next).unwrap_or_else(|| {
            known.steps.push(ToDo { text: next, shell, protocols: Vec::new() });
            known.steps.len() - 1
        });
        let met_by = known.steps.get_mut(at).map(|step| &mut step.protocols);
        met_by.into_iter().for_each(|all| all.extend(text("protocol").filter(|one| !all.contains(one))));
        known.avoid.extend(text("avoid").filter(|avoid| !known.avoid.contains(avoid)));
    }
    let of = |(shell, ids): &(String, Vec<String>)| match causes.len() {
        0 | 1 => indented(2, shell),
        _ => indented(2, &format!("{}: {shell}", ids.join(lang.comma()))),
    };
    causes.iter().map(|cause| cause.told(lang)).chain(shells.iter().map(of)).collect()
}

fn indented(by: usize, text: &str) -> String {
    wrapped(text, WRAP).iter().map(|line| format!("{:by$}{line}\n", "")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cmdlet_is_typed_behind_what_connects_to_its_shell_and_where_is_said_once() {
        let shell = "An administrator types the cmdlets in PowerShell, behind `Connect-ExchangeOnline` (module X).";
        let fault = |id: &str, next: &str| json!({ "id": id, "cause": "So.", "next-step": next, "shell": shell });
        let step = "Allow it: `Set-CASMailbox ann@x -SmtpClientAuthenticationDisabled $false`.";
        let text = steps(&[fault("a", step), fault("b", "Look: `gatepost doctor ann@x`.")], Lang::En);
        let commands = "    Allow it:\n        Connect-ExchangeOnline\n        Set-CASMailbox ann@x ";
        assert!(text.contains(commands), "{text}");
        assert_eq!(text.matches("Connect-ExchangeOnline").count(), 2, "{text}");
        assert_eq!(text.matches("types the cmdlets").count(), 1, "{text}");
    }
}
