//! Who is next: pure, without a clock, a task or a disk.
//!
//! Each mailbox has a lane, and lanes take turns. Nothing here looks at every message to find one: a queue that filled up
//! over days is handed out as fast as a short one.

use std::{
    collections::BTreeMap,
    ops::{
        Bound::{Excluded, Included, Unbounded},
        RangeBounds,
    },
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio_util::sync::CancellationToken;

use super::{clock::Tick, lane::Lane};

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Somebody said: now.
    Wanted,
    /// Never tried.
    Fresh,
    /// Tried again then.
    Later(Tick),
    /// A courier has it and waits for the way: it can be called back, and nothing was sent.
    InLine,
    /// A courier has it, and nobody else may touch it before that one lands.
    UnderWay,
    Held,
}

/// What somebody wants of a message whose delivery is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wish {
    #[default]
    None,
    Hold,
    Drop,
    Retry,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub account: Arc<str>,
    pub place: Place,
    /// Where it stood when its courier took it.
    pub before: Place,
    /// Its wait is over, though nothing is sent yet: nobody waits for it any more, and it is called back for its own sake
    /// alone.
    pub is_at_work: bool,
    /// Its courier waits for a disk that does not answer, and others of its mailbox go meanwhile.
    pub is_aside: bool,
    pub wish: Wish,
    /// The last time that it was handed out its row could not be read or written.
    pub is_stuck: bool,
    /// A connection was lost in the middle of it.
    pub has_broken: bool,
    /// The id of the fault for which it was held last.
    pub held_for: Option<&'static str>,
    pub accepted_at: SystemTime,
    /// How long its delivery was tried before `counted_from`.
    pub waited: Duration,
    /// By [`super::clock::QueueClock::awake`]; `None` while it is held.
    pub counted_from: Option<Duration>,
    /// Calls its courier back. Each courier has one of its own, so that one that was called back is known from the next.
    pub recall: CancellationToken,
}

/// Earlier than any message can have been tried: a clock that begins here has no time below zero.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Entry {
    pub fn new(account: &str, place: Place, accepted_at: SystemTime, awake: Duration) -> Self {
        Self {
            account: account.into(),
            place,
            before: place,
            is_at_work: false,
            is_aside: false,
            wish: Wish::None,
            is_stuck: false,
            has_broken: false,
            held_for: None,
            accepted_at,
            waited: Duration::ZERO,
            counted_from: (place != Place::Held).then_some(awake),
            recall: CancellationToken::new(),
        }
    }

    /// When its delivery began to be tried, by a clock like `awake` that has stood for a [`CENTURY`] before, as if it had
    /// been tried ever since. It changes only where the message was held.
    pub fn tried_since(&self) -> Duration {
        (CENTURY + self.counted_from.unwrap_or_default()).saturating_sub(self.waited)
    }

    pub fn age(&self, awake: Duration) -> Duration {
        self.waited + self.counted_from.map_or(Duration::ZERO, |from| awake.saturating_sub(from))
    }

    /// A person wants it, and it waits for its way.
    pub fn is_ahead(&self) -> bool {
        self.waits() && self.before == Place::Wanted
    }

    /// Others may wait for it.
    fn waits(&self) -> bool {
        self.is_in_line() && !self.is_aside
    }

    fn is_in_line(&self) -> bool {
        self.place == Place::InLine && !self.is_at_work
    }

    fn place(&mut self, place: Place, awake: Duration) {
        if self.place == Place::InLine && !matches!(place, Place::InLine | Place::UnderWay) {
            self.recall.cancel();
        }
        self.waited = self.age(awake);
        self.counted_from = (place != Place::Held).then_some(awake);
        self.place = place;
    }
}

#[derive(Debug, Default)]
pub struct Schedule {
    entries: BTreeMap<i64, Entry>,
    lanes: BTreeMap<Arc<str>, Lane>,
    /// The lane that went last.
    last: Option<Arc<str>>,
}

impl Schedule {
    pub fn add(&mut self, sequence: i64, mut entry: Entry, seats: usize) {
        // One name for all of a mailbox.
        if let Some((name, _)) = self.lanes.get_key_value(&entry.account) {
            entry.account = name.clone();
        }
        let lane = self.lanes.entry(entry.account.clone()).or_default();
        lane.seat(seats, entry.accepted_at);
        lane.put(sequence, &entry);
        self.entries.insert(sequence, entry);
    }

    /// The next message of the next lane that may go now. It is in line from then on, until it is called back.
    pub fn next(&mut self, now: Tick, awake: Duration) -> Option<(i64, CancellationToken)> {
        let last = self.last.clone().unwrap_or_default();
        let next = |(name, lane): (&Arc<str>, &mut Lane)| {
            let sequence = lane.next(now)?;
            lane.turned();
            Some((name.clone(), sequence))
        };
        let behind = self.lanes.range_mut::<str, _>((Excluded(&*last), Unbounded)).find_map(next);
        let found = behind.or_else(|| self.lanes.range_mut::<str, _>((Unbounded, Included(&*last))).find_map(next));
        let (name, sequence) = found?;
        self.last = Some(name);
        Some((sequence, self.hand_out(sequence, Place::InLine, awake)))
    }

    fn hand_out(&mut self, sequence: i64, place: Place, awake: Duration) -> CancellationToken {
        let recall = CancellationToken::new();
        if let Some(entry) = self.entries.get_mut(&sequence) {
            (entry.before, entry.wish) = (entry.place, Wish::None);
            (entry.is_at_work, entry.is_aside) = (false, false);
        }
        self.move_to(sequence, place, awake);
        if let Some(entry) = self.entries.get_mut(&sequence) {
            entry.recall = recall.clone();
        }
        recall
    }

    /// It goes next in its lane. Who waits in line there goes back to its place, unless a person wants it as well.
    pub fn want(&mut self, sequence: i64, awake: Duration) {
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        let lane = self.lanes.entry(entry.account.clone()).or_default();
        lane.take(sequence, entry);
        match entry.place {
            // It keeps its courier.
            Place::InLine => entry.before = Place::Wanted,
            _ => entry.place(Place::Wanted, awake),
        }
        lane.put(sequence, entry);
        let out: Vec<i64> = lane.out().collect();
        self.call_back(&out, awake, |entry| entry.waits() && !entry.is_ahead());
    }

    /// Of these, what waits in line and fits goes back to where it stood.
    fn call_back(&mut self, out: &[i64], awake: Duration, fits: impl Fn(&Entry) -> bool) {
        for sequence in out {
            let entry = self.entries.get(sequence).filter(|entry| entry.is_in_line() && fits(entry));
            if let Some(before) = entry.map(|entry| entry.before) {
                self.move_to(*sequence, before, awake);
            }
        }
    }

    /// Its wait is over, though it can still be called back. `true`: others waited for it, and may go now.
    pub fn leave_line(&mut self, sequence: i64, recall: &CancellationToken) -> bool {
        let waits = |entry: &&mut Entry| entry.is_in_line() && !recall.is_cancelled();
        let Some(entry) = self.entries.get_mut(&sequence).filter(waits) else { return false };
        let was_ahead = entry.is_ahead();
        let lane = self.lanes.entry(entry.account.clone()).or_default();
        lane.take(sequence, entry);
        entry.is_at_work = true;
        lane.put(sequence, entry);
        was_ahead
    }

    /// Whether its disk keeps it from going and others go meanwhile, as long as nobody called it back.
    pub fn set_aside(&mut self, sequence: i64, recall: &CancellationToken, is_aside: bool) {
        let Some(entry) = self.entries.get_mut(&sequence).filter(|_| !recall.is_cancelled()) else { return };
        let lane = self.lanes.entry(entry.account.clone()).or_default();
        lane.take(sequence, entry);
        entry.is_aside = is_aside;
        lane.put(sequence, entry);
    }

    /// Nobody may call this message back any more. `false`: somebody did.
    pub fn take_in_hand(&mut self, sequence: i64, recall: &CancellationToken, awake: Duration) -> bool {
        if recall.is_cancelled() {
            return false;
        }
        if self.entries.get(&sequence).is_some_and(|entry| entry.place == Place::InLine) {
            self.move_to(sequence, Place::UnderWay, awake);
        }
        true
    }

    /// Everything that is in line is called back; it is not handed out again by this process.
    pub fn recall_all(&mut self) {
        self.entries.values().filter(|entry| entry.place == Place::InLine).for_each(|entry| entry.recall.cancel());
    }

    /// All that waits in line is, and each goes back to its place in the order: for a pause of the whole queue.
    pub fn call_back_all(&mut self, awake: Duration) {
        let out: Vec<i64> = self.lanes.values().flat_map(Lane::out).collect();
        self.call_back(&out, awake, |_| true);
    }

    /// The same in the lane of this one, itself aside.
    pub fn call_back_others(&mut self, sequence: i64, awake: Duration) {
        let lane = self.entries.get(&sequence).and_then(|entry| self.lanes.get(&entry.account));
        let out: Vec<i64> = lane.into_iter().flat_map(Lane::out).filter(|other| *other != sequence).collect();
        self.call_back(&out, awake, Entry::waits);
    }

    /// A message is as young as one that came just now.
    pub fn begin_anew(&mut self, sequence: i64, awake: Duration) {
        let Some(entry) = self.entries.get_mut(&sequence) else { return };
        let lane = self.lanes.entry(entry.account.clone()).or_default();
        lane.take(sequence, entry);
        entry.waited = Duration::ZERO;
        entry.counted_from = entry.counted_from.map(|_| awake);
        lane.put(sequence, entry);
    }

    /// When [`Schedule::next`] may say something else than now, if nothing happens before.
    pub fn due(&self) -> Option<Tick> {
        self.lanes.values().filter_map(Lane::due).min()
    }

    /// `false`: there is no such message.
    pub fn move_to(&mut self, sequence: i64, place: Place, awake: Duration) -> bool {
        let Some(entry) = self.entries.get_mut(&sequence) else { return false };
        let lane = self.lanes.entry(entry.account.clone()).or_default();
        lane.take(sequence, entry);
        entry.place(place, awake);
        lane.put(sequence, entry);
        true
    }

    pub fn remove(&mut self, sequence: i64) -> Option<Entry> {
        let entry = self.entries.remove(&sequence)?;
        if let Some(lane) = self.lanes.get_mut(&entry.account) {
            lane.take(sequence, &entry);
            if lane.is_empty() {
                self.lanes.remove(&entry.account);
            }
        }
        Some(entry)
    }

    /// Whether any message of this account was held for that.
    pub fn keeps_for(&self, account: &str, id: &str) -> bool {
        self.entries.values().any(|one| one.held_for == Some(id) && *one.account == *account)
    }

    pub fn entry(&self, sequence: i64) -> Option<&Entry> {
        self.entries.get(&sequence)
    }

    pub fn entry_mut(&mut self, sequence: i64) -> Option<&mut Entry> {
        self.entries.get_mut(&sequence)
    }

    pub fn lane_mut(&mut self, account: &str) -> Option<&mut Lane> {
        self.lanes.get_mut(account)
    }

    /// Each lane, and when the oldest of its messages that is not held was accepted.
    pub fn lanes(&self) -> impl Iterator<Item = (&Arc<str>, &Lane, Option<&Entry>)> {
        let entry = |sequence| self.entries.get(&sequence);
        self.lanes.iter().map(move |(name, lane)| (name, lane, lane.oldest().and_then(entry)))
    }

    pub fn lanes_mut(&mut self) -> impl Iterator<Item = (&Arc<str>, &mut Lane)> {
        self.lanes.iter_mut()
    }

    /// Messages in all.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many deliveries of each mailbox at once. One whose account was gone and is back begins anew: nobody tried
    /// meanwhile.
    pub fn seat(&mut self, seats: impl Fn(&str) -> usize, wall: SystemTime, awake: Duration) {
        for (account, lane) in &mut self.lanes {
            let before = lane.seat(seats(account), wall);
            if before > 0 || lane.gone_since().is_some() {
                continue;
            }
            for sequence in lane.all() {
                let Some(entry) = self.entries.get_mut(&sequence) else { continue };
                lane.take(sequence, entry);
                entry.waited = Duration::ZERO;
                entry.counted_from = entry.counted_from.map(|_| awake);
                lane.put(sequence, entry);
            }
        }
    }

    /// All that pause in this lane until then may go at `due`.
    pub fn hasten(&mut self, account: &str, ends: &impl RangeBounds<Tick>, due: Tick, awake: Duration) {
        let pausing = self.lanes.get(account).map(|lane| lane.pausing(ends)).unwrap_or_default();
        for sequence in pausing {
            self.move_to(sequence, Place::Later(due), awake);
        }
    }

    /// Takes one out that was tried for longer than `most` and whose way out is shut: where it is open, there is a last
    /// attempt first, and whoever makes that gives it up. Held ones, those that are out and those whose account is gone
    /// aside. It is under way then.
    pub fn next_expired(&mut self, most: Duration, awake: Duration) -> Option<(i64, CancellationToken)> {
        let since = (CENTURY + awake).saturating_sub(most);
        let sequence = self.lanes.values().find_map(|lane| lane.shut_since(since))?;
        Some((sequence, self.hand_out(sequence, Place::UnderWay, awake)))
    }

    /// How long each message was tried that somebody tries at all: what is held, and what has no account, is none.
    pub fn ages(&self, awake: Duration) -> Vec<(i64, Duration)> {
        let is_tried = |entry: &Entry| {
            entry.place != Place::Held && self.lanes.get(&entry.account).is_some_and(|lane| lane.gone_since().is_none())
        };
        let tried = self.entries.iter().filter(|(_, entry)| is_tried(entry));
        tried.map(|(sequence, entry)| (*sequence, entry.age(awake))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::lane::Trouble;

    const HOUR: Duration = Duration::from_secs(3600);

    fn entry(account: &str, place: Place) -> Entry {
        Entry::new(account, place, SystemTime::UNIX_EPOCH, Duration::ZERO)
    }

    fn shut(schedule: &mut Schedule, account: &str) {
        let fault = crate::catalog::own::UPSTREAM_LOST.fault();
        let until = Tick(HOUR * 1000);
        let trouble = Trouble {
            fault,
            times: 1,
            until,
            asked: until,
            last: until,
            since: SystemTime::UNIX_EPOCH,
            is_by_hand: false,
        };
        schedule.lane_mut(account).unwrap().trouble = Some(trouble);
    }

    #[test]
    fn a_message_is_given_up_without_an_attempt_only_where_the_way_is_shut_and_the_oldest_first() {
        let mut schedule = Schedule::default();
        schedule.add(1, entry("open", Place::Fresh), 3);
        schedule.add(2, Entry { counted_from: Some(HOUR), ..entry("shut", Place::Fresh) }, 3);
        schedule.add(3, entry("shut", Place::Later(Tick(HOUR))), 3);
        schedule.add(4, entry("shut", Place::Held), 3);
        schedule.add(5, entry("gone", Place::Fresh), 0);
        shut(&mut schedule, "shut");
        shut(&mut schedule, "gone");
        let mut expired = |awake| schedule.next_expired(HOUR * 5, awake).map(|(sequence, _)| sequence);
        assert_eq!(expired(HOUR * 5 - Duration::from_nanos(1)), None);
        assert_eq!((expired(HOUR * 5), expired(HOUR * 5)), (Some(3), None));
        assert_eq!((expired(HOUR * 6), expired(HOUR * 900)), (Some(2), None));
    }

    #[test]
    fn what_comes_back_with_its_account_is_as_young_as_on_its_first_day() {
        let mut schedule = Schedule::default();
        schedule.add(1, entry("ann", Place::Fresh), 0);
        shut(&mut schedule, "ann");
        schedule.seat(|_| 3, SystemTime::UNIX_EPOCH, HOUR * 100);
        assert_eq!(schedule.next_expired(HOUR * 5, HOUR * 104).map(|one| one.0), None);
        assert_eq!(schedule.next_expired(HOUR * 5, HOUR * 105).map(|one| one.0), Some(1));
    }

    #[test]
    fn retries_that_are_due_go_in_the_order_of_acceptance_and_those_that_are_not_wait() {
        let mut schedule = Schedule::default();
        for (sequence, due) in [(1, 3), (2, 2), (3, 9), (4, 1)] {
            schedule.add(sequence, entry("ann", Place::Later(Tick(HOUR * due))), 9);
        }
        let mut went = |now| {
            let next = std::iter::from_fn(|| schedule.next(Tick(HOUR * now), HOUR).map(|one| one.0));
            let went: Vec<_> = next.collect();
            (went, schedule.due())
        };
        assert_eq!(went(0), (vec![], Some(Tick(HOUR))));
        assert_eq!(went(3), (vec![1, 2, 4], Some(Tick(HOUR * 9))));
        assert_eq!(went(9), (vec![3], None));
        for again in [4, 2] {
            schedule.move_to(again, Place::Later(Tick(HOUR * 9)), HOUR);
        }
        schedule.next(Tick(HOUR * 9), HOUR);
        schedule.remove(4);
        assert_eq!((schedule.next(Tick(HOUR * 9), HOUR).is_none(), schedule.due()), (true, None));
    }

    #[test]
    fn who_is_wanted_goes_next_and_those_in_line_go_back_to_where_they_stood() {
        let mut schedule = Schedule::default();
        for sequence in [1, 2, 3, 5] {
            schedule.add(sequence, entry("ann", Place::Fresh), 3);
        }
        schedule.add(4, entry("ann", Place::Later(Tick(HOUR))), 3);
        schedule.add(6, entry("bob", Place::Fresh), 3);
        let (now, awake) = (Tick(HOUR), HOUR);
        let next = |schedule: &mut Schedule| -> Vec<_> { std::iter::from_fn(|| schedule.next(now, awake)).collect() };
        let numbers = |out: &[(i64, CancellationToken)]| out.iter().map(|one| one.0).collect::<Vec<_>>();
        let in_line = next(&mut schedule);
        assert_eq!(numbers(&in_line), [1, 6, 2, 3]);
        assert!(schedule.take_in_hand(2, &in_line[2].1, awake), "nobody calls that one back");
        schedule.want(5, awake);
        let is_called_back: Vec<_> = in_line.iter().map(|one| one.1.is_cancelled()).collect();
        assert_eq!(is_called_back, [true, false, false, true]);
        let wanted = next(&mut schedule);
        assert_eq!(numbers(&wanted), [5], "nobody else, or it might be overtaken");
        // Another one goes as well, and the first keeps its place.
        schedule.want(3, awake);
        let also = next(&mut schedule);
        assert_eq!((numbers(&also), schedule.due()), (vec![3], None));
        assert!(schedule.take_in_hand(5, &wanted[0].1, awake) && schedule.take_in_hand(3, &also[0].1, awake));
        schedule.remove(2);
        let behind = next(&mut schedule);
        assert_eq!(numbers(&behind), [1], "each as before");
        schedule.remove(5);
        assert_eq!(numbers(&next(&mut schedule)), [4]);
        // Who is in line already stays there with its courier, and goes before the others in line.
        schedule.want(1, awake);
        assert!(!behind[0].1.is_cancelled());
        assert_eq!(schedule.entry(4).unwrap().place, Place::Later(Tick(HOUR)));
    }

    /// Whoever looked at every message for each one would be busy for hours.
    #[test]
    fn a_queue_of_two_hundred_thousand_is_handed_out_without_a_look_at_all_of_it_each_time() {
        const MANY: i64 = 200_000;
        let begun = std::time::Instant::now();
        let mut schedule = Schedule::default();
        for sequence in 0..MANY {
            schedule.add(sequence, entry(["ann", "bob", "carol"][sequence as usize % 3], Place::Fresh), usize::MAX);
        }
        let mut handed_out = 0;
        while let Some((sequence, _)) = schedule.next(Tick(HOUR), HOUR) {
            assert!(schedule.next_expired(HOUR * 5, HOUR * 2).is_none() && schedule.lanes().count() > 0);
            if sequence % 2 == 0 {
                schedule.move_to(sequence, Place::Later(Tick(HOUR * 2)), HOUR);
            } else {
                schedule.remove(sequence);
            }
            handed_out += 1;
        }
        assert_eq!((handed_out, schedule.len() as i64), (MANY, MANY / 2));
        shut(&mut schedule, "ann");
        while schedule.next_expired(HOUR * 5, HOUR * 6).is_some() {}
        assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
    }
}
