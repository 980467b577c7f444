//! One row of the table: what was measured, and what was aimed at.

use crate::{
    peers::Kind,
    rounds::{Samples, median, ratio},
};

pub struct Row {
    pub work: String,
    pub unit: &'static str,
    /// Behind the point.
    pub digits: usize,
    pub samples: Samples,
    pub aim: Aim,
    pub bar: Vec<Target>,
    pub moonshot: Vec<Target>,
    /// What a reader has to know beside the figures.
    pub note: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    More,
    Less,
}

#[derive(Clone, Copy, Debug)]
pub enum Target {
    Absolute(f64),
    /// No less and no more.
    Exactly(f64),
    /// So many times what another has, in the same round.
    Times(f64, Kind),
}

impl Row {
    pub fn less(work: impl Into<String>, unit: &'static str, digits: usize, samples: Samples) -> Self {
        let (bar, moonshot) = (Vec::new(), Vec::new());
        Self { work: work.into(), unit, digits, samples, aim: Aim::Less, bar, moonshot, note: String::new() }
    }

    pub fn more(work: impl Into<String>, unit: &'static str, digits: usize, samples: Samples) -> Self {
        Self { aim: Aim::More, ..Self::less(work, unit, digits, samples) }
    }

    pub fn bar(mut self, targets: impl Into<Vec<Target>>) -> Self {
        self.bar = targets.into();
        self
    }

    pub fn moonshot(mut self, targets: impl Into<Vec<Target>>) -> Self {
        self.moonshot = targets.into();
        self
    }

    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// The bars that were not reached.
    pub fn misses(&self) -> impl Iterator<Item = String> {
        self.bar.iter().map(|bar| self.verdict(*bar)).filter(|verdict| verdict.ends_with(mark(false)))
    }

    /// What is aimed at, what was reached, and whether that is enough.
    pub fn verdict(&self, target: Target) -> String {
        let none = Vec::new();
        let ours = self.samples.get(&Kind::Gatepost).unwrap_or(&none);
        let sign = if self.aim == Aim::More { "≥" } else { "≤" };
        let (words, reached, limit) = match target {
            Target::Absolute(limit) => (format!("{sign} {limit}"), median(ours), limit),
            Target::Exactly(limit) => (format!("= {limit}"), median(ours), limit),
            Target::Times(factor, kind) => {
                let theirs = self.samples.get(&kind).unwrap_or(&none);
                (format!("{sign} {factor:.2} x {}", kind.name()), ratio(ours, theirs), factor)
            }
        };
        // An absolute figure is judged as it is shown.
        let scale = 10f64.powi(i32::try_from(self.digits).unwrap());
        let enough = match (target, self.aim) {
            (Target::Exactly(_), _) => (reached - limit).abs() < f64::EPSILON,
            (Target::Absolute(_), Aim::Less) => (reached * scale).round() / scale <= limit,
            (_, Aim::Less) => reached <= limit,
            (_, Aim::More) => reached >= limit,
        };
        match target {
            _ if reached.is_nan() => format!("{words}: not measured"),
            Target::Absolute(_) | Target::Exactly(_) => format!("{words}: {}", mark(enough)),
            Target::Times(..) => format!("{words}: {reached:.2} {}", mark(enough)),
        }
    }
}

const fn mark(enough: bool) -> &'static str {
    if enough { "ok" } else { "**missed**" }
}
