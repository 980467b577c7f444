//! Servers in the autoconfig format of mail programs (`clientConfig`, version 1.1).
//!
//! A reader for this one purpose: elements, text, no entities beyond the five of XML, no document type. What is not
//! understood ends the reading, and the servers found so far count.

/// Host, port, and whether TLS is there from the first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub is_implicit: bool,
}

/// The first of each kind that has a sound name, a port and TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Servers {
    pub imap: Option<Server>,
    pub pop3: Option<Server>,
    pub smtp: Option<Server>,
    /// Some server takes OAuth 2.0.
    pub has_oauth: bool,
}

/// A file of this kind has hardly a hundred.
const MOST_TAGS: usize = 2000;

/// `None`: no server of any kind is in it.
pub fn servers(text: &str) -> Option<Servers> {
    let mut found = Servers::default();
    let mut draft: Option<Draft> = None;
    let mut rest = text;
    for _ in 0..MOST_TAGS {
        let Some((words, tag, behind)) = next_tag(rest) else { break };
        rest = behind;
        match (tag, &mut draft) {
            (Tag::Open(name, attributes), None) if is_server(name) => {
                draft = Some(Draft { kind: attribute(attributes, "type"), ..Draft::default() });
            }
            (Tag::Close(name), Some(open)) if is_server(name) => {
                open.put_into(&mut found);
                draft = None;
            }
            (Tag::Close(name), Some(open)) => open.note(name, words),
            _ => {}
        }
    }
    (found.imap.is_some() || found.pop3.is_some() || found.smtp.is_some()).then_some(found)
}

fn is_server(name: &str) -> bool {
    matches!(name, "incomingServer" | "outgoingServer")
}

#[derive(Default)]
struct Draft {
    kind: String,
    host: String,
    port: String,
    socket: String,
    has_oauth: bool,
}

impl Draft {
    fn note(&mut self, element: &str, words: &str) {
        let words = words.trim().to_ascii_lowercase();
        match element {
            "hostname" => self.host = words,
            "port" => self.port = words,
            "socketType" => self.socket = words,
            "authentication" => self.has_oauth |= words == "oauth2",
            _ => {}
        }
    }

    fn put_into(&self, found: &mut Servers) {
        let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let is_host = self.host.contains('.') && self.host.len() <= 255 && self.host.chars().all(sound);
        let port = self.port.parse::<u16>().ok().filter(|port| *port != 0);
        let is_implicit = match self.socket.as_str() {
            "ssl" => true,
            "starttls" => false,
            // Without TLS no token may go there.
            _ => return,
        };
        let (Some(port), true) = (port, is_host) else { return };
        let place = match self.kind.as_str() {
            "imap" => &mut found.imap,
            "pop3" => &mut found.pop3,
            "smtp" => &mut found.smtp,
            _ => return,
        };
        if place.is_none() {
            *place = Some(Server { host: self.host.clone(), port, is_implicit });
            found.has_oauth |= self.has_oauth;
        }
    }
}

enum Tag<'t> {
    /// Name, attributes.
    Open(&'t str, &'t str),
    Close(&'t str),
    /// A comment, a declaration, an element without content.
    Other,
}

/// The text in front of the next tag, the tag, and what is behind it.
fn next_tag(text: &str) -> Option<(&str, Tag<'_>, &str)> {
    let (words, rest) = text.split_once('<')?;
    if let Some(comment) = rest.strip_prefix("!--") {
        let (_, behind) = comment.split_once("-->")?;
        return Some((words, Tag::Other, behind));
    }
    // Entities of a document type could stand for anything, and such a file needs none.
    if rest.starts_with("!DOCTYPE") || rest.starts_with("![CDATA[") {
        return None;
    }
    let (inside, behind) = rest.split_once('>')?;
    let tag = match inside.strip_prefix('/') {
        Some(name) => Tag::Close(name.trim()),
        None if inside.starts_with('?') || inside.ends_with('/') => Tag::Other,
        None => {
            let (name, attributes) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
            Tag::Open(name, attributes)
        }
    };
    Some((words, tag, behind))
}

/// The value of one attribute, lower case; empty if it is not there.
fn attribute(attributes: &str, name: &str) -> String {
    let value = attributes.split(name).nth(1).and_then(|rest| rest.trim_start().strip_prefix('='));
    let value = value.map(str::trim_start).and_then(|rest| {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        rest.get(1..)?.split(quote).next()
    });
    value.unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <!-- <incomingServer type="imap"><hostname>old.example.com</hostname> -->
  <emailProvider id="example.com">
    <domain>example.com</domain>
    <incomingServer type="imap">
      <hostname>plain.example.com</hostname><port>143</port><socketType>plain</socketType>
    </incomingServer>
    <incomingServer type='imap'>
      <hostname>imap.example.com</hostname>
      <port> 993 </port>
      <socketType>SSL</socketType>
      <authentication>OAuth2</authentication>
      <username>%EMAILADDRESS%</username>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname>smtp.example.com</hostname><port>587</port><socketType>STARTTLS</socketType>
      <useGlobalPreferredServer/>
    </outgoingServer>
  </emailProvider>
</clientConfig>"#;

    #[test]
    fn servers_with_tls_are_found_and_plain_ones_and_remarks_are_not() {
        let found = servers(SAMPLE).unwrap();
        let server = |host: &str, port, is_implicit| Some(Server { host: host.into(), port, is_implicit });
        assert_eq!(found.imap, server("imap.example.com", 993, true));
        assert_eq!(found.smtp, server("smtp.example.com", 587, false));
        assert_eq!((found.pop3, found.has_oauth), (None, true));
    }

    #[test]
    fn what_is_no_such_file_has_no_servers() {
        for text in [
            "",
            "<html><body>Not found</body></html>",
            "<!DOCTYPE x [<!ENTITY h 'evil.example.com'>]><incomingServer type=\"imap\">",
            "<incomingServer type=\"imap\"><hostname>a b</hostname><port>993</port><socketType>SSL</socketType></incomingServer>",
            "<incomingServer type=\"imap\"><hostname>a.b\"\nx = 1</hostname><port>993</port><socketType>SSL</socketType></incomingServer>",
            "<incomingServer type=\"imap\"><hostname>a.b</hostname><port>0</port><socketType>SSL</socketType></incomingServer>",
            "<incomingServer",
        ] {
            assert_eq!(servers(text), None, "{text}");
        }
    }

    #[test]
    fn a_file_without_end_is_read_to_its_cap_and_cut_anywhere_it_is_no_harm() {
        let _ = servers(&"<a>".repeat(100_000));
        for end in (0..SAMPLE.len()).filter(|end| SAMPLE.is_char_boundary(*end)) {
            let _ = servers(&SAMPLE[..end]);
        }
    }
}
