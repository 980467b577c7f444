//! What a person types: commands, help, exit codes. The work is done in lower rows.

pub mod args;
mod config;
mod demo;
mod local_password;
mod login;
mod logout;
mod outcome;
mod password;
mod run;
mod send;
mod sign_in_ui;
mod state;
mod status;
mod terminal;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

pub use args::{Cli, Command};
pub use outcome::{CONFIG_REFUSED, Failure, Outcome};

/// Parses the command line, runs the command, says what went wrong.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = failure.to_string();
            if !text.is_empty() {
                terminal::note(&text);
            }
            failure.exit_code()
        }
    }
}

fn dispatch(cli: &Cli) -> Outcome {
    let file = cli.config.as_deref();
    match &cli.command {
        Command::Run(args) => run::run(file, args),
        Command::Demo(args) => demo::run(args),
        Command::Login(args) => login::run(file, args),
        Command::Logout(args) => logout::run(file, args),
        Command::Status(args) => status::run(file, args),
        Command::Send(args) => send::run(file, args),
        Command::Password(args) => password::run(args, |account| local_password::reset(file, account)),
        Command::Config(args) => config::run(file, &args.command),
        Command::Man => man(),
        Command::Completions { shell } => completions(*shell),
    }
}

/// The runtime of a command that waits for the network.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(format!("the runtime: {e}"), "the system has no threads or descriptors left"))
}

fn man() -> Outcome {
    let mut page = Vec::new();
    let failed = |e: std::io::Error| Failure::new(format!("the man page: {e}"), "write to another place");
    clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(failed)?;
    for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let title = format!("\n.SH \"gatepost {}\"\n", command.get_name());
        page.extend(title.into_bytes());
        let part = clap_mangen::Man::new(command.clone());
        part.render_description_section(&mut page).map_err(failed)?;
        part.render_options_section(&mut page).map_err(failed)?;
    }
    terminal::print(&String::from_utf8_lossy(&page)).map_err(failed)
}

fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "gatepost", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))
        .map_err(|e| Failure::new(format!("the completions: {e}"), "write to another place"))
}
