//! A process that the bench started: ended by its id when it is dropped, and by the kernel if the bench itself dies.

use std::{
    fs::File,
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

const READY_WITHIN: Duration = Duration::from_secs(20);
const ENDS_WITHIN: Duration = Duration::from_secs(5);

pub struct Part {
    name: String,
    child: Child,
}

impl Part {
    /// Starts `program`; what it says goes to a log in `folder`.
    pub fn start(folder: &Path, name: &str, program: &Path, words: &[&str]) -> Self {
        let mut tethered = vec!["tether", program.to_str().unwrap(), "--"];
        tethered.extend(words);
        Self::ourselves(folder, name, &tethered)
    }

    /// Starts the harness again in one of its roles.
    pub fn ourselves(folder: &Path, name: &str, words: &[&str]) -> Self {
        let log = File::create(folder.join(format!("{name}.log"))).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(words)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self { name: name.to_owned(), child }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until somebody accepts there.
    pub fn accepts(mut self, folder: &Path, address: SocketAddr) -> Self {
        let start = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || start.elapsed() > READY_WITHIN {
                let said = std::fs::read_to_string(folder.join(format!("{}.log", self.name))).unwrap_or_default();
                panic!("{} does not accept at {address} ({ended:?}):\n{said}", self.name);
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        self
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        let _ = kill_process(pid, Signal::TERM);
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if start.elapsed() > ENDS_WITHIN {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Asks the kernel to end this process with its parent.
pub fn end_with_parent() {
    set_parent_process_death_signal(Some(Signal::TERM)).unwrap();
}

/// Becomes `program`. The wish of [`end_with_parent`] outlives the exec.
pub fn tether(program: &Path, words: &[String]) {
    end_with_parent();
    let error = Command::new(program).args(words).exec();
    panic!("{} cannot be started: {error}", program.display());
}
