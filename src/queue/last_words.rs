//! What stands in the place of a last reply, for whoever reads the queue: what the mail server said stays as it was said, and
//! what was said of it here is told in the language of the reader.
//!
//! The store, the log and JSON keep the English. It refuses guesses: what is not wholly ours is the mail server's.

use std::sync::OnceLock;

use crate::{
    base::{Lang, OF_THE_SYSTEM, Phrases},
    catalog::{Entry, find, in_brief, in_the_log},
};

/// What stands there behind the text of a fault.
pub const PHRASES: &str = include_str!("japanese.txt");
/// Ahead of what stood there before.
pub(super) const LAST: &str = "; last: ";

/// What stands there, in the words of whoever said it; ours in those of `lang`.
pub fn last_words(reply: &str, lang: Lang) -> String {
    if lang == Lang::En || reply.is_empty() {
        return reply.to_owned();
    }
    let (now, before) = reply.split_once(LAST).unwrap_or((reply, ""));
    match (Ours::read(now), before) {
        (None, _) => format!("メールサーバーの応答：\"{reply}\""),
        (Some(ours), "") => ours.told(lang),
        (Some(ours), before) => format!("{}。その前は、{}", ours.told(lang), last_words(before, lang)),
    }
}

/// Short text and id of `fault` as they stand beside a last reply, where that has them not in it.
pub fn fault_beside(reply: &str, fault: Option<&str>, lang: Lang) -> Option<String> {
    let fault = fault?;
    let has_it = reply.split(LAST).filter_map(Ours::read).any(|ours| ours.entry.id == fault);
    in_the_log(fault, lang).filter(|_| !has_it)
}

/// A fault that we told of.
struct Ours<'r> {
    entry: &'static Entry,
    /// Of this case.
    particular: &'r str,
    /// It stands for the cause.
    is_cause: bool,
}

impl<'r> Ours<'r> {
    fn read(said: &'r str) -> Option<Self> {
        Self::with_cause(said).or_else(|| {
            let (text, id) = said.strip_suffix(']')?.rsplit_once(" [")?;
            let entry = find(id.strip_prefix("gatepost ").unwrap_or(id))?;
            let behind = without_code(text).unwrap_or(text).strip_prefix(entry.short())?;
            // Text and way to sign in, or text and particulars.
            let particular = behind.trim_start_matches([':', ';', ',', ' ']);
            (particular.is_empty() || behind != particular).then_some(Self { entry, particular, is_cause: false })
        })
    }

    /// As [`Entry::said`] has it.
    fn with_cause(said: &'r str) -> Option<Self> {
        let (named, particular) = said.split_once("]: ")?;
        let (short, id) = named.rsplit_once(" [")?;
        let entry = find(id).filter(|entry| entry.short() == short)?;
        Some(Self { entry, particular, is_cause: true })
    }

    fn told(&self, lang: Lang) -> String {
        static READ: OnceLock<Phrases> = OnceLock::new();
        let told = READ.get_or_init(|| Phrases::read(&[PHRASES, OF_THE_SYSTEM])).told(self.particular);
        // What nobody knows is somebody else's.
        let particular = if told == self.particular { format!("\"{told}\"") } else { told };
        let log = in_the_log(self.entry.id, lang).unwrap_or_default();
        match (self.particular, self.is_cause) {
            ("", _) => format!("{}。{log}", in_brief(self.entry, lang)),
            (_, true) => format!("{particular}。{log}"),
            (_, false) => format!("{}（{particular}）。{log}", in_brief(self.entry, lang)),
        }
    }
}

/// Behind code and enhanced code of a reply.
fn without_code(text: &str) -> Option<&str> {
    let mut words = text.splitn(3, ' ');
    let is_number = |word: &str| word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let has_code = words.next().is_some_and(is_number) && words.next().is_some_and(is_number);
    words.next().filter(|_| has_code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::latin_sentence,
        catalog::{
            all, asked_again,
            own::{DELIVERY_DOUBTFUL, MESSAGE_BODY_UNREADABLE},
            replies::{coded, lost_behind_the_dot, not_ascii, refusal},
            token::{CONDITIONAL_ACCESS, FRESH_TOKEN_REFUSED},
        },
        queue::outcome::in_the_way,
    };

    /// Without what is quoted.
    fn own(told: &str) -> String {
        told.split('"').step_by(2).collect()
    }

    fn is_told(said: &str, parts: &[&str]) {
        let told = last_words(said, Lang::Ja);
        assert_eq!(latin_sentence(&own(&told)), None, "{told}");
        parts.iter().for_each(|part| assert!(told.contains(part), "{part}: {told}"));
        assert_eq!(last_words(said, Lang::En), said);
    }

    #[test]
    fn what_we_say_of_queued_mail_ourselves_is_japanese_where_that_is_read_and_has_its_short_text_and_id() {
        for entry in all() {
            let log = in_the_log(entry.id, Lang::Ja).unwrap();
            for how in
                ["run: gatepost login ann@contoso.com", "open http://127.0.0.1:8425/ or run: gatepost login x@y.z"]
            {
                let fault = entry.fault_with(how);
                is_told(&in_the_way(&fault), &[&log]);
                is_told(&format!("451 4.7.0 {}", fault.reply_text()), &[&log]);
            }
        }
        for coded in coded::ALL {
            is_told(&coded.reply().text(), &[&in_brief(coded.entry, Lang::Ja)]);
        }
    }

    /// Of a shared mailbox somebody else signs in; behind a policy they do once it lets them. Nothing but the command can be typed.
    #[test]
    fn the_way_to_sign_in_is_a_command_by_itself_and_as_whom_stands_behind_it() {
        let login = "gatepost --config '/a b.toml' login desk@x.y";
        let as_whom = "(then sign in as ann@x.y)";
        let page = "http://127.0.0.1:8425/";
        for how in [
            format!("run: {login} {as_whom}"),
            format!("open {page} or run: {login} {as_whom}"),
            format!("after that run: {login}"),
            format!("after that run: {login} {as_whom}"),
            format!("after that open {page} or run: {login}"),
            format!("after that open {page} or run: {login} {as_whom}"),
            format!("an administrator consents for all at {page}; after that run: {login}"),
        ] {
            let fault = CONDITIONAL_ACCESS.fault();
            let said = format!("{}; {how} [{}]", fault.text, fault.id);
            is_told(&said, &[&format!("`{login}`")]);
            assert_eq!(
                last_words(&said, Lang::Ja).contains("ann@x.y としてサインイン"),
                how.contains(as_whom),
                "{how}"
            );
        }
    }

    #[test]
    fn what_is_particular_is_told_in_the_same_language_and_what_stood_there_before_as_it_was_said() {
        is_told(&refusal(coded::EXPIRED, "after 120 hours").text(), &["120時間", "[message-expired]"]);
        is_told(&refusal(coded::UNSAID, "nothing was said of this recipient").text(), &["この宛先"]);
        is_told(&not_ascii("an address").text(), &["アドレス"]);
        is_told(&not_ascii("the header").text(), &["ヘッダー"]);
        for how in [
            "the upstream did not answer in time",
            "the upstream closed the connection",
            "the connection to the upstream broke: Connection reset by peer (os error 104)",
            "the upstream answered 354, which makes no sense here",
        ] {
            is_told(&lost_behind_the_dot(how).text(), &["届いた可能性があります", "[upstream-lost]"]);
        }
        let before = "451 4.7.500 server busy";
        let expired = refusal(coded::EXPIRED, "after 120 hours").text();
        is_told(
            &format!("{expired}; last: {before}"),
            &["その前は、メールサーバーの応答：\"451 4.7.500 server busy\""],
        );
        let doubtful = "held, since nobody answered 3 times and it may have arrived; last: ";
        is_told(&DELIVERY_DOUBTFUL.said(doubtful), &["3回", "[delivery-doubtful]"]);
        for why in ["its file is gone", "Input/output error (os error 5)"] {
            is_told(
                &MESSAGE_BODY_UNREADABLE.said(format!("its body cannot be read: {why}")),
                &["本文を読み取れません"],
            );
        }
        let asked = FRESH_TOKEN_REFUSED.fault().saying(asked_again(jiff::Timestamp::UNIX_EPOCH)).reply_text();
        is_told(&asked, &["00:00 UTC に", "[fresh-token-refused]"]);
        let moved = "its file is /b/x.msg; do not drop it: stop the daemon, move that file to /a/x.msg, and start it";
        is_told(&MESSAGE_BODY_UNREADABLE.said(format!("its body cannot be read: {moved}")), &["/a/x.msg に移して"]);
    }

    #[test]
    fn what_the_mail_server_said_is_marked_and_stays_whatever_id_it_has_in_it() {
        for said in [
            "550 5.7.1 we know you [gatepost send-as-denied]",
            "451 4.7.500 server busy; last: of it [upstream-lost]",
            "250 2.0.0 OK",
            "550 no [send-as-denied]: so it is",
        ] {
            assert_eq!(last_words(said, Lang::Ja), format!("メールサーバーの応答：\"{said}\""));
        }
        assert_eq!(last_words("", Lang::Ja), "");
    }
}
