//! One stack, top to bottom.

use super::aftermath::Parts;
use super::failure::{failure, invalid};
use super::follow::{Ended, follow};
use super::guard::guard;
use super::input::{input, manifest_stack};
use super::patience::patient;
use super::{Context, Outcome};
use crate::cloud::{Change, Deployed, Made, Of, OnFailure, StackInput};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::plan::action::{DeployAction, Status};
use crate::plan::outside::Part;
use crate::plan::{Action, Current, Known, Step, action, held_back};
use crate::secrets::MASK;

/// What is done to a stack next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Create,
    Recreate,
    Update,
    Delete,
    RollBack,
    Continue,
    /// Look at the stack, and do what its status asks.
    Decide,
}

/// More turns than that mean that somebody else is at work.
const TURNS: usize = 8;

/// Does a step, and says what the stack came to.
pub(super) async fn work(context: &Context, step: &Step) -> Result<Outcome> {
    let mut next = match &step.action {
        Action::Nothing => return Ok(Outcome::Unchanged),
        Action::Refuse(why) => return Err(Error::stacks(format!("{why}."))),
        // Only a change set made what is under review.
        Action::Create if step.status == Status::ReviewInProgress.as_str() => Move::Recreate,
        Action::Create => Move::Create,
        Action::Update | Action::UpdateIfMoved => Move::Update,
        Action::Recreate => Move::Recreate,
        Action::Recover | Action::Adopt => Move::Decide,
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
            Move::Recreate => work.recreate().await?,
            Move::Update => work.update().await?,
            Move::Delete => work.delete(true).await?,
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
        // A token has 128 characters at the most.
        whole.chars().take(128).collect()
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
        let began = patient(self.context, || cloud.began(name, token)).await?;
        Ok(began.ok_or(refused))
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

    async fn concluded(&self, ended: Ended, good: &[&str]) -> Turn {
        conclude(self.context, self.step, ended, good)
            .await
            .map(Some)
    }

    async fn recreate(&self) -> Turn {
        match self.delete(false).await? {
            Some(_) => self.create().await,
            None => Ok(None),
        }
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
        self.attend(&now).await?;
        let made = self.change_set(&input, as_planned).await;
        let changes = match made {
            Ok(Made::Ready(changes)) => changes,
            Ok(Made::Nothing) => return Ok(Some(finish_without_changes(context, step, now))),
            Ok(Made::Invalid(findings)) => return Err(invalid(context, step, &findings)),
            Err(refused) if has_moved(&refused) => return Ok(None),
            Err(refused) => return Err(refused),
        };
        if let Err(refused) = guard(context, step, &changes) {
            patient(context, || context.cloud.delete_change_set(&changes.id)).await?;
            return Err(refused);
        }
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
    async fn change_set(&self, input: &StackInput, as_planned: bool) -> Result<Made> {
        let (context, cloud) = (self.context, &self.context.cloud);
        let planned = context.options.change_sets.get(&self.step.stack);
        if let Some(id) = planned.filter(|_| as_planned) {
            return patient(context, || cloud.follow_change_set(id.clone())).await;
        }
        let name = format!("infra-{}-{}", context.options.run, self.turn);
        patient(context, || cloud.create_change_set(input, &name)).await
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
        let fresh = crate::plan::again(&context.project, stack, &current, &|stack, output| {
            context.output(stack, output)
        });
        if fresh.action == Action::Nothing {
            return Ok(true);
        }
        // Who agreed to follow or to recover agreed to what comes of it, data apart.
        let announced = matches!(
            step.action,
            Action::Adopt | Action::Recover | Action::Create
        );
        if announced || (fresh.diff == step.diff && fresh.outside == step.outside) {
            return Ok(false);
        }
        Err(Error::stacks(format!(
            "the stack {} has changed since the plan was made.",
            step.stack
        ))
        .hint("run the same command again, and look at the new plan"))
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
                self.started("follow");
                let ended = self.follow(&now.id, None).await?;
                left(context, self.step, ended).await?;
                Ok(None)
            }
            DeployAction::ContinueFromFailure if keeps => self.update().await,
            DeployAction::ContinueFromFailure => {
                self.started("rollback");
                let token = self.token("rollback");
                let asked = patient(context, || cloud.rollback_stack(&now.id, &token)).await;
                if let Some(ended) = self.begun(asked, &now, &token).await? {
                    left(context, self.step, ended).await?;
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
                    Some(ended) => left(context, self.step, ended).await.map(|()| None),
                    None => Ok(None),
                }
            }
            DeployAction::UpdateIfDifferent => self.update().await,
            DeployAction::DeleteThenCreate | DeployAction::ClearThenCreate => self.recreate().await,
            DeployAction::Create => self.create().await,
            DeployAction::Refuse(why) => {
                Err(Error::stacks(format!("{}.", why.words(&self.step.stack))))
            }
        }
    }

    async fn roll_back(&self) -> Turn {
        let (context, cloud) = (self.context, &self.context.cloud);
        let now = self.there().await?;
        self.started("rollback");
        let token = self.token("rollback");
        let asked = patient(context, || cloud.rollback_stack(&now.id, &token)).await;
        let Some(ended) = self.begun(asked, &now, &token).await? else {
            return Ok(None);
        };
        self.concluded(ended, &["ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
            .await
    }

    async fn continue_rollback(&self) -> Turn {
        let (context, cloud) = (self.context, &self.context.cloud);
        let skip = match &self.step.action {
            Action::ContinueRollback(skip) => &skip[..],
            _ => &[],
        };
        let now = self.there().await?;
        self.started("continue rollback");
        let token = self.token("continue");
        let asked = patient(context, || cloud.continue_rollback(&now.id, &token, skip)).await;
        let Some(ended) = self.begun(asked, &now, &token).await? else {
            return Ok(None);
        };
        self.concluded(ended, &["UPDATE_ROLLBACK_COMPLETE"]).await
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

    /// `last` where nothing follows, and what waited for the stack may go on.
    async fn delete(&self, last: bool) -> Turn {
        let (context, step) = (self.context, self.step);
        let Some(now) = self.describe().await? else {
            return Ok(Some(Outcome::Unchanged));
        };
        if Status::parse(&now.status).is_ok_and(Status::in_progress) {
            self.started("follow");
            self.follow(&now.id, None).await?.told().await?;
            return Ok(None);
        }
        // A destroy never turns the protection off; to create it anew the manifest may ask for that.
        if !last && now.protected && wants_no_protection(context, step)? {
            patient(context, || context.cloud.protect(&now.name, false)).await?;
        }
        self.started("delete");
        let token = self.token("delete");
        let role = context.options.role_arn.as_deref();
        let retain = if now.status == "DELETE_FAILED" {
            &context.options.retain[..]
        } else {
            &[]
        };
        let asked = patient(context, || {
            context.cloud.delete_stack(&now.id, &token, role, retain)
        });
        let Some(ended) = self.begun(asked.await, &now, &token).await? else {
            return Ok(None);
        };
        let status = ended.deployed.as_ref().map(|now| now.status.as_str());
        if status.is_none_or(|status| status == "DELETE_COMPLETE") {
            match last {
                true => release(context, step, ended).await,
                false => drop(ended.told().await),
            }
            context.emit(Event::StackDone {
                stack: step.stack.clone(),
                status: "DELETE_COMPLETE".to_owned(),
            });
            return Ok(Some(Outcome::Done));
        }
        self.concluded(ended, &[]).await
    }
}

fn wants_no_protection(context: &Context, step: &Step) -> Result<bool> {
    Ok(manifest_stack(context, step)?.termination_protection == Some(false))
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
        Some("InvalidChangeSetStatus" | "ChangeSetNotFound" | "ChangeSetNotFoundException") => true,
        Some("ValidationError") => {
            says(" state and can not be ") || says("cannot be deleted while in status")
        }
        _ => false,
    }
}

/// CloudFormation sees no change: only protection or policy moved, which is done by now.
fn finish_without_changes(context: &Context, step: &Step, now: Deployed) -> Outcome {
    context.settle(&step.stack, &now);
    context.emit(Event::StackDone {
        stack: step.stack.clone(),
        status: now.status,
    });
    Outcome::Done
}

fn parameters_equal(input: &StackInput, now: &Deployed) -> bool {
    input.parameters.iter().all(|(name, value)| {
        now.parameters
            .get(name)
            .is_some_and(|before| before == value || before == MASK)
    })
}

async fn conclude(context: &Context, step: &Step, ended: Ended, good: &[&str]) -> Result<Outcome> {
    let Some(now) = ended.deployed.clone() else {
        return Err(Error::stacks(format!("the stack {} is gone.", step.stack)));
    };
    if good.contains(&now.status.as_str()) {
        context.settle(&step.stack, &now);
        release(context, step, ended).await;
        context.emit(Event::StackDone {
            stack: step.stack.clone(),
            status: now.status,
        });
        return Ok(Outcome::Done);
    }
    let told = ended.told().await?;
    if told.invalid {
        let findings = patient(context, || context.cloud.findings(Of::Stack(&now.id))).await?;
        if !findings.is_empty() {
            return Err(invalid(context, step, &findings));
        }
    }
    Err(failure(context, step, &now, &told).await)
}

/// Lets go on what waited for the stack, then waits until all of it is told.
async fn release(context: &Context, step: &Step, ended: Ended) {
    let _ = context.released.send(step.stack.clone());
    // Only what is shown is missed where its events cannot be read.
    let _ = left(context, step, ended).await;
}

/// Waits until all of an operation is told, and tells what the stack let go of and could not delete.
async fn left(context: &Context, step: &Step, ended: Ended) -> Result<()> {
    let id = ended.deployed.as_ref().map(|now| now.id.clone());
    let told = ended.told().await?;
    let left = Parts::of(&id.unwrap_or_default(), &told.events).left();
    if !left.is_empty() {
        context.emit(Event::StackLeft {
            stack: step.stack.clone(),
            left,
        });
    }
    Ok(())
}
