//! A stack's outputs, evaluated when its resources are there.

use super::engine::{Program, exports, place};
use super::evaluate;
use crate::local::core::Core;
use crate::local::model::{Output, State};
use serde_json::Value;
use std::collections::BTreeMap;

/// Evaluates the outputs into the stack.
pub(super) fn outputs(core: &Core, id: &str, program: &Program) -> Result<(), String> {
    let mut state = core.store.state();
    let exports = exports(&state.stacks, &program.template["Outputs"]);
    let owners = owners(&state, id, &program.template["Outputs"]);
    let stack = state.find_mut(id).ok_or("the stack is gone")?;
    let place = place(core, stack);
    let mut found = Vec::new();
    for (key, entry) in evaluate::section(&program.template, "Outputs") {
        let scope = program.scope(stack, &place, &exports);
        if let Some(condition) = entry["Condition"].as_str()
            && !scope.condition(condition)?
        {
            continue;
        }
        let text = |value: &Value| -> Result<Option<String>, String> {
            Ok(scope.resolve(value)?.and_then(|value| match value {
                Value::Null => None,
                Value::String(text) => Some(text),
                other => Some(other.to_string()),
            }))
        };
        let value = scope.resolve(&entry["Value"])?.unwrap_or_default();
        if value.is_array() || value.is_object() {
            return Err(format!(
                "Template format error: The Value field of every Outputs member must evaluate to a String ({key})."
            ));
        }
        let export = text(&entry["Export"]["Name"])?;
        if let Some(owner) = export.as_ref().and_then(|export| owners.get(export)) {
            let export = export.unwrap_or_default();
            return Err(format!(
                "Export with name {export} is already exported by stack {owner}."
            ));
        }
        found.push(Output {
            key: key.clone(),
            value: text(&entry["Value"])?.unwrap_or_default(),
            description: text(&entry["Description"])?,
            export,
        });
    }
    stack.outputs = found;
    Ok(())
}

/// The names that other stacks export by, and the stacks; nothing where the outputs export nothing.
fn owners(state: &State, id: &str, outputs: &Value) -> BTreeMap<String, String> {
    let exports = |output: &Value| output.get("Export").is_some();
    if !outputs
        .as_object()
        .is_some_and(|all| all.values().any(exports))
    {
        return BTreeMap::new();
    }
    let others = state.stacks.iter();
    others
        .filter(|stack| stack.id != id && stack.status != "DELETE_COMPLETE")
        .flat_map(|stack| stack.outputs.iter().map(move |output| (output, stack)))
        .filter_map(|(output, stack)| Some((output.export.clone()?, stack.name.clone())))
        .collect()
}
