//! stdin, stdout and the terminal: output that survives a closed pipe, and passwords that are typed unseen.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use super::language;
use crate::{base::Secret, net::own_uid};

/// A password line is no longer than this.
const MOST_BYTES: u64 = 4096;
/// And there are no more of them.
const MOST_LINES: u64 = 1000;

/// Prints to stdout; a reader that went away (`| head`) is no failure.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// The same in the language of who reads it.
pub fn say(text: &str) -> io::Result<()> {
    print(&language::said(text, language::current()))
}

/// Prints a note to stderr, where it does not mix with what a script reads.
pub fn note(text: &str) {
    // Nobody is left to tell if stderr is closed.
    let _ = writeln!(io::stderr(), "{text}");
}

/// The same in the language of who reads it.
pub fn tell(text: &str) {
    note(&language::said(text, language::current()));
}

/// One line of stdin, without its line end.
pub fn stdin_line() -> io::Result<Secret> {
    let mut line = String::new();
    io::stdin().lock().take(MOST_BYTES).read_line(&mut line)?;
    Ok(without_line_end(line))
}

/// All lines of stdin, without their line ends.
pub fn stdin_lines() -> io::Result<Vec<Secret>> {
    let mut text = zeroize::Zeroizing::new(String::new());
    io::stdin().lock().take(MOST_BYTES * MOST_LINES).read_to_string(&mut text)?;
    Ok(text.lines().map(Secret::new).collect())
}

/// Asks on the terminal without showing what is typed. `None` where there is no terminal.
pub fn ask_unseen(prompt: &str) -> io::Result<Option<Secret>> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let mut err = io::stderr();
    let line = {
        // Ahead of the question: what is typed at once would be shown, and be lost.
        let _unseen = Unseen::begin()?;
        write!(err, "{}", language::said(prompt, language::current()))?;
        err.flush()?;
        stdin_line()
    };
    writeln!(err)?;
    line.map(Some)
}

/// Asks on the terminal. `None`: the input has ended.
pub fn ask_line(prompt: &str) -> io::Result<Option<String>> {
    let mut err = io::stderr();
    write!(err, "{prompt}")?;
    err.flush()?;
    let mut line = String::new();
    let read = io::stdin().lock().take(MOST_BYTES).read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned()))
}

fn without_line_end(line: String) -> Secret {
    // Wipes the copy that the line end was cut from.
    let line = zeroize::Zeroizing::new(line);
    let text = line.strip_suffix('\n').unwrap_or(&line);
    Secret::new(text.strip_suffix('\r').unwrap_or(text))
}

/// While it lives the terminal does not echo; dropping it restores what was.
#[cfg(unix)]
struct Unseen(rustix::termios::Termios);

#[cfg(unix)]
impl Unseen {
    fn begin() -> io::Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let stdin = io::stdin();
        let before = tcgetattr(&stdin)?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &unseen)?;
        Ok(Self(before))
    }
}

#[cfg(unix)]
impl Drop for Unseen {
    fn drop(&mut self) {
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Flush, &self.0);
    }
}

#[cfg(not(unix))]
struct Unseen;

#[cfg(not(unix))]
impl Unseen {
    fn begin() -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "typing unseen is not available here; use stdin"))
    }
}

/// Whether a terminal controls this process: none does any more once it was closed (tty(4)).
pub fn is_attached() -> bool {
    cfg!(unix) && std::fs::File::open("/dev/tty").is_ok()
}

/// Whether there is a desktop to open a page on. Over ssh the text has to do, and for root and behind sudo (which may pass
/// the desktop on): the browser is another user's.
pub fn can_open_browser() -> bool {
    let is_set = |name: &&str| std::env::var_os(name).is_some();
    let is_somebody_else = own_uid() == Some(0) || is_set(&"SUDO_UID");
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(is_set) && !is_somebody_else
}

/// `url` is seen by other users of this machine: it must be of no use to them.
pub fn open_browser(url: &str) -> bool {
    can_open_browser()
        && std::process::Command::new("xdg-open")
            .arg(url)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .is_ok()
}
