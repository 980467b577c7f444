//! The two forms of metrics: OpenMetrics 1.0 for whoever asks for it, as Prometheus does, and Prometheus' own text 0.0.4
//! for the rest. They differ in the names of counters alone, where the older form has no type for the name without its
//! ending.

use axum::http::{HeaderMap, header};

const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The content type and the text for a request with these headers. `text` is OpenMetrics.
pub(super) fn of(asked: &HeaderMap, text: String) -> (&'static str, String) {
    let accepted = asked.get_all(header::ACCEPT);
    match accepted
        .iter()
        .any(|kinds| kinds.as_bytes().windows(12).any(|part| part.eq_ignore_ascii_case(b"/openmetrics")))
    {
        true => (OPEN, text),
        false => (TEXT, plain(&text)),
    }
}

fn plain(text: &str) -> String {
    let mut counter = "";
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    // A family begins with its HELP; whether it is a counter says the line behind.
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let mut words = line.splitn(4, ' ');
        let (mark, kind, name, rest) = (words.next(), words.next(), words.next(), words.next());
        match (mark, kind, name, rest) {
            (Some("#"), Some(kind @ ("HELP" | "TYPE")), Some(name), Some(rest)) => {
                let next = lines.peek().copied().unwrap_or_default();
                if kind == "TYPE" && rest == "counter"
                    || next.strip_prefix("# TYPE ") == Some(&format!("{name} counter"))
                {
                    counter = name;
                }
                let ending = if counter == name { "_total" } else { "" };
                out.push_str(&format!("# {kind} {name}{ending} {rest}\n"));
            }
            // UNIT and EOF are comments there.
            (Some("#"), ..) => {}
            _ => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN_TEXT: &str = "# HELP gatepost_sessions Sessions by protocol.\n# TYPE gatepost_sessions counter\n\
        gatepost_sessions_total{protocol=\"smtp\"} 2\n# HELP gatepost_open Open now.\n# TYPE gatepost_open gauge\n\
        gatepost_open 1\n# EOF\n";

    fn with(accept: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())])
    }

    #[test]
    fn who_knows_openmetrics_gets_it() {
        let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(of(&with(accept), OPEN_TEXT.into()), (OPEN, OPEN_TEXT.into()));
    }

    #[test]
    fn others_get_the_older_text_with_the_names_of_counters_whole() {
        let plain = "# HELP gatepost_sessions_total Sessions by protocol.\n# TYPE gatepost_sessions_total counter\n\
            gatepost_sessions_total{protocol=\"smtp\"} 2\n# HELP gatepost_open Open now.\n# TYPE gatepost_open gauge\n\
            gatepost_open 1\n";
        for asked in [with("text/plain;version=0.0.4"), with("*/*"), HeaderMap::new()] {
            assert_eq!(of(&asked, OPEN_TEXT.into()), (TEXT, plain.into()));
        }
    }
}
