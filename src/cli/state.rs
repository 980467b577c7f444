//! What commands that touch the state share: the configuration, the store it names, and the account that was meant.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use reqwest::Method;

use super::{config, console_api, elsewhere, language, outcome::Failure, pasted};
use crate::{
    account::{Account, Occasion, account_of},
    base::{Lang, invocation},
    catalog::{Known, Words, own::STORE_OF_ANOTHER_USER, said_in, shell},
    config::{Config, Problems},
    console::client,
    doctor::owner,
    net::{ClientTls, HttpClient, SetupFault},
    oauth::{self, verdict::Verdict},
    store::{self, Foreign, Settings, Store, StoreError},
};

pub(super) struct State {
    /// Where the configuration stands.
    pub file: PathBuf,
    pub config: Config,
    pub store: Store,
    pub http: HttpClient,
}

impl State {
    pub async fn open(named: Option<&Path>) -> Result<Self, Failure> {
        Self::open_to_make(named, None).await
    }

    /// `made`: a file that the command makes of what is stored.
    pub async fn open_to_make(named: Option<&Path>, made: Option<&Path>) -> Result<Self, Failure> {
        let file = config::found(named)?;
        let (config, warnings) = config::load(Some(&file))?;
        config::note_all(&warnings);
        let tls = ClientTls::new(&config.network)?;
        let http = HttpClient::new(&config.network, &tls)?;
        if let Some(elsewhere) = elsewhere::find(&config, &file) {
            return Err(made.map_or_else(|| elsewhere.failure(), |made| elsewhere.failure_making(made)));
        }
        refuse_foreign_store(&config.store)?;
        refuse_beside_another_store(&config, &file).await?;
        refuse_nothing(&config.store, made)?;
        let store = Store::open(&config.store).await?;
        Ok(Self { file, config, store, http })
    }

    /// See [`account_in`].
    pub fn account(&self, name: &str) -> Result<Arc<Account>, Failure> {
        account_in(&self.config, name)
    }

    /// Accounts that live on the sign-in of this one, itself included.
    pub fn served_with(&self, account: &Arc<Account>) -> Vec<Arc<Account>> {
        let key = account.sign_in.key();
        let same = self.config.accounts.iter().filter(|other| other.sign_in.key() == key);
        let domains = self.config.domains.iter().filter_map(|domain| domain.app_only());
        let domains = domains.filter(|domain| domain.sign_in.key() == key).map(Arc::new);
        // A mailbox of a whole domain is in no list.
        let of_domain = account.domain.is_some().then(|| account.clone());
        let mut served: Vec<_> = same.cloned().chain(of_domain).chain(domains).collect();
        served.dedup_by(|a, b| a.address == b.address);
        served
    }
}

/// The account of that address, listed or a mailbox of a whole domain, or one whose sign-in has that identity (the delegate of
/// a shared mailbox).
pub(super) fn account_named(config: &Config, name: &str) -> Option<Arc<Account>> {
    let Config { accounts, domains, .. } = config;
    let by_identity = || accounts.iter().find(|account| account.sign_in.identity.eq_ignore_ascii_case(name));
    account_of(name, accounts, domains).or_else(|| by_identity().cloned())
}

/// [`account_named`], which there has to be.
pub(super) fn account_in(config: &Config, name: &str) -> Result<Arc<Account>, Failure> {
    match (
        account_named(config, name),
        config.domains.iter().find(|domain| domain.address().eq_ignore_ascii_case(name)),
    ) {
        (Some(account), _) => Ok(account),
        (None, Some(domain)) => domain.app_only().map(Arc::new).ok_or_else(|| {
            let hint = format!("name one of them: ann@{}", domain.sign_ins.domain);
            Failure::new(format!("each mailbox of {} signs in by itself", domain.sign_ins.domain), hint)
        }),
        (None, None) => Err(unknown(config, name)),
    }
}

fn unknown(config: &Config, name: &str) -> Failure {
    let accounts = config.accounts.iter().map(|account| account.address.clone());
    let known: Vec<String> = accounts.chain(config.domains.iter().map(|domain| domain.address())).collect();
    let hint = match known.get(..known.len().min(20)) {
        Some([]) | None => "add an [[account]] to the configuration".to_owned(),
        Some(some) => format!("configured: {}", some.join(", ")),
    };
    Failure::new(format!("no account {name:?} in the configuration"), hint)
}

/// One thread does for one command.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("no runtime: {error}"), "free some resources"))?;
    runtime.block_on(work)
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let lang = language::current();
        Failure::told(error.named(), &error.words(lang), lang).of_fault(error.entry().id)
    }
}

impl From<SetupFault> for Failure {
    fn from(fault: SetupFault) -> Self {
        let lang = language::current();
        Failure::told(fault.named(), &fault.words(lang), lang).of_fault(fault.entry().id)
    }
}

/// A refusal of a sign-in by the identity provider, with the catalogue's next step for this account. It ends with the
/// sign-in itself, which nobody makes for whoever is told.
pub(super) fn refused(verdict: &Verdict, account: &Account, lang: Lang) -> Failure {
    let known = verdict.known_at_sign_in(account.known(&Occasion::of_sign_in(None)));
    let mut words = verdict.entry.told(lang, &known);
    let (login, again) = (known.fill("`gatepost login {address}"), format!("`{}`", invocation::again()));
    // Whoever signs in within another command goes on with that.
    words.next = words.next.replace(&format!("{login}`"), &again).replace(&format!("{again}, {again}"), &again);
    if !words.next.contains(&login) {
        words.end_with(&again, lang);
    }
    told(verdict, words, lang)
}

/// The same where no account is meant.
pub(super) fn refused_as(verdict: &Verdict, known: &Known, lang: Lang) -> Failure {
    told(verdict, verdict.entry.told(lang, known), lang)
}

fn told(verdict: &Verdict, words: Words, lang: Lang) -> Failure {
    // Why, and not whose turn it is: that may be an administrator's, and is the hint's business.
    let (cause, detail) = (&words.cause, verdict.detail.trim_end_matches('.'));
    let particular = match lang {
        _ if detail.is_empty() => cause.clone(),
        Lang::En => format!("{detail}. {cause}"),
        // Of the whole, nobody could tell any more where that begins.
        Lang::Ja => format!("{}（{}）", cause.trim_end_matches('。'), oauth::found(lang, detail)),
    };
    Failure::told(said_in(verdict.entry, &particular, lang), &words, lang).of_fault(verdict.entry.id)
}

/// An empty store would be made, and what is `made` of it would take the place of a good copy.
fn refuse_nothing(settings: &Settings, made: Option<&Path>) -> Result<(), Failure> {
    let missing = settings.database().filter(|database| made.is_some() && store::is_missing(database));
    let Some(database) = missing else { return Ok(()) };
    let text = format!("no store is at {}: nothing is stored there", database.display());
    Err(Failure::new(text, "`gatepost status` says what is there; a store is made at the first start of the daemon"))
}

/// The daemon of this file may have the store that stood there when it loaded it, or when it started: what this command did here
/// would count for nobody, and the store that it made would stand in the way of whoever moves that one.
async fn refuse_beside_another_store(config: &Config, file: &Path) -> Result<(), Failure> {
    if let Some(failure) = console_api::of_the_store_before(config, file, None) {
        return Err(failure);
    }
    let Some(at) = config.console.reached_at().filter(|_| store::is_vacant(&config.store)) else { return Ok(()) };
    let asked = client::ask(at, Method::GET, "/api/healthz", || config.console_token()).await;
    let failure = asked.err().and_then(|cause| console_api::of_the_store_before(config, file, Some(&cause)));
    failure.map_or(Ok(()), Err)
}

/// A command of another user reads nothing there, and one of root's would leave files that the daemon cannot read.
pub(super) fn refuse_foreign_store(settings: &Settings) -> Result<(), Failure> {
    store::foreign(settings).map_or(Ok(()), |foreign| Err(of_another_user(settings, &foreign)))
}

/// Of a daemon that is to be: whoever typed it is somebody else, or is whose the store is to be from now on. `is_service`: it is
/// the latter.
pub(super) fn refuse_to_run_on_foreign_store(settings: &Settings, is_service: bool) -> Result<(), Failure> {
    let (Some(foreign), Some(database)) = (store::foreign(settings), settings.database()) else { return Ok(()) };
    if !foreign.is_closed && store::keeps_no_owners(&foreign, &database) {
        return Ok(());
    }
    let failure = of_another_user(settings, &foreign);
    let Some(folder) = database.parent().map(|folder| shell(&folder.to_string_lossy())) else { return Err(failure) };
    let (own, theirs) = (foreign.own, failure.hint().filter(|_| !is_service));
    let give = format!(
        "where the daemon is to run as user {own} instead, and none runs on this store, give them the folder: `sudo chown -R {own} \
         {folder}`"
    );
    Err(failure.hinted(theirs.map_or_else(|| give.clone(), |theirs| format!("{theirs}; {give}"))))
}

/// What their daemon alone may read of a configuration is no mistake in that to somebody whose store it is not either.
pub(super) fn of_another_user_than_reads(problems: &Problems) -> Option<Failure> {
    let config = problems.are_of_rights().then(|| crate::config::salvage(Path::new(&problems.file)))??;
    store::foreign(&config.store)
        .filter(|foreign| foreign.is_closed)
        .map(|foreign| of_another_user(&config.store, &foreign))
}

/// With this command as its owner runs it, where one is known to work.
fn of_another_user(settings: &Settings, foreign: &Foreign) -> Failure {
    let database = settings.database().unwrap_or_default();
    let (path, folder, Foreign { owner, own, .. }) = (database.display(), foreign.path.display(), foreign);
    let what = match foreign.path == database {
        true => format!("the store {path} belongs to user {owner}, and this command runs as user {own}"),
        false => format!(
            "the store {path} cannot be looked at: {folder} belongs to user {owner}, and this command runs as user {own}"
        ),
    };
    let lang = language::current();
    let words = STORE_OF_ANOTHER_USER.told(lang, &Known::default());
    let failure = Failure::told(STORE_OF_ANOTHER_USER.said(what), &words, lang).of_fault(STORE_OF_ANOTHER_USER.id);
    let typed: Vec<OsString> = std::env::args_os().skip(1).collect();
    match owner::prefix_of(Some(*owner), &database) {
        Some(prefix) => {
            let command = pasted::as_typed(invocation::gatepost(), &typed, |_| None);
            failure.hinted(format!("run it as that user: `{prefix} {command}`"))
        }
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::doctor::SOMEBODY_ELSE_SIGNED_IN;

    #[test]
    fn whose_sign_in_stays_is_japanese_behind_its_cause() {
        let detail =
            "bob@contoso.com signed in; the sign-in of ann@contoso.com stays: ann@contoso.com is who was meant";
        let verdict = Verdict::new(SOMEBODY_ELSE_SIGNED_IN, detail);
        let told = refused_as(&verdict, &Known::default(), Lang::Ja).to_string();
        let (error, _) = told.split_once("\n次の手順").unwrap();
        assert!(
            error.contains("bob@contoso.com がサインインしましたが、ann@contoso.com のサインインがそのまま"),
            "{told}"
        );
        assert!(!error.contains("stays"), "{told}");
    }
}
