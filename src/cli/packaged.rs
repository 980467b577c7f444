//! What is installed beside the program: the man page and the completions of shells, in the language of `--lang`.

use std::io;

use clap::CommandFactory;

use super::{
    args::Cli,
    language,
    outcome::{Failure, Outcome},
    terminal, usage,
};
use crate::base::Lang;

/// Clap's own words in a page, as whole lines.
const OF_THE_PAGE: [(&str, &str); 10] = [
    (".SH NAME", ".SH 名前"),
    (".SH SYNOPSIS", ".SH 書式"),
    (".SH DESCRIPTION", ".SH 説明"),
    (".SS DESCRIPTION", ".SS 説明"),
    (".SH OPTIONS", ".SH オプション"),
    (".SS OPTIONS", ".SS オプション"),
    (".SH EXTRA", ".SH 補足"),
    (".SS EXTRA", ".SS 補足"),
    ("Print help", "ヘルプを表示します"),
    ("Print version", "バージョンを表示します"),
];

pub fn man() -> Outcome {
    let page = man_page().map(|page| String::from_utf8_lossy(&page).into_owned());
    page.and_then(|page| terminal::print(&in_its_language(&page)))
        .map_err(|e| Failure::new(format!("the man page: {e}"), "write to another place"))
}

/// The definitions, for what lays their texts out itself.
fn command() -> clap::Command {
    match language::current() {
        Lang::En => Cli::command(),
        Lang::Ja => usage::in_japanese(Cli::command(), usize::MAX),
    }
}

fn in_its_language(page: &str) -> String {
    let told = |line: &str| match OF_THE_PAGE.iter().find(|(english, _)| *english == line) {
        Some((_, japanese)) => format!("{japanese}\n"),
        None if line.starts_with(".TH ") => format!("{line}\n.ad l\n"),
        None => format!("{line}\n"),
    };
    match language::current() {
        Lang::En => page.to_owned(),
        // Where a line may break without a blank; and none is stretched.
        Lang::Ja => format!(".mso ja.tmac\n{}", page.lines().map(told).collect::<String>()),
    }
}

/// One page for all commands.
fn man_page() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let all = clap_mangen::Man::new(command());
    all.render_title(&mut page)?;
    all.render_name_section(&mut page)?;
    all.render_synopsis_section(&mut page)?;
    all.render_description_section(&mut page)?;
    all.render_options_section(&mut page)?;
    all.render_extra_section(&mut page)?;
    man_of_commands("gatepost", &command(), &mut page)?;
    Ok(page)
}

fn man_of_commands(of: &str, command: &clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("{of} {}", command.get_name());
        let part = clap_mangen::Man::new(command.clone());
        let mut sections = Vec::new();
        part.render_description_section(&mut sections)?;
        part.render_options_section(&mut sections)?;
        part.render_extra_section(&mut sections)?;
        let sections = String::from_utf8_lossy(&sections).replace("\n.SH ", "\n.SS ");
        page.extend(format!(".SH \"{name}\"\n{sections}").into_bytes());
        man_of_commands(&name, command, page)?;
    }
    Ok(())
}

pub fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut command = command();
    // What clap adds has its Japanese as well.
    command.build();
    if language::current() == Lang::Ja {
        command = usage::in_japanese(command, usize::MAX);
    }
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "gatepost", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))
        .map_err(|e| Failure::new(format!("the completions: {e}"), "write to another place"))
}
