//! The test message: RFC 5322 with what every server wants (Date, Message-ID, From), base64 where it is not ASCII.

use std::{fmt::Write, io::Read, path::Path};

use base64::prelude::{BASE64_STANDARD, Engine};

use super::{Failure, SendArgs};

/// The provider's own limit is below this.
const MOST_BYTES: u64 = 150 * 1024 * 1024;

/// An address that is safe in a command and in a header.
pub fn is_address(address: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "<>,;:\"\\()".contains(c);
    address.contains('@') && !address.starts_with('@') && !address.ends_with('@') && !address.contains(odd)
}

/// The whole message with CRLF line ends, not yet dot-stuffed.
pub fn build(args: &SendArgs) -> Result<Vec<u8>, Failure> {
    let body = match &args.file {
        Some(file) => read(file)?,
        None => b"This is a test message from `gatepost send`.\n".to_vec(),
    };
    let subject = args.subject.as_deref().unwrap_or("Test message from Gatepost");
    let date = jiff::fmt::rfc2822::to_string(&jiff::ZonedDateTime::now())
        .map_err(|e| Failure::new(format!("the clock: {e}"), "set the clock of this machine"))?;
    let mut head = String::new();
    // Writing to a String does not fail.
    let _ = write!(
        head,
        "Date: {date}\r\nFrom: <{}>\r\nTo: {}\r\nSubject: {}\r\nMessage-ID: <{}@gatepost.invalid>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n",
        args.from,
        args.to.iter().map(|to| format!("<{to}>")).collect::<Vec<_>>().join(",\r\n "),
        encoded_words(subject),
        random_id()?,
    );
    let mut message = head.into_bytes();
    if body.is_ascii() && body.split(|byte| *byte == b'\n').all(|line| line.len() < 990) && !body.contains(&0) {
        message.extend_from_slice(b"Content-Transfer-Encoding: 7bit\r\n\r\n");
        message.extend(crlf(&body));
    } else {
        message.extend_from_slice(b"Content-Transfer-Encoding: base64\r\n\r\n");
        for line in body.chunks(57) {
            message.extend(BASE64_STANDARD.encode(line).into_bytes());
            message.extend_from_slice(b"\r\n");
        }
    }
    Ok(message)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut body)
    } else {
        std::fs::File::open(file).and_then(|open| open.take(MOST_BYTES + 1).read_to_end(&mut body))
    };
    match read {
        Err(e) => Err(Failure::new(format!("cannot read {}: {e}", file.display()), "check the path")),
        Ok(n) if n as u64 > MOST_BYTES => {
            Err(Failure::new(format!("{} is larger than 150 MiB", file.display()), "no provider takes that"))
        }
        Ok(_) => Ok(body),
    }
}

/// Every line end becomes CRLF, and the last line has one.
fn crlf(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + body.len() / 32 + 2);
    let text = body.strip_suffix(b"\n").unwrap_or(body);
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        out.extend(line.iter().filter(|byte| **byte != b'\r'));
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// RFC 2047 where the subject is not plain ASCII; at most 45 octets a word keep every word under 75 characters.
fn encoded_words(text: &str) -> String {
    if text.chars().all(|c| matches!(c, ' '..='~')) && text.len() < 900 {
        return text.to_owned();
    }
    let mut words: Vec<String> = vec![String::new()];
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        match words.last_mut() {
            Some(word) if word.len() + c.len_utf8() <= 45 => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    let encoded = words.iter().map(|word| format!("=?utf-8?B?{}?=", BASE64_STANDARD.encode(word)));
    encoded.collect::<Vec<_>>().join("\r\n ")
}

fn random_id() -> Result<String, Failure> {
    let mut bytes = [0u8; 12];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Failure::new("this machine gives no random numbers", "try again"))?;
    Ok(bytes.iter().fold(String::new(), |id, byte| format!("{id}{byte:02x}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_ends_in_crlf_once() {
        assert_eq!(crlf(b"a\nb\r\nc"), b"a\r\nb\r\nc\r\n");
        assert_eq!(crlf(b""), b"\r\n");
    }

    #[test]
    fn a_subject_cannot_add_a_header() {
        let subject = encoded_words("hi\r\nBcc: x@y.z");
        assert!(subject.starts_with("=?utf-8?B?"));
        assert!(!subject.contains("Bcc"));
        assert_eq!(encoded_words("plain"), "plain");
    }
}
