//! The one small page that a browser shows when it comes back: no script, no outside resource, everything escaped.

/// A whole HTTP/1.1 response.
pub(super) fn response(status: &str, title: &str, text: &str) -> Vec<u8> {
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Gatepost</title>\
         <body style=\"font-family:sans-serif;margin:4em auto;max-width:36em\"><h1>{}</h1><p>{}</p></body></html>\n",
        escaped(title),
        escaped(text)
    );
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; \
                  form-action 'none'";
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Content-Security-Policy: {policy}\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_said_is_text_in_the_page_whatever_it_holds() {
        assert_eq!(escaped("<a href=\"x\">&'\r\n"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;  ");
    }
}
