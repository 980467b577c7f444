//! What was changed in a message, by name: for its line in the log, and to be counted.

use std::fmt;

/// One kind of change. The names are part of what administrators read: docs/repair.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repair {
    Date,
    MessageId,
    /// There was no From, or no address in it.
    From,
    /// Several addresses in From and nobody named who sent it.
    Sender,
    MimeVersion,
    /// An unquoted `@` in a display name, or a comma in that of From.
    DisplayName,
    AngleBrackets,
    LongLines,
    /// Text outside ASCII that was not declared and is UTF-8.
    Charset,
    /// `sender = "force"`: From is the account's.
    ForcedFrom,
    /// `sender = "force"`: MAIL FROM is the account's.
    ForcedEnvelope,
}

impl Repair {
    pub const ALL: [Self; 11] = [
        Self::Date,
        Self::MessageId,
        Self::From,
        Self::Sender,
        Self::MimeVersion,
        Self::DisplayName,
        Self::AngleBrackets,
        Self::LongLines,
        Self::Charset,
        Self::ForcedFrom,
        Self::ForcedEnvelope,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::MessageId => "message-id",
            Self::From => "from",
            Self::Sender => "sender",
            Self::MimeVersion => "mime-version",
            Self::DisplayName => "display-name",
            Self::AngleBrackets => "angle-brackets",
            Self::LongLines => "long-lines",
            Self::Charset => "charset",
            Self::ForcedFrom => "forced-from",
            Self::ForcedEnvelope => "forced-envelope",
        }
    }
}

/// Each once, however often it was done. Shown with commas between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repairs(Vec<Repair>);

impl Repairs {
    pub fn note(&mut self, repair: Repair) {
        if let Err(at) = self.0.binary_search(&repair) {
            self.0.insert(at, repair);
        }
    }

    pub fn join(&mut self, others: &Self) {
        others.iter().for_each(|repair| self.note(repair));
    }

    pub fn iter(&self) -> impl Iterator<Item = Repair> {
        self.0.iter().copied()
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Repairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, repair) in self.iter().enumerate() {
            f.write_str(if n == 0 { "" } else { "," })?;
            f.write_str(repair.as_str())?;
        }
        Ok(())
    }
}
