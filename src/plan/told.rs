//! What CloudFormation says of a change, beside what was predicted.

use super::effects::{Certainty, Effects, Fate};
use super::masks;
use crate::cloud::Change;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A change set, and where it and the prediction are not of one mind.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Told {
    /// What CloudFormation says.
    pub changes: Vec<Change>,
    /// Where that is not what was predicted.
    pub disagreements: Vec<Disagreement>,
}

/// A resource of which two things are said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Disagreement {
    /// The logical id.
    pub resource: String,
    /// What was predicted.
    pub predicted: String,
    /// What CloudFormation says.
    pub told: String,
}

const NOTHING: &str = "no change";

impl Told {
    /// Compares a change set with the prediction.
    pub fn new(mut changes: Vec<Change>, effects: Option<&Effects>) -> Self {
        masks::told(&mut changes);
        let mut said: BTreeMap<&str, [&str; 2]> = BTreeMap::new();
        for one in effects.into_iter().flat_map(|effects| &effects.resources) {
            let words = match (one.action, one.told) {
                (Fate::Add, _) => "Add",
                (Fate::Remove, _) => "Remove",
                (Fate::Modify, Certainty::No) => "Modify",
                (Fate::Modify, Certainty::Perhaps) => "Modify, Replacement Conditional",
                (Fate::Modify, Certainty::Yes) => "Modify, Replacement True",
            };
            said.insert(&one.name, [words, NOTHING]);
        }
        for change in &changes {
            let words = match (change.action.as_str(), change.replacement.as_deref()) {
                ("Modify", Some("True")) => "Modify, Replacement True",
                ("Modify", Some("Conditional")) => "Modify, Replacement Conditional",
                (action, _) => action,
            };
            said.entry(&change.resource).or_insert([NOTHING, NOTHING])[1] = words;
        }
        let unlike = said
            .into_iter()
            .filter(|(_, [predicted, told])| predicted != told);
        let disagreements = unlike
            .map(|(resource, [predicted, told])| Disagreement {
                resource: resource.to_owned(),
                predicted: predicted.to_owned(),
                told: told.to_owned(),
            })
            .collect();
        Self {
            changes,
            disagreements,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_predicted_is_named() {
        let change = Change {
            action: "Modify".to_owned(),
            resource: "Vpc".to_owned(),
            resource_type: "AWS::EC2::VPC".to_owned(),
            replacement: Some("True".to_owned()),
            policy: None,
            details: vec![],
        };
        let found = Told::new(vec![change], None).disagreements;
        assert_eq!(found[0].predicted, "no change");
        assert_eq!(found[0].told, "Modify, Replacement True");
        assert_eq!(Told::new(vec![], None).disagreements, []);
    }
}
