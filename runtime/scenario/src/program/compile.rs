//! From the nodes of a scenario to its journeys.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use prony_core::catalog::{Entries, TooMany};
use prony_core::protocol::Wiring;
use prony_core::{
    Catalog, Diagnostic, DriverBuilder, Journeys, Node, ReplyNeeds, ScenarioId, SetupError, Template,
    Variables,
};
use prony_plugin_host::{
    DataSet, FunctionsBuilder, OpenError, PluginSettings, Plugins, ScenarioParts, Task, VarNames,
};

use crate::capture::Capture;
use crate::check::{Check, MOST};
use crate::comparison::{Comparison, plain_number};
use crate::data::DataSources;
use crate::journey::{PlanJourneys, Source};
use crate::program::causes::Causes;
use crate::program::{Beat, Condition, FunctionUse, OnFailure, Operation, Phase, Program, Request};
use crate::protocols::Protocols;
use crate::think::Think;

/// The parts of a plan that say what a scenario's users do.
#[derive(Clone, Copy)]
pub struct ScenarioSource<'a> {
    /// The scenario's number in the catalog.
    pub id: ScenarioId,
    /// Its name.
    pub name: &'a str,
    /// The scenario's node: `steps` or `flows`, `vars`, `on_failure`.
    pub node: &'a Node,
    /// `vars` of the plan.
    pub vars: Option<&'a Node>,
    /// Where to and how, for each protocol by name: settings differ, target, tls and network are the same.
    pub wiring: &'a dyn Fn(&str) -> Wiring<'a>,
    /// The protocols that its steps may speak.
    pub protocols: &'a Protocols,
    /// The plugins of the run.
    pub plugins: &'a Plugins,
    /// The folder that relative paths of the plan start from.
    pub folder: &'a Path,
}

/// Why a scenario could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The plan is wrong.
    #[error(transparent)]
    Plan(#[from] Diagnostic),
    /// There are too many names.
    #[error(transparent)]
    Names(#[from] TooMany),
    /// Something outside the plan is missing or wrong.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

impl From<OpenError> for CompileError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Plan(mistake) => Self::Plan(mistake),
            OpenError::Setup(error) => Self::Setup(error),
        }
    }
}

/// The step keys that are no request.
const CONTROL: [&str; 8] = ["think", "repeat", "if", "group", "exec", "once", "every", "stay"];

/// Compiles a scenario and adds its steps and groups to the catalog.
///
/// Names are known from the step on that captures them, also within later rounds of a `repeat`.
///
/// # Errors
/// The first thing that is wrong.
pub fn compile(
    source: &ScenarioSource<'_>,
    data: &Arc<DataSources>,
    catalog: &mut Catalog,
) -> Result<Arc<dyn Journeys>, CompileError> {
    if let Some(plugin) = source.node.get("plugin") {
        return guest(source, plugin, data, catalog);
    }
    let mut compiler = Compiler {
        source,
        catalog,
        variables: Variables::default(),
        constants: Vec::new(),
        builders: Vec::new(),
        functions: FunctionsBuilder::new(source.plugins, source.name, data_set(data)),
        program: Program::default(),
        causes: Causes::default(),
        on_failure: on_failure(source.node)?.unwrap_or(OnFailure::Continue),
    };
    let columns = compiler.define(data);
    match (source.node.get("steps"), source.node.get("flows")) {
        (Some(steps), None) => compiler.steps(steps)?,
        (None, Some(flows)) => compiler.choice(flows)?,
        (None, None) => {
            return Err(Diagnostic::at(
                &source.node.place,
                "nothing to do",
                "expected `steps`, `flows` or `plugin`",
            )
            .into());
        }
        (Some(_), Some(flows)) => {
            return Err(Diagnostic::at(
                &flows.place,
                "`steps` and `flows` in one scenario",
                "expected one of the two",
            )
            .into());
        }
    }
    if compiler.program.requests.is_empty() {
        let place = &source.node.place;
        return Err(Diagnostic::at(
            place,
            "a scenario without a request",
            "expected at least one request such as `http: GET /`",
        )
        .into());
    }
    compiler.finish(data, columns)
}

/// A scenario whose users go a plugin's journey.
fn guest(
    source: &ScenarioSource<'_>,
    node: &Node,
    data: &Arc<DataSources>,
    catalog: &mut Catalog,
) -> Result<Arc<dyn Journeys>, CompileError> {
    for other in ["steps", "flows", "on_failure"] {
        if let Some(found) = source.node.get(other) {
            let mistake = format!("`plugin` and `{other}` in one scenario");
            return Err(Diagnostic::at(&found.place, mistake, "a plugin's journey is all its users do")
                .help("put the steps into a scenario of their own, beside this one")
                .into());
        }
    }
    let settings = PluginSettings::read(node, source.folder)?;
    catalog.guest_names[usize::from(source.id.0)] = settings.limits.names as usize;
    let mut vars = HashMap::new();
    for (key, value) in [source.vars, source.node.get("vars")].into_iter().flatten().flat_map(Node::entries) {
        vars.insert(key.name.clone(), value.text()?.to_owned());
    }
    let parts = ScenarioParts {
        name: source.name,
        settings,
        wiring: source.wiring,
        entries: Entries::new(catalog, source.id),
        data: data_set(data),
        vars,
    };
    Ok(prony_plugin_host::open(source.plugins, parts)?)
}

/// The plan's data for guests, if there is any.
fn data_set(data: &Arc<DataSources>) -> Option<Arc<dyn DataSet>> {
    (!data.sources.is_empty()).then(|| Arc::clone(data) as Arc<dyn DataSet>)
}

struct Compiler<'a, 's> {
    source: &'a ScenarioSource<'s>,
    catalog: &'a mut Catalog,
    variables: Variables,
    /// Variables with a value from the beginning.
    constants: Vec<(usize, String)>,
    builders: Vec<(&'static str, Box<dyn DriverBuilder>)>,
    functions: FunctionsBuilder<'s>,
    program: Program,
    causes: Causes,
    on_failure: OnFailure,
}

impl Compiler<'_, '_> {
    /// Gives data columns and constants their variables.
    fn define(&mut self, data: &DataSources) -> Vec<Vec<usize>> {
        let mut columns = Vec::new();
        for source in &data.sources {
            let names = source.table.columns().iter().map(|column| format!("{}.{column}", source.name));
            columns.push(names.map(|name| self.variables.define(&name)).collect());
        }
        for vars in [self.source.vars, self.source.node.get("vars")].into_iter().flatten() {
            for (key, node) in vars.entries() {
                let number = self.variables.define(&key.name);
                let value = node.text().unwrap_or_default().to_owned();
                self.constants.retain(|(known, _)| *known != number);
                self.constants.push((number, value));
            }
        }
        columns
    }

    fn here(&self) -> usize {
        self.program.operations.len()
    }

    fn emit(&mut self, operation: Operation) -> usize {
        self.program.operations.push(operation);
        self.here() - 1
    }

    fn steps(&mut self, steps: &Node) -> Result<(), CompileError> {
        steps.items().iter().try_for_each(|step| self.step(step))
    }

    /// Steps that are done again and again within an iteration.
    fn repeated(&mut self, steps: &Node) -> Result<(), CompileError> {
        let first = self.program.requests.len();
        self.steps(steps)?;
        self.causes.repeated.push(first..self.program.requests.len());
        Ok(())
    }

    fn step(&mut self, step: &Node) -> Result<(), CompileError> {
        let protocol_names = self.source.protocols.iter().map(|protocol| protocol.name());
        let actions: Vec<&str> =
            protocol_names.chain(CONTROL).filter(|key| step.get(key).is_some()).collect();
        let [action] = actions.as_slice() else {
            let found = if actions.is_empty() {
                "a step that does nothing".to_owned()
            } else {
                format!("`{}` in one step", actions.join("` and `"))
            };
            let protocols = self.source.protocols.iter().map(|protocol| protocol.name());
            let known: Vec<&str> = protocols.chain(CONTROL).collect();
            let label = format!("expected exactly one of {}", known.join(", "));
            return Err(Diagnostic::at(&step.place, found, label).into());
        };
        let value = step.get(action).unwrap_or(step);
        self.only_fitting_keys(step, action)?;
        match *action {
            "think" => {
                let think = Think::parse(value)?;
                self.emit(Operation::Think(think));
                Ok(())
            }
            "repeat" => self.repeat(step, value.integer(0..=1_000_000_000)?),
            "if" => self.branch(step, value),
            "group" => self.group(step, value.text()?),
            "exec" => self.choice(value),
            "once" => self.once(value),
            "every" => self.every(step, value),
            "stay" => self.stay(value),
            protocol => self.request(step, protocol, value),
        }
    }

    /// `check` beside `think` is a mistake in indentation more often than not.
    fn only_fitting_keys(&self, step: &Node, action: &str) -> Result<(), Diagnostic> {
        let fitting: &[&str] = match action {
            "think" | "exec" | "once" | "stay" => &[],
            "every" => &["steps", "phase", "times"],
            "repeat" | "group" => &["steps"],
            "if" => &["steps", "else"],
            _ => &["name", "where", "since", "check", "capture", "on_failure", "generate", "validate"],
        };
        match step.entries().find(|(key, _)| key.name != action && !fitting.contains(&key.name.as_str())) {
            None => Ok(()),
            Some((key, _)) => Err(Diagnostic::at(
                &key.place,
                format!("`{}` beside `{action}`", key.name),
                "does not belong here",
            )
            .help("is it indented as it should be? A step begins with `- `")),
        }
    }

    fn inner<'n>(&self, step: &'n Node, action: &str) -> Result<&'n Node, Diagnostic> {
        step.get("steps").ok_or_else(|| {
            Diagnostic::at(&step.place, format!("`{action}` without steps"), "expected `steps` beside it")
        })
    }

    fn repeat(&mut self, step: &Node, times: u64) -> Result<(), CompileError> {
        let inner = self.inner(step, "repeat")?;
        let counter = self.program.loops;
        self.program.loops += 1;
        let begin = self.emit(Operation::LoopBegin { counter, times, end: 0 });
        let body = self.here();
        self.repeated(inner)?;
        self.emit(Operation::LoopEnd { counter, body });
        let end = self.here();
        self.program.operations[begin] = Operation::LoopBegin { counter, times, end };
        Ok(())
    }

    fn once(&mut self, steps: &Node) -> Result<(), CompileError> {
        let number = self.program.onces;
        self.program.onces += 1;
        let begin = self.emit(Operation::Once { number, end: 0 });
        self.steps(steps)?;
        self.emit(Operation::OnceDone(number));
        self.program.operations[begin] = Operation::Once { number, end: self.here() };
        Ok(())
    }

    fn every(&mut self, step: &Node, value: &Node) -> Result<(), CompileError> {
        let inner = self.inner(step, "every")?;
        let phase = match step.get("phase").map(Node::text).transpose()? {
            Some("random") => Phase::Random,
            _ => Phase::Start,
        };
        let times = step.get("times").map(|node| node.integer(1..=1_000_000_000)).transpose()?;
        let beat = Beat { number: self.program.beats, period: value.duration_above_zero()?, phase, times };
        if times.is_none() {
            self.needs_an_end(value, "`every` without `times`")?;
        }
        self.program.beats += 1;
        let begin = self.emit(Operation::EveryBegin { beat, end: 0 });
        let body = self.here();
        self.repeated(inner)?;
        self.emit(Operation::EveryEnd { beat, body });
        self.program.operations[begin] = Operation::EveryBegin { beat, end: self.here() };
        Ok(())
    }

    fn stay(&mut self, value: &Node) -> Result<(), CompileError> {
        let at_most = match value.boolean() {
            Ok(true) => None,
            Ok(false) => return Err(value.unexpected("`true`, or at most how long").into()),
            Err(_) => Some(value.duration_above_zero()?),
        };
        if at_most.is_none() {
            self.needs_an_end(value, "`stay: true`")?;
        }
        self.emit(Operation::Stay { at_most, on_failure: self.on_failure });
        Ok(())
    }

    /// What goes on until the load wants the user no longer never ends where iterations are counted.
    fn needs_an_end(&self, node: &Node, what: &str) -> Result<(), Diagnostic> {
        let load = self.source.node.get("load");
        let counted = load.filter(|load| load.get("iterations").or(load.get("shared_iterations")).is_some());
        match counted {
            Some(load) if load.get("at_most").is_none() => Err(Diagnostic::at(
                &node.place,
                format!("{what} under a load that counts iterations"),
                "would never end",
            )
            .help("give the load a time: `{users: 10, for: 1m}`")),
            _ => Ok(()),
        }
    }

    fn branch(&mut self, step: &Node, value: &Node) -> Result<(), CompileError> {
        let text = value.text()?.trim();
        let split = text.find("}}").filter(|_| text.starts_with("{{")).map(|at| at + 2);
        let Some(split) = split else {
            let mistake = value.unexpected("a condition that begins with a variable");
            return Err(mistake.help("for example `{{total}} > 100` or `{{id}} exists`, in quotes").into());
        };
        let left = Template::compile(&text[..split], &value.place, &self.variables)?;
        let comparison = Comparison::parse(&text[split..], &value.place, plain_number, &self.variables)?;
        let condition = || Condition { left: left.clone(), comparison: comparison.clone() };
        let branch = self.emit(Operation::Branch { condition: condition(), otherwise: 0 });
        self.steps(self.inner(step, "if")?)?;
        let jump = step.get("else").map(|_| self.emit(Operation::Jump(0)));
        self.program.operations[branch] =
            Operation::Branch { condition: condition(), otherwise: self.here() };
        if let (Some(jump), Some(other)) = (jump, step.get("else")) {
            self.steps(other)?;
            self.program.operations[jump] = Operation::Jump(self.here());
        }
        Ok(())
    }

    fn group(&mut self, step: &Node, name: &str) -> Result<(), CompileError> {
        let group = self.catalog.add_group(self.source.id, name)?;
        let inner = self.inner(step, "group")?;
        self.emit(Operation::GroupBegin(group));
        self.steps(inner)?;
        self.emit(Operation::GroupEnd);
        Ok(())
    }

    /// `exec` and `flows`.
    fn choice(&mut self, choices: &Node) -> Result<(), CompileError> {
        let choose = self.emit(Operation::Choose(Vec::new()));
        let (mut total, mut addresses, mut ends) = (0, Vec::new(), Vec::new());
        for choice in choices.items() {
            total += choice.get("weight").map_or(Ok(1), |node| node.integer(1..=1_000_000))?;
            addresses.push((total, self.here()));
            let steps = choice.get("steps").unwrap_or(choice);
            self.steps(steps)?;
            ends.push(self.emit(Operation::Jump(0)));
        }
        let end = self.here();
        for jump in ends {
            self.program.operations[jump] = Operation::Jump(end);
        }
        self.program.operations[choose] = Operation::Choose(addresses);
        Ok(())
    }

    fn request(&mut self, step: &Node, name: &str, value: &Node) -> Result<(), CompileError> {
        let Some(protocol) = self.source.protocols.iter().find(|protocol| protocol.name() == name) else {
            return Err(value.unexpected("a protocol").into());
        };
        if let Some(steps) = protocol.expand(value)? {
            if let Some((key, _)) = step.entries().find(|(key, _)| key.name != name) {
                let found = format!("`{}` beside a step that is short for several", key.name);
                return Err(Diagnostic::at(&key.place, found, "write the steps out to use it").into());
            }
            return steps.iter().try_for_each(|step| self.step(step));
        }
        let fields = protocol.reply_fields();
        let driver = match self.builders.iter().position(|(known, _)| *known == name) {
            Some(at) => at,
            None => {
                let builder = protocol.driver((self.source.wiring)(name));
                let builder = builder.map_err(|mistake| mistake.or_at(&value.place))?;
                self.builders.push((protocol.name(), builder));
                self.builders.len() - 1
            }
        };
        let nodes = |key: &str| step.get(key).map(Node::items).unwrap_or_default();
        let parse = |node: &Node| Check::parse(node, fields, &self.variables);
        let checks = nodes("check").iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let conditions = nodes("where").iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        if let Some(at) = conditions.iter().position(|condition| !condition.is_about_a_message()) {
            let node = &nodes("where")[at];
            return Err(node
                .unexpected("what a message has by itself, such as `body` or `json PATH`")
                .into());
        }
        let validates = step.get("validate").is_some();
        if checks.len() + usize::from(validates) > MOST {
            return Err(step.unexpected("at most 64 checks in one step").into());
        }
        let generate = self.function(step, Task::Generate)?.map(|(function, _)| function);
        let mut needs =
            ReplyNeeds { fields: validates, body: validates, judges_status: false, waits: validates };
        checks.iter().chain(&conditions).for_each(|check| check.needs(&mut needs));
        needs.waits |= !checks.is_empty() || step.get("capture").is_some();
        // Captured names are known after this step, not within it.
        let mut later = self.variables.clone();
        let mut captures = Vec::new();
        for (key, node) in step.get("capture").into_iter().flat_map(Node::entries) {
            let number = later.define(&key.name);
            let capture = Capture::parse(&key.name, number, node, fields)?;
            capture.needs(&mut needs);
            captures.push(capture);
        }
        let index = self.builders[driver].1.step(value, needs, &self.variables)?;
        if !self.builders[driver].1.waits_for_a_message() {
            self.no_key_of_messages(step)?;
        }
        for (key, _) in step.get("capture").into_iter().flat_map(Node::entries) {
            self.variables.define(&key.name);
        }
        let (validate, judge) = self.function(step, Task::Validate)?.unzip();
        let since = self.causes.since(step, self.program.requests.len())?;
        let default = self.builders[driver].1.default_name();
        let default =
            since.as_ref().map_or(default.clone(), |since| format!("{default} since {}", since.name));
        let name = step.get("name").map_or(Ok(default.as_str()), Node::text)?;
        let texts = checks.iter().map(|check| check.text().to_owned());
        let texts = texts.chain(judge.map(|judge| format!("valid for {judge}"))).collect();
        let id = self.catalog.add_step(self.source.id, name, protocol.name(), texts)?;
        self.catalog.steps[usize::from(id.0)].attributes = self.builders[driver].1.attributes();
        self.builders[driver].1.entered(index, id, &mut Entries::new(self.catalog, self.source.id))?;
        let name = self.catalog.steps[usize::from(id.0)].name.clone();
        let on_failure = on_failure(step)?.unwrap_or(self.on_failure);
        self.program.requests.push(Request {
            driver,
            index,
            id,
            name,
            checks,
            captures,
            on_failure,
            conditions,
            cause: None,
            since,
            generate,
            validate,
        });
        let number = self.program.requests.len() - 1;
        self.emit(Operation::Request(number));
        Ok(())
    }

    /// A step that waits for no message has nothing to choose among, and ends by itself.
    fn no_key_of_messages(&self, step: &Node) -> Result<(), Diagnostic> {
        match step.entries().find(|(key, _)| matches!(key.name.as_str(), "where" | "since")) {
            None => Ok(()),
            Some((key, _)) => {
                let found = format!("`{}` beside a step that waits for no message", key.name);
                Err(Diagnostic::at(&key.place, found, "expected a step that receives")
                    .help("`where` and `since` stand beside steps such as `mqtt: {receive: true}`; of an answer `check` says what must hold"))
            }
        }
    }

    /// Whoever stays has no step that would tell that its connection is lost, so `stay` counts as one.
    fn find_losses(&mut self) -> Result<(), TooMany> {
        let stays = |operation: &Operation| matches!(operation, Operation::Stay { .. });
        let keeps = self.builders.iter().find(|(_, builder)| builder.keeps_connections());
        if let (Some((protocol, _)), true) = (keeps, self.program.operations.iter().any(stays)) {
            self.program.stay = Some(self.catalog.add_step(self.source.id, "stay", protocol, Vec::new())?);
        }
        Ok(())
    }

    /// A plugin's function in a step, and its name for people. What it may set is known from here on.
    fn function(&mut self, step: &Node, task: Task) -> Result<Option<(FunctionUse, String)>, CompileError> {
        let Some(node) = step.get(task.name()) else { return Ok(None) };
        let settings = PluginSettings::read(node, self.source.folder)?;
        let sets = settings.sets.iter().map(|name| self.variables.define(name)).collect();
        let (id, name) = self.functions.add(&settings, task)?;
        Ok(Some((FunctionUse { id, sets, names: Arc::default() }, name)))
    }

    fn finish(
        mut self,
        data: &DataSources,
        columns: Vec<Vec<usize>>,
    ) -> Result<Arc<dyn Journeys>, CompileError> {
        self.program.causes = self.causes.find(&mut self.program.requests)?;
        self.find_losses()?;
        let names = self.variables.names().iter().cloned();
        let numbers: HashMap<String, usize> =
            names.enumerate().map(|(number, name)| (name, number)).collect();
        let uses = self
            .program
            .requests
            .iter_mut()
            .flat_map(|request| [&mut request.generate, &mut request.validate]);
        for function in uses.flatten() {
            let names = VarNames { numbers: numbers.clone(), settable: function.sets.clone() };
            function.names = Arc::new(names);
        }
        let guests = !self.functions.is_empty();
        self.catalog.guest_names[usize::from(self.source.id.0)] = self.functions.most_names();
        let drivers =
            self.builders.into_iter().map(|(_, builder)| builder.build()).collect::<Result<Vec<_>, _>>()?;
        let mut values = vec![None; self.variables.names().len()];
        for (number, value) in self.constants {
            values[number] = Some(value);
        }
        let mut sources = Vec::new();
        for (source, columns) in data.sources.iter().zip(columns) {
            // A guest may ask for any of them.
            let used: Vec<_> = columns
                .into_iter()
                .map(|number| (guests || self.variables.is_used(number)).then_some(number))
                .collect();
            if used.iter().any(Option::is_some) {
                sources.push(Source { source: Arc::clone(source), variables: used });
            }
        }
        Ok(Arc::new(PlanJourneys {
            program: Arc::new(self.program),
            drivers,
            sources,
            values: values.into(),
            functions: guests.then(|| self.functions.build()),
        }))
    }
}

fn on_failure(node: &Node) -> Result<Option<OnFailure>, Diagnostic> {
    Ok(match node.get("on_failure").map(Node::text).transpose()? {
        None => None,
        Some("end_iteration") => Some(OnFailure::EndIteration),
        Some(_) => Some(OnFailure::Continue),
    })
}
