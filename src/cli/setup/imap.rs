//! Opens a mailbox through our own listener, as a mail program does, and says goodbye. It looks at nothing in there.

use std::io::{BufRead, BufReader, Read, Write};

use base64::prelude::{BASE64_STANDARD, Engine};

use crate::{
    base::{Secret, printable},
    cli::{
        args::SendTls,
        outcome::{Failure, Outcome},
        send::{Stream, Way},
    },
};

const LINE: u64 = 8192;
/// Of one answer: a sign-on shows capabilities and a welcome.
const LINES: usize = 50;

/// The refusal names cause and next step in the words of the daemon.
pub fn opens(way: &Way, user: &str, password: &Secret) -> Outcome {
    let stream = Stream::connect(&way.server)?;
    let stream = if way.tls == SendTls::Implicit { stream.secure()? } else { stream };
    let mut talk = Talk(BufReader::new(stream));
    talk.until("* ")?;
    if way.tls == SendTls::Starttls {
        talk.say("a STARTTLS")?;
        talk.until("a OK")?;
        talk = Talk(BufReader::new(talk.0.into_inner().secure()?));
    }
    let blob = Secret::new(format!("\0{user}\0{}", password.expose()));
    let login = Secret::new(format!("b AUTHENTICATE PLAIN {}", BASE64_STANDARD.encode(blob.expose())));
    talk.say(login.expose())?;
    talk.until("b OK")?;
    // The mailbox was open; whatever comes now is no matter.
    let _ = talk.say("c LOGOUT");
    Ok(())
}

struct Talk(BufReader<Stream>);

impl Talk {
    fn say(&mut self, line: &str) -> Outcome {
        let stream = self.0.get_mut();
        let said = stream.write_all(format!("{line}\r\n").as_bytes()).and_then(|()| stream.flush());
        said.map_err(|e| Failure::new(format!("the connection broke: {e}"), "see the log of the daemon"))
    }

    /// Reads up to a line that begins so; another answer to the same command is a refusal.
    fn until(&mut self, wanted: &str) -> Outcome {
        let tag = wanted.split(' ').next().unwrap_or_default();
        for _ in 0..LINES {
            let mut line = Vec::new();
            let read = self.0.by_ref().take(LINE).read_until(b'\n', &mut line);
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            match read {
                Ok(0) => break,
                Ok(_) if text.starts_with(wanted) => return Ok(()),
                Ok(_) if text.starts_with(&format!("{tag} ")) || text.starts_with("* BYE") => {
                    let text = text.split_once(' ').map_or(text.as_str(), |(_, rest)| rest);
                    return Err(Failure::new(printable(text, 500), "the text names cause and next step"));
                }
                Ok(_) => {}
                Err(e) => return Err(Failure::new(format!("no answer: {e}"), "see the log of the daemon")),
            }
        }
        Err(Failure::new("the listener closed the connection", "see the log of the daemon"))
    }
}
