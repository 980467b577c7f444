//! The program where nothing is configured: what the machine of the tests has in /etc is out of its sight, and so is what lies
//! in the folder in which they were started.
//!
//! Where there is something, the program gets a mount namespace in which that folder is empty; else it is started as it is.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::disk::is_root;

const OF_THE_MACHINE: &str = "/etc/gatepost";
/// Empties the folder "$1" for the program that it becomes.
const EMPTIED: &str = r#"PATH=/usr/sbin:/usr/bin:/sbin:/bin mount -t tmpfs -o mode=755 empty "$1"; shift; exec "$@""#;
/// Puts a configuration with an account into the folder "$1", for the program that it becomes. "$2": a folder of its own.
const CONFIGURED: &str = r#"
mount -t tmpfs layers "$2"
mkdir "$2/upper" "$2/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$2/upper,workdir=$2/work" /etc
mkdir -p "$1"
printf '[app.x]\nprovider = "microsoft365"\ntenant = "x.example"\nclient-id = "x"\n' >"$1/gatepost.toml"
printf '[[account]]\naddress = "%s@x.example"\napp = "x"\npassword = "first-use"\n' one two >>"$1/gatepost.toml"
shift 2
exec "$@"
"#;

pub fn unconfigured(arguments: &[&str]) -> Command {
    let program = env!("CARGO_BIN_EXE_gatepost");
    let mut command = match Path::new(OF_THE_MACHINE).exists() {
        false => Command::new(program),
        true => {
            let mut command = Command::new("/usr/bin/unshare");
            // Who is not root mounts in a user namespace alone.
            let user = if rustix::process::geteuid().is_root() { None } else { Some("--map-current-user") };
            command.args(user).args(["--mount", "/bin/sh", "-euc", EMPTIED, "sh", OF_THE_MACHINE, program]);
            command
        }
    };
    command.args(arguments).env_clear().env("HOME", "/nonexistent").current_dir("/").stdin(Stdio::null());
    command
}

#[test]
fn what_the_machine_of_the_tests_has_in_etc_is_seen_by_none_of_them() {
    if !is_root("a configuration in /etc") {
        return;
    }
    let layers = tempfile::tempdir().unwrap();
    let mut inside = Command::new("unshare");
    inside.args(["--mount", "sh", "-euc", CONFIGURED, "sh", OF_THE_MACHINE]).arg(layers.path());
    inside.arg(std::env::current_exe().unwrap()).args(["devices::", "explain::"]).stdin(Stdio::null());
    let output = inside.output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("test result: ok."), "{said}{errors}");
}
