use clap::Parser;

use super::{super::blocks::Proof, *};
use crate::{
    cli::{Cli, Command, setup::questions::tests::Script},
    config::{self, Surroundings},
    sandbox::{Options, PUBLIC_CLIENT, Sandbox, TENANT_ID},
};

/// A person with these answers, in front of the sandbox, with these flags.
struct Meeting {
    sandbox: Sandbox,
    _runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
    person: Script,
}

/// What came out.
struct Settled {
    address: String,
    others: Vec<String>,
    registered: Registered,
}

impl Meeting {
    fn new(answers: &[&str]) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sandbox = runtime.block_on(Sandbox::start(Options::default())).unwrap();
        Self { sandbox, _runtime: runtime, folder: tempfile::tempdir().unwrap(), person: Script::of(answers) }
    }

    fn run(&mut self, flags: &[&str]) -> Result<Settled, Failure> {
        let issuer = self.sandbox.issuer();
        let mut line = vec!["gatepost", "setup", "--discovery", issuer.as_str()];
        line.extend(flags);
        let Command::Setup(args) = Cli::try_parse_from(line).unwrap().command else { panic!("it is setup") };
        let file = self.folder.path().join("gatepost.toml");
        let store = format!("[store]\nurl = \"sqlite://{}/x.db\"\n", self.folder.path().display());
        let around = Surroundings { ordinary_user: true, ..Surroundings::default() };
        let (config, _) = config::check_text(&store, "gatepost.toml", &around).unwrap();
        let place = Place::find(Some(&file), None).unwrap();
        let mut interview = Interview {
            args: &args,
            lang: Lang::En,
            questions: &mut Questions::new(Lang::En, Some(&mut self.person)),
            config: &config,
            existing: &Table::new(),
            settings: &[],
            place: &place,
            is_first_secret: false,
        };
        let address = interview.address()?;
        let choice = interview.choice(&address)?;
        let others = interview.others(&address, &choice)?;
        let registered = interview.registered(&choice, &address, &others)?;
        Ok(Settled { address, others, registered })
    }

    /// The beginning of each question.
    fn asked(&self) -> Vec<&str> {
        self.person.asked.iter().map(|prompt| prompt.split([' ', ':']).next().unwrap()).collect()
    }
}

#[test]
fn a_person_is_asked_what_cannot_be_found_out_and_wrong_answers_again() {
    let answers = [
        "ann",
        " Ann@Contoso.Example ",
        "",
        "",
        "shared@contoso.example, ann@contoso.example",
        "not-an-id",
        PUBLIC_CLIENT,
    ];
    let mut meeting = Meeting::new(&answers);
    let settled = meeting.run(&[]).unwrap();
    assert_eq!(meeting.asked(), ["Mail", "Mail", "How", "How", "Shared", "Application", "Application"]);
    assert_eq!(
        (settled.address.as_str(), settled.others),
        ("ann@contoso.example", vec!["shared@contoso.example".to_owned()])
    );
    let new = settled.registered.new.unwrap();
    assert_eq!(
        (new.name.as_str(), new.tenant.as_deref(), new.preset.name),
        ("contoso", Some(TENANT_ID), "microsoft365")
    );
    assert_eq!((new.grant, new.proof, new.client_id.as_str()), (Grant::AuthorizationCode, Proof::None, PUBLIC_CLIENT));
}

#[test]
fn flags_answer_and_are_not_asked() {
    let mut meeting = Meeting::new(&["-"]);
    let flags = [
        "--address",
        "ann@contoso.example",
        "--grant",
        "device-code",
        "--outbound",
        "smtp-then-graph",
        "--client-id",
        PUBLIC_CLIENT,
    ];
    let settled = meeting.run(&flags).unwrap();
    assert_eq!(meeting.asked(), ["Shared"]);
    assert_eq!(
        (settled.registered.grant, settled.registered.outbound),
        (Grant::DeviceCode, SetupOutbound::SmtpThenGraph)
    );
}

#[test]
fn an_app_that_proves_itself_gets_a_certificate_or_a_secret() {
    let mut meeting = Meeting::new(&["bob@contoso.example", "3", "1", "-", "", PUBLIC_CLIENT]);
    let new = meeting.run(&[]).unwrap().registered.new.unwrap();
    let Proof::Certificate(certificate, key) = &new.proof else { panic!("{:?}", new.proof) };
    assert!(std::fs::read_to_string(certificate).unwrap().contains("BEGIN CERTIFICATE"));
    assert!(std::fs::read_to_string(key).unwrap().contains("PRIVATE KEY"));

    let mut meeting = Meeting::new(&["bob@contoso.example", "3", "1", "-", "2", PUBLIC_CLIENT, "the secret"]);
    let registered = meeting.run(&[]).unwrap().registered;
    let Proof::Secret(file) = registered.new.unwrap().proof else { panic!("no secret") };
    assert_eq!(std::fs::read_to_string(file).unwrap(), "the secret\n");
    assert!(registered.made.is_some(), "it is taken away if nothing comes of it");
}

#[test]
fn where_nothing_is_found_a_person_chooses_the_provider() {
    // Google is the sixth of the list; a desktop app there has a secret.
    let mut meeting = Meeting::new(&["ann@fabrikam.example", "6", "x.apps.example", "the secret"]);
    let new = meeting.run(&[]).unwrap().registered.new.unwrap();
    assert_eq!((new.preset.name, new.tenant), ("google", None));
    assert!(matches!(new.proof, Proof::Secret(_)));
}

#[test]
fn a_person_who_leaves_ends_it() {
    let mut meeting = Meeting::new(&["ann@contoso.example", "1"]);
    let failure = meeting.run(&[]).err().unwrap();
    assert!(failure.to_string().contains("--outbound"), "{failure}");
}
