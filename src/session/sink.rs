//! What a message's body goes into: the upstream's connection, or a file.

use crate::{
    catalog::replies::not_kept,
    message::{Repairs, Undeclared, declare_utf8},
    outbound::Connection,
    spool::{Draft, Spool, SpoolFault},
    wire::smtp::Reply,
};

pub(super) enum Sink {
    Upstream(Connection),
    /// `None`: not begun.
    Spool(Option<Writing>),
}

impl Sink {
    /// Whether the headers may hold more than ASCII. What is spooled is asked for when it is sent.
    pub(super) fn carries_utf8(&self) -> bool {
        match self {
            Self::Upstream(connection) => connection.carries().utf8,
            Self::Spool(_) => true,
        }
    }
}

/// A message on its way to disk.
pub(super) struct Writing {
    draft: Draft,
    is_eight_bit: bool,
    undeclared: Option<Text>,
}

/// A body that nobody declared and that was too long to be held: it is looked at as it passes.
struct Text {
    /// How long the header block is.
    head: usize,
    /// What is still to come of it.
    ahead: usize,
    is_utf8: Undeclared,
}

impl Writing {
    /// `undeclared`: how long the header block is, where the body has a say in it.
    pub(super) async fn begin(spool: &Spool, undeclared: Option<usize>) -> Result<Self, SpoolFault> {
        let undeclared = undeclared.map(|head| Text { head, ahead: head, is_utf8: Undeclared::default() });
        Ok(Self { draft: spool.draft().await?, is_eight_bit: false, undeclared })
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolFault> {
        self.is_eight_bit |= !bytes.is_ascii();
        if let Some(text) = &mut self.undeclared {
            let head = text.ahead.min(bytes.len());
            text.ahead -= head;
            text.is_utf8.feed(bytes.get(head..).unwrap_or_default());
        }
        self.draft.write(bytes).await
    }

    /// Whole, its body declared where that is known now; and whether it has octets outside ASCII.
    pub(super) async fn end(self, repairs: &mut Repairs) -> Result<(Draft, bool), SpoolFault> {
        let Self { draft, is_eight_bit, undeclared } = self;
        let draft = match undeclared.filter(|text| text.is_utf8.is_utf8()) {
            Some(text) => draft.with_head(text.head, |head| declare_utf8(head, repairs)).await?,
            None => draft,
        };
        Ok((draft, is_eight_bit))
    }
}

/// No room for the message, or no disk.
pub(super) fn not_spooled(fault: &SpoolFault) -> Reply {
    not_kept(fault.is_full(), fault)
}
