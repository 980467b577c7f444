//! A client that leaves while it waits for us.
//!
//! Where that was for a connection or a turn, log and status say so with what to do: no deadline of ours may ever come for a
//! client that has less patience. Of one that stood in line behind others the network is not suspected. Whoever leaves in the middle of anything else just leaves.

use tokio::time::Instant;
use tracing::{info, warn};

use super::Gate;
use crate::{
    account::{Admitted, Occasion, told},
    base::{Lang, Protocol, Stage},
    catalog::own::CLIENT_LEFT_WAITING,
    meter::Entry,
};

/// `asked`: when it began to wait.
pub(super) fn gave_up(gate: &Gate, entry: &Entry, protocol: Protocol, admitted: &Admitted, asked: Instant) {
    let account = &admitted.account;
    let (session, stage) = (entry.id(), entry.stage());
    let occasion = Occasion { protocol: Some(protocol), stage: Some(stage), ..Occasion::default() };
    let known = account.known(&occasion);
    let proxy = known.proxy.map(|via| via.url).unwrap_or_default();
    let server = format!("{}:{}", known.host.unwrap_or_default(), known.port.unwrap_or_default());
    let address = &account.address;
    if stage != Stage::Connecting {
        info!(session, %protocol, account = address, %stage, server, proxy, "client left before it was answered");
        return;
    }
    let line = entry.stage_cell().line();
    let busy = line.and_then(|line| gate.outbound.no_room(account, admitted.client_name(), line, asked));
    let fault = busy.unwrap_or_else(|| CLIENT_LEFT_WAITING.fault()).at(stage);
    gate.meter.fault(protocol, address, &fault);
    let next = told(fault.id, Lang::En, Some(account), &occasion).map(|words| words.whole_step());
    let (id, text, owner) = (fault.id, &fault.text, fault.owner.as_str());
    warn!(
        session, %protocol, account = address, %stage, server, proxy, id, text, owner, next,
        "client left before it was answered"
    );
}
