//! From the queue through Graph: our own rate limit holds mail back, and is no fault of anybody.

use super::{arrived, go_by_the_minute, queue, queued, rows, sign_in_for_graph, until_empty};
use crate::world::{Plan, World};

async fn world(account: &str) -> World {
    let plan = Plan { app: "graph-url = \"{graph}\"".into(), signed_in: Vec::new(), ..queued(account) };
    let world = World::with(plan).await;
    sign_in_for_graph(&world).await;
    world
}

async fn goes_ten_a_minute_in_order(account: &str, rehearsal: Option<&str>) {
    let world = world(&format!("{account}\nlimits = {{ connections = 1, messages-per-minute = 10 }}")).await;
    if let Some(rehearsal) = rehearsal {
        world.sandbox.faults().set(|faults| faults.apply(rehearsal));
    }
    let mut smtp = world.smtp_as_ann().await;
    let subjects: Vec<_> = (10..35).map(|n| format!("alert {n}")).collect();
    for subject in &subjects {
        queue(&mut smtp, subject).await;
    }
    let nothing_was_tried = async || {
        for row in rows(world.dir.path()).await.iter().filter(|row| !row.is_under_way) {
            assert!(
                row.attempts == 0 && row.recipients[0].reply.is_none(),
                "waiting for a turn is no attempt: {row:?}"
            );
        }
    };
    go_by_the_minute(&world, subjects.len(), 10, nothing_was_tried).await;
    until_empty(world.dir.path(), 20).await;
    assert_eq!(arrived(&world.sandbox), subjects);
}

#[tokio::test]
async fn a_queue_over_its_rate_through_graph_waits_for_its_turn_and_shuts_no_way() {
    goes_ten_a_minute_in_order("outbound = \"graph\"", None).await;
}

#[tokio::test]
async fn a_queue_over_its_rate_through_graph_behind_smtp_waits_for_its_turn_and_shuts_no_way() {
    goes_ten_a_minute_in_order("outbound = \"smtp-then-graph\"", Some("smtp-auth-disabled-tenant")).await;
}
