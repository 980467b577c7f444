//! A signed-on SMTP connection to the upstream, one command at a time.
//!
//! A message is delivered only by [`Channel::finish`], which writes the final dot; dropping the channel in the middle
//! closes the connection without it, so nothing half is ever delivered. Every wait has a deadline (RFC 5321 4.5.3.2).
//! It refuses answers that are none: what came before a command was said, and codes that the command cannot have.

use std::{io, mem, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout},
};

use super::pace::Given;
use crate::{
    net::{Carried, Stream, read_some},
    wire::{
        Violation,
        smtp::{Mail, Rcpt, Replies, Reply, command::Carries},
    },
};

/// For MAIL, RCPT and the reply to DATA.
const COMMAND_WAIT: Duration = Duration::from_secs(5 * 60);
/// For one piece of the body to be taken; all of them together have what [`Given`] allows.
const BODY_WAIT: Duration = Duration::from_secs(3 * 60);
/// For the reply to the final dot.
const FINAL_WAIT: Duration = Duration::from_secs(10 * 60);
/// One TLS record holds as much (RFC 8446 5.1): it arrives whole or not at all.
const RECORD: usize = 16 * 1024;
const FINAL_DOT: &[u8] = b".\r\n";
/// RSET is answered within this, or the connection is of no more use.
const LIFE_SIGN: Duration = Duration::from_secs(5);
/// For QUIT, which nobody waits for.
const QUIT_WAIT: Duration = Duration::from_secs(5);

/// The upstream connection is of no more use.
#[derive(Debug)]
pub enum Lost {
    TimedOut,
    Closed,
    Io(io::Error),
    Violation(Violation),
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Lost::TimedOut => f.write_str("the upstream did not answer in time"),
            Lost::Closed => f.write_str("the upstream closed the connection"),
            Lost::Io(error) => write!(f, "the connection to the upstream broke: {error}"),
            Lost::Violation(violation) => f.write_str(&violation.what),
        }
    }
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        Lost::Io(error)
    }
}

/// A signed-on connection.
pub struct Channel {
    stream: Stream,
    replies: Replies,
    carries: Carries,
    carried: Carried,
    /// The upstream takes commands before it answered the last one (RFC 2920).
    pipelines: bool,
    /// Of the message that is under way.
    given: Given,
    /// RSET goes out in front of the next MAIL.
    owes_reset: bool,
    /// Something went wrong on it; only good for dropping.
    broken: bool,
    /// In the middle of a command or of a message: whoever is dropped there leaves an answer behind that would be taken for
    /// the next one's.
    owes_answer: bool,
}

/// How a message ended without a verdict.
#[derive(Debug)]
pub enum Unfinished {
    /// The final dot was not written: nothing was delivered.
    BeforeTheDot(Lost),
    /// It was, or part of it: nobody knows.
    BehindTheDot(Lost),
}

impl Channel {
    /// `keywords` is the upstream's live EHLO list, `unread` what it sent behind its 235.
    pub fn new(stream: Stream, unread: BytesMut, keywords: &[String], carried: Carried) -> Self {
        let carries = Carries::from_keywords(keywords);
        let pipelines = keywords.iter().any(|keyword| keyword.eq_ignore_ascii_case("PIPELINING"));
        let (replies, given) = (Replies::new(unread), Given::default());
        let (owes_reset, broken, owes_answer) = (false, false, false);
        Self { stream, replies, carries, pipelines, carried, given, owes_reset, broken, owes_answer }
    }

    pub const fn carries(&self) -> Carries {
        self.carries
    }

    /// True while nothing is known against it.
    pub const fn is_usable(&self) -> bool {
        !self.broken && !self.owes_answer
    }

    pub async fn mail(&mut self, mail: &Mail) -> Result<Reply, Lost> {
        let line = mail.to_wire(self.carries);
        if !mem::take(&mut self.owes_reset) {
            return self.command(&line, verdict).await;
        }
        self.unasked().await?;
        self.write(format!("RSET\r\n{line}").as_bytes()).await?;
        let reset = self.reply(LIFE_SIGN, verdict).await?;
        self.owes_answer = true;
        self.judge(if reset.is_positive() { Ok(()) } else { Err(Lost::Closed) })?;
        self.reply(COMMAND_WAIT, verdict).await
    }

    /// Makes one that was left over that of the next user; `false`: it is of no use to anybody. It answered moments ago, and
    /// its end would be seen; RSET shows that it still does.
    /// Where the upstream pipelines it goes out in one packet with MAIL (RFC 2920 3.1), which saves a round trip: MAIL then
    /// fails where the connection is dead.
    pub async fn take_over(&mut self) -> bool {
        self.owes_reset = self.pipelines;
        if self.pipelines {
            return self.unasked().await.is_ok();
        }
        self.reset().await
    }

    pub async fn rcpt(&mut self, rcpt: &Rcpt) -> Result<Reply, Lost> {
        let line = rcpt.to_wire(self.carries);
        self.command(&line, verdict).await
    }

    /// Ends the transaction that is open, if one is; `false`: the connection is of no more use.
    /// The client waits for no answer of the upstream's, so neither do we for long.
    pub async fn reset(&mut self) -> bool {
        let reply = timeout(LIFE_SIGN, self.command("RSET\r\n", verdict)).await;
        let is_reset = matches!(reply, Ok(Ok(reply)) if reply.is_positive());
        self.broken |= !is_reset;
        is_reset
    }

    /// 354 means: go on with [`Channel::body`].
    pub async fn data(&mut self) -> Result<Reply, Lost> {
        self.given = Given::default();
        let reply = self.command("DATA\r\n", |reply| reply.code == 354 || reply.code >= 400).await?;
        // Until the final dot is answered.
        self.owes_answer = reply.code == 354;
        Ok(reply)
    }

    /// Writes dot-stuffed bytes of the message. Not cancel safe.
    pub async fn body(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        let (wait, start) = (BODY_WAIT.min(self.given.left(bytes.len())), Instant::now());
        let wrote = timeout(wait, self.stream.write_all(bytes)).await;
        self.given.waited += start.elapsed();
        self.given.octets += bytes.len() as u64;
        self.given_away(bytes, flat(wrote))
    }

    /// Writes the last piece of the message, dot-stuffed, and the final dot: of a small message one record and one packet.
    /// Then it waits for the verdict. Where the upstream speaks before the dot, the dot is not written; a refusal among
    /// its words is the verdict. Not cancel safe.
    pub async fn finish(&mut self, mut last: Vec<u8>) -> Result<Reply, Unfinished> {
        let ahead = last.len().saturating_sub(RECORD - FINAL_DOT.len());
        let mut sent = self.body(last.get(..ahead).unwrap_or_default()).await;
        if sent.is_ok() {
            sent = self.unasked().await;
        }
        if let Err(lost) = sent {
            return self.refusal().await.ok_or(Unfinished::BeforeTheDot(lost));
        }
        drop(last.drain(..ahead));
        last.extend_from_slice(FINAL_DOT);
        if let Err(lost) = self.write(&last).await {
            return self.refusal().await.ok_or(Unfinished::BehindTheDot(lost));
        }
        self.reply(FINAL_WAIT, verdict).await.map_err(Unfinished::BehindTheDot)
    }

    /// What the upstream said against the message before it closed, if it did.
    pub async fn refusal(&mut self) -> Option<Reply> {
        self.last_words().await.filter(|reply| reply.code >= 400)
    }

    /// A reply that the upstream sent without being asked, for example before it closed in mid-body.
    async fn last_words(&mut self) -> Option<Reply> {
        self.reply(Duration::from_secs(2), |_| true).await.ok()
    }

    /// Says goodbye and waits shortly for the answer.
    pub async fn quit(mut self) {
        let goodbye = async {
            if self.is_usable() && self.write(b"QUIT\r\n").await.is_ok() {
                let _ = self.reply(QUIT_WAIT, |_| true).await;
            }
            let _ = self.stream.shutdown().await;
        };
        let _ = timeout(QUIT_WAIT, goodbye).await;
    }

    /// Resolves when the upstream closes or speaks out of turn between commands. Cancel safe.
    pub async fn idle(&mut self) {
        // A 421 on an idle connection, or its end: either way it is not used again.
        let _ = self.fill().await;
        self.broken = true;
    }

    /// `fits`: what this command can be answered with.
    async fn command(&mut self, line: &str, fits: fn(&Reply) -> bool) -> Result<Reply, Lost> {
        self.unasked().await?;
        self.write(line.as_bytes()).await?;
        self.reply(COMMAND_WAIT, fits).await
    }

    /// What is there before a command was said would be taken for its answer, so the connection is of no more use.
    async fn unasked(&mut self) -> Result<(), Lost> {
        let filled = tokio::select! {
            biased;
            filled = self.fill() => filled,
            () = std::future::ready(()) => Ok(()),
        };
        let closing = self.replies.pending().starts_with(b"421");
        let quiet = match filled {
            Ok(()) if self.replies.is_empty() => Ok(()),
            Ok(()) if closing => Err(Lost::Closed),
            Ok(()) => Err(Lost::Violation(Violation::new("the upstream spoke without being asked"))),
            Err(lost) => Err(lost),
        };
        self.judge(quiet)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        self.owes_answer = true;
        let wrote = timeout(BODY_WAIT, async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        });
        let wrote = flat(wrote.await);
        self.given_away(bytes, wrote)
    }

    async fn reply(&mut self, wait: Duration, fits: fn(&Reply) -> bool) -> Result<Reply, Lost> {
        let reply = match timeout(wait, self.read_reply()).await {
            Ok(Ok(reply)) if !fits(&reply) => {
                let what = format!("the upstream answered {}, which makes no sense here", reply.code);
                Err(Lost::Violation(Violation::new(what)))
            }
            Ok(reply) => reply,
            Err(_) => Err(Lost::TimedOut),
        };
        if reply.as_ref().is_ok_and(|reply| reply.code == 421) {
            // The upstream closes behind it (RFC 5321 3.8).
            self.broken = true;
        }
        self.owes_answer &= reply.is_err();
        self.judge(reply)
    }

    async fn read_reply(&mut self) -> Result<Reply, Lost> {
        loop {
            if let Some(reply) = self.replies.cut().map_err(Lost::Violation)? {
                return Ok(reply);
            }
            self.fill().await?;
        }
    }

    /// One read. Cancel safe.
    async fn fill(&mut self) -> Result<(), Lost> {
        match read_some(&mut self.stream, |bytes| self.replies.feed(bytes)).await? {
            0 => Err(Lost::Closed),
            octets => {
                self.carried.to_client.add(octets);
                Ok(())
            }
        }
    }

    fn given_away(&mut self, bytes: &[u8], wrote: Result<(), Lost>) -> Result<(), Lost> {
        if wrote.is_ok() {
            self.carried.to_upstream.add(bytes.len());
        }
        self.judge(wrote)
    }

    fn judge<T>(&mut self, result: Result<T, Lost>) -> Result<T, Lost> {
        self.broken |= result.is_err();
        result
    }
}

/// A code that says yes or no; 3xx would leave the command half done.
fn verdict(reply: &Reply) -> bool {
    reply.is_positive() || reply.code >= 400
}

fn flat(result: Result<io::Result<()>, tokio::time::error::Elapsed>) -> Result<(), Lost> {
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Lost::Io(error)),
        Err(_) => Err(Lost::TimedOut),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::AsyncReadExt,
        net::{TcpListener, TcpSocket, TcpStream},
    };

    use super::*;

    /// Far more than the socket's buffers and one record hold.
    const LARGE: usize = 16 * 1024 * 1024;

    async fn channel() -> (Channel, TcpStream) {
        channel_to(&[]).await
    }

    async fn channel_to(keywords: &[&str]) -> (Channel, TcpStream) {
        let listener = TcpSocket::new_v4().unwrap();
        listener.set_recv_buffer_size(4096).unwrap();
        listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener: TcpListener = listener.listen(1).unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (theirs, _) = listener.accept().await.unwrap();
        let keywords: Vec<_> = keywords.iter().map(|&keyword| keyword.to_owned()).collect();
        (Channel::new(Stream::new(ours).unwrap(), BytesMut::new(), &keywords, Carried::default()), theirs)
    }

    /// Says `words` after the first hundred octets; then what came in all, if the rest is read.
    async fn interrupts(mut upstream: TcpStream, words: &str, reads_on: bool) -> Vec<u8> {
        let mut came = vec![0; 100];
        upstream.read_exact(&mut came).await.unwrap();
        upstream.write_all(words.as_bytes()).await.unwrap();
        if reads_on {
            let _ = upstream.read_to_end(&mut came).await;
        }
        came
    }

    /// Hears `lines` lines in one read, and answers each.
    async fn answers(upstream: &mut TcpStream, lines: usize, answers: &str) -> String {
        let mut came = [0; 512];
        let n = upstream.read(&mut came).await.unwrap();
        let said = String::from_utf8_lossy(&came[..n]).into_owned();
        assert_eq!(said.lines().count(), lines, "{said}");
        upstream.write_all(answers.as_bytes()).await.unwrap();
        said
    }

    fn from_ann() -> Mail {
        Mail { address: "ann@contoso.example".into(), ..Mail::default() }
    }

    #[tokio::test]
    async fn one_that_was_left_over_says_rset_and_mail_in_one_packet() {
        let (mut channel, mut upstream) = channel_to(&["PIPELINING"]).await;
        assert!(channel.take_over().await);
        let mail = from_ann();
        let (reply, said) =
            tokio::join!(channel.mail(&mail), answers(&mut upstream, 2, "250 2.0.0 Reset\r\n250 2.1.0 Sender OK\r\n"));
        assert_eq!(said, "RSET\r\nMAIL FROM:<ann@contoso.example>\r\n");
        assert_eq!(reply.unwrap().text(), "250 2.1.0 Sender OK");
        let (reply, said) = tokio::join!(channel.mail(&mail), answers(&mut upstream, 1, "250 2.1.0 again\r\n"));
        assert_eq!((said.as_str(), reply.unwrap().code), ("MAIL FROM:<ann@contoso.example>\r\n", 250), "once");
    }

    #[tokio::test]
    async fn one_that_was_left_over_waits_for_rset_where_the_upstream_does_not_pipeline() {
        let (mut channel, mut upstream) = channel_to(&["SIZE 1000"]).await;
        let (lives, said) = tokio::join!(channel.take_over(), answers(&mut upstream, 1, "250 2.0.0 Reset\r\n"));
        assert!(lives && said == "RSET\r\n", "{said}");
        let mail = from_ann();
        let (reply, said) = tokio::join!(channel.mail(&mail), answers(&mut upstream, 1, "250 2.1.0 Sender OK\r\n"));
        assert_eq!((said.as_str(), reply.unwrap().code), ("MAIL FROM:<ann@contoso.example>\r\n", 250));
    }

    #[tokio::test]
    async fn one_that_was_left_over_and_closed_is_of_no_use() {
        let (mut channel, upstream) = channel_to(&["PIPELINING"]).await;
        drop(upstream);
        let notices = async {
            while channel.take_over().await {
                tokio::task::yield_now().await;
            }
        };
        timeout(LIFE_SIGN, notices).await.expect("its end is seen without a word");
        let (mut channel, mut upstream) = channel_to(&["PIPELINING"]).await;
        assert!(channel.take_over().await);
        let mail = from_ann();
        let (reply, _) = tokio::join!(channel.mail(&mail), answers(&mut upstream, 2, "421 4.4.2 Timeout\r\n"));
        assert!(matches!(reply, Err(Lost::Closed)) && !channel.is_usable(), "{reply:?}");
    }

    /// Its user is gone, and the answer is still to come.
    #[tokio::test]
    async fn one_that_is_left_in_the_middle_of_a_command_or_a_message_is_of_no_use_to_anybody_else() {
        let (mut channel, mut upstream) = channel().await;
        let mail = from_ann();
        let heard = answers(&mut upstream, 1, "");
        tokio::select! {
            _ = channel.mail(&mail) => panic!("nobody answered"),
            said = heard => assert!(said.starts_with("MAIL"), "{said}"),
        }
        assert!(!channel.is_usable());
        let (mut channel, mut upstream) = self::channel().await;
        let (reply, _) = tokio::join!(channel.data(), answers(&mut upstream, 1, "354 Go on\r\n"));
        assert!(reply.is_ok() && !channel.is_usable());
        let (reply, _) = tokio::join!(channel.finish(b"x\r\n".to_vec()), answers(&mut upstream, 2, "250 OK\r\n"));
        assert!(reply.is_ok() && channel.is_usable());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_answer_rset_is_of_no_use_and_waited_for_shortly() {
        let (mut channel, _silent) = channel().await;
        let start = tokio::time::Instant::now();
        assert!(!channel.reset().await && !channel.is_usable());
        assert!(start.elapsed() < 2 * LIFE_SIGN, "{:?}", start.elapsed());
    }

    /// Each piece was taken within its own three minutes.
    #[tokio::test(start_paused = true)]
    async fn an_upstream_that_takes_a_body_slower_than_512_octets_a_second_is_left_after_half_an_hour() {
        let second = Duration::from_secs(1);
        for (octets, waited, left) in [
            (0, 0, BODY_WAIT),
            (1024, 30 * 60, second * (2 + LARGE as u32 / 512).min(180)),
            (1024, 30 * 60 + LARGE as u64 / 512, 2 * second),
            (1024, 60 * 60 + LARGE as u64 / 512, Duration::ZERO),
            (3600 * 512, 60 * 60 + LARGE as u64 / 512, BODY_WAIT),
        ] {
            let (mut channel, _takes_nothing_more) = channel().await;
            channel.given = Given { octets, waited: Duration::from_secs(waited) };
            let start = Instant::now();
            let outcome = channel.body(&vec![b'x'; LARGE]).await;
            assert!(matches!(outcome, Err(Lost::TimedOut)) && !channel.is_usable(), "{outcome:?}");
            let took = start.elapsed();
            assert!(took >= left && took < left + second, "{octets} octets in {waited} s: left after {took:?}");
            assert_eq!(channel.given.waited, Duration::from_secs(waited) + took, "it adds to the next piece");
        }
    }

    #[tokio::test]
    async fn a_yes_that_comes_before_the_final_dot_is_none_however_long_the_last_piece() {
        let (mut channel, upstream) = channel().await;
        let upstream = tokio::spawn(interrupts(upstream, "250 2.0.0 accepted early\r\n", true));
        let outcome = channel.finish(vec![b'x'; LARGE]).await;
        assert!(matches!(outcome, Err(Unfinished::BeforeTheDot(Lost::Violation(_)))), "{outcome:?}");
        assert!(!channel.is_usable());
        drop(channel);
        assert!(!upstream.await.unwrap().ends_with(FINAL_DOT), "nothing was delivered");
    }

    #[tokio::test]
    async fn a_refusal_in_the_middle_of_the_last_piece_is_the_verdict_though_the_connection_breaks() {
        let (mut channel, upstream) = channel().await;
        let (outcome, _) = tokio::join!(
            channel.finish(vec![b'x'; LARGE]),
            interrupts(upstream, "552 5.3.4 Message too big\r\n", false)
        );
        assert_eq!(outcome.unwrap().code, 552);
    }

    #[tokio::test]
    async fn the_last_piece_and_the_dot_are_one_write_and_a_break_behind_it_is_told_as_doubt() {
        let (mut channel, mut upstream) = channel().await;
        let hears = async {
            let mut came = [0; 64];
            let n = upstream.read(&mut came).await.unwrap();
            drop(upstream);
            came[..n].to_vec()
        };
        let (outcome, came) = tokio::join!(channel.finish(b"the end\r\n".to_vec()), hears);
        assert_eq!(came, b"the end\r\n.\r\n");
        assert!(matches!(outcome, Err(Unfinished::BehindTheDot(_))), "{outcome:?}");
    }
}
