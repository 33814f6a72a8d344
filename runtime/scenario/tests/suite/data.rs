//! Data sources: which row an iteration gets, and what happens when there is none left.

use std::collections::BTreeSet;
use std::io::Write;

use prony_engine::{Ended, Load};

use crate::site::{Plan, Site, each, endless, open, shared};

/// A folder with `rows.csv` (ids 0 to 49, and a name with a comma, quotes and a line break), `rows.jsonl` alike.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut csv, mut lines) = (String::from("id,name\n"), String::new());
    for id in 0..50 {
        csv.push_str(&format!("{id},\"n{id}, \"\"quoted\"\"\nsecond line\"\n"));
        lines.push_str(&format!("{{\"id\": {id}, \"name\": \"n{id}, \\\"quoted\\\"\\nsecond line\"}}\n"));
    }
    for (name, text) in [("rows.csv", csv), ("rows.jsonl", lines)] {
        let mut file = std::fs::File::create(folder.path().join(name)).expect("a file");
        file.write_all(text.as_bytes()).expect("written");
    }
    folder
}

fn plan(source: &str) -> String {
    format!("data: {{rows: {source}}}\nsteps: [{{http: 'GET /row/{{{{rows.id}}}}/{{{{user.id}}}}'}}]\n")
}

/// Row and user of each request.
fn taken(site: &Site) -> Vec<(u32, u32)> {
    let parse = |target: &String| {
        let mut parts = target
            .strip_prefix("/row/")
            .expect("a row")
            .split('/')
            .map(|part| part.parse().expect("a number"));
        (parts.next().expect("a row"), parts.next().expect("a user"))
    };
    site.targets().iter().map(parse).collect()
}

#[test]
fn quoted_fields_arrive_whole() {
    let folder = folder();
    for file in ["rows.csv", "rows.jsonl"] {
        let site = Site::open();
        let text = format!(
            "data: {{rows: {file}}}\nsteps: [{{http: {{post: '/{{{{rows.id}}}}', text: '{{{{rows.name}}}}'}}}}]\n"
        );
        Plan { folder: folder.path(), load: each(1, 3), ..Plan::once(&text) }.run(&site);
        let bodies: Vec<_> = site.asked().into_iter().map(|asked| (asked.target, asked.body)).collect();
        let expected: Vec<_> =
            (0..3).map(|id| (format!("/{id}"), format!("n{id}, \"quoted\"\nsecond line"))).collect();
        assert_eq!(bodies, expected, "{file}");
    }
}

#[test]
fn rows_in_order_are_taken_once_each_by_all_users_and_workers_together() {
    let folder = folder();
    let text = plan("rows.csv");
    for threads in [1, 2, 3] {
        let site = Site::open();
        Plan { folder: folder.path(), load: shared(6, 48), threads, ..Plan::once(&text) }.run(&site);
        let rows: Vec<u32> = taken(&site).iter().map(|row| row.0).collect();
        assert_eq!(rows.len(), 48);
        assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), 48, "none twice, {threads} workers: {rows:?}");
    }
    // One user takes them in the order of the file, and begins again at the end.
    let site = Site::open();
    Plan { folder: folder.path(), load: each(1, 60), ..Plan::once(&text) }.run(&site);
    let rows: Vec<u32> = taken(&site).iter().map(|row| row.0).collect();
    assert_eq!(rows, (0..50).chain(0..10).collect::<Vec<_>>());
}

#[test]
fn rows_at_random_are_the_users_own_draw() {
    let folder = folder();
    let text = plan("{file: rows.jsonl, order: random}");
    let draws = |threads, seed| {
        let site = Site::open();
        Plan { folder: folder.path(), load: each(4, 40), threads, seed, ..Plan::once(&text) }.run(&site);
        let mut by_user = vec![Vec::new(); 4];
        taken(&site).into_iter().for_each(|(row, user)| by_user[user as usize].push(row));
        by_user
    };
    let first = draws(1, 1);
    assert_eq!(first, draws(3, 1), "whatever the workers");
    assert_ne!(first, draws(1, 2));
    let different: BTreeSet<u32> = first.iter().flatten().copied().collect();
    assert!(different.len() > 35, "160 draws of 50: {}", different.len());
}

#[test]
fn rows_of_their_own_stay_with_their_users() {
    let folder = folder();
    let text = plan("{file: rows.csv, order: unique}");
    let site = Site::open();
    Plan { folder: folder.path(), load: each(7, 5), threads: 2, ..Plan::once(&text) }.run(&site);
    let taken = taken(&site);
    assert_eq!(taken.len(), 35);
    assert!(taken.iter().all(|(row, user)| row == user), "{taken:?}");
}

#[test]
fn at_their_end_rows_stop_the_scenario() {
    let folder = folder();
    let text = plan("{file: rows.csv, at_end: stop}");
    let loads: [fn(u32) -> Load; 2] = [endless, open];
    for load in loads {
        for threads in [1, 3] {
            let site = Site::open();
            let done = Plan { folder: folder.path(), load: load(5), threads, ..Plan::once(&text) }.run(&site);
            assert_eq!(done.result.ended, Ended::Finished);
            let mut rows: Vec<u32> = taken(&site).iter().map(|row| row.0).collect();
            rows.sort_unstable();
            assert_eq!(rows, (0..50).collect::<Vec<_>>(), "each row once, {threads} workers");
            let counts = done.result.totals.scenarios[0].iterations;
            assert_eq!((counts.started, counts.completed), (50, 50));
        }
    }
}

#[test]
fn at_their_end_rows_fail_the_run() {
    let folder = folder();
    let text = plan("{file: rows.csv, at_end: fail}");
    let site = Site::open();
    let done = Plan { folder: folder.path(), load: endless(1), ..Plan::once(&text) }.run(&site);
    let Ended::Failed(why) = &done.result.ended else { unreachable!("{:?}", done.result.ended) };
    assert!(why.contains("the data source `rows` has 50 rows and they are used up"), "{why}");
    assert_eq!(taken(&site).len(), 50);
    assert_eq!(done.result.totals.steps[0].requests, 50, "what was measured is kept");
}

#[test]
fn a_source_nobody_asks_is_not_used_up() {
    let folder = folder();
    let text = "data: {rows: {file: rows.csv, at_end: stop}}\nsteps: [{http: GET /}]\n";
    let site = Site::open();
    let done = Plan { folder: folder.path(), load: each(1, 80), ..Plan::once(text) }.run(&site);
    assert_eq!(done.result.totals.scenarios[0].iterations.completed, 80);
}

#[test]
fn a_source_may_be_asked_by_a_condition_alone() {
    let folder = folder();
    let text = "data: {rows: rows.csv}\nsteps: [{if: '{{rows.id}} > 3', steps: [{http: GET /big}]}]\n";
    let site = Site::open();
    Plan { folder: folder.path(), load: each(1, 10), ..Plan::once(text) }.run(&site);
    assert_eq!(site.count("/big"), 6);
}
