//! A plan as it may be shown. A plan itself holds what is compared and deployed; whoever prints one, writes
//! it to a file or hands it on as JSON does so with this, which holds no value that is never shown.

use super::diff::{EntryChange, PathChange, TemplateDiff};
use super::effects::Effects;
use super::estimate::Times;
use super::hidden::Hidden;
use super::outside::{Outside, Part};
use super::{Current, Known, Plan, Step};
use crate::project::Project;
use crate::secrets::{MASK, Secrets};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Deref;

/// What of a plan is never shown.
#[derive(Debug, Clone, Default)]
pub struct Veil {
    /// What hides by the templates that are deployed.
    pub(super) before: Hidden,
    /// What hides by the project's templates.
    pub(super) after: Hidden,
    /// The values themselves, as far as they are known.
    secrets: Secrets,
}

impl Veil {
    /// What hides of those stacks.
    pub(super) fn new(project: &Project, current: &BTreeMap<String, Current>) -> Self {
        let (before, after) = (Hidden::deployed(project, current), Hidden::asked(project));
        let there = current.iter().flat_map(|(name, now)| {
            let given = now.stack.parameters.iter();
            let given = given.filter(|(one, text)| before.parameter(name, one) && *text != MASK);
            let outputs = now.stack.outputs.iter();
            let outputs = outputs.filter(|(one, _)| before.output(name, one));
            given.chain(outputs).map(|(_, text)| text.clone())
        });
        let secrets = project.secrets.and(there);
        Self {
            before,
            after,
            secrets,
        }
    }
}

/// A plan whose secrets are masked.
#[derive(Debug, Clone)]
pub struct Shown(Plan);

impl Deref for Shown {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.0
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document<'a> {
            version: u64,
            steps: &'a [Step],
            #[serde(skip_serializing_if = "Option::is_none")]
            times: Option<&'a Times>,
        }
        let document = Document {
            version: self.version,
            steps: &self.steps,
            times: self.times.as_ref(),
        };
        document.serialize(serializer)
    }
}

impl Plan {
    /// The plan as it may be shown.
    #[must_use]
    pub fn shown(&self) -> Shown {
        let mut plan = self.clone();
        for step in &mut plan.steps {
            self.veil.step(step);
        }
        Shown(plan)
    }
}

impl Veil {
    fn step(&self, step: &mut Step) {
        for (name, known) in &mut step.parameters {
            if let Known::Value(text) = known {
                match self.after.parameter(&step.stack, name) {
                    true => MASK.clone_into(text),
                    false => self.secrets.hide(text),
                }
            }
        }
        for one in &mut step.outside {
            self.outside(&step.stack, one);
        }
        if let Some(diff) = &mut step.diff {
            self.diff(diff);
        }
        if let Some(effects) = &mut step.effects {
            self.effects(&step.stack, effects);
        }
        for one in &mut step.widens {
            self.secrets.hide(&mut one.what);
        }
        let told = step
            .change_set
            .iter_mut()
            .flat_map(|told| &mut told.changes);
        for detail in told.flat_map(|change| &mut change.details) {
            self.texts([&mut detail.before, &mut detail.after]);
        }
        for one in step.drift.iter_mut().flatten() {
            self.secrets.hide(&mut one.physical_id);
            for difference in &mut one.differences {
                self.texts([&mut difference.expected, &mut difference.actual]);
            }
        }
    }

    fn texts(&self, sides: [&mut Option<String>; 2]) {
        let texts = sides.into_iter().flatten();
        texts.for_each(|text| self.secrets.hide(text));
    }

    fn outside(&self, stack: &str, one: &mut Outside) {
        let sides = [&mut one.before, &mut one.after];
        for (side, hidden) in sides.into_iter().zip([&self.before, &self.after]) {
            let name = one.name.as_deref().unwrap_or_default();
            if let Some(text) = side {
                match one.what == Part::Parameter && hidden.parameter(stack, name) {
                    true => MASK.clone_into(text),
                    false => self.secrets.hide(text),
                }
            }
        }
    }

    fn values<'a>(&self, values: impl IntoIterator<Item = &'a mut Option<Value>>) {
        let values = values.into_iter().flatten();
        values.for_each(|value| self.secrets.hide_in(value));
    }

    fn diff(&self, diff: &mut TemplateDiff) {
        let entries = diff.sections.iter_mut().flat_map(|one| &mut one.entries);
        for entry in entries {
            match &mut entry.change {
                EntryChange::Added { after: value } | EntryChange::Removed { before: value } => {
                    self.secrets.hide_in(value);
                }
                EntryChange::Changed { changes } | EntryChange::Retyped { changes, .. } => {
                    for PathChange { before, after, .. } in changes {
                        self.values([before, after]);
                    }
                }
            }
        }
    }

    fn effects(&self, stack: &str, effects: &mut Effects) {
        for change in effects
            .resources
            .iter_mut()
            .flat_map(|one| &mut one.changes)
        {
            self.values([&mut change.before, &mut change.after]);
        }
        for (name, output) in &mut effects.outputs {
            self.values([&mut output.after]);
            if let Some(text) = &mut output.value {
                match self.after.output(stack, name) {
                    true => MASK.clone_into(text),
                    false => self.secrets.hide(text),
                }
            }
        }
    }
}
