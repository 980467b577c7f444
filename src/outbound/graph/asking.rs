//! Requests for one mailbox, one at a time on one seat: with a token, with the pauses that Graph asks for, and with an
//! honest word about what may have been done.
//!
//! What was surely not done (429, 503, a token that is not taken) is asked again while there is time; what may have been
//! done never is, but for a piece of an upload. The message is under way from the request on that sends it: until then it
//! can be called back, and a draft is all that may be left.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    Way,
    answer::{self, Answer, Trouble},
    letter::Letter,
    seats::Seat,
};
use crate::{
    account::Account,
    base::{Bearer, Fault, Stage},
    catalog::{
        graph::{GRAPH_TOKEN_REFUSED, GRAPH_UNREACHABLE},
        own::{MESSAGE_BODY_UNREADABLE, TOKEN_TIMEOUT},
    },
    net::{Call, CallBody, Handed, HttpFault, HttpReply},
    oauth::{GraphAccess, Resource},
    outbound::{Deadline, Outset, Trail},
};

const TRIES: u32 = 4;
/// Where Graph asks for a pause and does not say how long.
const PAUSE: Duration = Duration::from_secs(2);
/// A pause behind a request that is longer is for whoever keeps the message: while it is waited for here, the message
/// counts as under way.
const PAUSE_MOST: Duration = Duration::from_secs(60);
/// For one request with its answer; none carries more than 4 MB.
const WITHIN: Duration = Duration::from_secs(5 * 60);

/// What a request carries.
pub enum Load<'l> {
    Nothing,
    Json(Bytes),
    /// The message in base64, with another header block.
    Mime(&'l Letter, Bytes),
}

pub struct Asking<'a> {
    way: Way<'a>,
    account: &'a Account,
    /// Of the mailbox.
    base: Url,
    /// For what comes before a request.
    deadline: Instant,
    seat: Seat,
    bearer: Option<Bearer>,
    /// Graph may have looked at something of the message, by the last request.
    pub has_asked: bool,
    /// Graph took a draft, so the way is open: what fails from now on may be this message's own trouble.
    pub has_draft: bool,
}

impl<'a> Asking<'a> {
    pub async fn begin(
        way: Way<'a>,
        account: &'a Account,
        access: &GraphAccess,
        deadline: Deadline,
    ) -> Result<Self, Fault> {
        let base = mailbox(account, access);
        let name = format!("{} {base} {}", account.sign_in.app.client_id, account.smtp_user.to_lowercase());
        let seat = way.seats.take(&name, deadline.for_room()).await?;
        let deadline = deadline.for_others();
        Ok(Self { way, account, base, deadline, seat, bearer: None, has_asked: false, has_draft: false })
    }

    pub const fn trail(&self) -> Trail<'a> {
        self.way.trail
    }

    /// From here on it would be left behind, so whoever keeps the message hears of it.
    pub fn took_draft(&mut self) {
        self.has_draft = true;
        self.way.outset.wait_is_over();
    }

    /// Below the mailbox: `["messages", id, "send"]`.
    pub fn url(&self, path: &[&str]) -> Url {
        below(self.base.clone(), path)
    }

    /// About a draft. Nothing is sent by it; what was asked for may have been done where this is dropped.
    pub async fn ask(&mut self, method: Method, path: &[&str], load: Load<'_>) -> Result<HttpReply, Trouble> {
        self.ask_with(&(), method, path, load).await
    }

    /// For the message to be sent. Not cancel safe: it may have been.
    pub async fn ask_to_send(&mut self, path: &[&str], load: Load<'_>) -> Result<HttpReply, Trouble> {
        self.ask_with(self.way.outset, Method::POST, path, load).await
    }

    async fn ask_with(
        &mut self,
        outset: &dyn Outset,
        method: Method,
        path: &[&str],
        load: Load<'_>,
    ) -> Result<HttpReply, Trouble> {
        let url = self.url(path);
        let (mut tries, mut was_refused) = (0, false);
        loop {
            self.wait_until_allowed().await?;
            let bearer = self.bearer().await?;
            outset.begins().await.map_err(Trouble::Access)?;
            let reply = self.send(method.clone(), &url, &load, &bearer).await?;
            let answer = answer::read(reply);
            // A token that is not taken is looked at before anything of the message is.
            let is_looked_at = !matches!(answer, Answer::TokenRefused(_));
            self.has_asked = is_looked_at;
            if is_looked_at {
                self.way.keepers.accepted_by_graph(&self.account.sign_in, bearer.generation);
            }
            match answer {
                Answer::Done(reply) => return Ok(reply),
                // What was to wait may have been done all the same: a draft that is gone then may have been sent.
                Answer::No(Trouble::Gone { detail }) if tries > 0 => {
                    return Err(Trouble::Unclear { after: None, detail });
                }
                Answer::No(trouble) => return Err(trouble),
                Answer::TokenRefused(detail) if was_refused => {
                    return Err(Trouble::Access(GRAPH_TOKEN_REFUSED.fault().detail(detail)));
                }
                Answer::TokenRefused(_) => {
                    was_refused = true;
                    self.bearer = Some(self.newer_than(&bearer).await?);
                }
                Answer::Wait { after, detail, may_be_the_message } => {
                    self.pause(&mut tries, after, detail, may_be_the_message)?;
                }
            }
        }
    }

    /// Graph asked for a pause. `Err`: it is not waited for here.
    fn pause(
        &self,
        tries: &mut u32,
        after: Option<Duration>,
        detail: String,
        may_be_the_message: bool,
    ) -> Result<(), Trouble> {
        let pause = after.unwrap_or(PAUSE * 2u32.pow(*tries));
        self.seat.pause(pause);
        *tries += 1;
        if *tries >= TRIES || pause > PAUSE_MOST || Instant::now() + pause >= self.deadline {
            let may_be_the_message = may_be_the_message || self.has_draft;
            return Err(Trouble::Throttled { after: Some(pause), detail, may_be_the_message });
        }
        Ok(())
    }

    /// Whoever of this mailbox heard of a pause keeps it for all.
    async fn wait_until_allowed(&self) -> Result<(), Trouble> {
        let quiet = self.seat.quiet();
        if quiet.is_zero() {
            return Ok(());
        }
        if quiet > PAUSE_MOST || Instant::now() + quiet >= self.deadline {
            return Err(Trouble::Quiet(quiet));
        }
        tokio::time::sleep(quiet).await;
        Ok(())
    }

    async fn bearer(&mut self) -> Result<Bearer, Trouble> {
        if let Some(bearer) = &self.bearer {
            return Ok(bearer.clone());
        }
        let bearer = self.in_time(self.way.keepers.bearer_for(&self.account.sign_in, Resource::Graph)).await?;
        self.bearer = Some(bearer.clone());
        Ok(bearer)
    }

    async fn newer_than(&self, bearer: &Bearer) -> Result<Bearer, Trouble> {
        let sign_in = &self.account.sign_in;
        self.in_time(self.way.keepers.refused_for(sign_in, Resource::Graph, bearer.generation)).await
    }

    async fn in_time(&self, token: impl Future<Output = Result<Bearer, Fault>>) -> Result<Bearer, Trouble> {
        let bearer = timeout_at(self.deadline, token).await.unwrap_or_else(|_| Err(TOKEN_TIMEOUT.fault()));
        bearer.map_err(|fault| Trouble::Access(fault.at(Stage::FetchingToken)))
    }

    async fn send(
        &mut self,
        method: Method,
        url: &Url,
        load: &Load<'_>,
        bearer: &Bearer,
    ) -> Result<HttpReply, Trouble> {
        let (body, handed, reading) = match load {
            Load::Nothing => (CallBody::Bytes(Bytes::new()), None, None),
            Load::Json(json) => (CallBody::Bytes(json.clone()), None, None),
            Load::Mime(letter, head) => {
                let upload = letter.upload(head.clone()).await;
                let (upload, handed, reading) = upload.map_err(|error| unreadable(&error))?;
                (CallBody::Upload(upload), Some(handed), Some(reading))
            }
        };
        let kind = match load {
            Load::Mime(..) => "text/plain",
            Load::Nothing | Load::Json(_) => "application/json",
        };
        let headers = [("content-type", kind)];
        let call = Call { method, url, bearer: Some(&bearer.token), headers: &headers, body, within: WITHIN };
        let octets = match load {
            Load::Nothing => 0,
            Load::Json(json) => json.len() as u64,
            Load::Mime(letter, head) => letter.octets_with(head),
        };
        let reply = self.way.http.call(call).await;
        self.way.count(octets, &reply);
        if let Some(reading) = reading {
            reading.end().await;
        }
        // Nobody heard of the message where nobody was reached.
        self.has_asked = reply.as_ref().is_err_and(|fault| !fault.is_ahead_of_the_request());
        reply.map_err(|fault| trouble(fault, handed.as_ref()))
    }

    /// A piece for an upload session, whose URL is the right to it. Pauses are kept as for any request, and the same piece
    /// follows them; once more, too, where nobody knows whether it arrived: by a piece nothing is sent.
    pub async fn put(&self, url: &Url, range: &str, piece: Bytes) -> Result<(), Trouble> {
        let headers = [("content-range", range), ("content-type", "application/octet-stream")];
        let (mut tries, mut unclear) = (0, None);
        loop {
            self.wait_until_allowed().await?;
            let body = CallBody::Bytes(piece.clone());
            let call = Call { method: Method::PUT, url, bearer: None, headers: &headers, body, within: WITHIN };
            let reply = self.way.http.call(call).await;
            self.way.count(piece.len() as u64, &reply);
            match reply.map_or_else(|fault| Answer::No(trouble(fault, None)), answer::read) {
                Answer::Done(_) => return Ok(()),
                Answer::Wait { after, detail, may_be_the_message } => {
                    self.pause(&mut tries, after, detail, may_be_the_message)?;
                }
                // A pause asked for with it is this upload's own, or nobody behind it would ever go.
                Answer::No(Trouble::Unclear { after, detail }) if unclear.is_none() => {
                    self.pause(&mut tries, after, detail.clone(), true)?;
                    unclear = Some(detail);
                }
                Answer::No(trouble) => {
                    // The first one may have arrived, and Graph mean that there is no room for another.
                    return Err(unclear.map_or(trouble, |detail| Trouble::Unclear { after: None, detail }));
                }
                Answer::TokenRefused(detail) => {
                    return Err(Trouble::Access(GRAPH_TOKEN_REFUSED.fault().detail(detail)));
                }
            }
        }
    }

    /// Throws a draft away, as well as it goes. A long pause is not waited for: each attempt would leave a large draft in
    /// the mailbox.
    pub async fn discard(&mut self, draft: &str) {
        let quiet = self.seat.quiet();
        if quiet <= PAUSE_MOST {
            tokio::time::sleep(quiet).await;
        }
        if let Ok(bearer) = self.bearer().await {
            let url = self.url(&["messages", draft]);
            let _ = self.send(Method::DELETE, &url, &Load::Nothing, &bearer).await;
        }
    }

    /// So much more time is left at least for what comes before a request: tokens and pauses.
    pub fn extend(&mut self, left: Duration) {
        self.deadline = self.deadline.max(Instant::now() + left);
    }
}

/// `handed`: whether a body that is streamed left our hands as a whole. Others do at once.
fn trouble(fault: HttpFault, handed: Option<&Handed>) -> Trouble {
    let (detail, is_ahead) = (fault.to_string(), fault.is_ahead_of_the_request());
    match is_ahead || handed.is_some_and(|handed| !handed.is_whole()) {
        true => {
            let entry = if let HttpFault::Proxy(trouble, _) = fault { trouble.entry() } else { GRAPH_UNREACHABLE };
            let stage = if is_ahead { Stage::Connecting } else { Stage::Relaying };
            Trouble::Access(entry.fault().detail(detail).at(stage))
        }
        false => Trouble::Unclear { after: None, detail },
    }
}

pub fn unreadable(error: &std::io::Error) -> Trouble {
    Trouble::Access(MESSAGE_BODY_UNREADABLE.fault().detail(format!("the message on disk: {error}")))
}

/// `/me` where the mailbox is that of whoever signed in, since any name of theirs will do there.
pub fn mailbox(account: &Account, access: &GraphAccess) -> Url {
    let sign_in = &account.sign_in;
    let is_own = !sign_in.app.grant.is_app_only() && sign_in.identity.eq_ignore_ascii_case(&account.smtp_user);
    match is_own {
        true => below(access.url.clone(), &["me"]),
        false => below(access.url.clone(), &["users", &account.smtp_user]),
    }
}

fn below(mut url: Url, path: &[&str]) -> Url {
    // Any URL of http has segments.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Upload;

    #[test]
    fn only_what_left_our_hands_as_a_whole_can_have_been_done() {
        let silent = || HttpFault::Timeout("https://graph.example".into());
        let broken = || HttpFault::Broken("reset".into());
        let gone = || HttpFault::Connect("refused".into());
        let (_body, _pieces, inside) = Upload::new(10);
        let (_body, _pieces, whole) = Upload::new(0);
        let is_doubtful = |fault, handed| matches!(trouble(fault, handed), Trouble::Unclear { .. });
        assert!(is_doubtful(silent(), Some(&whole)) && is_doubtful(broken(), Some(&whole)));
        assert!(
            is_doubtful(silent(), None) && is_doubtful(broken(), None),
            "a body in one piece is handed over at once"
        );
        assert!(!is_doubtful(silent(), Some(&inside)) && !is_doubtful(broken(), Some(&inside)));
        assert!(!is_doubtful(gone(), Some(&whole)) && !is_doubtful(gone(), None));
    }
}
