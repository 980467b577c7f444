//! What a supporter needs, in one file: versions, the configuration without secrets, what the daemon says of itself, the
//! doctor's report, and which commands were said lately, without their arguments.
//!
//! Everything in it is made of types that hold no secret: `config show`, the status, the metrics, verbs. Nothing is read
//! from the store, the log or a message. It is 0600, and never written over another file.

use std::{
    fmt::Write as _,
    io::{self, Write},
    path::Path,
};

use flate2::{Compression, write::GzEncoder};
use http::Method;
use serde_json::Value;

use super::report::Report;
use crate::{
    config::{self, Config},
    console::client,
    store::private_file,
};

/// What goes in, in the order of the archive.
#[derive(Debug, Default)]
pub struct Parts(Vec<(&'static str, Vec<u8>)>);

impl Parts {
    fn add(&mut self, name: &'static str, content: impl Into<Vec<u8>>) {
        self.0.push((name, content.into()));
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }

    /// What is known without a daemon, where none answered.
    pub fn with_status(mut self, known: impl FnOnce() -> Value) -> Self {
        if !self.names().contains(&STATUS) {
            self.add(STATUS, format!("{:#}\n", known()));
        }
        self
    }
}

const STATUS: &str = "status.json";
const ABOUT: &str = "Made by `gatepost doctor --bundle`. No password, token, key or message is in it; addresses, host \
                     names and paths are. Look it through before you pass it on.\n";
const ABOUT_IN_JAPANESE: &str = "`gatepost doctor --bundle` で作成しました。パスワード、トークン、鍵、メッセージは含まれていません。\
                                 アドレス、ホスト名、パスは含まれています。渡す前に内容を確認してください。\n";

/// Both: who reads it may be somebody else than who made it.
fn about() -> String {
    format!("{ABOUT}\n{ABOUT_IN_JAPANESE}")
}

/// `text`: the report as people read it.
pub async fn gather(config: &Config, report: &Report, text: &str) -> Parts {
    let mut parts = Parts::default();
    parts.add("README.txt", about());
    parts.add("versions.txt", versions());
    parts.add("configuration.toml", config::show(config));
    parts.add("doctor.txt", text);
    parts.add("doctor.json", serde_json::to_string_pretty(report).unwrap_or_default());
    let Some(at) = config.console.reached_at() else { return parts };
    for (name, path) in [(STATUS, "/api/status"), ("metrics.txt", "/metrics"), ("verbs.json", "/api/verbs")] {
        if let Ok(Some(body)) = client::ask(at, Method::GET, path, || config.console_token()).await {
            parts.add(name, body);
        }
    }
    parts
}

/// Where the configuration is refused: what is wrong with it, and as much of it as is no secret for certain. `hidden` are
/// values of the file that must not stand in what is told of it.
pub fn of_refused(report: &Report, text: &str, outline: Option<(String, Vec<String>)>) -> Parts {
    let (shown, hidden) = outline.unzip();
    let hidden = hidden.unwrap_or_default();
    let without = |text: String| hidden.iter().fold(text, |text, value| text.replace(value.as_str(), "[hidden]"));
    let mut parts = Parts::default();
    parts.add("README.txt", about());
    parts.add("versions.txt", versions());
    if let Some(shown) = shown {
        parts.add(
            "configuration.toml",
            format!("# refused; what may be a secret, and all comments, are left out\n{shown}"),
        );
    }
    parts.add("doctor.txt", without(text.to_owned()));
    parts.add("doctor.json", without(serde_json::to_string_pretty(report).unwrap_or_default()));
    parts
}

fn versions() -> String {
    let mut text = format!("gatepost {}\n", env!("CARGO_PKG_VERSION"));
    // Writing to a String does not fail.
    let _ = writeln!(text, "{} {}", std::env::consts::OS, std::env::consts::ARCH);
    #[cfg(unix)]
    {
        let system = rustix::system::uname();
        let (name, release) = (system.sysname().to_string_lossy(), system.release().to_string_lossy());
        let _ = writeln!(text, "{name} {release} {}", system.version().to_string_lossy());
    }
    if let Ok(release) = std::fs::read_to_string("/etc/os-release") {
        let named = release.lines().filter(|line| line.starts_with("PRETTY_NAME="));
        named.for_each(|line| text.push_str(&format!("{line}\n")));
    }
    text
}

/// Whether [`write`] could make this file, for who would find out only when all is gathered. Nothing stays of it.
pub fn prove_writable(file: &Path) -> io::Result<()> {
    private_file::create_new(file).map(drop)?;
    std::fs::remove_file(file)
}

/// A tar archive under gzip, 0600; a file that is there is left alone (`AlreadyExists`).
pub fn write(file: &Path, parts: &Parts) -> io::Result<()> {
    let opened = private_file::create_new(file)?;
    let written = archive(opened, parts);
    if written.is_err() {
        let _ = std::fs::remove_file(file);
    }
    written
}

fn archive(file: std::fs::File, parts: &Parts) -> io::Result<()> {
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
    let now = jiff::Timestamp::now().as_second().max(0).unsigned_abs();
    for (name, content) in &parts.0 {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(now);
        archive.append_data(&mut header, format!("gatepost-support/{name}"), content.as_slice())?;
    }
    let mut file = archive.into_inner()?.finish()?;
    file.flush()?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_private_and_never_written_over_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("support.tar.gz");
        let mut parts = Parts::default();
        parts.add("README.txt", about());
        write(&file, &parts).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(write(&file, &parts).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(&file).unwrap()));
        let names: Vec<_> =
            archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect();
        assert_eq!(names, [Path::new("gatepost-support/README.txt")]);
    }
}
