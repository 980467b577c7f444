//! The questions, and whom they are put to: a person at a terminal, or nobody.
//!
//! Where nobody sits, a question is the name of the flag that answers it, and the command ends with wrong usage. A wrong
//! answer is put again a few times; an end of the input is never taken for a yes.

use std::io;

use super::words::{Say, Trouble};
use crate::{
    base::{Lang, Secret, printable},
    cli::{
        outcome::{Failure, Outcome},
        terminal,
    },
};

/// Who mistypes more often is better off reading the documentation.
const TRIES: usize = 5;

/// Whoever answers. `None`: the input has ended.
pub trait Person {
    fn line(&mut self, prompt: &str) -> io::Result<Option<String>>;
    /// What is typed is not shown.
    fn unseen(&mut self, prompt: &str) -> io::Result<Option<Secret>>;
}

/// Whoever sits at the terminal of this process.
pub struct AtTerminal;

impl Person for AtTerminal {
    fn line(&mut self, prompt: &str) -> io::Result<Option<String>> {
        terminal::ask_line(prompt)
    }

    fn unseen(&mut self, prompt: &str) -> io::Result<Option<Secret>> {
        terminal::ask_unseen(prompt)
    }
}

pub struct Questions<'a> {
    lang: Lang,
    person: Option<&'a mut dyn Person>,
}

impl<'a> Questions<'a> {
    /// `person`: `None` where nobody can be asked.
    pub fn new(lang: Lang, person: Option<&'a mut dyn Person>) -> Self {
        Self { lang, person }
    }

    pub fn has_person(&self) -> bool {
        self.person.is_some()
    }

    /// A line that `parse` takes. An empty one stands for `usual`, if there is one.
    pub fn line<T>(
        &mut self,
        flag: &str,
        what: &Say,
        usual: Option<&str>,
        parse: impl Fn(&str) -> Result<T, Trouble>,
    ) -> Result<T, Failure> {
        let Some(person) = &mut self.person else { return Err(missing(self.lang, flag, what)) };
        let mut prompt = what.text(self.lang);
        if let Some(usual) = usual {
            prompt.push_str(&format!(" [{usual}]"));
        }
        prompt.push_str(": ");
        let mut last = None;
        for _ in 0..TRIES {
            let Some(typed) = person.line(&prompt).map_err(|e| broken(self.lang, &e))? else { break };
            let typed = match (typed.trim(), usual) {
                ("", Some(usual)) => usual,
                (typed, _) => typed,
            };
            match parse(typed) {
                Ok(answer) => return Ok(answer),
                Err(trouble) => {
                    let failure = trouble.failure(self.lang);
                    let hint = failure.hint().unwrap_or_default();
                    terminal::note(&format!("{}: {hint}", failure.text()));
                    last = Some(failure);
                }
            }
        }
        Err(last.unwrap_or_else(|| missing(self.lang, flag, what)))
    }

    /// One of several, by its number or its name, which is what the flag takes; an empty line takes the first.
    pub fn choice<T: Copy>(&mut self, flag: &str, what: &Say, choices: &[(T, &str, Say)]) -> Result<T, Failure> {
        if self.has_person() {
            let width = choices.iter().map(|(_, name, _)| name.len()).max().unwrap_or_default();
            let lines = choices.iter().enumerate().map(|(n, (_, name, say))| {
                let line = format!("  {:<2} {name:<width$}  {}", n + 1, say.text(self.lang));
                line.trim_end().to_owned()
            });
            terminal::note(&lines.collect::<Vec<_>>().join("\n"));
        }
        self.line(flag, what, Some("1"), |typed| {
            let by_number = typed.parse::<usize>().ok().and_then(|n| choices.get(n.checked_sub(1)?));
            let chosen = by_number.or_else(|| choices.iter().find(|(_, name, _)| name.eq_ignore_ascii_case(typed)));
            let none = || Trouble::NotAChoice { typed: printable(typed, 60), of: choices.len() };
            chosen.map(|(choice, ..)| *choice).ok_or_else(none)
        })
    }

    /// A secret, unseen. `None`: nothing was typed.
    pub fn secret(&mut self, flag: &str, what: &Say) -> Result<Option<Secret>, Failure> {
        let Some(person) = &mut self.person else { return Err(missing(self.lang, flag, what)) };
        let prompt = format!("{}: ", what.text(self.lang));
        let typed = person.unseen(&prompt).map_err(|e| broken(self.lang, &e))?;
        Ok(typed.filter(|typed| !typed.is_empty()))
    }

    /// An empty line is a yes, the end of the input is not.
    pub fn agrees(&mut self, flag: &str, what: &Say) -> Outcome {
        let lang = self.lang;
        self.line(flag, what, Some(Say::Yes.text(lang).as_str()), |typed| match typed.to_lowercase().as_str() {
            "y" | "yes" | "はい" => Ok(true),
            "n" | "no" | "いいえ" => Ok(false),
            _ => Err(Trouble::NotYesOrNo),
        })?
        .then_some(())
        .ok_or_else(|| Trouble::Declined.failure(lang))
    }
}

fn missing(lang: Lang, flag: &str, what: &Say) -> Failure {
    Trouble::FlagMissing { flag: flag.to_owned(), question: what.text(lang) }.failure(lang)
}

fn broken(lang: Lang, error: &io::Error) -> Failure {
    Trouble::Terminal { why: error.to_string() }.failure(lang)
}

#[cfg(test)]
pub mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Types what is written here, and remembers what it was asked.
    #[derive(Default)]
    pub struct Script {
        pub lines: VecDeque<String>,
        pub asked: Vec<String>,
    }

    impl Script {
        pub fn of(lines: &[&str]) -> Self {
            Self { lines: lines.iter().map(|line| (*line).to_owned()).collect(), asked: Vec::new() }
        }
    }

    impl Person for Script {
        fn line(&mut self, prompt: &str) -> io::Result<Option<String>> {
            self.asked.push(prompt.to_owned());
            Ok(self.lines.pop_front())
        }

        fn unseen(&mut self, prompt: &str) -> io::Result<Option<Secret>> {
            self.line(prompt).map(|line| line.map(Secret::new))
        }
    }

    fn number(typed: &str) -> Result<u8, Trouble> {
        typed.parse().map_err(|_| Trouble::NotAnAddress { typed: typed.to_owned() })
    }

    #[test]
    fn a_wrong_answer_is_asked_again_and_an_empty_one_is_the_usual() {
        let mut person = Script::of(&["x", "", "7"]);
        let mut questions = Questions::new(Lang::En, Some(&mut person));
        assert_eq!(questions.line("--n", &Say::AskAddress, Some("5"), number).unwrap(), 5);
        assert_eq!(questions.line("--n", &Say::AskAddress, None, number).unwrap(), 7);
        assert_eq!(person.asked.len(), 3);
        assert!(person.asked[0].ends_with("[5]: "), "{:?}", person.asked);
    }

    #[test]
    fn the_end_of_the_input_is_no_answer_and_never_a_yes() {
        let mut person = Script::default();
        let mut questions = Questions::new(Lang::En, Some(&mut person));
        let what = Say::AskWrite { file: "x".into() };
        assert!(questions.agrees("--yes", &what).unwrap_err().to_string().contains("--yes"));
        assert!(questions.line("--n", &Say::AskAddress, Some("5"), number).is_err());
    }

    #[test]
    fn who_goes_on_mistyping_is_told_what_was_wrong_and_not_asked_for_ever() {
        let mut person = Script::of(&["x"; 20]);
        let failure = Questions::new(Lang::En, Some(&mut person)).line("--n", &Say::AskAddress, None, number);
        assert!(failure.unwrap_err().to_string().contains("\"x\""));
        assert_eq!(person.asked.len(), TRIES);
    }

    /// An empty line is a wrong answer like any other.
    #[test]
    fn a_question_for_the_tenant_that_is_not_answered_says_what_it_wants() {
        let empty = || Trouble::NotATenant { typed: String::new() };
        for (lang, said) in [(Lang::En, "no tenant was typed"), (Lang::Ja, "テナントが入力されていません")]
        {
            let failure = empty().failure(lang);
            assert_eq!(failure.text(), said);
            assert!(failure.hint().is_some_and(|hint| hint.contains("GUID")));
        }
    }

    #[test]
    fn a_choice_is_a_number_of_the_list_or_the_name_beside_it() {
        let choices = [('a', "smtp", Say::Yes), ('b', "smtp-then-graph", Say::Yes)];
        for (typed, chosen) in [("", 'a'), ("2", 'b'), ("SMTP", 'a'), (" smtp-then-graph ", 'b')] {
            let mut person = Script::of(&["0", "3", "two", typed]);
            let mut questions = Questions::new(Lang::Ja, Some(&mut person));
            assert_eq!(questions.choice("--c", &Say::AskGrant, &choices).unwrap(), chosen);
        }
    }

    #[test]
    fn where_nobody_sits_the_flag_is_named() {
        for lang in Lang::ALL {
            let mut questions = Questions::new(lang, None);
            let failure = questions.line("--address", &Say::AskAddress, None, number).unwrap_err();
            assert!(failure.to_string().contains("--address"), "{failure}");
        }
    }
}
