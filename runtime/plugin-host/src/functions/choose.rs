//! Which function a step means.

use prony_core::Diagnostic;

use crate::bindings::request::exports::prony::plugin::functions::Description;
use crate::functions::Task;
use crate::settings::PluginSettings;

/// The function that is meant.
pub(super) fn choose(
    described: &[Description],
    settings: &PluginSettings,
    task: Task,
) -> Result<String, Diagnostic> {
    let does = |function: &Description| function.kinds.iter().any(|kind| kind == task.name());
    let listed = |which: &dyn Fn(&Description) -> bool| {
        let names: Vec<&str> = described
            .iter()
            .filter(|function| which(function))
            .map(|function| function.name.as_str())
            .collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let fitting = listed(&does);
    let Some(node) = &settings.function else {
        let mut able = described.iter().filter(|function| does(function));
        return match (able.next(), able.next()) {
            (Some(one), None) => Ok(one.name.clone()),
            (None, _) => Err(Diagnostic::at(
                &settings.node.place,
                format!("the plugin has no function that can {}", task.name()),
                "the plugin",
            )
            .help(format!("it has {}", listed(&|_| true)))),
            _ => Err(Diagnostic::at(
                &settings.node.place,
                format!("the plugin has several functions that can {}", task.name()),
                "expected `function` beside it",
            )
            .help(format!("one of {fitting}"))),
        };
    };
    let name = node.text()?;
    match described.iter().find(|function| function.name == name) {
        Some(function) if does(function) => Ok(name.to_owned()),
        Some(function) => Err(Diagnostic::at(
            &node.place,
            format!("`{name}` does not {}", task.name()),
            format!("it can {}", function.kinds.join(" and ")),
        )
        .help(format!("functions that can {}: {fitting}", task.name()))),
        None => {
            let known = described.iter().map(|function| function.name.as_str());
            let mistake = Diagnostic::at(
                &node.place,
                format!("the plugin has no function `{name}`"),
                "not one of its functions",
            );
            Err(match prony_core::diagnostic::did_you_mean(name, known) {
                Some(meant) => mistake.help(format!("did you mean `{meant}`?")),
                None => mistake.help(format!("functions that can {}: {fitting}", task.name())),
            })
        }
    }
}
