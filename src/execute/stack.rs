//! One stack, top to bottom.

use super::aftermath::Parts;
use super::failure::{failure, invalid};
use super::follow::follow;
use super::guard::guard;
use super::input::{input, manifest_stack};
use super::losses;
use super::patience::patient;
use super::watch::{Ended, Told, in_progress};
use super::{Context, Outcome};
use crate::cloud::{Change, Deployed, Made, Of, OnFailure, StackInput, stopped};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::manifest::Value;
use crate::plan::action::{DeployAction, Status};
use crate::plan::outside::Part;
use crate::plan::{self, Action, Current, Known, Step, action, data, held_back};
use crate::secrets::MASK;
use crate::settings::command;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// What is done to a stack next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Create,
    Update,
    Delete,
    RollBack,
    Continue,
    /// Look at the stack, and do what its status asks.
    Decide,
}

/// What is undone that may hold data.
enum Undone {
    /// All of the stack.
    Stack,
    /// What the operation made that it stopped in.
    Operation,
}

/// How many characters a client request token has at the most.
const LONGEST_TOKEN: usize = 128;

/// More turns than that mean that somebody else is at work.
const TURNS: usize = 8;

/// Does a step, and says what the stack came to.
pub(super) async fn work(context: &Context, step: &Step) -> Result<Outcome> {
    let mut next = match &step.action {
        Action::Nothing => return Ok(Outcome::Unchanged),
        Action::Refuse(why) => return Err(Error::stacks(format!("{why}."))),
        Action::Create if step.status != Status::ReviewInProgress.as_str() => Move::Create,
        Action::Update | Action::UpdateIfMoved => Move::Update,
        // What is deleted first is looked at once more: by now it may be somebody's good stack.
        Action::Create | Action::Recreate | Action::Recover | Action::Adopt => Move::Decide,
        Action::Delete | Action::FollowThenDelete => Move::Delete,
        Action::RollBack => Move::RollBack,
        Action::ContinueRollback(_) => Move::Continue,
    };
    for turn in 0..TURNS {
        let work = Work {
            context,
            step,
            turn,
        };
        let done = match next {
            Move::Create => work.create().await?,
            Move::Update => work.update().await?,
            Move::Delete => work.delete().await?,
            Move::RollBack => work.roll_back().await?,
            Move::Continue => work.continue_rollback().await?,
            Move::Decide => work.decide().await?,
        };
        match done {
            Some(outcome) => return Ok(outcome),
            // The stack has moved, by us or by somebody else.
            None if matches!(next, Move::Delete | Move::RollBack | Move::Continue) => {}
            None => next = Move::Decide,
        }
    }
    Err(Error::stacks(format!(
        "the stack {} keeps moving: somebody else is at work.",
        step.stack
    ))
    .hint("run the same command again when they are done"))
}

/// Makes the change set of a stack that is updated with values that are all known, and answers its ARN.
pub(super) async fn prepare(context: &Context, step: &Step) -> Result<Option<String>> {
    let known = |value: &Known| matches!(value, Known::Value(_));
    if step.action != Action::Update || !step.parameters.values().all(known) {
        return Ok(None);
    }
    let work = Work {
        context,
        step,
        turn: 0,
    };
    let input = input(context, step, work.token("plan"))?;
    let name = format!("infra-plan-{}", context.options.run);
    match patient(context, || context.cloud.create_change_set(&input, &name)).await? {
        Made::Ready(changes) => Ok(Some(changes.id)),
        Made::Nothing => Ok(None),
        Made::Invalid(findings) => Err(invalid(context, step, &findings)),
    }
}

/// What CloudFormation says that the step would do to a stack that is there, with values that are all
/// known.
pub(super) async fn ask(context: &Context, step: &Step) -> Result<Option<Vec<Change>>> {
    let known = |value: &Known| matches!(value, Known::Value(_));
    let wanted = match step.action {
        Action::Update => true,
        Action::Nothing => context.options.revert_drift && step.status != "absent",
        _ => false,
    };
    if !wanted || !step.parameters.values().all(known) {
        return Ok(None);
    }
    let work = Work {
        context,
        step,
        turn: 0,
    };
    let input = input(context, step, work.token("ask"))?;
    let name = format!("infra-diff-{}", context.options.run);
    let cloud = &context.cloud;
    match patient(context, || cloud.create_change_set(&input, &name)).await? {
        Made::Ready(made) => {
            let changes = patient(context, || cloud.details(&made.id)).await;
            patient(context, || cloud.delete_change_set(&made.id)).await?;
            changes.map(Some)
        }
        Made::Nothing => Ok(Some(vec![])),
        Made::Invalid(findings) => Err(invalid(context, step, &findings)),
    }
}

/// One turn of the work on a stack. What is `None` is to be decided again.
struct Work<'a> {
    context: &'a Context,
    step: &'a Step,
    turn: usize,
}

type Turn = Result<Option<Outcome>>;

impl Work<'_> {
    /// The token of a verb's call: the same for the same turn of a run, so that a call that is
    /// repeated is the same call.
    fn token(&self, verb: &str) -> String {
        let (run, name) = (&self.context.options.run, &self.step.deployed_name);
        let whole = format!("infra-{run}-{}-{verb}-{name}", self.turn);
        if whole.len() <= LONGEST_TOKEN {
            return whole;
        }
        // Names may differ at their ends alone.
        let digest = hex::encode(Sha256::digest(&whole));
        format!("infra-{run}-{}-{verb}-{}", self.turn, &digest[..32])
    }

    fn started(&self, what: &str) {
        self.context.emit(Event::StackStarted {
            stack: self.step.stack.clone(),
            action: what.to_owned(),
        });
    }

    async fn follow(&self, id: &str, token: Option<&str>) -> Result<Ended> {
        follow(self.context, &self.step.stack, id, token).await
    }

    async fn describe(&self) -> Result<Option<Deployed>> {
        let name = &self.step.deployed_name;
        patient(self.context, || self.context.cloud.describe(name)).await
    }

    /// The stack's ARN where a refused call took effect all the same: its answer was lost, and the
    /// refusal is of its repetition.
    async fn ours(&self, token: &str, refused: Error) -> Result<Result<String>> {
        let name = &self.step.deployed_name;
        let cloud = &self.context.cloud;
        // Where the events cannot be read, the refusal is what there is to tell.
        let began = patient(self.context, || cloud.began(name, token)).await;
        Ok(began.unwrap_or_default().ok_or(refused))
    }

    async fn create(&self) -> Turn {
        self.started("create");
        let input = input(self.context, self.step, self.token("create"))?;
        let cloud = &self.context.cloud;
        let id = match patient(self.context, || cloud.create_stack(&input)).await {
            Ok(id) => id,
            Err(refused) => match self.ours(&input.token, refused).await? {
                Ok(id) => id,
                Err(refused) if refused.code.as_deref() == Some("AlreadyExistsException") => {
                    return Ok(None);
                }
                Err(refused) => return Err(refused),
            },
        };
        let ended = self.follow(&id, Some(&input.token)).await?;
        self.concluded(ended, &["CREATE_COMPLETE"]).await
    }

    /// What an operation of ours came to. Where somebody has begun another one since, the stack is as that
    /// leaves it, and is looked at again.
    async fn concluded(&self, ended: Ended, good: &[&str]) -> Turn {
        let (context, step) = (self.context, self.step);
        let Some(now) = ended.deployed.clone() else {
            return Err(Error::stacks(format!("the stack {} is gone.", step.stack)));
        };
        if in_progress(&now.status)? {
            self.told(ended).await;
            return Ok(None);
        }
        let as_asked = good.contains(&now.status.as_str());
        if as_asked {
            context.settle(&step.stack, &now);
            self.release();
        }
        let told = self.told(ended).await;
        if told.overtaken {
            return Ok(None);
        }
        if as_asked {
            self.done(now.status);
            return Ok(Some(Outcome::Done));
        }
        let mut reasons = told.events.iter().filter_map(|one| one.reason.as_deref());
        if reasons.any(stopped) {
            let findings = patient(context, || context.cloud.findings(Of::Stack(&now.id))).await?;
            if !findings.is_empty() {
                return Err(invalid(context, step, &findings));
            }
        }
        Err(failure(context, step, &now, &told).await)
    }

    /// All that was told of an operation, once all of that is. Says what the stack let go of and could not delete.
    async fn told(&self, ended: Ended) -> Told {
        let id = ended.deployed.as_ref().map(|now| now.id.clone());
        let told = ended.told().await;
        let left = Parts::of(&id.unwrap_or_default(), &told.events).left();
        if !left.is_empty() {
            self.context.emit(Event::StackLeft {
                stack: self.step.stack.clone(),
                left,
            });
        }
        told
    }

    /// Lets go on what waits for the stack, while its last events are still read.
    fn release(&self) {
        let _ = self.context.released.send(self.step.stack.clone());
    }

    fn done(&self, status: String) {
        self.context.emit(Event::StackDone {
            stack: self.step.stack.clone(),
            status,
        });
    }

    /// Deletes a stack in which nothing ever worked, as it was found, and makes it.
    async fn recreate(&self, now: &Deployed) -> Turn {
        let context = self.context;
        // The shell that a change set left behind never had resources.
        if now.status != Status::ReviewInProgress.as_str() {
            self.loses_as_planned(now, Undone::Stack).await?;
        }
        // A destroy never turns the protection off; to create it anew the manifest may ask for that.
        let wanted = manifest_stack(context, self.step)?.termination_protection;
        if now.protected && wanted == Some(false) {
            patient(context, || context.cloud.protect(&now.name, false)).await?;
        }
        let Some(ended) = self.deleted(now).await? else {
            return Ok(None);
        };
        if !is_gone(&ended) {
            return self.concluded(ended, &[]).await;
        }
        self.told(ended).await;
        self.create().await
    }

    async fn update(&self) -> Turn {
        let (context, step) = (self.context, self.step);
        let input = input(context, step, self.token("update"))?;
        let now = self.there().await?;
        let as_planned = now.updated == step.updated && now.status == step.status;
        if step.action == Action::UpdateIfMoved && as_planned && parameters_equal(&input, &now) {
            context.settle(&step.stack, &now);
            return Ok(Some(Outcome::Unchanged));
        }
        // Another run is at work on it: what it leaves is looked at when it is done.
        if !as_planned && now.status.ends_with("_IN_PROGRESS") {
            return Ok(None);
        }
        if !as_planned && self.replanned(&now).await? {
            context.settle(&step.stack, &now);
            return Ok(Some(Outcome::Unchanged));
        }
        self.started("update");
        let made = self.change_set(&input, &now, as_planned).await;
        let changes = match made {
            Ok(Made::Ready(changes)) => changes,
            // Only protection or policy moved.
            Ok(Made::Nothing) => {
                self.attend(&now).await?;
                context.settle(&step.stack, &now);
                self.done(now.status);
                return Ok(Some(Outcome::Done));
            }
            Ok(Made::Invalid(findings)) => return Err(invalid(context, step, &findings)),
            Err(refused) if has_moved(&refused) => return Ok(None),
            Err(refused) => return Err(refused),
        };
        if let Err(refused) = guard(context, step, &changes) {
            // One that was reviewed is kept for when the loss is allowed.
            if self.reviewed().and_then(Option::as_ref) != Some(&changes.id) {
                patient(context, || context.cloud.delete_change_set(&changes.id)).await?;
            }
            return Err(refused);
        }
        self.attend(&now).await?;
        let executed = patient(context, || {
            context.cloud.execute_change_set(&changes.id, &input)
        });
        if let Err(refused) = executed.await
            && let Err(refused) = self.ours(&input.token, refused).await?
        {
            return if has_moved(&refused) {
                Ok(None)
            } else {
                Err(refused)
            };
        }
        let ended = self.follow(&now.id, Some(&input.token)).await?;
        self.concluded(ended, &["UPDATE_COMPLETE"]).await
    }

    /// The change set that was made with the plan, or a new one.
    async fn change_set(
        &self,
        input: &StackInput,
        now: &Deployed,
        as_planned: bool,
    ) -> Result<Made> {
        let (context, cloud) = (self.context, &self.context.cloud);
        let name = format!("infra-{}-{}", context.options.run, self.turn);
        let create = patient(context, || cloud.create_change_set(input, &name));
        let Some(reviewed) = self.reviewed().filter(|_| as_planned) else {
            return create.await;
        };
        let Some(id) = reviewed else {
            let made = create.await?;
            if let Made::Ready(set) = made {
                patient(context, || cloud.delete_change_set(&set.id)).await?;
                return Err(not_reviewed("had no changes, and has some now"));
            }
            return Ok(made);
        };
        match patient(context, || cloud.follow_change_set(id.clone())).await {
            Ok(Made::Ready(set)) if set.stack != now.id => Err(not_reviewed("is of another stack")),
            Err(refused) if is_missing(&refused) => Err(not_reviewed("is gone")),
            made => made,
        }
    }

    /// What was reviewed, if a plan was: the change set's ARN, where there was something to change.
    fn reviewed(&self) -> Option<&Option<String>> {
        self.context.options.change_sets.get(&self.step.stack)
    }

    /// Plans again for a stack that is not as it was when the plan was made, and answers whether
    /// nothing is left to do. What the user was not shown is not done.
    async fn replanned(&self, now: &Deployed) -> Result<bool> {
        let (context, step) = (self.context, self.step);
        let cloud = &context.cloud;
        let template = patient(context, || cloud.template(&now.id)).await?;
        let stack = manifest_stack(context, step)?;
        let policy = match stack.stack_policy {
            Some(_) => patient(context, || cloud.policy(&now.id)).await?,
            None => None,
        };
        let current = Current {
            stack: now.clone(),
            template,
            policy,
        };
        let fresh = plan::again(&context.project, stack, &current, &|stack, output| {
            context.output(stack, output)
        });
        if fresh.action == Action::Nothing {
            return Ok(true);
        }
        let as_shown = match step.action {
            // Who agreed to follow or to recover agreed to what comes of it, data apart.
            Action::Adopt | Action::Recover => true,
            // Nobody agreed to change what somebody else has made.
            Action::Create | Action::Recreate => false,
            _ => fresh.diff == step.diff && fresh.outside == step.outside,
        };
        match as_shown {
            true => Ok(false),
            false => Err(self.changed()),
        }
    }

    /// What is not part of a change set: protection and policy.
    async fn attend(&self, now: &Deployed) -> Result<()> {
        let (context, cloud) = (self.context, &self.context.cloud);
        let stack = manifest_stack(context, self.step)?;
        if let Some(wanted) = stack.termination_protection
            && wanted != now.protected
        {
            patient(context, || cloud.protect(&now.name, wanted)).await?;
        }
        if let Some(policy) = &stack.stack_policy
            && self
                .step
                .outside
                .iter()
                .any(|one| one.what == Part::StackPolicy)
        {
            patient(context, || cloud.set_policy(&now.name, policy)).await?;
        }
        Ok(())
    }

    /// Brings a stack out of a failed or a running operation, or does what its status asks.
    async fn decide(&self) -> Turn {
        let (context, cloud) = (self.context, &self.context.cloud);
        let Some(now) = self.describe().await? else {
            return self.create().await;
        };
        let status = Status::parse(&now.status)
            .map_err(|unknown| Error::stacks(format!("the status {} is not known.", unknown.0)))?;
        let keeps = context.options.on_failure == OnFailure::Keep;
        if let Some(why) = held_back(manifest_stack(context, self.step)?, &now, keeps) {
            return Err(Error::stacks(format!("{why}.")));
        }
        match action::on_deploy(status) {
            DeployAction::Adopt => {
                self.follow_to_the_end(&now).await?;
                self.read_again().await?;
                Ok(None)
            }
            DeployAction::ContinueFromFailure if keeps => self.update().await,
            DeployAction::ContinueFromFailure => {
                self.loses_as_planned(&now, Undone::Operation).await?;
                self.started("rollback");
                let token = self.token("rollback");
                let asked = patient(context, || cloud.rollback_stack(&now.id, &token)).await;
                if let Some(ended) = self.begun(asked, &now, &token).await? {
                    self.told(ended).await;
                }
                Ok(None)
            }
            DeployAction::ContinueRollbackThenUpdate => {
                self.started("continue rollback");
                let token = self.token("continue");
                let asked = patient(context, || cloud.continue_rollback(&now.id, &token, &[]));
                let ended = self.begun(asked.await, &now, &token).await?;
                let stuck = |ended: &Ended| {
                    let status = ended.deployed.as_ref().map(|now| now.status.as_str());
                    status == Some("UPDATE_ROLLBACK_FAILED")
                };
                match ended {
                    Some(ended) if stuck(&ended) => self.concluded(ended, &[]).await,
                    Some(ended) => {
                        self.told(ended).await;
                        Ok(None)
                    }
                    None => Ok(None),
                }
            }
            DeployAction::UpdateIfDifferent => self.update().await,
            DeployAction::DeleteThenCreate | DeployAction::ClearThenCreate => {
                self.recreate(&now).await
            }
            DeployAction::Create => self.create().await,
            DeployAction::Refuse(why) => {
                Err(Error::stacks(format!("{}.", why.words(&self.step.stack))))
            }
        }
    }

    /// Follows what somebody else, or a run that was cut off, has begun.
    async fn follow_to_the_end(&self, now: &Deployed) -> Result<()> {
        self.started("follow");
        let ended = self.follow(&now.id, None).await?;
        self.told(ended).await;
        Ok(())
    }

    /// Reads the outputs again that the stack reads: who worked on it may have worked on those too.
    async fn read_again(&self) -> Result<()> {
        let context = self.context;
        let stack = manifest_stack(context, self.step)?;
        let read = stack
            .parameters
            .iter()
            .filter_map(|given| match &given.value {
                Value::Output { stack, .. } => Some(stack),
                Value::Literal(_) => None,
            });
        for name in read.collect::<BTreeSet<_>>() {
            let Some(needed) = context.project.stack(name) else {
                continue;
            };
            let deployed = &needed.deployed_name;
            let now = patient(context, || context.cloud.describe(deployed)).await?;
            let settled = now.filter(|now| in_progress(&now.status).is_ok_and(|moves| !moves));
            let settled = settled.ok_or_else(|| {
                Error::stacks(format!(
                    "the stack {name}, which it reads, is not settled: somebody else is at work."
                ))
                .hint("run the same command again when they are done")
            })?;
            context.settle(name, &settled);
        }
        Ok(())
    }

    async fn roll_back(&self) -> Turn {
        const GOOD: [&str; 2] = ["ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"];
        let (context, cloud) = (self.context, &self.context.cloud);
        let now = self.there().await?;
        // A run that was cut off has begun it, and perhaps seen to it.
        if GOOD.contains(&now.status.as_str()) {
            return Ok(Some(Outcome::Unchanged));
        }
        if in_progress(&now.status)? {
            self.follow_to_the_end(&now).await?;
            return Ok(None);
        }
        self.started("rollback");
        let token = self.token("rollback");
        let asked = patient(context, || cloud.rollback_stack(&now.id, &token)).await;
        let Some(ended) = self.begun(asked, &now, &token).await? else {
            return Ok(None);
        };
        self.concluded(ended, &GOOD).await
    }

    async fn continue_rollback(&self) -> Turn {
        const GOOD: [&str; 1] = ["UPDATE_ROLLBACK_COMPLETE"];
        let (context, cloud) = (self.context, &self.context.cloud);
        let skip = match &self.step.action {
            Action::ContinueRollback(skip) => &skip[..],
            _ => &[],
        };
        let now = self.there().await?;
        // A run that was cut off has begun it, and perhaps seen to it.
        if GOOD.contains(&now.status.as_str()) {
            return Ok(Some(Outcome::Unchanged));
        }
        if in_progress(&now.status)? {
            self.follow_to_the_end(&now).await?;
            return Ok(None);
        }
        self.started("continue rollback");
        let token = self.token("continue");
        let asked = patient(context, || cloud.continue_rollback(&now.id, &token, skip)).await;
        let Some(ended) = self.begun(asked, &now, &token).await? else {
            return Ok(None);
        };
        self.concluded(ended, &GOOD).await
    }

    async fn there(&self) -> Result<Deployed> {
        let gone = || {
            Error::stacks(format!(
                "the stack {} has gone since the plan was made.",
                self.step.stack
            ))
            .hint("run the same command again")
        };
        self.describe().await?.ok_or_else(gone)
    }

    /// Follows an operation that was asked for, unless the stack had moved by then.
    async fn begun(&self, asked: Result<()>, now: &Deployed, token: &str) -> Result<Option<Ended>> {
        if let Err(refused) = asked
            && let Err(refused) = self.ours(token, refused).await?
        {
            return if has_moved(&refused) {
                Ok(None)
            } else {
                Err(refused)
            };
        }
        self.follow(&now.id, Some(token)).await.map(Some)
    }

    async fn delete(&self) -> Turn {
        let step = self.step;
        let Some(now) = self.describe().await? else {
            return Ok(Some(Outcome::Unchanged));
        };
        if in_progress(&now.status)? {
            self.follow_to_the_end(&now).await?;
            self.is_needed_by_nobody().await?;
            return Ok(None);
        }
        // Nobody agreed to lose what came into it since.
        if step.action == Action::Delete && now.updated != step.updated {
            return Err(self.changed());
        }
        if step.action == Action::FollowThenDelete {
            self.loses_as_planned(&now, Undone::Stack).await?;
        }
        let Some(ended) = self.deleted(&now).await? else {
            return Ok(None);
        };
        if !is_gone(&ended) {
            return self.concluded(ended, &[]).await;
        }
        self.release();
        self.told(ended).await;
        self.done("DELETE_COMPLETE".to_owned());
        Ok(Some(Outcome::Done))
    }

    /// Refuses to delete or to undo what holds data and was not in the plan: it came while the stack was followed, or
    /// somebody else made it.
    async fn loses_as_planned(&self, now: &Deployed, undone: Undone) -> Result<()> {
        let (context, step) = (self.context, self.step);
        let cloud = &context.cloud;
        let current = Current {
            stack: now.clone(),
            template: patient(context, || cloud.template(&now.id)).await?,
            policy: None,
        };
        let lost = match undone {
            Undone::Stack => patient(context, || losses::of_deletion(cloud, &current)).await?,
            Undone::Operation => patient(context, || losses::of_rollback(cloud, &current)).await?,
        };
        let allowed = &context.options.allow_delete;
        let planned =
            |one: &losses::Loss| step.loses.contains(one) || data::allowed(allowed, &one.0);
        match lost.into_iter().find(|one| !planned(one)) {
            None => Ok(()),
            Some((name, kind)) => Err(Error::stacks(format!(
                "{name} ({kind}) holds data, would be deleted, and was not in the plan."
            ))
            .hint(format!("if that is wanted: --allow-delete {name}"))),
        }
    }

    /// Refuses to delete a stack that others of this run need, which somebody else has made by now.
    async fn is_needed_by_nobody(&self) -> Result<()> {
        let (context, stack) = (self.context, &self.step.stack);
        let dependents = context.project.graph.dependents_of(stack);
        for name in dependents
            .iter()
            .filter(|name| context.stacks.contains(*name))
        {
            let Some(dependent) = context.project.stack(name) else {
                continue;
            };
            let deployed = &dependent.deployed_name;
            if patient(context, || context.cloud.describe(deployed))
                .await?
                .is_some()
            {
                return Err(Error::stacks(format!(
                    "the stack {name} needs it, and is there by now: somebody else is at work."
                ))
                .hint("run the same command again when they are done"));
            }
        }
        Ok(())
    }

    /// How the stack's deletion ended, unless it had moved by then.
    async fn deleted(&self, now: &Deployed) -> Result<Option<Ended>> {
        let (context, cloud) = (self.context, &self.context.cloud);
        self.started("delete");
        let token = self.token("delete");
        let role = context.options.role_arn.as_deref();
        let retain = match now.status == "DELETE_FAILED" {
            true => &context.options.retain[..],
            false => &[],
        };
        let asked = patient(context, || {
            cloud.delete_stack(&now.id, &token, role, retain)
        });
        self.begun(asked.await, now, &token).await
    }

    fn changed(&self) -> Error {
        let stack = &self.step.stack;
        Error::stacks(format!(
            "the stack {stack} has changed since the plan was made."
        ))
        .hint("run the same command again, and look at the new plan")
    }
}

fn is_gone(ended: &Ended) -> bool {
    let status = ended.deployed.as_ref().map(|now| now.status.as_str());
    status.is_none_or(|status| status == "DELETE_COMPLETE")
}

/// Whether a refusal says that the change set is not there.
fn is_missing(refused: &Error) -> bool {
    let codes = ["ChangeSetNotFound", "ChangeSetNotFoundException"];
    refused
        .code
        .as_deref()
        .is_some_and(|code| codes.contains(&code))
}

/// What was reviewed cannot be executed.
fn not_reviewed(why: &str) -> Error {
    Error::stacks(format!(
        "the change set that was made with the plan {why}: nothing is executed that was not reviewed."
    ))
    .hint(format!("make the plan again: {}", command("plan --out FILE")))
}

/// Whether a refusal says that the stack is not in the state that the call was made for.
fn has_moved(refused: &Error) -> bool {
    let says = |words: &str| {
        refused
            .messages
            .iter()
            .any(|message| message.contains(words))
    };
    match refused.code.as_deref() {
        Some("InvalidChangeSetStatus") => true,
        _ if is_missing(refused) => true,
        Some("ValidationError") => {
            says(" state and can not be ") || says("cannot be deleted while in status")
        }
        _ => false,
    }
}

fn parameters_equal(input: &StackInput, now: &Deployed) -> bool {
    input.parameters.iter().all(|(name, value)| {
        now.parameters
            .get(name)
            .is_some_and(|before| before == value || before == MASK)
    })
}
