//! A day as small bars: an SVG that stands in the page itself and says its numbers to who cannot see it.

use std::fmt::Write;

use crate::meter::Hour;

const WIDTH: u64 = 480;
const HEIGHT: u64 = 90;
const GAP: u64 = 3;

pub struct Plot {
    pub title: &'static str,
    pub well: &'static str,
    /// Empty: nothing of the kind is counted.
    pub not_well: &'static str,
    pub accepted: u64,
    pub failed: u64,
    pub svg: String,
}

impl Plot {
    /// `hours` oldest first. `title` and the two words beside the numbers are ours, not a peer's.
    pub fn new(title: &'static str, well: &'static str, not_well: &'static str, hours: &[Hour]) -> Self {
        let (accepted, failed) = hours.iter().fold((0, 0), |(a, f), hour| (a + hour.accepted, f + hour.failed));
        let most = hours.iter().map(|hour| hour.accepted + hour.failed).max().unwrap_or_default().max(1);
        let step = WIDTH / hours.len().max(1) as u64;
        let mut label = format!("{title}: {well} {accepted}");
        if !not_well.is_empty() {
            let _ = write!(label, ", {not_well} {failed}");
        }
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">");
        for (at, hour) in hours.iter().enumerate() {
            let left = at as u64 * step;
            let (well, not_well) = (height(hour.accepted, most), height(hour.failed, most));
            bar(&mut svg, "bar-well", left, step, HEIGHT - well, well);
            bar(&mut svg, "bar-not-well", left, step, HEIGHT - well - not_well, not_well);
        }
        let base = HEIGHT - 1;
        let _ = write!(svg, "<line class=\"axis\" x1=\"0\" y1=\"{base}\" x2=\"{WIDTH}\" y2=\"{base}\"/></svg>");
        Self { title, well, not_well, accepted, failed, svg }
    }
}

/// Something that happened once is seen, too.
fn height(n: u64, most: u64) -> u64 {
    if n == 0 { 0 } else { (n * (HEIGHT - 10) / most).max(2) }
}

fn bar(svg: &mut String, class: &str, left: u64, step: u64, top: u64, high: u64) {
    if high > 0 {
        let wide = step - GAP;
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{high}\" rx=\"1\"/>"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hour_that_counts_is_seen_and_none_leaves_the_picture() {
        let mut hours = [Hour::default(); 24];
        hours[3] = Hour { accepted: 1_000_000, failed: 1 };
        hours[23] = Hour { accepted: 1, failed: 0 };
        let plot = Plot::new("Messages", "accepted", "refused", &hours);
        assert_eq!((plot.accepted, plot.failed), (1_000_001, 1));
        assert_eq!(plot.svg.matches("<rect").count(), 3);
        assert!(plot.svg.contains("aria-label=\"Messages: accepted 1000001, refused 1\""));
        assert!(!plot.svg.contains("y=\"-"), "{}", plot.svg);
        assert_eq!(Plot::new("x", "", "", &[Hour::default(); 24]).svg.matches("<rect").count(), 0);
    }
}
