//! What a message needs to leave through Graph: an account, keepers with a sign-in, a file.

use std::{path::Path, sync::Arc, time::Duration};

use gatepost::{
    account::Account,
    base::Fault,
    config::{self, Surroundings},
    meter::Meter,
    net::{ClientTls, HttpClient, Network},
    oauth::Keepers,
    outbound::{
        Deadline, Envelope, Outset, Report, Trail, Unsent,
        graph::{Seats, Way, send},
    },
    sandbox::{Faults, Options, PUBLIC_CLIENT, Sandbox, Submission},
    store::{Settings, Store, TokenRow},
    wire::smtp::{Mail, Rcpt},
};
use tokio::time::Instant;

use crate::world::{ANN, BOB};

/// What ann consented to.
pub const SEND: &str = "https://graph.microsoft.com/Mail.Send";
pub const READ_WRITE: &str = "https://graph.microsoft.com/Mail.ReadWrite";
const SMTP: &str = "https://outlook.office.com/SMTP.Send";

pub struct Stage {
    pub sandbox: Sandbox,
    pub account: Arc<Account>,
    pub keepers: Arc<Keepers>,
    pub http: HttpClient,
    pub meter: Meter,
    pub seats: Seats,
    pub dir: tempfile::TempDir,
}

impl Stage {
    /// Ann is signed in, and may send and make drafts.
    pub async fn new() -> Self {
        Self::with(&[SEND, READ_WRITE], &format!("outbound = \"graph\"\nsend-as = [\"{ANN}\", \"{BOB}\"]\n"), None)
            .await
    }

    pub async fn faulty(change: impl FnOnce(&mut Faults)) -> Self {
        let stage = Self::new().await;
        stage.sandbox.faults().set(change);
        stage
    }

    /// `consented`: to what of Graph. `graph`: another one than the sandbox's.
    pub async fn with(consented: &[&str], account: &str, graph: Option<&str>) -> Self {
        let sandbox = Sandbox::start(Options { auto_approve: true, ..Options::default() }).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let graph = graph.map_or_else(|| sandbox.graph_url(), str::to_owned);
        let text = configuration(&sandbox, dir.path(), &graph, consented, account);
        let around = Surroundings::of_this_process(&dir.path().join("gatepost.toml"));
        let (config, _) =
            config::check_text(&text, "gatepost.toml", &around).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        let account = config.accounts[0].clone();
        let store = Arc::new(Store::open(&config.store).await.unwrap());
        let scopes: Vec<&str> = [SMTP, "offline_access"].iter().chain(consented).copied().collect();
        let refresh = Some(sandbox.issue_refresh_token_for(ANN, &scopes));
        let row = TokenRow { refresh, signed_in_at: Some(std::time::SystemTime::now()), ..TokenRow::default() };
        assert!(store.save_token(&account.sign_in.key(), 0, &row).await.unwrap());
        let http = HttpClient::new(&Network::default(), &ClientTls::trusting_only([]).unwrap()).unwrap();
        let meter = Meter::new();
        let keepers = Arc::new(Keepers::new(store, http.clone(), meter.clone(), None));
        keepers.apply(std::slice::from_ref(&account.sign_in), &[]);
        Self { sandbox, account, keepers, http, meter, seats: Seats::default(), dir }
    }

    pub async fn send(&self, message: &str, recipients: &[&str]) -> Result<Report, Fault> {
        self.send_within(Duration::from_secs(60), message, recipients).await.map_err(|unsent| unsent.fault)
    }

    /// The pause that Graph asks for, which is of the mailbox and not of the message.
    pub async fn pause(&self, time: Duration, message: &str) -> Duration {
        let unsent = self.send_within(time, message, &[BOB]).await.unwrap_err();
        assert_eq!((unsent.fault.id, unsent.may_be_the_message), ("graph-throttled", false));
        unsent.retry_after.unwrap()
    }

    pub async fn send_within(&self, time: Duration, message: &str, recipients: &[&str]) -> Result<Report, Unsent> {
        self.send_with(&(), time, message, recipients).await
    }

    pub async fn send_with(
        &self,
        outset: &dyn Outset,
        time: Duration,
        message: &str,
        recipients: &[&str],
    ) -> Result<Report, Unsent> {
        let wire = on_the_wire(message);
        let file = tempfile::NamedTempFile::new_in(self.dir.path()).unwrap();
        std::fs::write(file.path(), wire).unwrap();
        let open = tokio::fs::File::open(file.path()).await.unwrap();
        let Self { keepers, http, meter, seats, .. } = self;
        let way = Way { keepers, http, meter, seats, outset, trail: Trail::default() };
        let deadline = Deadline::At(Instant::now() + time);
        send(way, &self.account, &envelope(recipients), &[], open, deadline).await
    }

    /// The reply that every recipient gets.
    pub async fn reply(&self, message: &str, recipients: &[&str]) -> String {
        let report = self.send(message, recipients).await.unwrap();
        assert_eq!(report.verdicts.len(), recipients.len());
        let replies: Vec<String> = report.verdicts.iter().map(|verdict| verdict.reply.text()).collect();
        assert!(replies.iter().all(|reply| *reply == replies[0]), "{replies:?}");
        replies[0].clone()
    }

    pub fn only_message(&self) -> Submission {
        let mut all = self.sandbox.submissions();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    /// Paths that Graph was asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        let said = self.sandbox.transcript().dialogue("graph").into_iter();
        said.filter_map(|line| line.strip_prefix("C: ").map(str::to_owned)).collect()
    }
}

pub fn envelope(recipients: &[&str]) -> Envelope {
    let rcpt = |address: &&str| Rcpt { address: (*address).to_owned(), ..Rcpt::default() };
    Envelope {
        mail: Mail { address: ANN.into(), ..Mail::default() },
        recipients: recipients.iter().map(rcpt).collect(),
    }
}

/// Dot-stuffed, as the spool has it.
fn on_the_wire(message: &str) -> String {
    let stuffed = message.split_inclusive('\n').map(|line| match line.starts_with('.') {
        true => format!(".{line}"),
        false => line.to_owned(),
    });
    stuffed.collect()
}

fn configuration(sandbox: &Sandbox, dir: &Path, graph: &str, consented: &[&str], account: &str) -> String {
    let scopes: Vec<String> =
        [SMTP].iter().chain(consented).chain(&["offline_access"]).map(|scope| format!("\"{scope}\"")).collect();
    let Settings { url, .. } = crate::world::settings(dir);
    format!(
        "[store]\nurl = \"{url}\"\nkey-file = \"{dir}/key\"\n[console]\nlisten = \"off\"\n\
         [[listener]]\nprotocol = \"smtp\"\nlisten = [\"127.0.0.1:0\"]\n\
         [app.contoso]\nprovider = \"custom\"\nclient-id = \"{PUBLIC_CLIENT}\"\nscopes = [{scopes}]\n\
         authorize-url = \"{authorize}\"\ntoken-url = \"{token}\"\ngraph-url = \"{graph}\"\n\
         smtp = \"{smtp}\"\nimap = \"{imap}\"\npop3 = \"{pop3}\"\n\
         [[account]]\naddress = \"{ANN}\"\npassword = \"{hash}\"\n{account}",
        dir = dir.display(),
        scopes = scopes.join(", "),
        authorize = sandbox.authorize_url(),
        token = sandbox.token_url(),
        smtp = sandbox.smtp(),
        imap = sandbox.imap(),
        pop3 = sandbox.pop3(),
        hash = crate::world::cheap_hash("x"),
    )
}
