//! The laws of the house, kept by a machine.
//!
//! Each test here is one law, held against the files of this project; it names every place where the law is broken and what
//! to do there. Each law's own module plants faults and asserts that they are found, and look-alikes that must pass.

mod errors;
mod features;
mod floors;
mod names;
mod panics;
mod raw_text;
mod report;
mod scopes;
mod shape;
mod source;
mod speech;
mod unsafety;
mod world;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use names::House;
use report::none;

static HOUSE: LazyLock<House> = LazyLock::new(|| House::read(root()));

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn rooms_import_lower_floors_only() {
    none(floors::imports_upwards(&HOUSE));
}

#[test]
fn every_room_stands_on_a_floor() {
    none(floors::strangers(&HOUSE));
}

#[test]
fn the_root_is_a_table_of_contents() {
    none(floors::logic_at_the_root(&HOUSE));
}

#[test]
fn below_floor_three_nothing_touches_the_world() {
    none(world::touched_below_floor_three(&HOUSE));
}

#[test]
fn time_and_dice_come_from_the_clock() {
    none(world::time_and_dice_outside_the_clock(&HOUSE));
}

#[test]
fn the_environment_is_read_in_two_files() {
    none(world::environment_elsewhere(&HOUSE));
}

#[test]
fn only_the_journal_waits_for_the_disk() {
    none(world::fsync_outside_the_journal(&HOUSE));
}

#[test]
fn raw_text_is_named_before_the_gate_only() {
    none(raw_text::named_elsewhere(&HOUSE));
}

#[test]
fn raw_text_cannot_be_printed_copied_or_sent() {
    none(raw_text::leaks(&HOUSE));
}

#[test]
fn features_switch_whole_rooms() {
    none(features::conditions_inside(&HOUSE));
}

#[test]
fn every_feature_has_its_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("a package has a manifest");
    none(features::without_reason(&manifest));
}

#[test]
fn files_are_read_in_one_pass() {
    none(shape::long_files(&HOUSE));
}

#[test]
fn functions_fit_one_screen() {
    none(shape::long_functions(&HOUSE));
}

#[test]
fn names_of_files_say_what_is_inside() {
    none(shape::empty_names(&HOUSE));
}

#[test]
fn the_public_surface_fits_one_screen() {
    none(shape::crowded_root(&HOUSE));
}

#[test]
fn a_panic_states_its_invariant() {
    none(panics::careless_panics(&HOUSE));
}

#[test]
fn unsafe_code_stands_in_one_file() {
    none(unsafety::unsafe_elsewhere(&HOUSE));
}

#[test]
fn nothing_is_a_stub() {
    none(panics::stubs(&HOUSE));
}

#[test]
fn every_test_and_example_runs() {
    none(panics::ignored_tests(&HOUSE));
}

#[test]
fn tests_wait_for_events_and_not_for_the_clock() {
    none(panics::sleeping_tests(&HOUSE));
}

#[test]
fn errors_say_who_must_act() {
    none(errors::catch_alls(&HOUSE));
}

#[test]
fn signatures_name_their_errors() {
    none(errors::result_aliases(&HOUSE));
}

#[test]
fn foreign_error_boxes_stay_at_the_door() {
    none(errors::anyhow_below_the_door(&HOUSE));
}

#[test]
fn the_project_speaks_of_itself_only() {
    none(speech::foreign_words(&speech::texts(root())));
}

#[test]
fn the_house_that_is_held_against_the_laws_is_this_one() {
    let paths: Vec<&str> = HOUSE
        .sources
        .iter()
        .map(|source| source.path.as_str())
        .collect();
    for path in ["src/lib.rs", "src/main.rs", "tests/architecture/main.rs"] {
        assert!(paths.contains(&path), "{path} was not read");
    }
}
