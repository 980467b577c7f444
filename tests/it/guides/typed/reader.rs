//! Somebody who follows a page on a [`Machine`]: writes its configurations, types its lines, and has signed in before where the page
//! takes that for granted.

use super::{
    super::{commands::calls, configurations::completed},
    Happening,
    configuration::{self, Written, certificate_at, people},
    machine::{CLIENT_ID, Machine},
    page::{Part, parts, typed},
};

/// Commands for which a daemon has to run.
const OF_A_DAEMON: &[&str] = &["backup", "console", "doctor", "key", "queue", "send", "status"];
/// Placeholders of sentences.
const STAND_INS: &[(&str, &str)] = &[
    ("ACCOUNT", "ann@contoso.com"),
    ("ADDRESS", "ann@contoso.com"),
    ("CODE", "AADSTS53003"),
    ("NAME", "copier"),
    ("backup FILE", "backup copy.db"),
    ("FILE", "emailproxy.config"),
];

/// Where a terminal is asked for a password, and how a script answers.
const ANSWERED: &[(&str, &str)] =
    &[("gatepost password --user", "gatepost password --stdin --user"), (" --write", " --write --password-stdin")];

pub struct Reader {
    machine: Machine,
    written: Written,
    page: String,
    /// The page says to sign in itself.
    signs_in: bool,
    signed_in: Vec<String>,
}

/// Whose mailbox a page is about, and what its reader has before the first block.
fn beginning(text: &str) -> String {
    let lines = typed(text);
    let named = |behind: &str| {
        let words = lines.iter().find_map(|line| line.split_once(behind))?.1;
        words.split(' ').next().filter(|word| word.contains('@') && !word.starts_with('\'')).map(str::to_owned)
    };
    let mailbox =
        named("gatepost login ").or_else(|| named("--account ")).unwrap_or_else(|| "ann@contoso.com".to_owned());
    format!(
        "[app.contoso]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \"{CLIENT_ID}\"\n\n\
         [[account]]\naddress = \"{mailbox}\"\npassword = \"first-use\"\n"
    )
}

impl Reader {
    /// `begun`: the quick start is done, as far as the page takes it for granted.
    pub async fn at(page: &str, text: &str, begun: bool) -> Self {
        let machine = Machine::new().await;
        let written = if begun { Written::begun(&beginning(text)) } else { Written::default() };
        let signs_in = typed(text).iter().any(|line| line.contains("gatepost login"));
        let mut reader = Self { machine, written, page: page.to_owned(), signs_in, signed_in: Vec::new() };
        reader.put();
        reader
    }

    /// One on which nobody did anything yet.
    pub async fn on_another_machine(self) -> Self {
        let mut machine = Machine::new().await;
        machine.said.clone_from(&self.machine.said);
        let next =
            Self { machine, written: Written::default(), page: self.page.clone(), signed_in: Vec::new(), ..self };
        self.machine.leave().await;
        next
    }

    fn put(&mut self) {
        let (file, page) = (self.machine.file(), &self.page);
        self.written.put(&file, &self.machine).unwrap_or_else(|| panic!("{page}: what is written is no TOML"));
    }

    pub fn here(&self, text: &str) -> String {
        configuration::here(text, &self.machine)
    }

    pub fn heard(&self) -> String {
        self.machine.heard()
    }

    /// Behind what is there, or in its place where the two do not go together.
    pub async fn writes(&mut self, block: &str) {
        self.put();
        let (behind, instead) = (self.written.with(block), toml::to_string(&completed(block)).unwrap());
        let (file, mut told) = (self.machine.file(), String::new());
        for text in [behind, instead] {
            let mut next = Written::instead(text, &file);
            if next.put(&file, &self.machine).is_none() {
                continue;
            }
            let (code, printed) = self.machine.types("gatepost config check", "").await;
            if code == 0 {
                self.written = next;
                return;
            }
            told = printed;
        }
        panic!("{}: the configuration is refused: {told}\n{block}", self.page);
    }

    /// The first configuration of a page.
    pub async fn writes_first_of(&mut self, page: &str) {
        for part in parts(page) {
            if let Part::Configuration(block) = part {
                return self.writes(&block).await;
            }
        }
    }

    pub async fn meets(&mut self, happening: &Happening) {
        self.prepares(happening.line).await;
        self.machine.sandbox.faults().set(|faults| {
            if !happening.fault.is_empty() {
                faults.apply(happening.fault);
            }
        });
        self.types(happening.line, happening.code).await;
        if self.page != "docs/queue.md" {
            self.machine.sandbox.faults().clear();
        }
    }

    /// Signed in, and a daemon that runs, where a line needs that.
    async fn prepares(&mut self, line: &str) {
        let command = calls(line).first().and_then(|call| call.get(1).cloned()).unwrap_or_default();
        if !OF_A_DAEMON.contains(&command.as_str()) {
            return;
        }
        for address in people(&self.machine.file()) {
            if !self.signs_in && !self.signed_in.contains(&address) {
                let (code, said) = self.machine.types(&format!("gatepost login {address}"), &address).await;
                assert_eq!(code, 0, "{}: {address} cannot sign in: {said}", self.page);
                self.signed_in.push(address);
            }
        }
        self.machine.run().await;
    }

    pub async fn types(&mut self, line: &str, code: i32) {
        self.put();
        if line.starts_with('#') {
            if line.contains("in its state directory") {
                self.machine.at = self.machine.path("var/lib/gatepost");
                // Where the copies are kept, according to the page.
                std::fs::copy(self.machine.at.join("key"), self.machine.path("safe/key")).unwrap();
            }
            return;
        }
        if line.starts_with("gatepost run") {
            return self.machine.restart().await;
        }
        self.prepares(line).await;
        let here = self.line_here(line).await;
        let who = here.split([' ', '\'']).find(|word| word.contains('@')).unwrap_or_default().to_owned();
        let (ended, said) = self.machine.types(&here, &who).await;
        assert_eq!(
            ended,
            code,
            "{}: {line}\n({here})\n{said}\n{}",
            self.page,
            configuration::text(&self.machine.file())
        );
    }

    /// With what the reader has in the place of what the page has.
    async fn line_here(&mut self, line: &str) -> String {
        let mut line = line.to_owned();
        for (name, stands) in STAND_INS {
            line = line.replace(&format!(" {name}"), &format!(" {stands}"));
        }
        if line.contains("app.pem") {
            let [certificate, key] = ["app.pem", "app.key"].map(|name| self.machine.at.join(name));
            certificate_at(&certificate, &key, true);
            let pem = configuration::text(&certificate);
            self.machine.sandbox.register(gatepost::sandbox::Registration::with_certificate(CLIENT_ID, pem));
        }
        // In the place of a build for release, which takes longer than all tests, the program that was built for them: what cargo would
        // start with the same words. It ends by itself where a person would press Ctrl-C.
        let mut line = self.here(&line).replace("cargo run --release -- ", "gatepost ");
        if line == "gatepost demo" {
            line.push_str(" --once");
        }
        if line.contains(" ID") {
            let (_, list) = self.machine.types("gatepost queue list --json", "").await;
            let list: serde_json::Value = serde_json::from_str(&list).unwrap_or_default();
            let id = list["messages"][0]["id"].as_str().unwrap_or("ID").to_owned();
            line = line.replace(" ID", &format!(" {id}"));
        }
        for (asks, answered) in ANSWERED {
            if line.contains(asks) {
                line = format!("exec <$HOME/answers; {}", line.replace(asks, answered));
            }
        }
        match line.strip_prefix("gatepost setup ") {
            Some(flags) => format!("gatepost setup {} {flags}", self.set_up(flags)),
            None => line,
        }
    }

    /// What makes the sandbox Microsoft, and the answer of a reader whom the configuration is shown.
    fn set_up(&self, flags: &str) -> String {
        let (sandbox, address) = (&self.machine.sandbox, self.machine.address);
        let mut all = format!("--discovery {}", sandbox.issuer());
        if !flags.contains("--client-id") && !flags.contains("--shared") {
            return all;
        }
        for setting in [
            format!("network.ca-file={}", self.machine.path("ca.pem").display()),
            format!("console.listen={address}:8425"),
            format!("app.authorize-url={}", sandbox.authorize_url()),
            format!("app.token-url={}", sandbox.token_url()),
            format!("app.device-url={}", sandbox.device_url()),
            format!("app.graph-url={}", sandbox.graph_url()),
            format!("app.smtp={}", sandbox.smtp()),
            format!("app.imap={}", sandbox.imap()),
            format!("app.pop3={}", sandbox.pop3()),
        ] {
            all.push_str(&format!(" --set {setting}"));
        }
        for (protocol, port) in [("smtp", 1587), ("imap", 1993)] {
            all.push_str(&format!(" --listen {protocol}={address}:{port}"));
        }
        if !flags.contains("--yes") {
            all.push_str(" --yes");
        }
        all
    }

    pub async fn leaves(self) {
        self.machine.leave().await;
    }
}
