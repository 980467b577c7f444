//! The rows as a Markdown table that is readable as it stands.

use crate::{
    peers::Kind,
    rounds::{median, spread},
    row::{Row, Target},
};

pub fn table(rows: &[Row]) -> String {
    let mut lines = vec![header()];
    lines.extend(rows.iter().map(cells));
    let columns = lines[0].len();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for (number, line) in lines.iter().enumerate() {
        let padded = line.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} "));
        out += &format!("|{}|\n", padded.collect::<Vec<_>>().join("|"));
        if number == 0 {
            out +=
                &format!("|{}\n", widths.iter().map(|width| format!("{}|", "-".repeat(width + 2))).collect::<String>());
        }
    }
    out + &notes(rows)
}

fn header() -> Vec<String> {
    let kinds = Kind::ALL.iter().map(|kind| kind.name().to_owned());
    std::iter::once("work".to_owned()).chain(kinds).chain(["bar".to_owned(), "moonshot".to_owned()]).collect()
}

fn cells(row: &Row) -> Vec<String> {
    let mark = if row.note.is_empty() { "" } else { " *" };
    let mut line = vec![format!("{}, {}{mark}", row.work, row.unit)];
    line.extend(Kind::ALL.iter().map(|kind| cell(row, *kind)));
    let words = |targets: &[Target]| targets.iter().map(|t| row.verdict(*t)).collect::<Vec<_>>().join("; ");
    line.push(words(&row.bar));
    line.push(words(&row.moonshot));
    line
}

fn cell(row: &Row, kind: Kind) -> String {
    let Some(values) = row.samples.get(&kind).filter(|values| !values.is_empty()) else { return "-".to_owned() };
    let digits = row.digits;
    let (middle, (low, high)) = (median(values), spread(values));
    match values.len() {
        1 => format!("{middle:.digits$}"),
        _ => format!("{middle:.digits$} ({low:.digits$}..{high:.digits$})"),
    }
}

fn notes(rows: &[Row]) -> String {
    let noted = rows.iter().filter(|row| !row.note.is_empty());
    let mut out: String = noted.map(|row| format!("- {}: {}\n", row.work, row.note)).collect();
    if !out.is_empty() {
        out.insert(0, '\n');
    }
    out
}
