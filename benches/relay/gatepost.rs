//! Gatepost as an administrator sets it up: a configuration file, `gatepost login`, `gatepost run`.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use ::gatepost::{account, base::Secret};
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, SaltString},
};

use crate::{
    client::{PASSWORD, user},
    part::Part,
    peers::{Kind, Upstream, Way},
    place::Place,
};

/// What `gatepost password` makes; and a hash for work in which a thousand first logins are no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    Real,
    Cheap,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub to: Upstream,
    pub token_url: String,
    pub accounts: usize,
    pub hash: Hash,
    /// direct | queue
    pub delivery: &'static str,
}

/// Configured and signed in, not running.
pub struct Installed {
    binary: PathBuf,
    room: PathBuf,
    file: PathBuf,
    imap: SocketAddr,
    smtp: SocketAddr,
}

impl Installed {
    pub fn new(binary: &Path, place: &Place, plan: &Plan) -> Self {
        let room = place.room("gatepost");
        let this = Self {
            binary: binary.to_owned(),
            file: room.join("gatepost.toml"),
            room,
            imap: place.port(),
            smtp: place.port(),
        };
        fs::write(&this.file, this.configuration(place, plan)).unwrap();
        for n in 0..plan.accounts {
            this.sign_in(&user(n));
        }
        this
    }

    /// Starts the daemon; it may not listen yet.
    pub fn spawn(&self) -> Way {
        let words = ["run", "--config", self.file.to_str().unwrap()];
        let part = Part::start(&self.room, "gatepost", &self.binary, &words);
        Way::new(Kind::Gatepost, self.imap, self.smtp, part)
    }

    pub fn run(&self) -> Way {
        let mut way = self.spawn();
        way.part = way.part.take().map(|part| part.accepts(&self.room, self.imap).accepts(&self.room, self.smtp));
        way
    }

    /// How many messages wait in the queue, by their bodies.
    pub fn queued(&self) -> usize {
        let files = fs::read_dir(self.room.join("gatepost.queue")).unwrap();
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "msg")).count()
    }

    fn configuration(&self, place: &Place, plan: &Plan) -> String {
        let Self { room, imap, smtp, .. } = self;
        let Plan { to, token_url, hash, delivery, .. } = plan;
        let listener = |protocol, address| {
            format!("[[listener]]\nprotocol = \"{protocol}\"\nlisten = [\"{address}\"]\nmax-connections = 9000\n\n")
        };
        let mut text = format!(
            "[store]\nurl = \"sqlite://{room}/gatepost.db\"\nkey-file = \"{room}/key\"\n\n\
             [console]\nlisten = \"off\"\n\n[network]\nca-file = \"{ca}\"\n\n{}{}\
             [app.stub]\nprovider = \"custom\"\nclient-id = \"bench\"\nscopes = [\"mail\"]\n\
             authorize-url = \"{token_url}\"\ntoken-url = \"{token_url}\"\n\
             imap = \"{}\"\nimap-tls = \"implicit\"\nsmtp = \"{}\"\nsmtp-tls = \"implicit\"\n\
             pop3 = \"{}\"\npop3-tls = \"implicit\"\n\n",
            listener("imap", imap),
            listener("smtp", smtp),
            to.imap,
            to.smtp,
            to.imap,
            room = room.display(),
            ca = place.ca().display(),
        );
        let hash = made(*hash);
        for n in 0..plan.accounts {
            text += &format!(
                "[[account]]\naddress = \"{}\"\npassword = \"{hash}\"\ndelivery = \"{delivery}\"\n\
                 limits = {{ connections = 10000, messages-per-minute = 1000000, recipients-per-day = 10000000 }}\n\n",
                user(n)
            );
        }
        text
    }

    /// The browser's part is one line: the address that it would end at.
    fn sign_in(&self, user: &str) {
        let mut child = Command::new(&self.binary)
            .args(["login", user, "--flow", "paste", "--json", "--config"])
            .arg(&self.file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let open = said.next().expect("gatepost login says nothing").unwrap();
        let open: serde_json::Value = serde_json::from_str(&open).unwrap();
        let open = url::Url::parse(open["url"].as_str().unwrap()).unwrap();
        let (_, state) = open.query_pairs().find(|(name, _)| name == "state").unwrap();
        writeln!(child.stdin.take().unwrap(), "http://localhost/?code=c&state={state}").unwrap();
        let rest: Vec<_> = said.collect();
        assert!(child.wait().unwrap().success(), "gatepost login failed: {rest:?}");
    }
}

fn made(hash: Hash) -> String {
    if hash == Hash::Real {
        return account::hash(&Secret::new(PASSWORD)).unwrap().expose().to_owned();
    }
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    argon.hash_password(PASSWORD.as_bytes(), &SaltString::from_b64("c2FsdHNhbHQ").unwrap()).unwrap().to_string()
}
