//! The envelope as the store keeps it: the command lines themselves, with all that they ask for (RFC 3461), read back by
//! the parser that read them from the client.

use super::deliver::Envelope;
use crate::{
    store::QueuedMessage,
    wire::smtp::{Command, Mail, Rcpt, command::Carries},
};

const ALL: Carries = Carries { size: true, eight_bit: true, utf8: true, dsn: true };

/// `MAIL FROM:<...>`, without CRLF.
pub fn mail_line(mail: &Mail) -> String {
    mail.to_wire(ALL).trim_end().to_owned()
}

/// `RCPT TO:<...>`, without CRLF.
pub fn recipient_line(rcpt: &Rcpt) -> String {
    rcpt.to_wire(ALL).trim_end().to_owned()
}

/// `None`: somebody wrote something else into the store.
pub fn read_mail(line: &str) -> Option<Mail> {
    match Command::parse(line.as_bytes()) {
        Ok(Command::Mail(mail)) => Some(mail),
        _ => None,
    }
}

pub fn read_recipient(line: &str) -> Option<Rcpt> {
    match Command::parse(line.as_bytes()) {
        Ok(Command::Rcpt(rcpt)) => Some(rcpt),
        _ => None,
    }
}

/// The envelope for the recipients at these positions.
pub fn read(message: &QueuedMessage, positions: &[usize]) -> Option<Envelope> {
    let line = |at: &usize| read_recipient(&message.recipients.get(*at)?.line);
    Some(Envelope { mail: read_mail(&message.mail)?, recipients: positions.iter().map(line).collect::<Option<_>>()? })
}

/// Addresses of the recipients at all other positions.
pub fn others(message: &QueuedMessage, positions: &[usize]) -> Vec<String> {
    let all = message.recipients.iter().enumerate();
    let others = all.filter(|(at, _)| !positions.contains(at));
    others.filter_map(|(_, one)| Some(read_recipient(&one.line)?.address)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_comes_back_with_all_that_it_asks_for() {
        for line in [
            "MAIL FROM:<>",
            "MAIL FROM:<ann@contoso.com> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x+2By",
            r#"MAIL FROM:<"a>b \" c"@contoso.com>"#,
            "MAIL FROM:<\u{fc}@contoso.com> SMTPUTF8",
        ] {
            assert_eq!(mail_line(&read_mail(line).unwrap()), line);
        }
        for line in [
            "RCPT TO:<bob@fabrikam.com>",
            "RCPT TO:<bob@fabrikam.com> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;bob+2Bx@fabrikam.com",
            r#"RCPT TO:<"b ob"@fabrikam.com> NOTIFY=NEVER"#,
        ] {
            assert_eq!(recipient_line(&read_recipient(line).unwrap()), line);
        }
        assert_eq!(read_mail("QUIT"), None);
        assert_eq!(read_recipient("MAIL FROM:<a@b.c>"), None);
    }
}
