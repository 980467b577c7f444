//! How much a client may say before it is signed on.
//!
//! Mistakes and commands are counted over the whole connection, STARTTLS included: a flood of NOOPs leads nowhere
//! either, and no deadline that is measured in waiting ends it.

/// How many mistakes a client may make before it is shown the door.
pub const ERROR_BUDGET: u32 = 20;
/// How many commands a client may say without a login; ten failed logins by USER and PASS are twenty.
const COMMAND_BUDGET: u32 = 100;

#[derive(Debug, Default)]
pub(super) struct Budget {
    commands: u32,
    mistakes: u32,
}

impl Budget {
    /// Counts a command, whatever it is; false if it is one too many.
    pub fn command(&mut self) -> bool {
        self.commands = self.commands.saturating_add(1);
        self.commands <= COMMAND_BUDGET
    }

    /// Counts a mistake; false if it is one too many.
    pub fn mistake(&mut self) -> bool {
        self.mistakes = self.mistakes.saturating_add(1);
        self.mistakes <= ERROR_BUDGET
    }
}
