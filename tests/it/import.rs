//! `gatepost import` as somebody meets it who comes from another program: files on one side, mail that flows with the
//! old password on the other, and nobody who signs in again.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use gatepost::{
    base::Protocol,
    config::{self, Surroundings},
    daemon::Daemon,
    sandbox::{Options, PUBLIC_CLIENT, Sandbox},
    store::{Settings, Store},
};

use crate::world::{ANN, BOB, IN, PASSWORD, WRONG, World, cheap_hash, journal, own_address};

/// Seals as email-oauth2-proxy does: Fernet under PBKDF2, written from the specification, for the other direction.
fn seal(password: &str, salt: &[u8], turns: u32, plain: &str) -> String {
    use aws_lc_rs::{
        cipher::{AES_128, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey},
        hmac,
        iv::FixedLength,
        pbkdf2,
    };
    let mut key = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, turns.try_into().unwrap(), salt, password.as_bytes(), &mut key);
    let vector = [7; 16];
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_128, &key[16..]).unwrap()).unwrap();
    let mut body = plain.as_bytes().to_vec();
    cipher.less_safe_encrypt(&mut body, EncryptionContext::Iv128(FixedLength::from(vector))).unwrap();
    let mut token = [&[0x80][..], &1_700_000_000u64.to_be_bytes(), &vector, &body].concat();
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key[..16]), &token);
    token.extend(mac.as_ref());
    URL_SAFE.encode(token)
}

/// An account of `emailproxy.config` on the sandbox, signed in, sealed with this password.
pub fn account(sandbox: &Sandbox, address: &str, password: &str) -> String {
    let (salt, turns) = ([5; 16], 1000);
    let sealed = |plain: &str| seal(password, &salt, turns, plain);
    format!(
        "[{address}]\npermission_url = {authorize}\ntoken_url = {token}\n\
         oauth2_scope = https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/POP.AccessAsUser.All \
         https://outlook.office.com/SMTP.Send offline_access\n\
         redirect_uri = http://localhost\nclient_id = {PUBLIC_CLIENT}\ntoken_salt = {salt}\ntoken_iterations = {turns}\n\
         access_token = {access}\naccess_token_expiry = 1700000000\nrefresh_token = {refresh}\nlast_activity = 1700000000\n\n",
        authorize = sandbox.authorize_url(),
        token = sandbox.token_url(),
        salt = STANDARD.encode(salt),
        access = sealed("an access token that ended long ago"),
        refresh = sealed(sandbox.issue_refresh_token(address).expose()),
    )
}

/// The listeners of such a file.
pub fn servers(sandbox: &Sandbox) -> String {
    format!(
        "[IMAP-1993]\nserver_address = 127.0.0.1\nserver_port = {}\nlocal_address = 127.0.0.1\n\n\
         [POP-1995]\nserver_address = 127.0.0.1\nserver_port = {}\nlocal_address = 127.0.0.1\n\n\
         [SMTP-1587]\nserver_address = 127.0.0.1\nserver_port = {}\nserver_starttls = True\nlocal_address = 127.0.0.1\n\n",
        sandbox.imap().port(),
        sandbox.pop3().port(),
        sandbox.smtp().port(),
    )
}

/// A home with an old configuration in it.
struct Home(tempfile::TempDir);

impl Home {
    fn new(old: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        std::fs::write(home.path("emailproxy.config"), old).unwrap();
        home
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn import(&self, arguments: &[&str], stdin: Option<&str>) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command.arg("import").args(arguments).current_dir(self.0.path()).env_clear().env("HOME", self.0.path());
        command.env("GATEPOST_CONFIG", self.path("new/gatepost.toml"));
        command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if let Some(text) = stdin {
            // A command that fails early does not read it.
            let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
        }
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// Imports with these passwords; answers stdout and stderr.
    fn imported(&self, passwords: &str) -> (String, String) {
        let arguments = ["emailproxy", "emailproxy.config", "--write", "--password-stdin"];
        let (code, said, notes) = self.import(&arguments, Some(passwords));
        assert_eq!(code, 0, "{said}{notes}");
        (said, notes)
    }

    fn around(&self) -> Surroundings {
        Surroundings {
            variables: [("HOME".to_owned(), self.0.path().into())].into(),
            ordinary_user: true,
            base: self.path("new"),
            ..Surroundings::default()
        }
    }

    fn store(&self) -> Settings {
        let state = self.path(".local/state/gatepost");
        Settings {
            url: format!("sqlite://{}", state.join("gatepost.db").display()),
            key: None,
            key_file: state.join("key"),
        }
    }

    /// The daemon on what was written; only the ports are the system's, and the sandbox's authority is trusted.
    async fn world(self, sandbox: Sandbox) -> World {
        std::fs::write(self.path("ca.pem"), sandbox.ca_pem()).unwrap();
        let ports = [":1993", ":1995", ":1587"];
        let text = ports.iter().fold(self.read("new/gatepost.toml"), |text, port| text.replace(port, ":0"));
        let ca = self.path("ca.pem");
        let text = format!("{text}\n[network]\nca-file = \"{}\"\n[console]\nlisten = \"127.0.0.1:0\"\n", ca.display());
        let (config, _) = config::check_text(&text, "gatepost.toml", &self.around())
            .unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        journal();
        let daemon = Daemon::start(&config).await.unwrap();
        World { sandbox, daemon, source: own_address(), dir: self.0 }
    }
}

/// Files below, with what they hold.
fn everything_below(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match path.is_dir() {
            true => found.extend(everything_below(&path)),
            false => found.push((path.clone(), std::fs::read(&path).unwrap())),
        }
    }
    found
}

#[tokio::test]
async fn a_sign_in_sealed_by_emailproxy_is_taken_over_and_the_old_password_goes_on() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let old = format!("{}{}", servers(&sandbox), account(&sandbox, ANN, PASSWORD));
    let home = Home::new(&old);
    let (said, notes) = home.imported(&format!("{PASSWORD}\n"));
    assert!(notes.contains(&format!("{ANN}: opened, its sign-in is taken over")), "{notes}");
    assert!(said.contains("took over, sealed in ") && !said.contains("gatepost login"), "{said}");

    let world = home.world(sandbox).await;
    for protocol in [Protocol::Imap, Protocol::Pop3, Protocol::Smtp] {
        world.ann_hears(protocol, IN).await;
        let wrong = world.login(protocol, ANN, "another password").await;
        assert!(wrong.starts_with(WRONG.of(protocol)), "{wrong}");
    }
    assert_eq!(world.token_requests(), 1, "the refresh of what was taken over, and nothing else");
}

#[tokio::test]
async fn a_wrong_password_costs_the_sign_in_of_its_account_and_nothing_else() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let accounts = [account(&sandbox, ANN, PASSWORD), account(&sandbox, BOB, "bob's own")].concat();
    let home = Home::new(&format!("{}{accounts}", servers(&sandbox)));
    let (said, notes) = home.imported("not this one\nbob's own\n");
    assert!(notes.contains(&format!("{ANN}: this is not the mail password")), "{notes}");
    assert!(notes.contains(&format!("{BOB}: opened")), "{notes}");
    assert!(said.contains(&format!("  gatepost login {ANN} --config ")), "{said}");

    let world = home.world(sandbox).await;
    let bob = world.login(Protocol::Imap, BOB, "bob's own").await;
    assert!(bob.starts_with(IN.imap), "{bob}");
    let ann = world.login(Protocol::Imap, ANN, "not this one").await;
    assert!(ann.starts_with(WRONG.imap), "{ann}");
}

#[tokio::test]
async fn secrets_are_in_files_of_their_own_and_nowhere_else() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let secret = "\nclient_secret = the client's own secret\n";
    let home = Home::new(&format!("{}{}{secret}", servers(&sandbox), account(&sandbox, ANN, PASSWORD).trim_end()));
    let (said, notes) = home.imported(PASSWORD);
    std::fs::remove_file(home.path("emailproxy.config")).unwrap();
    let held = |wanted: &str| -> Vec<String> {
        let holds = |content: &[u8]| content.windows(wanted.len()).any(|part| part == wanted.as_bytes());
        let files = everything_below(home.0.path()).into_iter().filter(|(_, content)| holds(content));
        files.map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(held("the client's own secret"), ["contoso.secret"]);
    for nowhere in [PASSWORD, "an access token that ended"] {
        assert!(held(nowhere).is_empty() && !said.contains(nowhere) && !notes.contains(nowhere), "{nowhere}");
    }
    #[cfg(unix)]
    for name in ["new/gatepost.toml", "new/contoso.secret"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(home.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn who_is_signed_in_already_stays_so_and_a_second_import_needs_force() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let home = Home::new(&format!("{}{}", servers(&sandbox), account(&sandbox, ANN, PASSWORD)));
    home.imported(PASSWORD);
    let first = home.read("new/gatepost.toml");
    let row = async || {
        let store = Store::open(&home.store()).await.unwrap();
        let row = store.token(&format!("contoso/{ANN}")).await.unwrap().row.unwrap();
        row.refresh.unwrap().expose().to_owned()
    };
    let token = row().await;

    let arguments = ["emailproxy", "emailproxy.config", "--write", "--password-stdin"];
    let (code, said, notes) = home.import(&arguments, Some(PASSWORD));
    assert_eq!((code, said.as_str()), (1, ""));
    assert!(notes.contains("new/gatepost.toml is there already\nhint: --force replaces it"), "{notes}");
    assert_eq!(home.read("new/gatepost.toml"), first);

    let forced = [&arguments[..], &["--force"]].concat();
    let (code, said, notes) = home.import(&forced, Some(PASSWORD));
    assert_eq!(code, 0, "{notes}");
    assert!(said.contains(&format!("{ANN} is signed in here already, and that stays")), "{said}");
    assert_eq!(home.read("new/gatepost.toml.old"), first);
    assert_eq!(row().await, token);
}

#[test]
fn without_write_everything_is_shown_and_nothing_is_touched() {
    let old = "[IMAP-1993]\nserver_address = outlook.office365.com\nserver_port = 993\n\n[ann@contoso.com]\n\
               permission_url = https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize\n\
               token_url = https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token\noauth2_scope = a b\n\
               client_id = the-id\nclient_secret = hunter2\n";
    let home = Home::new(old);
    let (code, toml, notes) = home.import(&["emailproxy", "emailproxy.config"], None);
    assert_eq!(code, 0, "{notes}");
    let shown: toml::Table = toml.parse().unwrap();
    assert_eq!(shown["account"][0]["address"].as_str(), Some("ann@contoso.com"));
    assert!(notes.contains("email-oauth2-proxy: 1 account, 1 app registration, 1 listener"), "{notes}");
    assert!(notes.contains("emailproxy.config:1: [IMAP-1993] local_address: without it"), "{notes}");
    assert!(notes.contains("Nothing was written. --write makes "), "{notes}");
    assert!(!toml.contains("hunter2") && !notes.contains("hunter2"));
    assert_eq!(everything_below(home.0.path()).len(), 1, "only the old file is there");
}

#[test]
fn what_cannot_be_read_asked_or_accepted_is_said_and_leaves_nothing() {
    let home = Home::new("[a]\nnonsense\n[a]\n");
    let (code, _, notes) = home.import(&["emailproxy", "emailproxy.config"], None);
    assert_eq!(code, 1);
    assert!(notes.starts_with("error: emailproxy.config:2:1: neither a [section] nor a `key = value`"), "{notes}");
    assert!(notes.contains("emailproxy.config:3:1: the section [a] is there twice"), "{notes}");
    let (code, _, notes) = home.import(&["emailproxy", "nowhere"], None);
    assert_eq!(code, 1);
    assert!(notes.contains("nowhere cannot be read"), "{notes}");
    std::fs::write(home.path("large"), vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert!(home.import(&["emailproxy", "large"], None).2.contains("larger than 1 MiB"));
    std::fs::write(home.path("binary"), [0xff; 9]).unwrap();
    assert!(home.import(&["pizauth", "binary"], None).2.contains("is not UTF-8 text"));

    let app_only = "[a@contoso.com]\ntoken_url = https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token\n\
                    oauth2_scope = x/.default\noauth2_flow = client_credentials\nclient_id = id\nclient_secret = s\n";
    let home = Home::new(app_only);
    let (code, _, notes) = home.import(&["emailproxy", "emailproxy.config", "--write"], None);
    assert_eq!(code, 2, "{notes}");
    assert!(notes.contains("there is no terminal to ask for passwords on\nhint: give them on stdin"), "{notes}");

    let common = app_only.replace("/contoso.com/", "/common/");
    let home = Home::new(&common);
    std::fs::create_dir(home.path("new")).unwrap();
    std::fs::write(home.path("new/contoso.secret"), "of another program").unwrap();
    let write = ["emailproxy", "emailproxy.config", "--write", "--password-stdin", "--force"];
    let (code, said, notes) = home.import(&write[..4], Some("pw\n"));
    assert_eq!((code, said.as_str()), (1, ""));
    assert!(notes.contains("new/contoso.secret is there already\nhint: --force replaces it"), "{notes}");
    let (code, said, notes) = home.import(&write, Some("pw\n"));
    assert_eq!((code, said.as_str()), (78, ""));
    assert!(notes.contains("app-only access needs the tenant"), "{notes}");
    assert!(notes.contains("Nothing was written"), "{notes}");
    let left = everything_below(home.0.path());
    assert_eq!((left.len(), home.read("new/contoso.secret").as_str()), (2, "of another program"), "{left:?}");
}

#[test]
fn an_account_without_a_password_gets_one_that_is_shown_once() {
    let home = Home::new(
        "[a@contoso.com]\ntoken_url = https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token\n\
         oauth2_scope = https://outlook.office365.com/.default\noauth2_flow = client_credentials\nclient_id = id\n\
         client_secret = s\n",
    );
    let (said, _) = home.imported("");
    let shown = said.lines().find(|line| line.contains("password for mail programs (a@contoso.com): ")).unwrap();
    let password = shown.split(": ").nth(1).unwrap().split_whitespace().next().unwrap();
    assert_eq!(password.len(), 19, "{shown}");
    let text = home.read("new/gatepost.toml");
    assert!(text.contains("password = \"$argon2id$") && !text.contains(password), "{text}");
}

#[tokio::test]
async fn tokens_of_sasl_xoauth2_are_taken_over_for_the_same_app() {
    let home = Home::new("");
    std::fs::write(
        home.path("sasl-xoauth2.conf"),
        r#"{"client_id": "the-id", "client_secret": "",
            "token_endpoint": "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"}"#,
    )
    .unwrap();
    std::fs::write(home.path("ann@contoso.com"), r#"{"access_token": "a", "expiry": "0", "refresh_token": "r-1"}"#)
        .unwrap();
    let arguments = ["sasl-xoauth2", "sasl-xoauth2.conf", "ann@contoso.com", "--write", "--password-stdin"];
    let (code, said, notes) = home.import(&arguments, Some("for Postfix\n"));
    assert_eq!(code, 0, "{notes}");
    assert!(home.read("new/gatepost.toml").contains("password = \"$argon2id$"));
    assert!(said.contains("took over, sealed in ") && said.contains("relayhost = [127.0.0.1]:1587"), "{said}");
    let store = Store::open(&home.store()).await.unwrap();
    let row = store.token("contoso/ann@contoso.com").await.unwrap().row.unwrap();
    assert_eq!(row.refresh.unwrap().expose(), "r-1");
    config::check_text(&home.read("new/gatepost.toml"), "gatepost.toml", &home.around()).unwrap();
}

#[test]
fn pizauth_accounts_are_told_to_sign_in() {
    let home = Home::new("");
    std::fs::write(
        home.path("pizauth.conf"),
        r#"account "work" {
            auth_uri = "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize";
            token_uri = "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token";
            client_id = "the-id"; scopes = ["https://outlook.office365.com/SMTP.Send", "offline_access"];
            auth_uri_fields = { "login_hint": "ann@contoso.com" };
        }"#,
    )
    .unwrap();
    let (code, said, notes) = home.import(&["pizauth", "pizauth.conf", "--write"], None);
    assert_eq!(code, 0, "{notes}");
    assert!(said.contains("  gatepost login ann@contoso.com --config "), "{said}");
    config::check_text(&home.read("new/gatepost.toml"), "gatepost.toml", &home.around()).unwrap();
}

#[test]
fn a_catch_all_becomes_an_account_for_its_domain_that_the_check_takes() {
    let tenant = "https://login.microsoftonline.com/contoso.com/oauth2/v2.0";
    let attended = format!(
        "[@contoso.com]\npermission_url = {tenant}/authorize\ntoken_url = {tenant}/token\noauth2_scope = a\nclient_id = a\n"
    );
    let app_only = format!(
        "[@contoso.org]\ntoken_url = {tenant}/token\noauth2_scope = x/.default\noauth2_flow = client_credentials\n\
         client_id = b\nclient_secret = s\n"
    );
    let home = Home::new(&format!("{attended}{app_only}[emailproxy]\nallow_catch_all_accounts = True\n"));
    let (code, said, notes) = home.import(&["emailproxy", "emailproxy.config", "--write"], None);
    assert_eq!(code, 0, "{notes}");
    assert!(said.contains("each mailbox of contoso.com signs in by itself"), "{said}");
    assert!(notes.contains("[@contoso.org]: every mailbox that is used needs a line in its passwords-file"), "{notes}");
    assert!(home.read("new/contoso.org.passwords").starts_with("# A line for each mailbox of contoso.org"));
    config::check_text(&home.read("new/gatepost.toml"), "gatepost.toml", &home.around()).unwrap();
}

const APP_ONLY: &str = "token_url = https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token\n\
                        oauth2_scope = x/.default\noauth2_flow = client_credentials\nclient_id = b\n";
const AGAIN: [&str; 5] = ["emailproxy", "emailproxy.config", "--write", "--password-stdin", "--force"];

#[test]
fn passwords_of_users_are_never_replaced_and_every_old_copy_is_named() {
    let old = |secret: &str| {
        format!("[@contoso.org]\n{APP_ONLY}client_secret = {secret}\n[emailproxy]\nallow_catch_all_accounts = True\n")
    };
    let home = Home::new(&old("first"));
    home.imported("");
    let users = format!("{}bob:{}\n", home.read("new/contoso.org.passwords"), cheap_hash(PASSWORD));
    std::fs::write(home.path("new/contoso.org.passwords"), &users).unwrap();
    std::fs::write(home.path("emailproxy.config"), old("second")).unwrap();

    let (_, said, notes) = home.import(&AGAIN, Some(""));
    assert_eq!(home.read("new/contoso.org.passwords"), users, "{said}{notes}");
    assert!(said.contains("contoso.org.passwords as it is: it has passwords of users"), "{said}{notes}");
    assert!(said.contains("  the one that was there is ") && said.contains("new/contoso.secret.old\n"), "{said}");
    assert_eq!(
        (home.read("new/contoso.secret"), home.read("new/contoso.secret.old")),
        ("second\n".into(), "first\n".into())
    );
}

#[tokio::test]
async fn whose_password_came_from_which_line_is_told() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let shared = format!("[shared@contoso.com]\n{APP_ONLY}client_secret = s\n");
    let home = Home::new(&format!("{}{}{shared}", servers(&sandbox), account(&sandbox, ANN, PASSWORD)));
    let (_, notes) = home.imported("a slip\n");
    let line = "the one line of stdin, which serves every account";
    assert!(notes.contains(&format!("sealed with ({line})")), "{notes}");
    assert!(notes.contains(&format!("shared@contoso.com: its password for mail programs is {line}")), "{notes}");

    let (_, _, notes) = home.import(&AGAIN, Some(&format!("{PASSWORD}\nfor shared\n")));
    assert!(notes.contains(&format!("{ANN}: opened, its sign-in is taken over, by line 1 of stdin")), "{notes}");
    assert!(notes.contains("shared@contoso.com: its password for mail programs is line 2 of stdin"), "{notes}");
    assert!(notes.contains("shared@contoso.com: its password for mail programs is the one given now"), "{notes}");
}

#[tokio::test]
async fn a_second_import_without_passwords_keeps_sign_in_and_password() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let home = Home::new(&format!("{}{}", servers(&sandbox), account(&sandbox, ANN, PASSWORD)));
    home.imported(PASSWORD);
    let password = |text: &str| text.lines().find(|line| line.starts_with("password = ")).map(str::to_owned);
    let first = password(&home.read("new/gatepost.toml"));
    let (code, said, notes) = home.import(&AGAIN, Some(""));
    assert_eq!(code, 0, "{notes}");
    assert!(notes.contains(&format!("{ANN}: keeps the password for mail programs that it has")), "{notes}");
    assert_eq!(password(&home.read("new/gatepost.toml")), first);
    assert!(said.contains(&format!("{ANN} is signed in here already")) && !said.contains("gatepost login"), "{said}");

    // Beside that configuration, with nothing that could be kept: no sign-in to come arms the first use.
    let elsewhere = [&AGAIN[..], &["--config", "other/gatepost.toml"]].concat();
    let (code, said, notes) = home.import(&elsewhere, Some(""));
    assert_eq!(code, 0, "{notes}");
    assert!(said.contains(&format!("  gatepost password --reset {ANN} --config ")), "{said}");
}

#[tokio::test]
async fn what_fails_leaves_neither_tokens_nor_folders() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let home = Home::new(&format!("{}{}", servers(&sandbox), account(&sandbox, ANN, PASSWORD)));
    // No file can be put in the place of a folder.
    std::fs::create_dir_all(home.path("new/gatepost.toml")).unwrap();
    let (code, _, notes) = home.import(&AGAIN, Some(PASSWORD));
    assert!(code != 0 && notes.contains("gatepost.toml cannot be written"), "{notes}");
    let store = Store::open(&home.store()).await.unwrap();
    assert!(store.token(&format!("contoso/{ANN}")).await.unwrap().row.is_none());

    let refused = format!("[a@contoso.com]\n{APP_ONLY}client_secret = s\n").replace("/contoso.com/", "/common/");
    let home = Home::new(&refused);
    let (code, _, notes) = home.import(&AGAIN, Some("pw\n"));
    assert_eq!((code, home.path("new").exists()), (78, false), "{notes}");
}

#[test]
fn without_an_account_there_is_nothing_to_write() {
    let home = Home::new("[evil\" ]\n[IMAP-1993]\nserver_address = a.b\nserver_port = 993\n");
    for more in [&[][..], &["--write"]] {
        let (code, _, notes) = home.import(&[&["emailproxy", "emailproxy.config"], more].concat(), None);
        assert_eq!(code, 1, "{notes}");
        assert!(notes.contains("no account could be converted") && !notes.contains("--write makes"), "{notes}");
        assert!(notes.contains("[evil\" ]: email-oauth2-proxy itself ignores this section"), "{notes}");
    }
    std::fs::write(home.path("ann@contoso.com"), r#"{"refresh_token": "r", "client_id": "c"}"#).unwrap();
    let (_, _, notes) = home.import(&["sasl-xoauth2", "ann@contoso.com"], None);
    assert!(notes.contains("1 listener (SMTP on 127.0.0.1:1587 and [::1]:1587)"), "{notes}");
}
