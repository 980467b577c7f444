//! Names one place in the configuration, for problems: `account[1].address`.

use std::fmt;

use serde::{Serialize, Serializer};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Field(String),
    Item(usize),
}

/// A path through tables and lists, from the top of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key(Vec<Part>);

impl Key {
    pub fn of(table: &str) -> Self {
        Self::default().field(table)
    }

    pub fn field(&self, name: &str) -> Self {
        self.with(Part::Field(name.to_owned()))
    }

    pub fn item(&self, index: usize) -> Self {
        self.with(Part::Item(index))
    }

    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    fn with(&self, part: Part) -> Self {
        let mut parts = self.0.clone();
        parts.push(part);
        Self(parts)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, part) in self.0.iter().enumerate() {
            match part {
                Part::Field(name) if n == 0 => f.write_str(name)?,
                Part::Field(name) => write!(f, ".{name}")?,
                Part::Item(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_like_a_path() {
        assert_eq!(
            Key::of("account").item(1).field("limits").field("connections").to_string(),
            "account[1].limits.connections"
        );
    }
}
