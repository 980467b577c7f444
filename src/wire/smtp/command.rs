//! One clean command line of a mail client, understood as devices mean it.
//!
//! Verbs in any case, a space behind the colon, missing angle brackets: all accepted here so that what goes upstream
//! is strict. Addresses are kept as typed; parameters are read by smtp-proto and written anew, so nothing of a
//! client's line reaches the upstream that was not understood. Control bytes are refused before any of it.

use std::fmt::Write as _;

use smtp_proto::{MAIL_BODY_8BITMIME, MAIL_BODY_BINARYMIME, MAIL_RET_FULL, MAIL_RET_HDRS, MAIL_SMTPUTF8, Request};

use super::{Mistake, mistake::code};
use crate::wire::lines::first_word;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Ehlo(String),
    Helo(String),
    Auth { mechanism: Vec<u8>, initial: Option<Vec<u8>> },
    StartTls,
    Mail(Mail),
    Rcpt(Rcpt),
    Data,
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
}

/// `MAIL FROM`, its parameters understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mail {
    /// Without brackets; empty for the null sender.
    pub address: String,
    /// Announced octets, 0 if not announced.
    pub size: u64,
    pub eight_bit: bool,
    pub utf8: bool,
    pub ret: Option<&'static str>,
    /// xtext, as it came.
    pub envid: Option<String>,
}

/// `RCPT TO`, its parameters understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rcpt {
    pub address: String,
    pub notify: Option<String>,
    /// `type;xtext`, as it came.
    pub orcpt: Option<String>,
}

/// What of it an upstream takes, from its EHLO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carries {
    pub size: bool,
    pub eight_bit: bool,
    pub utf8: bool,
    pub dsn: bool,
}

impl Carries {
    pub fn from_keywords(keywords: &[String]) -> Self {
        let has = |word: &str| {
            keywords.iter().any(|k| k.split_ascii_whitespace().next().is_some_and(|w| w.eq_ignore_ascii_case(word)))
        };
        Self { size: has("SIZE"), eight_bit: has("8BITMIME"), utf8: has("SMTPUTF8"), dsn: has("DSN") }
    }
}

impl Mail {
    /// Whether it asks for notices (RFC 3461).
    pub const fn wants_notices(&self) -> bool {
        self.ret.is_some() || self.envid.is_some()
    }

    /// The line for an upstream, CRLF included. What it does not take is left out.
    pub fn to_wire(&self, carries: Carries) -> String {
        let mut line = format!("MAIL FROM:<{}>", self.address);
        if carries.size && self.size > 0 {
            let _ = write!(line, " SIZE={}", self.size);
        }
        if carries.eight_bit && self.eight_bit {
            line.push_str(" BODY=8BITMIME");
        }
        if carries.utf8 && self.utf8 {
            line.push_str(" SMTPUTF8");
        }
        if carries.dsn {
            if let Some(ret) = self.ret {
                let _ = write!(line, " RET={ret}");
            }
            if let Some(envid) = &self.envid {
                let _ = write!(line, " ENVID={envid}");
            }
        }
        line.push_str("\r\n");
        line
    }
}

impl Rcpt {
    /// Whether it asks for notices (RFC 3461).
    pub const fn wants_notices(&self) -> bool {
        self.notify.is_some() || self.orcpt.is_some()
    }

    pub fn to_wire(&self, carries: Carries) -> String {
        let mut line = format!("RCPT TO:<{}>", self.address);
        if carries.dsn {
            if let Some(notify) = &self.notify {
                let _ = write!(line, " NOTIFY={notify}");
            }
            if let Some(orcpt) = &self.orcpt {
                let _ = write!(line, " ORCPT={orcpt}");
            }
        }
        line.push_str("\r\n");
        line
    }
}

impl Command {
    /// Its verb alone.
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Ehlo(_) => "EHLO",
            Self::Helo(_) => "HELO",
            Self::Auth { .. } => "AUTH",
            Self::StartTls => "STARTTLS",
            Self::Mail(_) => "MAIL",
            Self::Rcpt(_) => "RCPT",
            Self::Data => "DATA",
            Self::Rset => "RSET",
            Self::Noop => "NOOP",
            Self::Vrfy => "VRFY",
            Self::Help => "HELP",
            Self::Quit => "QUIT",
        }
    }

    /// Understands one line; the error is what was wrong with it.
    pub fn parse(line: &[u8]) -> Result<Self, Mistake> {
        // White space at the end is nothing (RFC 5321 4.1.1); a TAB anywhere else is a control byte like any other.
        let end = line.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |at| at + 1);
        let line = line.get(..end).unwrap_or_default();
        if let Some(byte) = line.iter().find(|b| b.is_ascii_control()) {
            return Err(Mistake::saying(code::SYNTAX, format!("control byte 0x{byte:02x} in a command")));
        }
        let (verb, rest) = first_word(line);
        match verb.to_ascii_uppercase().as_slice() {
            b"EHLO" => Ok(Self::Ehlo(argument(rest))),
            b"HELO" => Ok(Self::Helo(argument(rest))),
            b"AUTH" => auth(rest),
            b"STARTTLS" => Ok(Self::StartTls),
            b"MAIL" => mail(path(rest, b"FROM", "MAIL FROM:<address>")?).map(Self::Mail),
            b"RCPT" => rcpt(path(rest, b"TO", "RCPT TO:<address>")?).map(Self::Rcpt),
            b"DATA" if rest.is_empty() => Ok(Self::Data),
            b"DATA" => Err(Mistake::of(code::PARAMETERS, "DATA takes no parameters")),
            b"RSET" => Ok(Self::Rset),
            b"NOOP" => Ok(Self::Noop),
            b"VRFY" => Ok(Self::Vrfy),
            b"HELP" => Ok(Self::Help),
            b"QUIT" => Ok(Self::Quit),
            b"BDAT" | b"EXPN" | b"ETRN" | b"TURN" => Err(Mistake::of(code::NOT_HERE, "command not implemented")),
            _ => Err(Mistake::of(code::SYNTAX, "command not recognised")),
        }
    }
}

/// Greeting names are never validated (clients.md, quirk 5): they are only ever shown in a log.
fn argument(rest: &[u8]) -> String {
    String::from_utf8_lossy(rest.trim_ascii()).into_owned()
}

fn auth(rest: &[u8]) -> Result<Command, Mistake> {
    let (mechanism, initial) = first_word(rest);
    if mechanism.is_empty() {
        return Err(Mistake::of(code::PARAMETERS, "AUTH needs a mechanism: PLAIN or LOGIN"));
    }
    let initial = (!initial.trim_ascii().is_empty()).then(|| initial.trim_ascii().to_vec());
    Ok(Command::Auth { mechanism: mechanism.to_vec(), initial })
}

/// Splits `FROM: <address> parameters` into address and parameters.
fn path<'a>(rest: &'a [u8], word: &[u8], form: &'static str) -> Result<(&'a str, &'a str), Mistake> {
    let bad = || Mistake::saying(code::PARAMETERS, format!("the syntax is {form}"));
    let (head, tail) = rest.split_at_checked(word.len()).ok_or_else(bad)?;
    let tail = tail.trim_ascii_start().strip_prefix(b":").ok_or_else(bad)?;
    if !head.eq_ignore_ascii_case(word) {
        return Err(bad());
    }
    let text =
        std::str::from_utf8(tail.trim_ascii()).map_err(|_| Mistake::of(code::NOT_UTF8, "address is not UTF-8"))?;
    let (address, parameters) = match text.strip_prefix('<') {
        Some(inner) => inner.split_at_checked(closing_bracket(inner).ok_or_else(bad)?).ok_or_else(bad)?,
        None => text.split_at(text.find(' ').unwrap_or(text.len())),
    };
    let parameters = parameters.strip_prefix('>').unwrap_or(parameters);
    if parameters.starts_with(|c: char| !c.is_ascii_whitespace()) {
        return Err(bad());
    }
    // Without brackets it must be one that fits between them: we put them there.
    let fits = || closing_bracket(&format!("{address}>")) == Some(address.len());
    if !text.starts_with('<') && (address.is_empty() || !fits()) {
        return Err(bad());
    }
    Ok((address.trim(), parameters.trim()))
}

/// Where the `>` stands that closes the path; one inside a quoted local part does not.
fn closing_bracket(inner: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(at),
            '<' if !quoted => return None,
            _ => {}
        }
    }
    None
}

fn check_address(address: &str) -> Result<(), Mistake> {
    let quoted = address.starts_with('"');
    let odd = |c: char| c.is_control() || (!quoted && c.is_whitespace());
    if address.len() > 320 || address.contains(odd) {
        return Err(Mistake::of(code::ADDRESS, "address syntax"));
    }
    Ok(())
}

/// The value of `KEY=` among the parameters, as typed.
fn value(parameters: &str, key: &str) -> Option<String> {
    parameters.split_ascii_whitespace().find_map(|word| {
        let (name, value) = word.split_once('=')?;
        name.eq_ignore_ascii_case(key).then(|| value.to_owned())
    })
}

/// What MAIL may carry: nothing of an extension that our EHLO never shows (RFC 5321 4.1.1.11). What is not here would
/// be lost in silence, for smtp-proto knows more parameters than are passed on.
const MAIL_PARAMETERS: [&str; 6] = ["SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH"];
const RCPT_PARAMETERS: [&str; 2] = ["NOTIFY", "ORCPT"];

/// Refuses what is not among `known`. What is ours alone is taken out: `AUTH=` is dropped (RFC 4954 5), and `SIZE=` is
/// read here, since smtp-proto 0.2.5 cuts a number that does not fit instead of refusing it.
fn known(parameters: &str, known: &[&str]) -> Result<String, Mistake> {
    let mut kept = Vec::new();
    for word in parameters.split_ascii_whitespace() {
        let name = word.split('=').next().unwrap_or_default();
        if !known.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            let name: String = name.chars().filter(char::is_ascii_graphic).take(40).collect();
            return Err(Mistake::saying(code::NOT_OFFERED, format!("parameter {name} is not offered here")));
        }
        if !["AUTH", "SIZE"].iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
            kept.push(word);
        }
    }
    Ok(kept.join(" "))
}

fn mail((address, parameters): (&str, &str)) -> Result<Mail, Mistake> {
    check_address(address)?;
    let size = value(parameters, "SIZE").map_or(Ok(0), |digits| size(&digits))?;
    let parameters = known(parameters, &MAIL_PARAMETERS)?;
    let line = format!("MAIL FROM:<> {parameters}\r\n");
    let Ok(Request::Mail { from }) = Request::parse(&mut line.as_bytes().iter()) else {
        return Err(Mistake::of(code::NOT_OFFERED, "MAIL parameter not recognised"));
    };
    let has = |flag| from.flags & flag != 0;
    if has(MAIL_BODY_BINARYMIME) {
        return Err(Mistake::of(code::NOT_OFFERED, "BODY=BINARYMIME is not offered here"));
    }
    Ok(Mail {
        address: address.to_owned(),
        size,
        eight_bit: has(MAIL_BODY_8BITMIME),
        utf8: has(MAIL_SMTPUTF8),
        ret: if has(MAIL_RET_FULL) {
            Some("FULL")
        } else if has(MAIL_RET_HDRS) {
            Some("HDRS")
        } else {
            None
        },
        envid: from.env_id.is_some().then(|| value(&parameters, "ENVID")).flatten(),
    })
}

/// Octets as announced; a number that fits nowhere is larger than every limit.
fn size(digits: &str) -> Result<u64, Mistake> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Mistake::of(code::PARAMETERS, "SIZE takes a number of octets"));
    }
    Ok(digits.parse().unwrap_or(u64::MAX))
}

fn rcpt((address, parameters): (&str, &str)) -> Result<Rcpt, Mistake> {
    check_address(address)?;
    if address.is_empty() {
        return Err(Mistake::of(code::ADDRESS, "RCPT needs an address"));
    }
    let parameters = known(parameters, &RCPT_PARAMETERS)?;
    let line = format!("RCPT TO:<a@b.example> {parameters}\r\n");
    let Ok(Request::Rcpt { to }) = Request::parse(&mut line.as_bytes().iter()) else {
        return Err(Mistake::of(code::NOT_OFFERED, "RCPT parameter not recognised"));
    };
    Ok(Rcpt {
        address: address.to_owned(),
        notify: (to.flags != 0).then(|| value(&parameters, "NOTIFY")).flatten(),
        orcpt: to.orcpt.is_some().then(|| value(&parameters, "ORCPT")).flatten(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Carries = Carries { size: true, eight_bit: true, utf8: true, dsn: true };

    fn mail_line(line: &str) -> Result<String, String> {
        match Command::parse(line.as_bytes()) {
            Ok(Command::Mail(mail)) => Ok(mail.to_wire(ALL)),
            Ok(Command::Rcpt(rcpt)) => Ok(rcpt.to_wire(ALL)),
            Ok(other) => panic!("{other:?}"),
            Err(mistake) => Err(mistake.to_string()),
        }
    }

    #[test]
    fn what_devices_type_becomes_strict() {
        for typed in
            ["MAIL FROM:<a@b.c>", "mail from: <a@b.c>", "Mail From:a@b.c", "MAIL FROM : a@b.c ", "MAIL FROM:< a@b.c >"]
        {
            assert_eq!(mail_line(typed).as_deref(), Ok("MAIL FROM:<a@b.c>\r\n"), "{typed}");
        }
        assert_eq!(mail_line("RCPT TO: a@b.c").as_deref(), Ok("RCPT TO:<a@b.c>\r\n"));
        assert_eq!(mail_line("MAIL FROM:<>").as_deref(), Ok("MAIL FROM:<>\r\n"));
        assert_eq!(mail_line(r#"MAIL FROM:<"a<b"@d>"#).as_deref(), Ok("MAIL FROM:<\"a<b\"@d>\r\n"));
        assert_eq!(mail_line(r#"MAIL FROM:<"a>b \" c"@d>"#).as_deref(), Ok("MAIL FROM:<\"a>b \\\" c\"@d>\r\n"));
    }

    #[test]
    fn parameters_are_passed_on_or_dropped() {
        assert_eq!(
            mail_line("MAIL FROM:<a@b.c> size=1000 body=8bitmime AUTH=<> RET=HDRS ENVID=x+2By SMTPUTF8").as_deref(),
            Ok("MAIL FROM:<a@b.c> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x+2By\r\n")
        );
        assert_eq!(
            mail_line("RCPT TO:<a@b.c> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a@b.c").as_deref(),
            Ok("RCPT TO:<a@b.c> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a@b.c\r\n")
        );
        assert_eq!(mail_line("MAIL FROM:<a@b.c> RET=FULL").as_deref(), Ok("MAIL FROM:<a@b.c> RET=FULL\r\n"));
        let mail = mail(("a@b.c", "RET=FULL SIZE=5 BODY=8BITMIME SMTPUTF8 ENVID=x")).unwrap();
        assert_eq!(mail.to_wire(Carries::default()), "MAIL FROM:<a@b.c>\r\n");
        let rcpt = rcpt(("a@b.c", "NOTIFY=NEVER ORCPT=rfc822;a@b.c")).unwrap();
        assert_eq!(rcpt.to_wire(Carries::default()), "RCPT TO:<a@b.c>\r\n");
    }

    #[test]
    fn a_wish_for_notices_is_seen_in_each_of_its_forms() {
        for (parameters, wanted) in
            [("", false), ("SIZE=5", false), ("RET=HDRS", true), ("ENVID=x", true), ("RET=FULL ENVID=x", true)]
        {
            assert_eq!(mail(("a@b.c", parameters)).unwrap().wants_notices(), wanted, "{parameters}");
        }
        for (parameters, wanted) in [("", false), ("NOTIFY=NEVER", true), ("ORCPT=rfc822;a@b.c", true)] {
            assert_eq!(rcpt(("a@b.c", parameters)).unwrap().wants_notices(), wanted, "{parameters}");
        }
    }

    #[test]
    fn what_an_upstream_takes_is_read_from_the_first_word_of_a_line() {
        let read =
            |lines: &[&str]| Carries::from_keywords(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(&["size 1000", "8BITMIME", "SmtpUtf8", "DSN"]), ALL);
        assert_eq!(read(&["AUTH DSN", "X-SIZE", "", "8BITMIME"]), Carries { eight_bit: true, ..Carries::default() });
    }

    #[test]
    fn addresses_have_a_bound_and_spaces_only_in_quotes() {
        let long = "a".repeat(316);
        assert!(mail_line(&format!("MAIL FROM:<{long}@b.c>")).is_ok());
        assert!(mail_line(&format!("MAIL FROM:<a{long}@b.c>")).is_err_and(|e| e.starts_with("501 5.1.3")));
        assert!(mail_line("MAIL FROM:<\"a b\"@c>").is_ok());
    }

    #[test]
    fn verbs_that_are_known_and_not_served_are_told_from_those_that_are_unknown() {
        let refused: [(u16, &[&str]); 3] = [
            (500, &["XYZZY", "", "DATAX"]),
            (501, &["AUTH", "DATA now"]),
            (502, &["BDAT 5 LAST", "EXPN list", "etrn x", "TURN"]),
        ];
        for (code, line) in refused.iter().flat_map(|(code, lines)| lines.iter().map(move |line| (*code, line))) {
            assert!(Command::parse(line.as_bytes()).is_err_and(|mistake| mistake.code == code), "{line}");
        }
        for (verb, command) in [("data", Command::Data), ("help me", Command::Help), ("starttls", Command::StartTls)] {
            assert_eq!(Command::parse(verb.as_bytes()), Ok(command));
        }
        for line in ["EHLO h", "HELO h", "AUTH LOGIN", "STARTTLS", "MAIL FROM:<>", "RCPT TO:<a@b>", "DATA", "QUIT"] {
            assert_eq!(Command::parse(line.as_bytes()).ok().map(|command| command.verb()), line.split(' ').next());
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_with_a_reason() {
        for line in [
            "MAIL",
            "MAIL FROM",
            "MAIL TO:<a@b.c>",
            "MAIL FROM:",
            "MAIL FROM:<a@b.c",
            "MAIL FROM:<a@b.c>x",
            "RCPT TO:<>",
            "MAIL FROM:<a b@c>",
            "MAIL FROM:<a<b@c>",
            "RCPT TO:\"a",
            "RCPT TO:a>b@c",
            r"MAIL FROM:<a\>b@c>", // a backslash outside quotes takes nothing away from the bracket
        ] {
            assert!(mail_line(line).is_err_and(|e| e.starts_with("501")), "{line}");
        }
    }

    /// MT-PRIORITY (RFC 6710), BY (RFC 2852), TRANSID (RFC 2920) and SOLICIT (RFC 3865) were once taken and lost in silence.
    #[test]
    fn parameters_of_extensions_that_are_not_offered_are_refused_and_never_lost_in_silence() {
        for parameter in [
            "FOO=1",
            "MT-PRIORITY=3",
            "BY=120;R",
            "TRANSID=<12345@x>",
            "SOLICIT=org.example:ADV",
            "HOLDFOR=60",
            "REQUIRETLS",
            "CONPERM",
            "BODY=BINARYMIME",
            "NOTIFY=NEVER",
            "=",
        ] {
            let said = mail_line(&format!("MAIL FROM:<a@b.c> SIZE=5 {parameter}")).unwrap_err();
            assert!(said.starts_with("555 5.5.4 "), "{parameter}: {said}");
        }
        for parameter in ["FOO", "RRVS=2014-04-03T23:01:00Z", "CONNEG", "SIZE=5", "NOTIFY=SOMETIMES"] {
            let said = mail_line(&format!("RCPT TO:<a@b.c> {parameter}")).unwrap_err();
            assert!(said.starts_with("555 5.5.4 "), "{parameter}: {said}");
        }
        let odd = mail_line(&format!("MAIL FROM:<a@b.c> X\u{fc}{}=1", "Y".repeat(300))).unwrap_err();
        assert!(odd.is_ascii() && odd.len() < 100, "{odd}");
    }

    #[test]
    fn a_size_that_is_no_number_is_a_syntax_error_and_one_that_fits_nowhere_is_too_large() {
        for size in ["", "-1", "+1", "x", "1x"] {
            let line = format!("MAIL FROM:<a@b.c> BODY=8BITMIME SIZE={size}");
            assert!(mail_line(&line).is_err_and(|e| e.starts_with("501 5.5.4")), "{line}: {:?}", mail_line(&line));
        }
        let huge = format!("MAIL FROM:<a@b.c> SIZE={}", "9".repeat(26));
        assert!(matches!(Command::parse(huge.as_bytes()), Ok(Command::Mail(Mail { size: u64::MAX, .. }))));
    }

    #[test]
    fn control_bytes_inside_a_command_are_refused() {
        for line in [&b"EHLO a\rb"[..], b"MAIL FROM:<\"a\rb\"@c>", b"NOOP \0", b"RCPT TO:<a\x01@b>", b"QUIT\r"] {
            assert!(Command::parse(line).is_err_and(|mistake| mistake.code == 500), "{line:?}");
        }
        assert!(mail_line("MAIL FROM:<\"a\u{85}b\"@c>").is_err_and(|e| e.starts_with("501")));
    }

    #[test]
    fn a_tab_inside_a_command_is_a_control_byte_and_behind_it_nothing() {
        for line in [
            "MAIL FROM:<a\tb@c>",
            "MAIL FROM:<\"a\tb\"@c>",
            "MAIL\tFROM:<a@b.c>",
            "MAIL FROM:<a@b.c>\tSIZE=1",
            "RCPT TO:\t<a@b.c>",
            "\tQUIT",
        ] {
            let told = Command::parse(line.as_bytes()).map_err(|mistake| (mistake.code, mistake.enhanced));
            assert_eq!(told, Err((500, "5.5.2")), "{line:?}");
        }
        for line in ["MAIL FROM:<a@b.c> ", "MAIL FROM:<a@b.c>\t", "MAIL FROM:<a@b.c> \t "] {
            assert_eq!(mail_line(line).as_deref(), Ok("MAIL FROM:<a@b.c>\r\n"), "{line:?}");
        }
        assert_eq!(Command::parse(b"QUIT \t"), Ok(Command::Quit));
    }

    #[test]
    fn greeting_names_are_never_validated() {
        for (line, name) in [("EHLO FE80::1", "FE80::1"), ("ehlo my_host ", "my_host"), ("EHLO", "")] {
            assert_eq!(Command::parse(line.as_bytes()), Ok(Command::Ehlo(name.into())));
        }
    }
}
