//! What is shipped around the program: units, container image, Debian package. Held against the tree and, where they
//! are installed, by the tools that will read it.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, ErrorKind, Write},
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_gatepost");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn manifest() -> toml::Table {
    text("Cargo.toml").parse().unwrap()
}

/// Seen also where the test passes.
pub fn not_checked(what: &str, why: &str) {
    std::io::stderr().write_all(format!("not checked: {what}, since {why}\n").as_bytes()).unwrap();
}

/// Runs a tool of the system, where it is installed. In `make test` it has to be, which installs it: there nobody
/// reads what was not checked.
fn tool(program: &str, package: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound && std::env::var_os("GATEPOST_TEST_TOOLS").is_none() => {
            not_checked(&arguments.join(" "), &format!("{program} is not there (Debian: {package})"));
            None
        }
        Err(error) => panic!("{program} (Debian: {package}): {error}"),
    }
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Values of a key in a unit.
fn values(unit: &str, key: &str) -> Vec<String> {
    let of_key = |line: &str| line.strip_prefix(key)?.strip_prefix('=').map(str::to_owned);
    text(unit).lines().filter_map(of_key).collect()
}

/// Measured without systemd running. 15 is 1.5 of 10.
#[test]
fn the_unit_is_hardened() {
    let unit = root().join("systemd/gatepost.service");
    let unit = unit.to_str().unwrap();
    let arguments = ["security", "--offline=true", "--no-pager", "--threshold=15", unit];
    let Some(output) = tool("systemd-analyze", "systemd", &arguments) else { return };
    assert!(output.status.success(), "{}", told(&output));
}

#[test]
fn systemd_understands_every_line_of_the_units() {
    let dir = tempfile::tempdir().unwrap();
    let service = dir.path().join("gatepost.service");
    fs::write(&service, text("systemd/gatepost.service").replace("/usr/bin/gatepost", PROGRAM)).unwrap();
    let socket = dir.path().join("gatepost.socket");
    fs::write(&socket, text("systemd/gatepost.socket")).unwrap();
    let arguments = ["verify", "--man=no", service.to_str().unwrap(), socket.to_str().unwrap()];
    let Some(output) = tool("systemd-analyze", "systemd", &arguments) else { return };
    let told = told(&output);
    let of_ours: Vec<_> = told.lines().filter(|line| line.contains("gatepost")).collect();
    assert!(output.status.success() && of_ours.is_empty(), "{told}");
}

/// Five starts within ten seconds, two seconds apart, would be systemd's last word.
#[test]
fn a_service_that_fails_is_started_again_however_often_but_not_with_a_refused_file() {
    let unit = text("systemd/gatepost.service");
    let (head, service) = unit.split_once("\n[Service]\n").unwrap();
    assert!(head.starts_with("[Unit]\n") && head.contains("\nStartLimitIntervalSec=0"), "{head}");
    assert!(service.contains("\nRestart=on-failure\n") && service.contains("\nRestartPreventExitStatus=78\n"));
}

#[test]
fn the_socket_unit_has_the_ports_of_mail_and_the_example_takes_each() {
    let ports = values("systemd/gatepost.socket", "ListenStream");
    assert_eq!(ports, ["25", "110", "143", "465", "587", "993", "995"]);
    let example: toml::Table = text("config/examples/ports-below-1024.toml").parse().unwrap();
    let listeners = example["listener"].as_array().unwrap().iter();
    let taken: BTreeSet<String> = listeners
        .flat_map(|listener| listener["listen"].as_array().unwrap())
        .map(|place| place.as_str().unwrap().strip_prefix("systemd:").unwrap().to_owned())
        .collect();
    assert_eq!(taken, ports.into_iter().collect());
}

/// What `.dockerignore` lets through: it begins with nothing, and names what may pass.
fn context() -> Vec<String> {
    let text = text(".dockerignore");
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"));
    lines.map(|line| line.strip_prefix('!').unwrap().to_owned()).collect()
}

#[test]
fn cargo_has_all_that_it_needs_in_the_context_of_the_image() {
    let context = context();
    let dir = tempfile::tempdir().unwrap();
    for path in context.iter().filter(|path| root().join(path).exists()) {
        fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
        symlink(root().join(path), dir.path().join(path)).unwrap();
    }
    // Cargo refuses a manifest with targets that are not there, also where it would not build them.
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version=1"]).current_dir(dir.path());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for target in metadata["packages"][0]["targets"].as_array().unwrap() {
        assert!(Path::new(target["src_path"].as_str().unwrap()).exists(), "{target}");
    }
    for needed in ["Cargo.lock", "migrations", "packaging/image-root.sh"] {
        assert!(dir.path().join(needed).exists(), "{needed} is not in the context");
    }
}

/// What the image runs to see whether it is healthy.
fn health_check() -> Vec<String> {
    let dockerfile = text("Dockerfile");
    let (_, command) = dockerfile.split_once("\nHEALTHCHECK ").unwrap().1.split_once("CMD ").unwrap();
    serde_json::from_str(command.lines().next().unwrap()).unwrap()
}

/// The Dockerfile holds the image to 40 MB; beside the program there are 10 at most, see below.
#[test]
fn a_release_that_is_built_leaves_room_in_the_40_megabytes_of_the_image() {
    let built = Path::new(PROGRAM).ancestors().nth(2).unwrap().join("release/gatepost");
    let Ok(built) = fs::metadata(&built) else {
        return not_checked("the size of a release", "none is built (cargo build --release)");
    };
    assert!(built.len() < 30_000_000, "{} octets", built.len());
}

#[test]
fn the_image_is_not_root_and_needs_no_shell() {
    let dockerfile = text("Dockerfile");
    let (_, last) = dockerfile.rsplit_once("\nFROM ").unwrap();
    assert!(last.starts_with("scratch\n"), "{last}");
    let said = |word: &str| last.lines().filter_map(|line| line.strip_prefix(word)).collect::<Vec<_>>();
    let [user] = said("USER ")[..] else { panic!("one USER: {last}") };
    assert!(user.split(':').all(|id| id.parse::<u32>().unwrap() > 0), "a number, so that others can tell: {user}");
    assert!(said("RUN ").is_empty());
    let mut started = said("ENTRYPOINT ");
    started.extend(said("HEALTHCHECK ").iter().map(|line| line.split_once("CMD ").unwrap().1));
    assert_eq!(started.len(), 2);
    for command in started {
        let words: Vec<String> = serde_json::from_str(command).unwrap_or_else(|_| panic!("takes a shell: {command}"));
        assert_eq!(words[0], "/usr/bin/gatepost");
    }
    assert_eq!(said("COPY ")[0], "--from=build /image /");
    assert!(dockerfile.contains("sh packaging/image-root.sh target/release/gatepost /image"), "{dockerfile}");
}

/// The image, as far as it can be tried without an engine: its files as root of the program, which owns none of them,
/// may write to its state alone, and has no privilege.
#[test]
fn the_program_runs_and_is_healthy_on_the_files_of_the_image_alone() {
    if !rustix::process::geteuid().is_root() {
        return not_checked("the image's files", "only root can change the root directory");
    }
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path();
    let script = root().join("packaging/image-root.sh");
    let laid_out = Command::new("sh").arg(script).args([PROGRAM.as_ref(), image]).output().unwrap();
    assert!(laid_out.status.success(), "{}", told(&laid_out));
    assert!(size(image) - fs::metadata(PROGRAM).unwrap().len() < 10_000_000, "beside the program");
    fs::set_permissions(image, PermissionsExt::from_mode(0o755)).unwrap();
    let state = image.join("var/lib/gatepost");
    fs::create_dir_all(&state).unwrap();
    chown(&state, Some(65532), Some(65532)).unwrap();

    // The configuration of the guide, where nobody else of this machine listens.
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let console = format!("127.{}.{b}.{c}:8425", 64 + a % 64);
    let guide = text("docs/docker.md");
    let config = guide.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(config.contains("\"0.0.0.0:1587\"") && config.contains("\"0.0.0.0:1993\""), "{config}");
    let config = config.replace("0.0.0.0:1587", "127.0.0.1:0").replace("0.0.0.0:1993", "127.0.0.1:0");
    let config = format!("[console]\nlisten = \"{console}\"\n\n{config}");
    fs::write(image.join("etc/gatepost/gatepost.toml"), &config).unwrap();

    let program = |arguments: &[&str]| {
        let mut command = Command::new("chroot");
        command.arg("--userspec=65532:65532").arg(image).arg("/usr/bin/gatepost").args(arguments);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("STATE_DIRECTORY", "/var/lib/gatepost");
        command
    };
    let mut daemon = program(&["run"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(daemon.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut said = Vec::new();
    let runs = log.by_ref().inspect(|line| said.push(line.clone())).any(|line| line.contains("metrics on http://"));
    let health = program(&["status", "--json"]).output().unwrap();
    // As the image asks, also where the file was spoilt behind the daemon's back, and once nobody answers.
    let asks = health_check();
    let asks: Vec<&str> = asks.iter().skip(1).map(String::as_str).collect();
    let asked = || program(&asks).output().unwrap();
    let alive = asked();
    let file = image.join("etc/gatepost/gatepost.toml");
    let spoilt =
        [format!("{config}\n[[acount]]\n"), format!("{config}\n[app.contoso\n"), config.replace("device-code", "?")];
    let spoilt = spoilt.map(|spoilt| {
        fs::write(&file, spoilt).unwrap();
        (program(&["status"]).output().unwrap().status.code(), asked())
    });
    let id = i32::try_from(daemon.id()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(id).unwrap(), rustix::process::Signal::TERM).unwrap();
    said.extend(log);
    let ended = daemon.wait().unwrap();
    assert!(runs && health.status.success() && ended.success(), "{}\n{}", said.join("\n"), told(&health));
    assert!(alive.status.success(), "{}", told(&alive));
    for (refused, alive) in spoilt {
        assert_eq!((refused, alive.status.code()), (Some(78), Some(0)), "{}", told(&alive));
    }
    assert_eq!(asked().status.code(), Some(1), "nobody answers any more: {}", told(&asked()));
    let status: serde_json::Value = serde_json::from_slice(&health.stdout).unwrap();
    assert_eq!(status["listeners"].as_array().unwrap().len(), 2, "told by the daemon itself: {status}");
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.map(|path| if path.is_dir() { size(&path) } else { fs::metadata(&path).unwrap().len() }).sum()
}

#[test]
fn the_package_is_made_of_files_that_are_there_or_that_make_deb_makes() {
    let manifest = manifest();
    let deb = &manifest["package"]["metadata"]["deb"];
    let made = text("packaging/deb.sh");
    let mut installed = Vec::new();
    for asset in deb["assets"].as_array().unwrap() {
        let [source, at, mode] = [0, 1, 2].map(|n| asset[n].as_str().unwrap());
        let there = match source.split_once('*') {
            _ if source.starts_with("target/assets/") => made.contains(&format!(">{source}\n")),
            _ if source == "target/release/gatepost" => true,
            Some((folder, _)) => fs::read_dir(root().join(folder)).unwrap().count() > 0,
            None => root().join(source).is_file(),
        };
        assert!(there, "{source} is not there");
        assert_eq!(mode == "755", at == "usr/bin/", "{source}");
        let name = if at.ends_with('/') { source.rsplit('/').next().unwrap() } else { "" };
        installed.push(format!("/{at}{name}"));
    }
    for kept in deb["conf-files"].as_array().unwrap() {
        assert!(installed.iter().any(|path| path == kept.as_str().unwrap()), "{kept} is not installed");
    }
    assert_eq!(values("systemd/gatepost.service", "ExecStart")[0].split(' ').next(), Some(installed[0].as_str()));
    assert!(root().join(deb["systemd-units"]["unit-scripts"].as_str().unwrap()).join("gatepost.socket").is_file());
    for script in ["postinst", "postrm"] {
        let path = root().join(deb["maintainer-scripts"].as_str().unwrap()).join(script);
        assert!(fs::read_to_string(&path).unwrap().contains("\n#DEBHELPER#\n"), "{script}");
        let checked = Command::new("sh").arg("-n").arg(&path).output().unwrap();
        assert!(checked.status.success(), "{}", told(&checked));
    }
}

#[test]
fn every_guide_is_in_the_package_with_its_pictures() {
    let manifest = manifest();
    let assets = manifest["package"]["metadata"]["deb"]["assets"].as_array().unwrap();
    let packed: Vec<_> = assets.iter().map(|asset| asset[0].as_str().unwrap()).collect();
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap().flatten() {
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else if let Some(kind @ ("md" | "png" | "svg")) = path.extension().and_then(|kind| kind.to_str()) {
                let wanted = format!("{}/*.{kind}", folder.display());
                assert!(packed.contains(&wanted.as_str()), "{} is in no package: {wanted}", path.display());
            }
        }
    }
}

#[test]
fn the_man_page_is_formatted_without_a_warning() {
    for lang in ["en", "ja"] {
        let page = tempfile::NamedTempFile::new().unwrap();
        let made = Command::new(PROGRAM).args(["man", "--lang", lang]).output().unwrap();
        fs::write(page.path(), &made.stdout).unwrap();
        // Read as `man` does it.
        let arguments = ["-man", "-Tutf8", "-Kutf8", "-ww", "-z", page.path().to_str().unwrap()];
        let Some(output) = tool("groff", "groff-base", &arguments) else { return };
        assert!(output.status.success() && told(&output).is_empty(), "{lang}: {}", told(&output));
    }
}
