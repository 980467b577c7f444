//! Options of `gatepost queue`.

use clap::{Args, Subcommand, ValueEnum};

#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Examples:\n  gatepost queue list\n  gatepost queue list --recipient fabrikam.com --state held\n  \
                        gatepost queue show bcdf23456789\n  gatepost queue retry bcdf23456789\n\n\
                        Mail in there is tried until max-age-hours of [queue]; then its sender is told."
)]
pub struct QueueArgs {
    #[command(subcommand)]
    pub command: QueueCommand,
}

#[derive(Subcommand, Debug, Clone)]
pub enum QueueCommand {
    /// Lists messages in the order in which they were accepted
    #[command(after_help = "Examples:\n  gatepost queue list --account alerts@contoso.com\n  \
                            gatepost queue list --json | jq -r '.messages[].id'    (for scripts)\n\n\
                            Addresses and names may be parts, in any case.")]
    List(QueueListArgs),
    /// Shows one message, its recipients and its header
    #[command(after_help = "Example:\n  gatepost queue show bcdf23456789")]
    Show {
        /// Id of the message, as `gatepost queue list` shows it
        #[arg(value_name = "ID")]
        id: String,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Tries a message now
    #[command(after_help = "Example:\n  gatepost queue retry bcdf23456789")]
    Retry {
        /// Id of the message, as `gatepost queue list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Sends nothing of a message until it is released
    #[command(after_help = "Example:\n  gatepost queue hold bcdf23456789")]
    Hold {
        /// Id of the message, as `gatepost queue list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Lets a message go on that is held
    #[command(after_help = "Example:\n  gatepost queue release bcdf23456789")]
    Release {
        /// Id of the message, as `gatepost queue list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Removes a message; nobody is told
    #[command(after_help = "Example:\n  gatepost queue drop bcdf23456789")]
    Drop {
        /// Id of the message, as `gatepost queue list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Args, Debug, Clone, Default)]
pub struct QueueListArgs {
    /// Mailbox that it goes out through
    #[arg(long, value_name = "ADDRESS")]
    pub account: Option<String>,
    /// Who sends it
    #[arg(long, value_name = "ADDRESS")]
    pub sender: Option<String>,
    /// Who gets it
    #[arg(long, value_name = "ADDRESS")]
    pub recipient: Option<String>,
    /// Name of a [[client]], or login
    #[arg(long, value_name = "NAME")]
    pub client: Option<String>,
    /// How it stands
    #[arg(long, value_enum)]
    pub state: Option<QueueState>,
    /// Shows so many at most
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub limit: u32,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

impl QueueListArgs {
    /// Whether messages may be left out that are there.
    pub fn is_search(&self) -> bool {
        let words = [&self.account, &self.sender, &self.recipient, &self.client];
        words.iter().any(|word| word.is_some()) || self.state.is_some()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum QueueState {
    Waiting,
    UnderWay,
    Held,
}
