//! How it stands with one recipient of a queued message, as it is written in its row.

/// How it stands with one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecipientState {
    Waiting,
    Delivered,
    Failed,
}

impl RecipientState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    pub(super) fn read(word: &str) -> Self {
        match word {
            "delivered" => Self::Delivered,
            "failed" => Self::Failed,
            // Of two mistakes, once more is better than never.
            _ => Self::Waiting,
        }
    }
}
