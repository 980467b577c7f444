//! Faults for which messages of the queue are held. Such a one stands until the last of its messages is gone: that other mail
//! of the mailbox goes proves nothing of it.

use super::{Recent, locked};
use crate::{
    base::{Fault, Protocol},
    meter::messages::now,
};

impl Recent {
    /// What was noted just now keeps a message in the queue.
    pub fn keeps_a_message(&self, account: &str, fault: &Fault) {
        let smtp = Protocol::Smtp.as_str();
        let mut faults = locked(&self.faults);
        let kin =
            faults.iter_mut().rev().find(|one| (one.id, one.protocol, &*one.account) == (fault.id, smtp, account));
        kin.into_iter().for_each(|one| one.keeps_messages = true);
    }

    /// The last message of this account that it kept is gone.
    pub fn keeps_none(&self, account: &str, id: &str) {
        for one in locked(&self.faults).iter_mut().filter(|one| one.keeps_messages) {
            if (one.id, &*one.account) == (id, account) {
                (one.keeps_messages, one.worked_again_at) = (false, Some(now()));
            }
        }
    }
}
