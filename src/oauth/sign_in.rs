//! Keeps what a sign-in brought, and forgets it again: the common end of `gatepost login`, `gatepost logout`
//! and the console.

use std::time::{Duration, SystemTime};

use tokio::time::timeout;

use super::{
    App, Rotation, SignIn,
    clock::Clock,
    endpoints::{Endpoints, TokenSet},
    frequency,
    verdict::{self, Verdict},
};
use crate::{
    base::{Kind, Secret},
    catalog::{
        self,
        doctor::SOMEBODY_ELSE_SIGNED_IN,
        token::{PROVIDER_REFUSES, STORE_FAILING},
    },
    net::HttpClient,
    store::{AccessToken, Deleted, Failure, MAIL, Store, StoreError, TokenRow, Versioned},
};

/// For a disk that hangs: a store that is merely busy answers sooner.
const STORING: Duration = Duration::from_secs(30);

/// A sign-in that is on disk.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Who consented, where the provider says.
    pub consented_as: Option<String>,
    /// Somebody else than configured consented, as far as the name tells; the mail server will refuse, unless it is another
    /// name of the same.
    pub is_somebody_else: bool,
    /// When the provider gave it, by its own clock.
    pub date: Option<SystemTime>,
}

/// What a logout did.
#[derive(Debug)]
pub struct Forgotten {
    pub had_tokens: bool,
    /// `false`: sealed copies may stand in the write-ahead log, since another process reads the store.
    pub is_wiped: bool,
    /// `None`: the provider offers no revocation, or nothing was stored.
    pub revoked: Option<Result<(), Verdict>>,
}

/// Stores the tokens over whatever was there; a refresh in flight elsewhere loses. What somebody else than configured gave
/// never takes the place of a sign-in that is good: whom the browser had signed in may be anybody. Whoever signed in may
/// wait for it in a browser, so it ends in time.
pub async fn keep(store: &Store, sign_in: &SignIn, set: TokenSet, clock: &Clock) -> Result<Kept, Verdict> {
    let late = |_| {
        let why = format!("no answer in {} s from {}", STORING.as_secs(), store.path().display());
        Err(Verdict::new(STORE_FAILING, why))
    };
    timeout(STORING, stored(store, sign_in, set, clock)).await.unwrap_or_else(late)
}

async fn stored(store: &Store, sign_in: &SignIn, set: TokenSet, clock: &Clock) -> Result<Kept, Verdict> {
    let attended = !sign_in.app.grant.is_unattended();
    if set.refresh.is_none() && attended {
        let why = "no refresh token came: the scopes need offline_access (Google: access_type=offline, prompt=consent)";
        return Err(Verdict::new(PROVIDER_REFUSES, why));
    }
    let failed = |error: StoreError| Verdict::new(error.entry_at_work(), error.to_string());
    let key = sign_in.key();
    let now = clock.wall();
    let other = sign_in.another_name(set.account.as_deref()).map(str::to_owned);
    // A daemon may save at the same time; it then reads ours and yields.
    for _ in 0..10 {
        let (version, before) = match store.token(&key).await {
            Ok(found) => (found.version, found.row),
            // What does not open is replaced.
            Err(StoreError::Row { .. }) => (store.version(&key).await.map_err(failed)?, None),
            Err(error) => return Err(failed(error)),
        };
        let is_same = |before: &TokenRow| match (&before.consented_as, &set.account) {
            (Some(before), Some(now)) => before.eq_ignore_ascii_case(now),
            _ => false,
        };
        if let (Some(other), Some(before)) = (&other, &before)
            && attended
            && !is_same(before)
            && is_good(before, sign_in)
            && !is_in_doubt(before, sign_in)
        {
            return Err(stays(before, sign_in, other));
        }
        let is_let_in = before.as_ref().is_some_and(|before| before.is_let_in && is_same(before));
        let access = AccessToken {
            token: set.access.clone(),
            obtained_at: Some(now),
            expires_at: Some(now + set.life),
            generation: version + 1,
        };
        let row = TokenRow {
            refresh: set.refresh.clone(),
            access: [(MAIL.to_owned(), access)].into(),
            scope: set.scope.clone(),
            consented_as: set.account.clone(),
            is_let_in,
            signed_in_at: attended.then_some(now),
            last_refresh: Some(now),
            ended: before.as_ref().map(frequency::carried).unwrap_or_default(),
            ..TokenRow::default()
        };
        if store.save_token(&key, version, &row).await.map_err(failed)? {
            return Ok(Kept {
                consented_as: set.account,
                is_somebody_else: other.is_some() && !is_let_in,
                date: set.date,
            });
        }
    }
    Err(Verdict::new(STORE_FAILING, format!("{key} changes all the time in {}", store.path().display())))
}

/// By the name that the provider has for them, where it says.
fn whose<'a>(row: &'a TokenRow, sign_in: &'a SignIn) -> &'a String {
    row.consented_as.as_ref().unwrap_or(&sign_in.identity)
}

/// Of what `other` gave, in whose place the sign-in of before stays.
fn stays(before: &TokenRow, sign_in: &SignIn, other: &str) -> Verdict {
    let whose = whose(before, sign_in);
    let why = match before.is_let_in {
        true => format!("{other} signed in; the sign-in of {whose} stays: the mail server lets {whose} in"),
        false => format!("{other} signed in; the sign-in of {whose} stays: {whose} is who was meant"),
    };
    Verdict {
        signed_in_as: Some(other.to_owned()),
        whose_stays: Some(whose.clone()),
        ..Verdict::new(SOMEBODY_ELSE_SIGNED_IN, why)
    }
}

/// Whether somebody gave it by another name than the one who was meant, and no mail server let them in so far. Whom the
/// browser had signed in may be anybody, so whoever signs in next takes its place.
pub(super) fn is_in_doubt(row: &TokenRow, sign_in: &SignIn) -> bool {
    sign_in.another_name(row.consented_as.as_deref()).is_some() && !row.is_let_in
}

/// Remembers that a person's sign-in was refused, until one comes about: whoever asks for mail meanwhile is told that, and
/// not to sign in as if nobody had tried. Where somebody is signed in and well it changed nothing, and is no more than a
/// note; what passes by itself, or is ours, is not worth it. `true`: it is remembered, and a keeper that runs tells the log.
pub async fn note_refusal(
    store: &Store,
    sign_in: &SignIn,
    verdict: &Verdict,
    clock: &Clock,
) -> Result<bool, StoreError> {
    let is_refusal = matches!(verdict.entry.kind, Kind::SignInNeeded | Kind::IdentityRefused);
    if !is_refusal || sign_in.app.grant.is_unattended() {
        return Ok(false);
    }
    let is_beside = is_signed_in(store, sign_in).await?;
    // A daemon that fetches at this moment would lose what it cannot get again.
    let is_at_risk = is_beside && sign_in.app.rotation == Rotation::OneTime;
    // It was refused for a sign-in that ended meanwhile.
    let is_idle = !is_beside && verdict.entry.id == SOMEBODY_ELSE_SIGNED_IN.id;
    if is_at_risk || is_idle {
        return Ok(false);
    }
    let refusal = Failure {
        id: verdict.entry.id.to_owned(),
        detail: verdict.detail.clone(),
        at: Some(clock.wall()),
        app: sign_in.fingerprint(),
        signed_in_as: verdict.signed_in_as.clone(),
    };
    let key = sign_in.key();
    loop {
        let found = match store.token(&key).await {
            Err(StoreError::Row { .. }) => Versioned { version: store.version(&key).await?, row: None },
            other => other?,
        };
        let row = found.row.unwrap_or_default();
        let (refused_sign_in, refused_beside) = match is_beside {
            true => (row.refused_sign_in.clone(), Some(refusal.clone())),
            false => (Some(refusal.clone()), None),
        };
        let row = TokenRow { refused_sign_in, refused_beside, ..row };
        if store.save_token(&key, found.version, &row).await? {
            return Ok(true);
        }
    }
}

/// The refusal of the last sign-in, where it counts for the app as it is now.
pub fn refusal_of(row: &TokenRow, fingerprint: &str) -> Option<Verdict> {
    let refusal = row.refused_sign_in.as_ref().filter(|refusal| refusal.app == fingerprint)?;
    Some(Verdict::new(catalog::find(&refusal.id)?, refusal.detail.clone()))
}

/// The refusal of a later sign-in, where the one that is stored goes on, and when that was. It counts likewise.
pub fn refusal_beside(row: &TokenRow, sign_in: &SignIn) -> Option<(Verdict, SystemTime)> {
    let refusal = row.refused_beside.as_ref().filter(|refusal| refusal.app == sign_in.fingerprint())?;
    let verdict = Verdict {
        signed_in_as: refusal.signed_in_as.clone(),
        whose_stays: refusal.signed_in_as.as_ref().map(|_| whose(row, sign_in).clone()),
        ..Verdict::new(catalog::find(&refusal.id)?, refusal.detail.clone())
    };
    Some((verdict, refusal.at?))
}

/// What a sign-in was refused with whose sign-in stays in use all the same, where one is good.
pub async fn with_who_stays(store: &Store, sign_in: &SignIn, verdict: Verdict) -> Verdict {
    let row = store.token(&sign_in.key()).await.ok().and_then(|found| found.row);
    let good = row.filter(|row| is_good(row, sign_in) && !sign_in.app.grant.is_unattended());
    let stays = good.map(|row| whose(&row, sign_in).clone()).or_else(|| verdict.whose_stays.clone());
    Verdict { whose_stays: stays, ..verdict }
}

/// What became of a sign-in that another program had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// Its refresh token is on disk; a keeper fetches an access token with it.
    Saved,
    /// Somebody is signed in here already, and that counts: a token taken over is rather older than newer.
    SignedInAlready,
    /// The one that is here was refused for what its person can mend at the provider (a second factor, a policy): its
    /// refresh token may live on, and stays.
    Interrupted,
}

/// Whether somebody is signed in here, and the provider never said no.
pub async fn is_signed_in(store: &Store, sign_in: &SignIn) -> Result<bool, StoreError> {
    let row = match store.token(&sign_in.key()).await {
        Err(StoreError::Row { .. }) => return Ok(false),
        found => found?.row,
    };
    Ok(row.is_some_and(|row| is_good(&row, sign_in)))
}

/// What the provider said to the app as it was before, with another secret, does not count unless it was said of the refresh
/// token.
fn is_good(row: &TokenRow, sign_in: &SignIn) -> bool {
    let counts =
        |failure: &Failure| failure.app == sign_in.fingerprint() || verdict::means_dead_refresh_token(&failure.id);
    row.refresh.is_some() && !row.failure.as_ref().is_some_and(counts)
}

/// Takes over a refresh token that another program was given for the same app and person. One that the provider called
/// dead is replaced, and so is a logout: whoever imports means it.
pub async fn adopt(store: &Store, sign_in: &SignIn, refresh: &Secret) -> Result<Adopted, StoreError> {
    let key = sign_in.key();
    loop {
        let found = match store.token(&key).await {
            Err(StoreError::Row { .. }) => Versioned { version: store.version(&key).await?, row: None },
            other => other?,
        };
        match found.row.filter(|row| row.refresh.is_some()).map(|row| row.failure) {
            Some(None) => return Ok(Adopted::SignedInAlready),
            Some(Some(failure)) if !verdict::means_dead_refresh_token(&failure.id) => return Ok(Adopted::Interrupted),
            _ => {}
        }
        let row = TokenRow { refresh: Some(refresh.clone()), ..TokenRow::default() };
        // A daemon that saved meanwhile has a token: the next look ends it.
        if store.save_token(&key, found.version, &row).await? {
            return Ok(Adopted::Saved);
        }
    }
}

/// Deletes every copy first, then revokes at the provider where it can: a provider that is down keeps nobody signed in.
pub async fn forget(
    store: &Store,
    http: &HttpClient,
    sign_in: &SignIn,
    clock: &Clock,
) -> Result<Forgotten, StoreError> {
    let key = sign_in.key();
    let row = match store.token(&key).await {
        Ok(found) => Some(found.row.unwrap_or_default()),
        // What does not open may be one.
        Err(StoreError::Row { .. }) => None,
        Err(error) => return Err(error),
    };
    let may_hold_one = row.as_ref().is_none_or(TokenRow::has_tokens);
    let refresh = row.and_then(|row| row.refresh);
    let Deleted { had_tokens, is_wiped } = store.delete_tokens(&key).await?;
    let had_tokens = had_tokens && may_hold_one;
    let revoked = match refresh {
        Some(refresh) => revoke(http, &sign_in.app, &refresh, clock).await,
        None => None,
    };
    Ok(Forgotten { had_tokens, is_wiped, revoked })
}

async fn revoke(http: &HttpClient, app: &App, refresh: &Secret, clock: &Clock) -> Option<Result<(), Verdict>> {
    match (Endpoints { http, app, clock }).revoke(refresh).await {
        Ok(true) => Some(Ok(())),
        Ok(false) => None,
        Err(verdict) => Some(Err(verdict)),
    }
}
