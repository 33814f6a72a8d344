//! What a plan says about a plugin: where it is, its configuration, what it may do and how much.

use std::path::{Path, PathBuf};
use std::time::Duration;

use prony_core::{Diagnostic, Node, Shape};

/// How many users share an instance, and so a fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// All of a worker's users.
    Worker,
    /// So many.
    Users(u32),
}

/// What a guest may use at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Memory of an instance, in bytes.
    pub memory: u64,
    /// Elements of all tables of an instance.
    pub table: u64,
    /// Computing without giving control back.
    pub slice: Duration,
    /// Computing in one call: an iteration, or a call of a step's function.
    pub call: Duration,
    /// Requests of one user under way at once.
    pub requests: u32,
    /// Lines of the log a second on each worker.
    pub log: u32,
    /// Names of each sort (requests, checks, groups, metrics) that it may make up in a scenario.
    pub names: u32,
    /// How often its instances may be ended by force before the run is aborted.
    pub traps: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            table: 100_000,
            slice: Duration::from_millis(100),
            call: Duration::from_secs(1),
            requests: 100,
            log: 20,
            names: 100,
            traps: 100,
        }
    }
}

/// What a guest is granted beyond the plan's target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// Environment variables, by name.
    pub env: Vec<String>,
    /// Hosts beside the target.
    pub hosts: Vec<String>,
    /// The time of day.
    pub clock: bool,
}

/// A plugin as a plan names it.
#[derive(Clone, Debug)]
pub struct PluginSettings {
    /// The file.
    pub path: PathBuf,
    /// Where the plan names it.
    pub node: Node,
    /// The function of a `request` plugin.
    pub function: Option<Node>,
    /// Its configuration.
    pub config: Option<Node>,
    /// What it is granted.
    pub allow: Allow,
    /// What it may use.
    pub limits: Limits,
    /// Who shares an instance.
    pub isolation: Isolation,
    /// Variables that it may set.
    pub sets: Vec<String>,
}

fn limits_shape() -> Shape {
    Shape::map()
        .key("memory", Shape::size(), "Memory of an instance. Default 256mb.")
        .key("table", Shape::integer(1, 10_000_000), "Elements of an instance's tables. Default 100000.")
        .key("slice", Shape::duration(), "The longest it may compute without giving control back, to 2 ms or so. Default 100ms.")
        .key("call", Shape::duration(), "The longest it may compute in one iteration, or in one call of a step's function; waiting does not count. Default 1s.")
        .key("requests", Shape::integer(1, 100_000), "Requests that one user may have under way at once; more are refused. Default 100.")
        .key("log", Shape::integer(0, 1_000_000), "Lines of its log a second on each worker; more are counted and left out. Default 20.")
        .key("names", Shape::integer(1, 900), "Names of requests, checks, groups and metrics it may make up, of each sort in a scenario; more are counted under (other). Default 100.")
        .key("traps", Shape::integer(0, 1_000_000_000), "How often it may be ended by force before the run is aborted. Default 100.")
}

fn allow_shape() -> Shape {
    Shape::map()
        .key("env", Shape::list(Shape::text()), "Environment variables it may read, by name. Default none.")
        .key("hosts", Shape::list(Shape::text().example("api.test:8080")), "Hosts it may send requests to beside the target: `host`, `host:port`, `*.below.host`, or `*` for all. Default none.")
        .key("clock", Shape::boolean(), "Whether it may know the time of day. Default false: it sees a fixed one.")
}

fn common(shape: Shape) -> Shape {
    shape
        .key(
            "config",
            Shape::anything(),
            "Its configuration: what the plugin says it takes. It checks it itself.",
        )
        .key("allow", allow_shape(), "What it may do beyond speaking to the target.")
        .key("limits", limits_shape(), "What it may use at most.")
}

/// What may stand after a scenario's `plugin:`.
#[must_use]
pub fn journey_shape() -> Shape {
    let users = Shape::map().required("users", Shape::integer(1, 1_000_000), "Users that share an instance.");
    let isolation = Shape::either(vec![Shape::one_of(&["worker", "user"]), users]);
    let structured = common(Shape::map().required("path", Shape::text(), "The plugin: a WASM component of the world `scenario`. A relative path starts from the plan's folder."))
        .key("isolation", isolation, "Who shares an instance, and its end when one of them makes it trap: all users of a worker (worker, default), so many ({users: N}), or nobody (user).");
    Shape::either(vec![Shape::text().example("./journey.wasm"), structured])
}

/// What may stand after a step's `generate:` and `validate:`.
#[must_use]
pub fn function_shape() -> Shape {
    common(Shape::map().required(
        "plugin",
        Shape::text(),
        "The plugin: a WASM component of the world `request`. A relative path starts from the plan's folder.",
    ))
    .key("function", Shape::text(), "Which of its functions. Needed when it has several that fit.")
    .key(
        "sets",
        Shape::list(Shape::text()),
        "Variables that it may set. Steps after this one can use them.",
    )
}

impl PluginSettings {
    /// Reads what stands at `node`, which has its shape. Relative paths start from `folder`.
    ///
    /// # Errors
    /// When something in it makes no sense.
    pub fn read(node: &Node, folder: &Path) -> Result<Self, Diagnostic> {
        let path = node.get("path").or_else(|| node.get("plugin")).unwrap_or(node);
        let texts = |of: Option<&Node>, key: &str| -> Result<Vec<String>, Diagnostic> {
            let items = of.and_then(|of| of.get(key)).map(Node::items).unwrap_or_default();
            items.iter().map(|item| item.text().map(str::to_owned)).collect()
        };
        let allow = node.get("allow");
        let isolation = match node.get("isolation") {
            None => Isolation::Worker,
            Some(node) if node.is_map() => {
                Isolation::Users(node.get("users").map_or(Ok(1), |users| users.integer(1..=1_000_000))? as u32)
            }
            Some(node) if node.text()? == "user" => Isolation::Users(1),
            Some(_) => Isolation::Worker,
        };
        Ok(Self {
            // As people write it, `./` says nothing behind the plan's folder.
            path: folder.join(path.text()?.trim_start_matches("./")),
            node: path.clone(),
            function: node.get("function").cloned(),
            config: node.get("config").cloned(),
            allow: Allow {
                env: texts(allow, "env")?,
                hosts: texts(allow, "hosts")?,
                clock: allow.and_then(|allow| allow.get("clock")).map_or(Ok(false), Node::boolean)?,
            },
            limits: limits(node.get("limits"))?,
            isolation,
            sets: texts(Some(node), "sets")?,
        })
    }

    /// Its configuration as JSON; `null` without one.
    #[must_use]
    pub fn config_json(&self) -> String {
        self.config.as_ref().map_or_else(|| "null".to_owned(), |config| config.to_json().to_string())
    }
}

fn limits(node: Option<&Node>) -> Result<Limits, Diagnostic> {
    let default = Limits::default();
    let Some(node) = node else { return Ok(default) };
    let number = |key: &str, most: u64, default: u32| -> Result<u32, Diagnostic> {
        node.get(key).map_or(Ok(default), |node| node.integer(0..=most).map(|number| number as u32))
    };
    let time = |key: &str, default: Duration| node.get(key).map_or(Ok(default), Node::duration_above_zero);
    Ok(Limits {
        memory: node.get("memory").map_or(Ok(default.memory), Node::size)?,
        table: node.get("table").map_or(Ok(default.table), |node| node.integer(1..=10_000_000))?,
        slice: time("slice", default.slice)?,
        call: time("call", default.call)?,
        requests: number("requests", 100_000, default.requests)?,
        log: number("log", 1_000_000, default.log)?,
        names: number("names", 900, default.names)?,
        traps: number("traps", 1_000_000_000, default.traps)?,
    })
}
