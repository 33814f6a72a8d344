//! A scenario's `load:`.

use std::path::Path;
use std::time::Duration;

use prony_core::units::{PerSecond, show_duration};
use prony_core::{Diagnostic, Node, Shape};
use prony_engine::{Arrivals, ClosedLoad, Load, OpenLoad, RateStage, Starts, UserStage};

/// The highest rate of starts.
const FASTEST: f64 = 200_000.0;
/// The lowest rate of starts, but for nothing at all.
const SLOWEST: f64 = 0.1;
/// The most users.
const MOST_USERS: u64 = 1_000_000;

/// What may stand under `load:`.
pub(super) fn shape() -> Shape {
    let stage = Shape::map()
        .key("rate", Shape::rate(), "Open load: the rate of starts at the stage's end.")
        .key("users", Shape::integer(0, MOST_USERS), "Closed load: the users at the stage's end.")
        .required("over", Shape::duration(), "The stage's length. 0s is a jump.")
        .elsewhere(&["duration", "for"], "a stage's length is `over`: `{users: 50, over: 1m}`")
        .elsewhere(&["target"], "write `users` in a closed load, `rate` in an open one: `{users: 50, over: 1m}`, `{rate: 100/s, over: 1m}`")
        .elsewhere(&["vus"], "a virtual user is a user: `{users: 50, over: 1m}`");
    Shape::map()
        .key("rate", Shape::rate().example("500/s"), "Open load: starts at a constant rate, 0.1/s to 200,000/s. Needs `for`.")
        .key("users", Shape::integer(1, MOST_USERS), "Closed load: so many users. Needs `for`, `iterations` or `shared_iterations`.")
        .key("for", Shape::duration(), "How long.")
        .key("stages", Shape::filled_list(stage), "Stages one after the other, each a linear change of `rate` or of `users`.")
        .key("start_rate", Shape::rate(), "Of stages: the rate the first one begins with, default 0/s. Beside `users` and `for`: how many users come a second, each at its time; default all at once.")
        .key("start_users", Shape::integer(0, MOST_USERS), "The users the first stage begins with. Default 0.")
        .key("replay", Shape::text(), "Open load: a file of recorded start times, one a line, decimal seconds, ascending; the first is time zero.")
        .key("arrivals", Shape::one_of(&["uniform", "poisson"]), "Open load: starts evenly spread (uniform, default) or as a Poisson process.")
        .key("max_users", Shape::integer(1, MOST_USERS), "Open load: the most users at a time; a start that finds all busy is dropped and counted. Default: ten seconds' worth of the highest rate, 100 to 50,000.")
        .key("iterations", Shape::integer(1, u64::MAX), "Closed load: iterations of each user.")
        .key("shared_iterations", Shape::integer(1, u64::MAX), "Closed load: iterations of all users together.")
        .key("at_most", Shape::duration(), "The longest that `iterations` or `shared_iterations` may take.")
        .elsewhere(&["vus", "threads", "concurrency"], "write `users`: `{users: 10, for: 3m}`")
        .elsewhere(&["duration"], "write `for`: `{users: 10, for: 3m}`")
        .elsewhere(&["target"], "write `users` or `rate`: `{users: 10, for: 3m}`, `{rate: 500/s, for: 2m}`")
        .elsewhere(&["iterations_each", "loops"], "iterations of each user are `iterations`: `{users: 10, iterations: 100}`")
        .elsewhere(&["over"], "`over` is a stage's; how long a load lasts is `for`: `{users: 10, for: 3m}`")
}

/// Which keys make which load.
const FORMS: &str = "write `{rate: 500/s, for: 2m}`, `{users: 10, for: 3m}`, `{users: 10, iterations: 100}`, \
    `{users: 10, shared_iterations: 1000}`, `{stages: [{rate: 100/s, over: 30s}]}`, `{stages: [{users: 50, over: 1m}]}` or \
    `{replay: starts.txt}`";

pub(super) fn parse(node: &Node, folder: &Path) -> Result<Load, Diagnostic> {
    let given: Vec<&str> =
        ["rate", "users", "stages", "replay"].into_iter().filter(|key| node.get(key).is_some()).collect();
    let [form] = given.as_slice() else {
        let found = if given.is_empty() {
            "a load without an amount".to_owned()
        } else {
            format!("`{}` in one load", given.join("` and `"))
        };
        return Err(Diagnostic::at(&node.place, found, "expected one kind of load").help(FORMS));
    };
    let get = |key: &str| node.get(key);
    match *form {
        "rate" => {
            only(node, "rate", &["for", "arrivals", "max_users"])?;
            let rate = rate(get("rate").unwrap_or(node))?;
            let stages = vec![RateStage { from: rate, to: rate, over: lasting(node)? }];
            open(node, Starts::Rate { stages, arrivals: arrivals(node)? }, rate.get())
        }
        "replay" => {
            only(node, "replay", &["max_users"])?;
            let file = get("replay").unwrap_or(node);
            let path = folder.join(file.text()?);
            prony_engine::validate_replay(&path).map_err(|error| {
                Diagnostic::at(&file.place, error.to_string(), "no start times")
                    .help("relative paths start from the plan's folder")
            })?;
            open(node, Starts::Replay(path), 100.0)
        }
        "users" => closed(node),
        _ => stages(node, get("stages").unwrap_or(node)),
    }
}

/// Refuses keys that do not belong to this form.
fn only(node: &Node, form: &str, fitting: &[&str]) -> Result<(), Diagnostic> {
    match node.entries().find(|(key, _)| key.name != form && !fitting.contains(&key.name.as_str())) {
        None => Ok(()),
        Some((key, _)) => {
            Err(Diagnostic::at(&key.place, format!("`{}` beside `{form}`", key.name), "does not belong here")
                .help(FORMS))
        }
    }
}

fn rate(node: &Node) -> Result<PerSecond, Diagnostic> {
    let rate = node.rate()?;
    if (SLOWEST..=FASTEST).contains(&rate.get()) {
        Ok(rate)
    } else {
        Err(node.unexpected("a rate from 0.1/s to 200000/s"))
    }
}

fn lasting(node: &Node) -> Result<Duration, Diagnostic> {
    let Some(lasting) = node.get("for") else {
        return Err(Diagnostic::at(&node.place, "a load without an end", "expected `for`")
            .help("add how long it lasts: `for: 2m`"));
    };
    lasting.duration_above_zero()
}

fn arrivals(node: &Node) -> Result<Arrivals, Diagnostic> {
    Ok(match node.get("arrivals").map(Node::text).transpose()? {
        Some("poisson") => Arrivals::Poisson,
        _ => Arrivals::Uniform,
    })
}

fn open(node: &Node, starts: Starts, highest: f64) -> Result<Load, Diagnostic> {
    let default = (highest * 10.0).clamp(100.0, 50_000.0) as u64;
    let max_users = node.get("max_users").map_or(Ok(default), |node| node.integer(1..=MOST_USERS))? as u32;
    Ok(Load::Open(OpenLoad { starts, max_users }))
}

fn closed(node: &Node) -> Result<Load, Diagnostic> {
    let get = |key: &str| node.get(key);
    let users = get("users").unwrap_or(node).integer(1..=MOST_USERS)? as u32;
    let at_most = get("at_most").map(Node::duration).transpose()?;
    let load = match (get("for"), get("iterations"), get("shared_iterations")) {
        (Some(_), None, None) => {
            only(node, "users", &["for", "start_rate"])?;
            let lasting = lasting(node)?;
            let start_rate = get("start_rate").map(|rate| coming(rate, users, lasting)).transpose()?;
            ClosedLoad::Users { users, start_rate, lasting }
        }
        (None, Some(each), None) => {
            only(node, "users", &["iterations", "at_most"])?;
            ClosedLoad::IterationsEach { users, iterations: each.integer(1..=u64::MAX)?, at_most }
        }
        (None, None, Some(shared)) => {
            only(node, "users", &["shared_iterations", "at_most"])?;
            ClosedLoad::SharedIterations { users, iterations: shared.integer(1..=u64::MAX)?, at_most }
        }
        _ => {
            return Err(Diagnostic::at(
                &node.place,
                "users without one end",
                "expected `for`, `iterations` or `shared_iterations`",
            )
            .help(FORMS));
        }
    };
    Ok(Load::Closed(load))
}

/// The rate at which users come; all of them must have come before the load ends.
fn coming(node: &Node, users: u32, lasting: Duration) -> Result<PerSecond, Diagnostic> {
    let rate = rate(node)?;
    let come = (rate.get() * lasting.as_secs_f64()).ceil();
    if come >= f64::from(users) {
        return Ok(rate);
    }
    let found = format!("{come} of {users} users in `for: {}`", show_duration(lasting));
    Err(Diagnostic::at(&node.place, found, "not all users would come before the load ends")
        .help("ask for a higher rate, fewer users or a longer load"))
}

fn stages(node: &Node, list: &Node) -> Result<Load, Diagnostic> {
    let rates = list.items().iter().filter(|stage| stage.get("rate").is_some()).count();
    let users = list.items().iter().filter(|stage| stage.get("users").is_some()).count();
    let odd = |stage: &&Node| stage.get("rate").is_some() == stage.get("users").is_some();
    if let Some(stage) = list.items().iter().find(odd) {
        return Err(Diagnostic::at(
            &stage.place,
            "a stage",
            "expected either `rate` or `users` beside `over`",
        ));
    }
    if rates > 0 && users > 0 {
        return Err(Diagnostic::at(
            &list.place,
            "stages of rates and of users in one load",
            "expected one kind",
        )
        .help("an open load has rates, a closed load users; run two scenarios side by side for both"));
    }
    let lengths: Duration = list.items().iter().filter_map(|stage| stage.get("over")?.duration().ok()).sum();
    if lengths.is_zero() {
        return Err(Diagnostic::at(&list.place, "stages that last no time", "expected an `over` above zero"));
    }
    if rates > 0 {
        only(node, "stages", &["start_rate", "arrivals", "max_users"])?;
        let zero_or_rate = |node: &Node| match node.rate() {
            Ok(zero) if zero.get() == 0.0 => Ok(zero),
            _ => rate(node),
        };
        let mut from = node
            .get("start_rate")
            .map_or_else(|| PerSecond::new(0.0).map_err(|_| node.unexpected("a rate")), zero_or_rate)?;
        let mut stages = Vec::new();
        for stage in list.items() {
            let to = zero_or_rate(stage.get("rate").unwrap_or(stage))?;
            let over = stage.get("over").unwrap_or(stage).duration()?;
            stages.push(RateStage { from, to, over });
            from = to;
        }
        let highest = stages.iter().map(|stage| stage.from.get().max(stage.to.get())).fold(0.0, f64::max);
        if highest == 0.0 {
            return Err(Diagnostic::at(
                &list.place,
                "stages without a single start",
                "expected a rate above zero",
            ));
        }
        return open(node, Starts::Rate { stages, arrivals: arrivals(node)? }, highest);
    }
    only(node, "stages", &["start_users"])?;
    let mut stages = Vec::new();
    if let Some(start) = node.get("start_users") {
        stages.push(UserStage { users: start.integer(0..=MOST_USERS)? as u32, over: Duration::ZERO });
    }
    for stage in list.items() {
        let users = stage.get("users").unwrap_or(stage).integer(0..=MOST_USERS)? as u32;
        stages.push(UserStage { users, over: stage.get("over").unwrap_or(stage).duration()? });
    }
    if stages.iter().all(|stage| stage.users == 0) {
        return Err(Diagnostic::at(&list.place, "stages without a single user", "expected users above zero"));
    }
    Ok(Load::Closed(ClosedLoad::Stages(stages)))
}
