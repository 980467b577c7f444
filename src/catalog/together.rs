//! Faults that stand, told together: each cause once, and a step that several of them share once, whoever met them.
//!
//! Whoever reads a list of steps goes through it, so the same list must not stand there twice. The status and the console draw
//! what this makes. It refuses to put commands of one fault into another step than that of nearly the same commands.

use super::{Step, in_short, names::in_short_unheard};
use crate::base::Lang;

/// One fault, as it is told to whoever met it.
#[derive(Debug, Clone, Default)]
pub struct Met {
    pub id: String,
    pub cause: String,
    pub next: String,
    /// Where the cmdlets of it are typed.
    pub shell: Option<String>,
    pub avoid: Option<String>,
    /// Or another way by which it was met.
    pub protocol: Option<String>,
    /// It stands in nobody's way, or behind our own 250, so that no client hears of it.
    pub is_beside: bool,
    /// Nobody met it so far.
    pub is_ahead: bool,
}

/// Why, and by which protocols that was met.
#[derive(Debug, Default)]
pub struct Cause {
    pub id: String,
    pub text: String,
    pub protocols: Vec<String>,
    /// No client heard of it.
    pub is_beside: bool,
    pub is_ahead: bool,
}

impl Cause {
    /// What was heard of it, if anything was.
    pub fn in_short(&self, lang: Lang) -> Option<String> {
        if self.is_ahead {
            return None;
        }
        if self.is_beside { in_short_unheard(&self.id, lang) } else { in_short(&self.id, lang) }
    }
}

/// What to do, and whose it is.
#[derive(Debug, Default)]
pub struct ToDo {
    pub protocols: Vec<String>,
    pub step: Step,
}

/// Causes that have their steps in common: mostly one cause, and one step.
#[derive(Debug, Default)]
pub struct Together {
    pub causes: Vec<Cause>,
    pub todo: Vec<ToDo>,
    pub avoid: Vec<String>,
    /// As each was told: what they have in common is longer than any of them, and like none.
    told: Vec<Step>,
}

impl Together {
    /// The protocols are named where there are several: with the cause, or with the step of each where the steps differ by more
    /// than commands.
    pub fn names_protocols(&self) -> bool {
        let mut all = self.causes.iter().flat_map(|cause| &cause.protocols);
        all.next().is_some_and(|first| all.any(|other| other != first))
    }

    /// One step that does for both, where each has one.
    fn shares(&self, other: &Self) -> Option<Step> {
        let have_one = self.todo.len() == 1 && other.todo.len() == 1;
        have_one.then(|| Step::shared(&[self.told.as_slice(), &other.told].concat()))?
    }

    fn take_in(&mut self, other: Self, step: Step) {
        self.told.extend(other.told);
        self.causes.extend(other.causes);
        self.avoid.extend(other.avoid.into_iter().filter(|avoid| !self.avoid.contains(avoid)).collect::<Vec<_>>());
        let protocols = other.todo.into_iter().flat_map(|todo| todo.protocols);
        if let Some(todo) = self.todo.first_mut() {
            protocols.for_each(|one| put(&mut todo.protocols, one));
            todo.step = step;
        }
    }
}

/// `lay_out`: a step, and where its cmdlets are typed.
pub fn together(met: impl IntoIterator<Item = Met>, lay_out: fn(&str, Option<&str>) -> Step) -> Vec<Together> {
    let mut told: Vec<Together> = Vec::new();
    for cause in of_causes(met) {
        let cause = laid_out(cause, lay_out);
        let like = told.iter_mut().find_map(|known| known.shares(&cause).map(|step| (known, step)));
        match like {
            Some((known, step)) => known.take_in(cause, step),
            None => told.push(cause),
        }
    }
    told
}

/// Each cause with those who met it, step by step.
fn of_causes(met: impl IntoIterator<Item = Met>) -> Vec<Vec<Met>> {
    let mut causes: Vec<Vec<Met>> = Vec::new();
    for one in met {
        let is_it = |known: &&mut Vec<Met>| known.iter().any(|met| met.id == one.id && met.cause == one.cause);
        match causes.iter_mut().find(is_it) {
            Some(known) => known.push(one),
            None => causes.push(vec![one]),
        }
    }
    causes
}

fn laid_out(met: Vec<Met>, lay_out: fn(&str, Option<&str>) -> Step) -> Together {
    let mut told = Together::default();
    let (mut cause, mut texts) = (Cause::default(), Vec::new());
    (cause.is_beside, cause.is_ahead) = (met.iter().all(|one| one.is_beside), met.iter().all(|one| one.is_ahead));
    for Met { id, cause: text, next, shell, avoid, protocol, .. } in met {
        (cause.id, cause.text) = (id, text);
        let at = texts.iter().position(|known| *known == next).unwrap_or_else(|| {
            told.todo.push(ToDo { step: lay_out(&next, shell.as_deref()), ..ToDo::default() });
            texts.push(next);
            texts.len() - 1
        });
        if let Some(protocol) = protocol {
            told.todo.get_mut(at).into_iter().for_each(|todo| put(&mut todo.protocols, protocol.clone()));
            put(&mut cause.protocols, protocol);
        }
        avoid.into_iter().for_each(|avoid| put(&mut told.avoid, avoid));
    }
    told.told = told.todo.iter().map(|todo| todo.step.clone()).collect();
    if let Some(step) = Step::in_common(&told.told) {
        told.todo = vec![ToDo { protocols: cause.protocols.clone(), step }];
    }
    told.causes.push(cause);
    told
}

/// Whether a command is `other` but for what is not known in it.
pub(super) fn stands_for(open: Option<&str>, other: Option<&str>) -> bool {
    let (Some(open), Some(other)) = (open, other) else { return false };
    let is_open = |word: &str| word.starts_with('<') && word.ends_with('>');
    let is_as_long = open.split(' ').count() == other.split(' ').count();
    open != other
        && is_as_long
        && open.split(' ').zip(other.split(' ')).all(|(one, other)| one == other || is_open(one))
}

fn put(all: &mut Vec<String>, one: String) {
    if !all.contains(&one) {
        all.push(one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(id: &str, protocol: &str, next: &str) -> Met {
        let cause = format!("It is {id}.");
        Met { id: id.into(), cause, next: next.into(), protocol: Some(protocol.into()), ..Met::default() }
    }

    #[test]
    fn a_list_that_two_causes_share_stands_once_with_both_and_the_command_of_each() {
        let list =
            |own: &str| format!("(1) `Get-X -Y`. (2) `Set-X -Y`. (3) `Set-CASMailbox -{own}`. Then: `kill -HUP 7`.");
        let told = together([met("a", "imap", &list("Imap")), met("b", "smtp", &list("Smtp"))], Step::behind_remark);
        let [one] = told.as_slice() else { panic!("{told:?}") };
        let causes: Vec<_> = one.causes.iter().map(|cause| (cause.id.as_str(), cause.protocols.join(" "))).collect();
        assert_eq!(causes, [("a", "imap".to_owned()), ("b", "smtp".to_owned())]);
        assert!(one.names_protocols());
        let deeds: Vec<_> = one.todo[0].step.deeds().into_iter().map(|deed| deed.text().to_owned()).collect();
        assert_eq!(deeds, ["Get-X -Y", "Set-X -Y", "Set-CASMailbox -Imap", "Set-CASMailbox -Smtp", "kill -HUP 7"]);

        let of_three =
            [met("a", "smtp", &list("Smtp")), met("a", "pop3", &list("Pop")), met("b", "imap", &list("Imap"))];
        let told = together(of_three, Step::behind_remark);
        assert_eq!((told.len(), told[0].causes.len(), told[0].todo.len()), (1, 2, 1), "{told:?}");
    }

    /// Whoever mistyped the user name as well was told a second line, with nothing in it.
    #[test]
    fn a_command_of_which_nothing_is_known_does_not_stand_beside_the_same_one_filled_in() {
        let step = |of: &str| format!("Type it. Else: `gatepost password --reset {of}`.");
        let of = |all: &[&str]| {
            let all: Vec<String> = all.iter().map(|of| step(of)).collect();
            let told = together(all.iter().map(|step| met("a", "smtp", step)), Step::behind_remark);
            let deeds = told.iter().flat_map(|one| &one.todo).flat_map(|todo| todo.step.deeds());
            deeds.map(|deed| deed.text().rsplit_once(' ').unwrap().1.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(of(&["<address>", "ann@x.example"]), ["ann@x.example"]);
        assert_eq!(of(&["ann@x.example", "<address>", "bob@x.example"]), ["ann@x.example", "bob@x.example"]);
        assert_eq!(of(&["<address>"]), ["<address>"]);
    }

    #[test]
    fn steps_of_two_causes_that_read_alike_and_do_something_else_stand_apart() {
        let told = together(
            [met("a", "imap", "Run `gatepost x`."), met("b", "imap", "Run `gatepost y`.")],
            Step::behind_remark,
        );
        assert_eq!(told.len(), 2);
        assert!(told.iter().all(|one| !one.names_protocols()));
    }
}
