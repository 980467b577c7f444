//! The keeper's side towards the store: reads what others wrote, saves what it got, and remembers what it was told.
//!
//! A save names the version that it was made from. Whoever else wrote meanwhile wins, and ours is dropped.

use super::{Keeper, patience};
use crate::{
    catalog::token::{SIGN_IN_FREQUENCY, SIGN_IN_MISSING, STORE_FAILING, TOKEN_FETCH_UNFINISHED},
    oauth::{
        Resource,
        counter::Held,
        endpoints::object_id_in,
        frequency,
        sign_in::{is_in_doubt, refusal_beside, refusal_of},
        trouble::Trouble,
        verdict::Verdict,
    },
    store::{AccessToken, Failure, StoreError, TokenRow, Versioned},
};

impl Keeper {
    /// `must`: a refresh token would be lost. Otherwise a store that fails keeps nobody from working.
    pub(super) async fn save(&mut self, resource: Resource, row: TokenRow, must: bool) -> Result<(), Verdict> {
        let key = self.sign_in.key();
        match self.means.store.save_token(&key, self.stored(), &row).await {
            Ok(true) => self.version = Some(self.stored() + 1),
            Ok(false) => return self.yield_to_other(resource, row).await,
            Err(error) if must => {
                self.unsaved = Some(row);
                return Err(Verdict::new(STORE_FAILING, error.to_string()));
            }
            Err(error) => {
                tracing::warn!(sign_in = %key, fault = %STORE_FAILING.fault(), %error, "the token is used but could not be saved")
            }
        }
        self.take(row);
        let (mail, graph) = (self.mail.generation, self.graph.generation);
        tracing::debug!(sign_in = %key, mail, graph, "token fetched");
        Ok(())
    }

    /// Somebody signed in or out while a request was under way: what they stored counts, ours is dropped.
    async fn yield_to_other(&mut self, resource: Resource, ours: TokenRow) -> Result<(), Verdict> {
        self.load().await.map_err(|error| Verdict::new(STORE_FAILING, error.to_string()))?;
        if self.has_usable(resource) {
            return Ok(());
        }
        if self.sign_in.app.grant.is_unattended() {
            // Nobody consents to such a grant, so there is nothing that a logout could have meant to end.
            self.take(ours);
            return Ok(());
        }
        match &self.row {
            Some(_) => Err(Verdict::new(TOKEN_FETCH_UNFINISHED, "another process changed this sign-in meanwhile")),
            None => Err(Verdict::new(SIGN_IN_MISSING, "logged out while a token was fetched")),
        }
    }

    pub(super) async fn read_store(&mut self) {
        let Err(error) = self.load().await else { return };
        let verdict = Verdict::new(STORE_FAILING, error.to_string());
        let trouble = self.trouble_of(&verdict, self.unread.as_ref(), self.means.clock.wall());
        tracing::warn!(sign_in = %self.sign_in.key(), fault = %trouble.fault, "the store cannot be read");
        self.unread = Some(trouble);
    }

    /// True if the store holds something else than what was last read or written here.
    pub(super) async fn load(&mut self) -> Result<bool, StoreError> {
        let key = self.sign_in.key();
        let (found, damage) = match self.means.store.token(&key).await {
            // A row that does not open is no row for a token, and a new sign-in may replace it.
            Err(damage @ StoreError::Row { .. }) => {
                (Versioned { version: self.means.store.version(&key).await?, row: None }, Some(damage))
            }
            other => (other?, None),
        };
        self.unread = None;
        if self.version == Some(found.version) {
            return Ok(false);
        }
        if let Some(error) = damage {
            tracing::error!(sign_in = %key, fault = %SIGN_IN_MISSING.fault_with(&self.how), %error, "stored sign-in unusable");
        }
        let is_known = self.version.is_some();
        self.mail.forget(is_known);
        self.graph.forget(is_known);
        self.version = Some(found.version);
        self.unsaved = None;
        let before = self.row.take();
        if let Some(row) = found.row {
            if is_known {
                self.tell_refused_sign_in(before.as_ref(), &row);
            }
            self.mail.trouble = self.remembered_failure(&row);
            self.take(row);
        }
        if !self.sign_in.app.grant.is_unattended() && self.refresh_token().is_none() {
            let verdict = Verdict::new(SIGN_IN_MISSING, format!("nothing is stored for {}", self.sign_in.key()));
            self.mail.trouble = Some(self.trouble_of(&verdict, None, self.means.clock.wall()));
        }
        self.mail.trouble = self.mail.trouble.take().map(|trouble| self.with_refused_sign_in(trouble));
        Ok(true)
    }

    /// Makes a row the current one, and its access tokens those that are handed out.
    pub(super) fn take(&mut self, row: TokenRow) {
        for resource in Resource::ALL {
            let held = row.access.get(resource.as_str()).and_then(|access| self.held(resource, access));
            let side = self.side_mut(resource);
            side.generation = side.generation.max(held.as_ref().map_or(0, |held| held.generation));
            side.held = held;
        }
        if let Some(held) = self.mail.held.as_ref().filter(|_| self.sign_in.app.grant.is_app_only()) {
            self.object_id = object_id_in(held.token.expose()).or(self.object_id.take());
        }
        self.row = Some(row);
    }

    fn held(&self, resource: Resource, access: &AccessToken) -> Option<Held> {
        let (from, to) = (access.obtained_at?, access.expires_at?);
        let life = to.duration_since(from).unwrap_or_default();
        Some(Held {
            token: access.token.clone(),
            generation: self.side(resource).generation.max(access.generation),
            expiry: self.means.clock.expiry(to),
            grace: patience::grace(life),
            ahead: patience::ahead(life),
        })
    }

    /// So that a restart does not ask a provider that has said no already.
    pub(super) async fn remember_failure(&mut self, verdict: &Verdict) {
        let mut row = self.row.clone().unwrap_or_default();
        row.failure = Some(Failure {
            id: verdict.entry.id.to_owned(),
            detail: verdict.detail.clone(),
            at: Some(self.means.clock.wall()),
            app: self.fingerprint.clone(),
            signed_in_as: None,
        });
        if verdict.entry.id == SIGN_IN_FREQUENCY.id {
            frequency::note(&mut row, self.means.clock.wall());
        }
        if let Err(error) = self.note(row).await {
            tracing::warn!(sign_in = %self.sign_in.key(), fault = %STORE_FAILING.fault(), %error, "the failure could not be saved");
        }
    }

    /// A mail server took a token that somebody gave by another name than the one who was meant: it is the same person, or
    /// one who may, and from now on nobody else's sign-in takes the place of this one.
    pub(super) async fn note_let_in(&mut self) {
        let in_doubt = |row: &&TokenRow| is_in_doubt(row, &self.sign_in);
        let Some(row) = self.row.as_ref().filter(in_doubt).filter(|_| self.unsaved.is_none()) else { return };
        let side = &self.mail;
        if side.generation == 0 || !side.counter.was_let_in(side.generation) {
            return;
        }
        match self.note(TokenRow { is_let_in: true, ..row.clone() }).await {
            Ok(()) => self.show_state(),
            // The next sign-on says it again.
            Err(error) => tracing::debug!(sign_in = %self.sign_in.key(), %error, "who was let in could not be saved"),
        }
    }

    /// Saves what is known besides tokens. Whoever else wrote meanwhile wins.
    async fn note(&mut self, row: TokenRow) -> Result<(), StoreError> {
        match self.means.store.save_token(&self.sign_in.key(), self.stored(), &row).await? {
            true => {
                self.version = Some(self.stored() + 1);
                self.row = Some(row);
            }
            false => self.mail.counter.look_at_store(),
        }
        Ok(())
    }

    fn remembered_failure(&self, row: &TokenRow) -> Option<Trouble> {
        let asks = self.means.asks_afresh || self.sign_in.is_mended_elsewhere();
        let counts = |failure: &&Failure| failure.app == self.fingerprint && !asks;
        let failure = row.failure.as_ref().filter(counts)?;
        let entry = crate::catalog::find(&failure.id)?;
        let verdict = Verdict::new(entry, failure.detail.clone());
        let since = failure.at.unwrap_or_else(|| self.means.clock.wall());
        Some(self.trouble_of(&verdict, None, since))
    }

    /// For whoever reads the log alone: another process was refused a sign-in.
    fn tell_refused_sign_in(&self, before: Option<&TokenRow>, row: &TokenRow) {
        let refused =
            |row: &TokenRow| [&row.refused_sign_in, &row.refused_beside].map(|one| one.as_ref().and_then(|one| one.at));
        if before.map(refused).unwrap_or_default() == refused(row) {
            return;
        }
        let beside = || refusal_beside(row, &self.sign_in).map(|(refusal, _)| refusal);
        if let Some(refusal) = refusal_of(row, &self.fingerprint).or_else(beside) {
            let fault = refusal.fault_of_sign_in(&self.sign_in.app, &self.how);
            tracing::warn!(sign_in = %self.sign_in.key(), %fault, detail = refusal.detail, "a sign-in was refused");
        }
    }

    /// What kept the last person who tried from signing in, in the place of the call to do so.
    pub(super) fn with_refused_sign_in(&self, trouble: Trouble) -> Trouble {
        let Some(row) = &self.row else { return trouble };
        let Some(refusal) = refusal_of(row, &self.fingerprint) else { return trouble };
        let at = row.refused_sign_in.as_ref().and_then(|refused| refused.at);
        trouble.with_refused_sign_in(
            &refusal,
            at.unwrap_or_else(|| self.means.clock.wall()),
            &self.sign_in.app,
            &self.how,
        )
    }

    /// The version that the next save builds on.
    pub(super) fn stored(&self) -> u64 {
        self.version.unwrap_or_default()
    }
}
