//! Sign-ins that somebody began in a page: each waits in a task of its own until the person is done elsewhere.
//!
//! One at a time for each account; a new one ends the old one. Nothing is kept but what `gatepost login` keeps too.

use std::{
    collections::HashMap,
    io,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
    time::timeout,
};
use url::Url;

use super::Console;
use crate::{
    account::{
        Account, Occasion, Route,
        local_password::{Told, after_sign_in},
    },
    base::Secret,
    catalog::token::{SIGN_IN_CODE_SPENT, STORE_FAILING},
    net::HttpClient,
    oauth::{
        App, Grant, SignIn,
        clock::Clock,
        endpoints::{DeviceCode, Endpoints, TokenSet},
        grants::{
            both::{self, Behind, WithoutGraph},
            code::{CodeRequest, NotTheAnswer},
            device,
            redirect_listener::{RedirectListener, Visit},
        },
        sign_in::{self, Kept},
        verdict::Verdict,
    },
};

/// Sign-in pages of providers give up after about that long.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// From here on those that are over are put away: a mailbox of a whole domain is any address that somebody types.
const MANY: usize = 200;
/// An address with a code in it is no longer than this.
pub const PASTE_CAP: usize = 16 * 1024;

/// How a person consents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// The browser comes back to this machine, or somebody pastes where it ended.
    Browser,
    Device,
}

/// What the person needs to see.
#[derive(Debug, Clone)]
pub enum Open {
    Browser {
        url: Url,
        /// Nobody listens for the browser here: the address has to be pasted.
        paste_only: bool,
    },
    Device {
        url: Url,
        complete: Option<Url>,
        code: String,
        /// Mail is granted, and this one is for Microsoft Graph.
        is_second: bool,
    },
}

impl Open {
    fn device(code: &DeviceCode, is_second: bool) -> Self {
        Self::Device {
            url: code.verification_uri.clone(),
            complete: code.verification_uri_complete.clone(),
            code: code.user_code.clone(),
            is_second,
        }
    }
}

/// How far it is.
#[derive(Debug)]
pub enum Progress {
    Waiting,
    Done(Done),
    Failed(Verdict),
}

#[derive(Debug)]
pub struct Done {
    pub as_whom: String,
    /// Somebody else than configured consented.
    pub is_somebody_else: bool,
    /// Why only mail is granted, where messages leave through Microsoft Graph.
    pub without_graph: Option<WithoutGraph>,
    /// Local passwords by address; taken out when shown.
    pub passwords: Vec<(String, Told)>,
}

/// Why a pasted text is not the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    OtherSignIn,
    NoCode,
    /// It is over already.
    Over,
}

type Pasted = (Secret, oneshot::Sender<Option<Unfit>>);

pub struct Pending {
    open: Mutex<Open>,
    paste: Option<mpsc::Sender<Pasted>>,
    progress: Mutex<Progress>,
    task: Mutex<Option<AbortHandle>>,
}

impl Pending {
    fn new(open: Open, paste: Option<mpsc::Sender<Pasted>>) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::new(open),
            paste,
            progress: Mutex::new(Progress::Waiting),
            task: Mutex::default(),
        })
    }

    pub fn open(&self) -> Open {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands on what somebody copied from the address line of a browser; `None` if it is the answer.
    pub async fn paste(&self, text: Secret) -> Option<Unfit> {
        let (told, answer) = oneshot::channel();
        let Some(paste) = &self.paste else { return Some(Unfit::Over) };
        if paste.send((text, told)).await.is_err() {
            return Some(Unfit::Over);
        }
        answer.await.unwrap_or(Some(Unfit::Over))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

pub struct SignIns {
    http: HttpClient,
    clock: Clock,
    pending: Mutex<HashMap<String, Arc<Pending>>>,
}

impl SignIns {
    pub fn new(http: HttpClient) -> Self {
        Self { http, clock: Clock::default(), pending: Mutex::default() }
    }

    pub fn of(&self, address: &str) -> Option<Arc<Pending>> {
        self.pending().get(address).cloned()
    }

    pub fn forget(&self, address: &str) {
        if let Some(pending) = self.pending().remove(address) {
            pending.stop();
        }
    }

    /// One that could not even begin.
    pub fn failed(&self, address: &str, verdict: Verdict) {
        let nowhere = Open::Browser { url: super::localhost(), paste_only: true };
        let pending = Pending::new(nowhere, None);
        *pending.progress() = Progress::Failed(verdict);
        self.pending().insert(address.to_owned(), pending);
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<String, Arc<Pending>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    fn stop(&self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

/// The flow that this account's app is registered for.
pub fn flow_of(account: &Account) -> Option<Flow> {
    match account.sign_in.app.grant {
        Grant::AuthorizationCode => Some(Flow::Browser),
        Grant::DeviceCode => Some(Flow::Device),
        // Nobody signs in.
        _ => None,
    }
}

/// Begins a sign-in. `uid`: the user whose browser asks, where that is known.
pub async fn begin(
    console: &Arc<Console>,
    account: &Arc<Account>,
    flow: Flow,
    uid: Option<u32>,
) -> Result<(), Verdict> {
    console.sign_ins.forget(&account.address);
    let sign_in = account.sign_in.clone();
    let (pending, work) = match flow {
        Flow::Device => {
            let wants_graph = sends_by_graph(console, account);
            let first = if wants_graph { both::first(&sign_in.app) } else { App::clone(&sign_in.app) };
            let code = Endpoints { app: &first, ..endpoints(&console.sign_ins, &sign_in) }.start_device().await?;
            (Pending::new(Open::device(&code, false), None), Work::Device { code, first: Box::new(first), wants_graph })
        }
        Flow::Browser => {
            let listener = RedirectListener::bind(sign_in.app.redirect_uri.as_ref()).await;
            let request = CodeRequest::new(&sign_in.app, redirect(&listener, &sign_in), &sign_in.identity);
            let (paste, pasted) = mpsc::channel(1);
            let open = Open::Browser { url: request.url().clone(), paste_only: listener.is_err() };
            (Pending::new(open, Some(paste)), Work::Browser { listener: listener.ok(), request, pasted })
        }
    };
    let task = tokio::spawn(follow(console.clone(), account.clone(), Arc::downgrade(&pending), work, uid));
    *pending.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
    let mut all = console.sign_ins.pending();
    if all.len() >= MANY {
        all.retain(|_, one| matches!(*one.progress(), Progress::Waiting));
    }
    all.insert(account.address.clone(), pending);
    Ok(())
}

fn endpoints<'a>(sign_ins: &'a SignIns, sign_in: &'a SignIn) -> Endpoints<'a> {
    Endpoints { http: &sign_ins.http, app: &sign_in.app, clock: &sign_ins.clock }
}

/// Where the browser is sent back to. Nobody has to listen there: the address can be pasted.
fn redirect(listener: &io::Result<RedirectListener>, sign_in: &SignIn) -> Url {
    match (listener, &sign_in.app.redirect_uri) {
        (Ok(listener), _) => listener.redirect().clone(),
        (Err(_), Some(configured)) => configured.clone(),
        (Err(_), None) => super::localhost(),
    }
}

enum Work {
    Browser { listener: Option<RedirectListener>, request: CodeRequest, pasted: mpsc::Receiver<Pasted> },
    Device { code: DeviceCode, first: Box<App>, wants_graph: bool },
}

/// Whether an account on the same sign-in does.
fn sends_by_graph(console: &Console, account: &Account) -> bool {
    let (key, sends) = (account.sign_in.key(), |account: &Account| account.sending.route != Route::Smtp);
    sends(account) || console.accounts().iter().any(|other| other.sign_in.key() == key && sends(other))
}

/// Runs until the person is done, declined, or took too long.
async fn follow(
    console: Arc<Console>,
    account: Arc<Account>,
    pending: std::sync::Weak<Pending>,
    work: Work,
    uid: Option<u32>,
) {
    let endpoints = endpoints(&console.sign_ins, &account.sign_in);
    let ended = match work {
        Work::Device { code, first, wants_graph } => {
            let first = device::wait(Endpoints { app: &first, ..endpoints }, &code).await;
            let set = match first {
                Ok(set) if wants_graph => with_graph(&console, &account, set, &pending).await,
                first => first.map(|set| (set, None)),
            };
            match set {
                Ok((set, without_graph)) => keep(&console, &account, set).await.map(|kept| (kept, without_graph)),
                Err(verdict) => Err(verdict),
            }
        }
        Work::Browser { listener, request, pasted } => {
            browser(&console, &account, listener, request, pasted).await.map(|kept| (kept, None))
        }
    };
    let ended = match ended {
        Ok((kept, without_graph)) => Ok(done(&console, &account, kept, without_graph, uid).await),
        Err(verdict) => Err(verdict),
    };
    let address = &account.address;
    let progress = match ended {
        Ok(done) => {
            tracing::info!(account = address, consented_as = done.as_whom, "signed in through the console");
            Progress::Done(done)
        }
        Err(verdict) => {
            note_refusal(&console, &account, &verdict).await;
            Progress::Failed(verdict)
        }
    };
    if let Some(pending) = pending.upgrade() {
        *pending.progress() = progress;
    }
}

/// Whoever asks for mail meanwhile hears of it, and whoever reads the log: from the keeper, where one finds it in the store.
pub async fn note_refusal(console: &Console, account: &Account, verdict: &Verdict) {
    let (clock, address) = (&console.sign_ins.clock, &account.address);
    let is_remembered = match sign_in::note_refusal(&console.store, &account.sign_in, verdict, clock).await {
        Ok(is_remembered) => is_remembered,
        Err(error) => {
            tracing::warn!(account = address, fault = %STORE_FAILING.fault(), %error, "the refused sign-in could not be saved");
            false
        }
    };
    if !is_remembered || console.keepers.state(&account.sign_in).is_none() {
        let fault = verdict.entry.fault().detail(&verdict.detail);
        tracing::warn!(account = address, id = fault.id, owner = fault.owner.as_str(), "sign-in failed: {fault}");
    }
    console.keepers.notice_store_change();
}

/// The page shows a second code where one is needed.
async fn with_graph(
    console: &Console,
    account: &Account,
    set: TokenSet,
    pending: &std::sync::Weak<Pending>,
) -> Result<(TokenSet, Option<WithoutGraph>), Verdict> {
    let endpoints = endpoints(&console.sign_ins, &account.sign_in);
    let (set, graph) = match both::behind_mail(endpoints, set).await {
        Behind::Nothing(set) => return Ok((set, None)),
        Behind::Unknown(set, why) => return Ok((set, Some(why))),
        Behind::SecondCode(set, graph) => (set, graph),
    };
    // On disk before anybody is asked for more: whoever stops here has what was granted.
    keep(console, account, set.clone()).await?;
    let endpoints = Endpoints { app: &graph, ..endpoints };
    let second = match endpoints.start_device().await {
        Ok(code) => {
            if let Some(pending) = pending.upgrade() {
                *pending.open.lock().unwrap_or_else(PoisonError::into_inner) = Open::device(&code, true);
            }
            device::wait(endpoints, &code).await
        }
        Err(verdict) => Err(verdict),
    };
    Ok(both::joined(set, second))
}

/// The browser hears last how it ended.
async fn browser(
    console: &Console,
    account: &Account,
    listener: Option<RedirectListener>,
    request: CodeRequest,
    pasted: mpsc::Receiver<Pasted>,
) -> Result<Kept, Verdict> {
    let too_late = |_| (Err(Verdict::new(SIGN_IN_CODE_SPENT, "nobody finished the sign-in in time")), None);
    let (code, visit) = timeout(PATIENCE, came_back(listener, &request, pasted)).await.unwrap_or_else(too_late);
    let endpoints = endpoints(&console.sign_ins, &account.sign_in);
    let kept = async { keep(console, account, request.redeem(endpoints, code?).await?).await }.await;
    let kept = match kept {
        Err(verdict) => Err(sign_in::with_who_stays(&console.store, &account.sign_in, verdict).await),
        kept => kept,
    };
    if let Some(visit) = visit {
        visit.ended(&account.known(&Occasion::of_sign_in(None)), kept.as_ref()).await;
    }
    kept
}

/// Through the browser, which waits for how it ends, or pasted.
async fn came_back(
    listener: Option<RedirectListener>,
    request: &CodeRequest,
    mut pasted: mpsc::Receiver<Pasted>,
) -> (Result<Secret, Verdict>, Option<Visit>) {
    let mut by_browser = pin!(async {
        match listener {
            Some(listener) => listener.code(request).await,
            None => std::future::pending().await,
        }
    });
    loop {
        tokio::select! {
            (code, visit) = &mut by_browser => return (code, Some(visit)),
            Some((text, told)) = pasted.recv() => match request.code_in_text(text.expose()) {
                Err(NotTheAnswer::OtherState) => drop(told.send(Some(Unfit::OtherSignIn))),
                Err(NotTheAnswer::Empty) => drop(told.send(Some(Unfit::NoCode))),
                Ok(code) => {
                    let _ = told.send(None);
                    return (Ok(code), None);
                }
                Err(NotTheAnswer::Refused(verdict)) => {
                    let _ = told.send(None);
                    return (Err(verdict), None);
                }
            },
        }
    }
}

async fn keep(console: &Console, account: &Account, set: TokenSet) -> Result<Kept, Verdict> {
    let kept = sign_in::keep(&console.store, &account.sign_in, set, &console.sign_ins.clock).await?;
    console.keepers.notice_store_change();
    Ok(kept)
}

/// Sees to the local passwords of all accounts that this sign-in serves.
async fn done(
    console: &Console,
    account: &Account,
    kept: Kept,
    without_graph: Option<WithoutGraph>,
    uid: Option<u32>,
) -> Done {
    let sign_in = &account.sign_in;
    let mut passwords = Vec::new();
    // A mailbox of a whole domain is in no list.
    let of_domain = account.domain.is_some().then(|| Arc::new(account.clone()));
    let same = |other: &Arc<Account>| other.sign_in.key() == sign_in.key();
    for served in console.accounts().iter().filter(|other| same(other)).chain(&of_domain) {
        match after_sign_in(&console.store, served, uid).await {
            Ok(Told::Nothing) => {}
            Ok(told) => passwords.push((served.address.clone(), told)),
            Err(unmade) => tracing::warn!(account = served.address, "signed in, without a local password: {unmade}"),
        }
    }
    Done {
        as_whom: kept.consented_as.unwrap_or_else(|| sign_in.identity.clone()),
        is_somebody_else: kept.is_somebody_else,
        without_graph,
        passwords,
    }
}
