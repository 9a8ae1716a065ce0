//! What the commands ask of AWS, as operations of the SDK, and what IAM must allow for that.
//!
//! A command's file states its needs; `operations.rs` alone knows what IAM calls them.

mod operations;
mod page;
mod policy;
mod scope;

#[cfg(test)]
pub(crate) use operations::all;
pub use operations::{Grant, On, grants};
pub use page::page;
pub use policy::policy;
pub use scope::{Feature, MANY, Scope, own_bucket};

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Operations that a command asks for, and when.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// By service and name, as the SDK has them: `CloudFormation DescribeStacks`.
    pub operations: &'static [&'static str],
    /// When.
    pub when: When,
    /// What they are done to, where that is not what they are done to elsewhere.
    pub on: Option<On>,
}

/// When something is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// Whenever the command runs.
    Always,
    /// Where the project is so, which its files tell.
    Given(Feature),
    /// Where the project is so, if it comes to that.
    GivenIf(Feature, &'static str),
    /// If it comes to that.
    If(&'static str),
    /// To look whether all is well; what may not be looked at is told as unknown.
    Check,
}

/// What a command asks for, in groups that commands share.
#[derive(Debug, Clone, Copy)]
pub struct Asks {
    /// The command's name.
    pub command: &'static str,
    /// What it needs.
    pub needs: &'static [&'static [Need]],
}

impl Asks {
    /// The needs, one after the other.
    pub fn needs(&self) -> impl Iterator<Item = &'static Need> {
        self.needs.iter().copied().flatten()
    }
}

/// Needed whenever the command runs.
pub const fn always(operations: &'static [&'static str]) -> Need {
    Need {
        operations,
        when: When::Always,
        on: None,
    }
}

/// Needed where the project is so.
pub const fn given(feature: Feature, operations: &'static [&'static str]) -> Need {
    Need {
        operations,
        when: When::Given(feature),
        on: None,
    }
}

/// Needed if it comes to that; the words go on after "only": `with --out`.
pub const fn sometimes(when: &'static str, operations: &'static [&'static str]) -> Need {
    Need {
        operations,
        when: When::If(when),
        on: None,
    }
}

/// Needed to look whether all is well.
pub const fn to_check(operations: &'static [&'static str]) -> Need {
    Need {
        operations,
        when: When::Check,
        on: None,
    }
}

/// Those, needed only if it comes to that.
pub const fn with<const N: usize>(when: &'static str, needs: &[Need; N]) -> [Need; N] {
    let mut needs = *needs;
    let mut at = 0;
    while at < N {
        needs[at].when = match needs[at].when {
            When::Given(feature) | When::GivenIf(feature, _) => When::GivenIf(feature, when),
            When::Always | When::If(_) | When::Check => When::If(when),
        };
        at += 1;
    }
    needs
}

impl Need {
    /// The same, done to something else than elsewhere.
    pub const fn on(mut self, on: On) -> Self {
        self.on = Some(on);
        self
    }
}

impl When {
    /// Whether it is needed only with a flag that asks for it.
    pub fn is_of_a_flag(self) -> bool {
        matches!(self, Self::If(words) | Self::GivenIf(_, words) if words.starts_with("with --"))
    }

    /// The words for it; nothing where it is always.
    pub fn words(self) -> Option<String> {
        match self {
            Self::Always => None,
            Self::Given(feature) => Some(feature.words().to_owned()),
            Self::GivenIf(feature, words) => Some(format!("{words}, {}", feature.words())),
            Self::If(words) => Some(words.to_owned()),
            Self::Check => Some("for the checks".to_owned()),
        }
    }
}

/// An action that IAM must allow, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Right {
    /// When it is needed.
    #[serde(skip)]
    pub when: When,
    /// The operation that asks for it.
    pub operation: &'static str,
    /// The action: `cloudformation:DescribeStacks`.
    pub action: String,
    /// The ARNs that it is for.
    pub resources: Vec<String>,
}

/// What IAM must allow for those needs in that scope, in the order of the needs. What the scope's project
/// never comes to is left out.
pub fn rights<'a>(needs: impl Iterator<Item = &'a Need>, scope: &Scope) -> Vec<Right> {
    let mut found = Vec::new();
    for need in needs.filter(|need| scope.comes_to(need.when)) {
        for operation in need.operations {
            let mut actions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for grant in grants(operation).unwrap_or_default() {
                let arns = scope.arns(need.on.unwrap_or(grant.on));
                actions.entry(grant.action).or_default().extend(arns);
            }
            // What is on nothing, in a project without stacks say, is not done.
            actions.retain(|_, resources| !resources.is_empty());
            found.extend(actions.into_iter().map(|(action, resources)| Right {
                when: need.when,
                operation,
                action,
                resources: resources.into_iter().collect(),
            }));
        }
    }
    found
}
