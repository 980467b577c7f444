//! The daemon on this machine, if one runs: which configuration it has, and what it still refuses from memory although the
//! cause is mended.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use http::Method;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use url::form_urlencoded;

use super::{
    greeting,
    listeners::{self, Listeners},
    look::Look,
    next::Who,
    report::{Check, Layer, Outcome},
    scope::Scope,
    words::{Name, Said},
};
use crate::{
    account::Account,
    base::{Protocol, invocation},
    catalog::{
        self, Place,
        doctor::{
            CONFIGURATION_NOT_LOADED, CONFIGURATION_OF_ANOTHER_DAEMON, LISTENER_NOT_OPEN, PORT_TAKEN,
            REFUSAL_REMEMBERED, RESTART_PENDING,
        },
        own::{DAEMON_HANGS, MAIL_LEFT_BEHIND},
    },
    config::Config,
    console::{
        client::{self, Unanswered},
        token_file,
    },
    net::Bind,
    oauth::{Resource, Rotation},
    store,
};

/// The word for it in a look, beside those of protocols.
const CONSOLE: &str = "console";

/// What the status has of a sign-in that is refused, and the look at the same.
const FAULTS: [(&str, Name); 2] = [("fault", Name::MailToken), ("graph-fault", Name::GraphToken)];

/// Where nothing came of a question: the console, or the listener that was to greet in its place.
#[derive(Debug, Clone)]
struct Silence {
    of: &'static str,
    at: SocketAddr,
    why: Unanswered,
}

/// What is known of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Running {
    /// Somebody holds the store.
    holder: Option<store::Holder>,
    /// As `/api/status` has it.
    pub status: Option<Value>,
    /// Why it did not say.
    unanswered: Option<Silence>,
    /// It reads this configuration, and is not asked: what it says is not about ours.
    reads: Option<PathBuf>,
    /// It has the store that the file named before, and was not told of this one: its number.
    on_the_store_before: Option<u32>,
    /// It has that one still, and was told.
    is_restart_due: bool,
}

impl Running {
    /// `file`: of the configuration.
    pub async fn ask(config: &Config, file: &Path) -> Self {
        let before = store::holder_before(&config.store, file);
        let is_restart_due = before.is_some();
        let holder = before.or_else(|| store::holder(&config.store));
        if let Some(other) = holder.as_ref().and_then(|holder| holder.reads_other_than(file)).map(Path::to_owned) {
            return Self { holder, reads: Some(other), ..Self::default() };
        }
        let Some(at) = config.console.reached_at() else {
            let unanswered = if holder.is_some() { ungreeted(config).await } else { None };
            return Self { holder, unanswered, is_restart_due, ..Self::default() };
        };
        let told = client::ask(at, Method::GET, "/api/status", || config.console_token()).await;
        let status = told.and_then(|body| {
            let status = body.and_then(|body| serde_json::from_slice(&body).ok());
            status.ok_or_else(|| Unanswered::stranger(at, "no status"))
        });
        match status {
            Ok(status) => Self { holder, status: Some(status), is_restart_due, ..Self::default() },
            Err(why) => {
                // As it stands in the file, which may mean all addresses.
                let at = config.console.listen.unwrap_or(at);
                let why = greeting::whose(why, config).await;
                if let Some(mark) = why.is_of_the_store_before(file) {
                    invocation::runs_as(store::daemon_at(mark.process));
                    return Self { on_the_store_before: Some(mark.process), ..Self::default() };
                }
                Self { holder, unanswered: Some(Silence { of: CONSOLE, at, why }), ..Self::default() }
            }
        }
    }

    /// A message went from `sender`, sent past the daemon since it `began`: what stood of that is over there, too. Where it
    /// cannot be told it stands until a client proves it.
    pub async fn note_proved(&self, config: &Config, account: &Account, sender: &str, began: Instant) {
        self.tell_proved(config, account, ("sender", sender), began).await;
    }

    /// Mailboxes that this look, which `began` then, could open, and that were refused before: likewise. What is still answered
    /// from memory stands until that ends. It, as it is then; what is not told within the look's time stands, too.
    pub async fn told_of_sign_ons(self, scope: &Scope, config: &Config, found: &[Check], began: Instant) -> Self {
        let deadline = began + scope.within;
        let told = timeout_at(deadline, async {
            let mut is_told = false;
            for account in scope.accounts(config) {
                for protocol in [Protocol::Imap, Protocol::Pop3] {
                    if self.was_refused(&account, protocol) && passed(found, &account, protocol.as_str(), Name::SignOn)
                    {
                        self.tell_proved(config, &account, ("protocol", protocol.as_str()), began).await;
                        is_told = true;
                    }
                }
            }
            if is_told { Some(Self::ask(config, &scope.file).await) } else { None }
        });
        told.await.ok().flatten().unwrap_or(self)
    }

    /// A client was, and no success followed; nobody hears it from memory any more.
    fn was_refused(&self, account: &Account, protocol: Protocol) -> bool {
        let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let by_it = |of: &Value| text(of, "protocol") == protocol.as_str();
        let rows =
            |of: Option<&Value>, name: &str| of.and_then(|of| of.get(name)?.as_array().cloned()).unwrap_or_default();
        let is_remembered = rows(self.account(&account.address), "refusals")
            .iter()
            .any(|one| by_it(one) && one.get("until").is_some_and(|until| !until.is_null()));
        let stands = |one: &Value| {
            text(one, "account") == account.address
                && by_it(one)
                && one.get("worked-again-at").is_none_or(Value::is_null)
        };
        !is_remembered && rows(self.status.as_ref(), "faults").iter().any(stands)
    }

    async fn tell_proved(&self, config: &Config, account: &Account, what: (&str, &str), began: Instant) {
        let Some(at) = config.console.reached_at().filter(|_| self.status.is_some()) else { return };
        let took = began.elapsed().as_millis().to_string();
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([("account", account.address.as_str()), what, ("milliseconds", &took)]);
        let path = format!("/api/proved?{}", query.finish());
        let _ = client::ask(at, Method::POST, &path, || config.console_token()).await;
    }

    /// What is stored where the file says is nothing that it goes by.
    pub const fn is_on_another_store(&self) -> bool {
        self.is_restart_due || self.on_the_store_before.is_some()
    }

    pub fn is_running(&self) -> bool {
        self.holder.is_some() || self.on_the_store_before.is_some()
    }

    fn account(&self, address: &str) -> Option<&Value> {
        let accounts = self.status.as_ref()?.get("accounts")?.as_array()?;
        accounts.iter().find(|one| one.get("address").and_then(Value::as_str) == Some(address))
    }

    /// Of the enterprise application that signs in for this account.
    pub fn object_id(&self, address: &str) -> Option<String> {
        self.account(address)?.pointer("/sign-in/object-id")?.as_str().map(str::to_owned)
    }

    /// After which refusal of the identity provider the daemon asks it again for this account, and when.
    pub fn asks_again(&self, address: &str) -> Vec<(&'static str, String)> {
        let Some(sign_in) = self.account(address).and_then(|account| account.get("sign-in")) else { return Vec::new() };
        let one = |name: &str| {
            let fault = sign_in.get(name)?;
            let text = |name: &str| fault.get(name).and_then(Value::as_str);
            Some((catalog::find(text("id")?)?.id, catalog::moment(text("asks-again-at")?.parse().ok()?, "%H:%M")))
        };
        FAULTS.into_iter().filter_map(|(name, _)| one(name)).collect()
    }

    /// Id and text of what is wrong with the sign-in of this account.
    pub fn fault_of(&self, address: &str, resource: Resource) -> Option<(String, String)> {
        let fault = self.account(address)?.pointer(match resource {
            Resource::Mail => "/sign-in/fault",
            Resource::Graph => "/sign-in/graph-fault",
        })?;
        let text = |name: &str| fault.get(name).and_then(Value::as_str).map(str::to_owned);
        Some((text("id")?, text("text").unwrap_or_default()))
    }
}

/// Of a daemon without a console: a listener that takes connections and does not greet.
async fn ungreeted(config: &Config) -> Option<Silence> {
    let (protocol, at) = greeting::place(&config.listeners)?;
    let why = greeting::heard(at).await.err()?;
    Some(Silence { of: protocol.as_str(), at, why })
}

/// `found`: what this look came to before.
pub(super) async fn look(scope: &Scope, config: &Config, running: &Running, found: &[Check]) -> Vec<Check> {
    let at = |name| Look::at(scope.lang, Layer::Daemon, name);
    let look = at(Name::Daemon);
    let fails = |name: Name| found.iter().any(|check| check.name == name.as_str() && check.outcome == Outcome::Fail);
    let is_store_in_the_way = fails(Name::Store);
    if running.on_the_store_before.is_some() {
        let loaded = at(Name::LoadedConfiguration).target(scope.file.display().to_string());
        // To load it again helps once the store could be had.
        let loaded = match is_store_in_the_way {
            true => loaded.skip(Said::OnTheStoreBefore),
            false => loaded.fail(Said::OnTheStoreBefore, &CONFIGURATION_NOT_LOADED.fault(), &Who::default()),
        };
        return vec![look.pass(Said::Runs { process: running.on_the_store_before }), loaded];
    }
    let Some(holder) = &running.holder else {
        return down(scope, config, running.unanswered.as_ref());
    };
    let mut checks = vec![look.pass(Said::Runs { process: holder.process })];
    if let Some(other) = &running.reads {
        let (look, running_file) = (at(Name::LoadedConfiguration), other.display().to_string());
        // Whom a new store lacks first.
        let address = config.accounts.first().map(|account| account.address.clone());
        let who = Who { address, running_file: Some(running_file.clone()), ..Who::default() };
        checks.push(look.fail(Said::ReadsOther { file: running_file }, &CONFIGURATION_OF_ANOTHER_DAEMON.fault(), &who));
        return checks;
    }
    let Some(status) = &running.status else {
        checks.extend(unanswered(scope, holder, running.unanswered.as_ref()));
        return checks;
    };
    let listeners = Listeners::of(status, awaits_restart(status), config);
    for listener in &config.listeners {
        for bind in &listener.listen {
            checks.push(listeners.look(scope, listener, bind).await);
        }
    }
    // What a restart would fail at comes first.
    let may_restart =
        !is_store_in_the_way && !fails(Name::ListenerKey) && checks.iter().all(|check| check.outcome != Outcome::Fail);
    checks.extend(left_behind(at(Name::StoreBefore), status, running));
    checks.push(configuration(at(Name::LoadedConfiguration), config, status, scope, may_restart));
    checks
}

/// What the restart that is due would leave in the store before: to be decided before it.
fn left_behind(look: Look, status: &Value, running: &Running) -> Option<Check> {
    let left = status.get("left-behind").filter(|_| running.is_restart_due)?;
    let number = |name: &str| left.get(name).and_then(Value::as_u64).unwrap_or_default();
    let (store, messages, sign_ins) = (left.get("store")?.as_str()?.to_owned(), number("messages"), number("sign-ins"));
    let who = Who { left_store: Some(store.clone()), ..Who::default() };
    Some(look.target(store).fail(Said::RestartLeaves { messages, sign_ins }, &MAIL_LEFT_BEHIND.fault(), &who))
}

/// One that does not say what it listens on. Where nothing takes a connection at the console's address, the file has moved
/// it since the daemon's start; where somebody else has that, a restart would fail; where the system alone takes it, the daemon
/// hangs. Of one on another machine, as in a
/// container, nobody knows.
fn unanswered(scope: &Scope, holder: &store::Holder, silence: Option<&Silence>) -> [Check; 2] {
    let at = |name| Look::at(scope.lang, Layer::Daemon, name);
    let said = silence.map_or_else(|| "[console] listen = \"off\"".to_owned(), |silence| silence.why.to_string());
    let loaded = at(Name::LoadedConfiguration).skip(Said::CannotBeAsked { why: said.clone() });
    let known = silence.filter(|_| holder.is_within_reach).and_then(|silence| match silence.why {
        Unanswered::NotThere(_) => Some((LISTENER_NOT_OPEN, silence)),
        Unanswered::Stranger(_) | Unanswered::OnAnotherStore(..) => Some((PORT_TAKEN, silence)),
        Unanswered::Silent(_) => Some((DAEMON_HANGS, silence)),
        // The look at the store says what that waits for.
        Unanswered::Waits(_) | Unanswered::OfAnotherUser(_) | Unanswered::Untold(_) => None,
    });
    let listeners = at(Name::Listeners);
    let listeners = match known {
        Some((entry, Silence { of, at, .. })) => {
            let place = Place { address: *at, is_console: *of == CONSOLE };
            let who = Who { place: Some(place), ..Who::default() };
            listeners.target(format!("{of} {at}")).fault(&entry.fault().detail(said), &who)
        }
        None => listeners.skip(Said::CannotBeAsked { why: said }),
    };
    [listeners, loaded]
}

/// What can be told of the daemon without asking it.
pub(super) fn unasked(scope: &Scope, config: &Config) -> Vec<Check> {
    match store::holder(&config.store).or_else(|| store::holder_before(&config.store, &scope.file)) {
        Some(holder) => {
            let look = Look::at(scope.lang, Layer::Daemon, Name::Daemon);
            vec![look.pass(Said::Runs { process: holder.process })]
        }
        None => down(scope, config, None),
    }
}

/// None runs on this store: whether one could listen, for as long as it does not, only the system can tell.
fn down(scope: &Scope, config: &Config, silence: Option<&Silence>) -> Vec<Check> {
    let at = |name| Look::at(scope.lang, Layer::Daemon, name);
    if store::is_closed(&config.store) {
        return vec![at(Name::Daemon).skip(Said::OfAnotherUser)];
    }
    if scope.is_beside_the_service {
        return vec![at(Name::Daemon).skip(Said::StateElsewhere)];
    }
    let of_listeners = config.listeners.iter().flat_map(|listener| {
        let addresses = listener.listen.iter().filter_map(|bind| match bind {
            Bind::Address(address) => Some(*address),
            Bind::Systemd(_) => None,
        });
        addresses.map(|address| (listener.protocol.as_str(), Place::of_listener(address)))
    });
    let console = config.console.listen.map(|address| (CONSOLE, Place::of_console(address)));
    let places = of_listeners.chain(console).filter(|(_, place)| place.address.port() != 0);
    let free = |(what, place): (&str, Place)| {
        let look = at(Name::Listeners).target(format!("{what} {}", place.address));
        listeners::refused(look.clone(), place, &[]).unwrap_or_else(|| look.pass(Said::IsFree))
    };
    let daemon = match silence.map(|silence| &silence.why) {
        // Nobody has this store. Whether that one is on another since the file names this, it does not say.
        Some(why) if why.is_stranger() => Said::CannotBeAsked { why: why.to_string() },
        _ => Said::NotRunning,
    };
    std::iter::once(at(Name::Daemon).skip(daemon)).chain(places.map(free)).collect()
}

/// One that runs on beside a file that is refused.
pub(super) fn running_on(scope: &Scope, running: &Running) -> [Check; 2] {
    let at = |name| Look::at(scope.lang, Layer::Daemon, name);
    let process = running.holder.as_ref().and_then(|holder| holder.process).or(running.on_the_store_before);
    let loaded = match &running.reads {
        Some(other) => Said::ReadsOther { file: other.display().to_string() },
        None => Said::RunsOn,
    };
    [at(Name::Daemon).pass(Said::Runs { process }), at(Name::LoadedConfiguration).skip(loaded)]
}

/// What clients still hear from memory where this look got in: who mended the cause sees why nothing changed, and how to
/// end it. Asked anew, since the look itself may have ended some of it.
pub(super) async fn memory(scope: &Scope, config: &Config, before: &Running, found: &[Check]) -> Vec<Check> {
    if before.status.is_none() || before.holder.is_none() {
        return Vec::new();
    }
    let running = Running::ask(config, &scope.file).await;
    if running.status.is_none() {
        return Vec::new();
    }
    let accounts = scope.accounts(config);
    let checks: Vec<Check> = accounts.iter().flat_map(|account| remembered(scope, &running, account, found)).collect();
    if !checks.is_empty() {
        return checks;
    }
    vec![Look::at(scope.lang, Layer::Daemon, Name::Memory).pass(Said::NothingRemembered)]
}

fn passed(found: &[Check], account: &Account, layer: &str, name: Name) -> bool {
    let mut of_account = found.iter().filter(|check| check.account.as_deref() == Some(&account.address));
    of_account
        .any(|check| check.layer.as_str() == layer && check.name == name.as_str() && check.outcome == Outcome::Pass)
}

fn remembered(scope: &Scope, running: &Running, account: &Account, found: &[Check]) -> Vec<Check> {
    let Some(told) = running.account(&account.address) else { return Vec::new() };
    let passed = |layer: &str, name: Name| passed(found, account, layer, name);
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let one = |what: String, id: String, until: String| {
        let look = Look::at(scope.lang, Layer::Daemon, Name::Memory).account(&account.address).target(what);
        let fault = REFUSAL_REMEMBERED.fault().detail(id.clone());
        look.fail(Said::Remembers { id, until: Some(until).filter(|until| !until.is_empty()) }, &fault, &Who::default())
    };
    let refusals = told.get("refusals").and_then(Value::as_array).into_iter().flatten();
    // What has no time is not answered from memory: the next client finds that it is over.
    let is_remembered = |refusal: &&Value| !text(refusal, "until").is_empty();
    let refusals = refusals.filter(is_remembered).filter(|refusal| passed(&text(refusal, "protocol"), Name::SignOn));
    let mut checks: Vec<Check> =
        refusals.map(|refusal| one(text(refusal, "protocol"), text(refusal, "id"), text(refusal, "until"))).collect();
    // Where the daemon alone may ask, a token that is stored says nothing of how it would be answered.
    let may_ask = account.sign_in.app.rotation != Rotation::OneTime || account.sign_in.app.grant.is_unattended();
    for (place, name) in FAULTS {
        let Some(sign_in) = told.get("sign-in").filter(|_| may_ask) else { continue };
        let Some(fault) = sign_in.get(place).filter(|fault| fault.is_object()) else { continue };
        let until = text(fault, "asks-again-at");
        // What has no time is not answered from memory any more.
        if !until.is_empty() && passed(Layer::Token.as_str(), name) {
            checks.push(one("token".to_owned(), text(fault, "id"), until));
        }
    }
    checks
}

/// What of the configuration that it loaded again.
fn awaits_restart(status: &Value) -> Option<&str> {
    status.pointer("/needs-restart/what").and_then(Value::as_str)
}

fn configuration(look: Look, config: &Config, status: &Value, scope: &Scope, may_restart: bool) -> Check {
    let look = look.target(scope.file.display().to_string());
    let text = |path: &str| status.pointer(path).and_then(Value::as_str);
    let Some(loaded) = text("/configuration") else {
        return look.skip(Said::CannotBeAsked { why: "the daemon is of an older version".to_owned() });
    };
    let who = Who { left_store: text("/left-behind/store").map(str::to_owned), ..Who::default() };
    match config.fingerprint() {
        None => look.skip(Said::CannotBeAsked { why: token_file(&config.store).display().to_string() }),
        Some(now) if loaded == now => {
            match awaits_restart(status).map(|what| Said::AwaitsRestart { what: what.to_owned() }) {
                Some(awaits) if may_restart => look.fail(awaits, &RESTART_PENDING.fault(), &who),
                Some(awaits) => look.skip(awaits),
                None => look.pass(Said::SameConfiguration),
            }
        }
        Some(_) => look.fail(Said::OtherConfiguration, &CONFIGURATION_NOT_LOADED.fault(), &Who::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::Lang, config::Surroundings};

    /// The port is taken by the service itself, which nobody is to end.
    #[tokio::test]
    async fn of_a_service_whose_state_is_elsewhere_nothing_is_called_down_or_taken() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "[store]\nurl = \"sqlite://{}/none.db\"\n[console]\nlisten = \"off\"\n[[listener]]\nprotocol = \"smtp\"\nlisten = \
             [\"{}\"]\n",
            dir.path().display(),
            taken.local_addr().unwrap()
        );
        let config = crate::config::check_text(&text, "gatepost.toml", &Surroundings::default()).unwrap().0;
        let told = |scope: &Scope| -> Vec<String> {
            unasked(scope, &config)
                .iter()
                .map(|check| crate::doctor::line(check, crate::doctor::Marks::Ascii, crate::base::Lang::En))
                .collect()
        };
        let here = Scope::all("gatepost.toml", Lang::En);
        let is_taken = |check: &Check| check.fault.as_ref().is_some_and(|fault| fault.id == "port-taken");
        assert!(unasked(&here, &config).iter().any(is_taken), "{:?}", told(&here));
        for (lang, elsewhere) in [(Lang::En, "keeps its state elsewhere"), (Lang::Ja, "別の場所")] {
            let scope = Scope { is_beside_the_service: true, lang, ..here.clone() };
            let looked: Vec<Check> = look(&scope, &config, &Running::default(), &[]).await;
            assert_eq!((told(&scope).len(), looked.len()), (1, 1), "{:?}", told(&scope));
            assert!(told(&scope).concat().contains(elsewhere), "{:?}", told(&scope));
        }
    }
}
