//! A client that leaves while it waits for us.
//!
//! Where that was for a connection or a turn, log and status say so with what to do: no deadline of ours may ever come for a
//! client that has less patience. Of one that stood in line behind others the network is not suspected. Whoever leaves in the middle of anything else just leaves.

use tracing::{info, warn};

use super::Gate;
use crate::{
    account::{Admitted, Occasion, told},
    base::{Lang, Protocol, Stage},
    catalog::own::CLIENT_LEFT_WAITING,
    meter::Entry,
};

pub(super) fn gave_up(gate: &Gate, entry: &Entry, protocol: Protocol, admitted: &Admitted) {
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
    let busy =
        entry.stage_cell().is_in_line().then(|| gate.outbound.no_room(account, admitted.client_name())).flatten();
    let fault = busy.unwrap_or_else(|| CLIENT_LEFT_WAITING.fault()).at(stage);
    gate.meter.fault(protocol, address, &fault);
    let next = told(fault.id, Lang::En, Some(account), &occasion).map(|words| words.whole_step());
    let (id, owner) = (fault.id, fault.owner.as_str());
    warn!(
        session, %protocol, account = address, %stage, server, proxy, id, owner, next,
        "client left before it was answered"
    );
}
