//! When a record cannot be written.

use super::*;
use crate::GuardError;
use crate::emit::failure::{Durability, OnFailure};

#[test]
fn a_call_whose_start_cannot_be_recorded_is_not_sent() {
    let bench = Bench::new();
    bench.recorder.stop();
    let mut client = hook(&bench).layer(Unreachable);
    let refused = block_on(client.call(chat("hi"))).unwrap_err();
    let refused = refused.downcast_ref::<GuardError>().unwrap();
    assert!(matches!(
        refused,
        GuardError::NotRecorded {
            reason: "shut_down",
            ..
        }
    ));
}

#[test]
fn where_the_hook_says_so_it_is_sent_and_the_loss_is_counted() {
    let bench = Bench::new();
    bench.recorder.stop();
    let server = Server::answering([json(ANSWER)]);
    let hook = hook(&bench).on_failure(OnFailure::DropAndCount);
    assert_eq!(ask(&mut hook.layer(server), chat("hi")), ANSWER);
    assert!(bench.recorder.lane().totals().2 > 0);
}

#[test]
fn what_is_no_call_is_sent_though_nothing_can_be_recorded() {
    let bench = Bench::new();
    bench.recorder.stop();
    let server = Server::answering([json("{}")]);
    ask(
        &mut client(&bench, &server),
        post("https://example.org/", &["{}"]),
    );
    assert_eq!(server.received().len(), 1);
}

#[test]
fn a_call_while_recording_is_off_is_sent_and_leaves_no_record() {
    let bench = Bench::new();
    bench.recorder.set_enabled(false);
    let server = Server::answering([json(ANSWER)]);
    ask(&mut client(&bench, &server), chat("hi"));
    assert_eq!(bench.calls().len(), 0);
    assert_eq!(bench.recorder.lane().totals().2, 0);
}

#[test]
fn an_error_of_the_client_comes_through_and_is_on_the_record() {
    let bench = Bench::new();
    let server = Server::default();
    server
        .answers
        .lock()
        .unwrap()
        .push_back(Err("no route to host"));
    let hook = hook(&bench).durability(Durability::GroupCommit);
    let failed = block_on(hook.layer(server).call(chat("hi"))).unwrap_err();
    assert_eq!(failed.to_string(), "no route to host");
    let outcome = bench.call().call().outcome.clone();
    assert_eq!(outcome.error_message.unwrap().as_str(), "no route to host");
}
