//! What a plan makes: the resources that are created, changed or replaced, with their properties as far
//! as they are known.

use super::effects::{Certainty, Fate, ResourceEffect};
use super::resolve::{self, Place, Scope};
use super::{Known, Plan, Step};
use crate::project::Project;
use serde_json::{Value, json};

/// A resource that a plan creates, changes or replaces.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The stack, as the manifest names it.
    pub stack: String,
    /// The logical id.
    pub name: String,
    /// The resource type.
    pub kind: String,
    /// Whether there will be one more of it than before, for a while at least: it is created, or replaced.
    pub is_new: bool,
    /// Whether it takes the place of one that is there, which goes afterwards.
    pub replaces: bool,
    /// Its properties. What is not known stays a call.
    pub properties: Value,
    /// Where it stands in our files, as file:line.
    pub place: Option<String>,
}

impl Wanted {
    /// A property as text, where it is known.
    pub fn text(&self, property: &str) -> Option<String> {
        crate::template::scalar_text(&self.properties[property])
    }

    /// A property as a number, where it is known.
    pub fn number(&self, property: &str) -> Option<f64> {
        self.text(property)?.trim().parse().ok()
    }
}

/// What the plan makes in that account and region, in the order of the plan.
pub fn wanted(project: &Project, plan: &Plan, account: Option<&str>, region: &str) -> Vec<Wanted> {
    let each = plan.steps.iter();
    each.flat_map(|step| of_step(project, plan, step, account, region))
        .collect()
}

fn of_step(
    project: &Project,
    plan: &Plan,
    step: &Step,
    account: Option<&str>,
    region: &str,
) -> Vec<Wanted> {
    let (Some(effects), Some(ready)) = (&step.effects, project.prepared.get(&step.stack)) else {
        return vec![];
    };
    let body = &ready.template.body;
    let place = Place {
        name: step.deployed_name.clone(),
        id: None,
        region: Some(region.to_owned()),
        account: account.map(str::to_owned),
    };
    let given = |name: &str| step.parameters.get(name).map(|known| value(plan, known));
    let scope = Scope::new(body, resolve::parameters(body, given), place);
    let made = effects
        .resources
        .iter()
        .filter(|one| one.action != Fate::Remove);
    made.map(|one| {
        let properties = body["Resources"][&one.name].get("Properties");
        Wanted {
            stack: step.stack.clone(),
            name: one.name.clone(),
            kind: one.kind.clone(),
            is_new: is_new(one),
            replaces: one.action == Fate::Modify && is_new(one),
            properties: properties
                .and_then(|properties| scope.resolve(properties))
                .unwrap_or_else(|| json!({})),
            place: one.place.clone(),
        }
    })
    .collect()
}

fn is_new(one: &ResourceEffect) -> bool {
    one.action == Fate::Add || one.replacement == Certainty::Yes
}

/// A parameter's value: what is known, what an output is expected to be, or a call that stands for it.
fn value(plan: &Plan, known: &Known) -> Value {
    let (stack, output) = match known {
        Known::Value(text) => return text.as_str().into(),
        Known::Later { stack, output } => (stack, output),
    };
    let effects = plan.step(stack).and_then(|step| step.effects.as_ref());
    let effect = effects.and_then(|effects| effects.outputs.get(output));
    match effect.and_then(|effect| effect.value.as_ref()) {
        Some(text) => text.as_str().into(),
        None => json!({ resolve::LATER: [stack, output, false] }),
    }
}
