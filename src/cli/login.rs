//! `gatepost login`: a person consents; the tokens go into the store, where a running daemon finds them.
//!
//! It needs no daemon and disturbs none, works over ssh and without a terminal: the address can be opened anywhere,
//! and what the browser ends at can be pasted back.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::json;
use tokio::time::timeout;
use url::Url;

use super::{
    args::{Flow, LoginArgs},
    language, local_password,
    login_words::{Failed, Said, Used},
    outcome::{Failure, Outcome, drawn},
    pasted::shell,
    sign_in_ui::{SignInUi, pasted_lines},
    state::{State, block_on, refused},
    terminal,
};
use crate::{
    account::{
        Account, Occasion, Route,
        local_password::{Told, after_sign_in},
    },
    base::{Lang, Secret, invocation},
    catalog::{Known, doctor::SOMEBODY_ELSE_SIGNED_IN, token::STORE_FAILING},
    doctor::clock_off,
    net::own_uid,
    oauth::{
        Grant,
        clock::Clock,
        endpoints::{Endpoints, TokenSet},
        grants::{
            both::{self, Behind, WithoutGraph},
            code::{CodeRequest, NotTheAnswer},
            device,
            redirect_listener::RedirectListener,
            unattended,
        },
        sign_in::{self, Kept},
        verdict::Verdict,
    },
    store,
};

/// Sign-in pages of providers give up after about that long.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

pub fn run(named: Option<&Path>, args: &LoginArgs) -> Outcome {
    run_in(language::current(), named, args)
}

/// For a command that was told its language.
pub(super) fn run_in(lang: Lang, named: Option<&Path>, args: &LoginArgs) -> Outcome {
    let NotSignedIn { failure, refused } = match signed_in(lang, named, args) {
        Ok(()) => return Ok(()),
        Err(how) => how,
    };
    if args.json {
        let event = json!({
            "event": "failed",
            "error": failure.text(),
            "hint": failure.hint(),
            "signed-in-as": refused.as_ref().and_then(|verdict| verdict.signed_in_as.as_ref()),
            "whose-stays": refused.as_ref().and_then(|verdict| verdict.whose_stays.as_ref()),
        });
        SignInUi::new(true, false, lang).done("", event)?;
    }
    Err(failure)
}

/// Why nobody is signed in anew, also as it was judged where it was refused.
struct NotSignedIn {
    failure: Failure,
    refused: Option<Box<Verdict>>,
}

impl From<Failure> for NotSignedIn {
    fn from(failure: Failure) -> Self {
        Self { failure, refused: None }
    }
}

fn signed_in(lang: Lang, named: Option<&Path>, args: &LoginArgs) -> Result<(), NotSignedIn> {
    block_on(async {
        let state = State::open(named).await?;
        let account = state.account(&args.account)?;
        invocation::without_daemon(format!("{} login {}", invocation::gatepost(), shell(&account.address)));
        let clock = Clock::default();
        let login = Login {
            account: account.clone(),
            endpoints: Endpoints { http: &state.http, app: &account.sign_in.app, clock: &clock },
            ui: SignInUi::new(args.json, args.qr, lang),
            other: other_configuration(&state),
            has_daemon: store::holder(&state.config.store).is_some(),
        };
        if let Some(running) = &login.other {
            let (running, own) = (running.display().to_string(), state.file.display().to_string());
            let store = &state.config.store.url;
            login.ui.step(&Said::OtherDaemon { address: &account.address, running: &running, own: &own, store });
        }
        Ok(match login.through(&state, args.flow).await {
            Ok(()) => Ok(()),
            Err(Ended::Failed(failure)) => Err(failure.into()),
            Err(Ended::Refused(verdict)) => {
                // Whoever asks for mail meanwhile is told this. Where it cannot be written, it is told here at least.
                let _ = sign_in::note_refusal(&state.store, &account.sign_in, &verdict, &clock).await;
                let verdict = login.with_who_stays(&state, verdict).await;
                // Where somebody else signed in, the refusal itself says whose stays.
                if verdict.whose_stays.is_some() && verdict.signed_in_as.is_none() {
                    let address = &account.address;
                    login.ui.step(&match verdict.entry.id == STORE_FAILING.id {
                        true => Said::OldUnreplaced { address },
                        false => Said::OldGoesOn { address },
                    });
                }
                Err(NotSignedIn { failure: refused(&verdict, &account, lang), refused: Some(Box::new(verdict)) })
            }
        })
    })?
}

/// That the daemon on this store reads, which never learns of what stands in ours.
fn other_configuration(state: &State) -> Option<PathBuf> {
    store::holder(&state.config.store)?.reads_other_than(&state.file).map(Path::to_owned)
}

/// How it ends where nobody is signed in.
enum Ended {
    /// The provider said no, or nothing that makes sense.
    Refused(Verdict),
    Failed(Failure),
}

impl From<Verdict> for Ended {
    fn from(verdict: Verdict) -> Self {
        Self::Refused(verdict)
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

fn default_flow(account: &Account) -> Flow {
    match account.sign_in.app.grant {
        Grant::DeviceCode => Flow::Device,
        // The browser flow takes a pasted address as well, so it serves without a browser here too.
        _ => Flow::Browser,
    }
}

struct Login<'a> {
    account: Arc<Account>,
    endpoints: Endpoints<'a>,
    ui: SignInUi,
    /// See [`other_configuration`].
    other: Option<PathBuf>,
    /// One runs on this store, on whichever configuration.
    has_daemon: bool,
}

impl Login<'_> {
    async fn through(&self, state: &State, flow: Option<Flow>) -> Result<(), Ended> {
        if self.account.sign_in.app.grant.is_unattended() {
            return self.without_a_person(state).await;
        }
        match flow.unwrap_or(default_flow(&self.account)) {
            Flow::Browser => self.browser(state).await,
            Flow::Paste => self.paste(state).await,
            Flow::Device => {
                let (set, without_graph) = self.device_for_all(state).await?;
                self.done(state, self.keep(state, set).await?, without_graph).await
            }
        }
    }

    /// The browser hears last how it ended.
    async fn browser(&self, state: &State) -> Result<(), Ended> {
        self.endpoints.find_tenant().await?;
        let configured = self.endpoints.app.redirect_uri.as_ref();
        let listener = RedirectListener::bind(configured)
            .await
            .map_err(|error| Failed::NoListener { why: &error.to_string() }.failure(self.ui.lang))?;
        let request = self.request(listener.redirect().clone());
        let opened = terminal::open_browser(request.url().as_str());
        self.ui.browser(request.url(), opened, true)?;
        self.ui.step(&Said::Waiting { minutes: PATIENCE.as_secs() / 60 });
        let answer = async {
            tokio::select! {
                (code, visit) = listener.code(&request) => (code, Some(visit)),
                Some(code) = self.pasted(&request) => (code, None),
            }
        };
        let (code, visit) = timeout(PATIENCE, answer).await.map_err(|_| Failed::TooLate.failure(self.ui.lang))?;
        let kept = async { self.keep(state, self.redeem(request, code?).await?).await }.await;
        let kept = match kept {
            Err(verdict) => Err(self.with_who_stays(state, verdict).await),
            kept => kept,
        };
        if let Some(visit) = visit {
            visit.ended(&self.account.known(&Occasion::of_sign_in(None)), kept.as_ref()).await;
        }
        self.done(state, kept?, None).await
    }

    async fn paste(&self, state: &State) -> Result<(), Ended> {
        self.endpoints.find_tenant().await?;
        let redirect = match &self.endpoints.app.redirect_uri {
            Some(configured) => configured.clone(),
            // Nobody listens there, and nobody needs to.
            None => Url::parse("http://localhost/").map_err(|error| Failure::new(error.to_string(), "report this"))?,
        };
        let request = self.request(redirect);
        self.ui.paste(request.url())?;
        let code = match timeout(PATIENCE, self.pasted(&request)).await {
            Ok(Some(code)) => code?,
            Ok(None) => return Err(Failed::NothingPasted.failure(self.ui.lang).into()),
            Err(_) => return Err(Failed::TooLate.failure(self.ui.lang).into()),
        };
        let kept = self.keep(state, self.redeem(request, code).await?).await?;
        self.done(state, kept, None).await
    }

    /// For mail, and for Graph where an account on this sign-in sends through it.
    async fn device_for_all(&self, state: &State) -> Result<(TokenSet, Option<WithoutGraph>), Ended> {
        let sends_by_graph = |account: &Arc<Account>| account.sending.route != Route::Smtp;
        if !state.served_with(&self.account).iter().any(sends_by_graph) {
            return Ok((self.device(self.endpoints).await?, None));
        }
        let first = both::first(self.endpoints.app);
        let set = self.device(Endpoints { app: &first, ..self.endpoints }).await?;
        match both::behind_mail(self.endpoints, set).await {
            Behind::Nothing(set) => Ok((set, None)),
            Behind::Unknown(set, why) => Ok((set, Some(why))),
            Behind::SecondCode(set, graph) => {
                self.ui.step(&Said::OneMoreCode);
                // On disk before anybody is asked for more: whoever stops here has what was granted.
                self.keep(state, set.clone()).await?;
                let second = self.code_of(Endpoints { app: &graph, ..self.endpoints }).await?;
                Ok(both::joined(set, second))
            }
        }
    }

    async fn device(&self, endpoints: Endpoints<'_>) -> Result<TokenSet, Ended> {
        Ok(self.code_of(endpoints).await??)
    }

    /// The outer `Err`: nobody can be shown anything.
    async fn code_of(&self, endpoints: Endpoints<'_>) -> Result<Result<TokenSet, Verdict>, Failure> {
        self.ui.step(&Said::AsksForCode { provider: &endpoints.app.provider });
        let code = match endpoints.start_device().await {
            Ok(code) => code,
            Err(verdict) => return Ok(Err(verdict)),
        };
        let complete = code.verification_uri_complete.as_ref();
        self.ui.device(&code.verification_uri, complete, &code.user_code, code.life)?;
        self.ui.step(&Said::Waiting { minutes: code.life.as_secs().div_ceil(60) });
        Ok(device::wait(endpoints, &code).await)
    }

    /// Such a grant needs nobody; a token fetched now shows that it works, and ends what a daemon remembers of failures.
    async fn without_a_person(&self, state: &State) -> Result<(), Ended> {
        let (address, sign_in) = (&self.account.address, &self.account.sign_in);
        let set = unattended::fetch(self.endpoints, sign_in).await?;
        let (grant, minutes, date) = (sign_in.app.grant, set.life.as_secs() / 60, set.date);
        sign_in::keep(&state.store, sign_in, set, self.endpoints.clock).await?;
        let said = Said::NeedsNobody { address, grant: grant.as_str(), app: &sign_in.app.name, minutes };
        let event = json!({
            "event": "signed-in",
            "account": address,
            "grant": grant.as_str(),
            "app-only": grant.is_app_only(),
        });
        self.ui.done(&said.text(self.ui.lang), event)?;
        self.compare_clocks(date);
        Ok(())
    }

    /// A sign-in by a wrong clock is taken for ended too early or too late, and the next one likewise.
    fn compare_clocks(&self, theirs: Option<SystemTime>) {
        let off = theirs.and_then(|there| clock_off(there, SystemTime::now(), self.ui.lang));
        if let Some(why) = off {
            self.ui.step(&Said::Warning { why: why.trim_end() });
        }
    }

    fn request(&self, redirect: Url) -> CodeRequest {
        CodeRequest::new(self.endpoints.app, redirect, &self.account.sign_in.identity)
    }

    /// The first pasted line that is an answer; `None` once stdin ends.
    async fn pasted(&self, request: &CodeRequest) -> Option<Result<Secret, Verdict>> {
        let mut lines = pasted_lines();
        while let Some(line) = lines.recv().await {
            match request.code_in_text(line.expose()) {
                Ok(code) => return Some(Ok(code)),
                Err(NotTheAnswer::Refused(verdict)) => return Some(Err(verdict)),
                Err(NotTheAnswer::OtherState) => {
                    self.ui.step(&Said::OtherState);
                }
                Err(NotTheAnswer::Empty) => {
                    self.ui.step(&Said::NoCode);
                }
            }
        }
        None
    }

    async fn redeem(&self, request: CodeRequest, code: Secret) -> Result<TokenSet, Verdict> {
        self.ui.step(&Said::BrowserIsDone);
        request.redeem(self.endpoints, code).await
    }

    async fn with_who_stays(&self, state: &State, verdict: Verdict) -> Verdict {
        sign_in::with_who_stays(&state.store, &self.account.sign_in, verdict).await
    }

    async fn keep(&self, state: &State, set: TokenSet) -> Result<Kept, Verdict> {
        sign_in::keep(&state.store, &self.account.sign_in, set, self.endpoints.clock).await
    }

    /// Says how it ended, and sees to the local passwords of all accounts that this sign-in serves.
    async fn done(&self, state: &State, kept: Kept, without_graph: Option<WithoutGraph>) -> Result<(), Ended> {
        let sign_in = &self.account.sign_in;
        let as_whom = kept.consented_as.as_deref().unwrap_or(&sign_in.identity);
        let lang = self.ui.lang;
        let used = match (&self.other, self.has_daemon) {
            (Some(_), _) => Used::Never,
            (None, true) => Used::AtOnce,
            (None, false) => Used::OnceOneRuns,
        };
        let mut text = Said::SignedIn { address: &self.account.address, as_whom, used }.text(lang);
        let without_graph = without_graph.map(|why| why.text(lang));
        if let Some(why) = &without_graph {
            self.ui.step(&Said::Warning { why });
        }
        let (mut passwords, served) = (Vec::new(), state.served_with(&self.account));
        let others: Vec<&str> = served.iter().map(|other| other.address.as_str()).collect();
        let others: Vec<&str> = others.into_iter().filter(|address| *address != self.account.address).collect();
        if !others.is_empty() {
            text.push_str(&Said::AlsoCarries { others: &others.join(", ") }.text(lang));
        }
        for account in &served {
            let told = after_sign_in(&state.store, account, own_uid()).await.map_err(Failure::from)?;
            text.extend(local_password::missing_line(account, lang));
            text.extend(local_password::text(&told, &account.address, lang));
            match &told {
                Told::Nothing => {}
                Told::Armed => passwords.push(json!({ "account": account.address, "first-use": true })),
                Told::Made(password) => {
                    passwords.push(json!({ "account": account.address, "password": password.expose() }));
                }
            }
        }
        let event = json!({
            "event": "signed-in",
            "account": self.account.address,
            "as": as_whom,
            "somebody-else": kept.is_somebody_else,
            "also": others,
            "without-graph": without_graph,
            "passwords": passwords,
            "daemon-reads": self.other.as_ref().map(|file| file.display().to_string()),
        });
        self.ui.done(&text, event)?;
        self.compare_clocks(kept.date);
        // Last of all: what is said before it reads as if all were well.
        if kept.is_somebody_else {
            let (address, expected) = (&self.account.address, &sign_in.identity);
            let known = self.account.known(&Occasion::of_sign_in(None));
            let known = Known { signed_in_as: Some(as_whom.to_owned()), is_at_sign_in: true, ..known };
            let words = SOMEBODY_ELSE_SIGNED_IN.told(lang, &known);
            let said = Said::SomebodyElse { address, as_whom, expected }.text(lang);
            let why = format!("{said}{}", drawn(&words.whole_step(), words.avoid.as_deref(), lang));
            self.ui.step(&Said::Warning { why: &why });
        }
        Ok(())
    }
}
