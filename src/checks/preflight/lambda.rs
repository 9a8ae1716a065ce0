//! Lambda: runtimes that end, and concurrency that is left.

use super::Context;
use crate::checks::Finding;
use crate::cloud::refusal;
use crate::plan::wanted::Wanted;
use crate::template::runtimes;

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let functions = context.all("AWS::Lambda::Function");
    let mut found: Vec<Finding> = functions
        .filter_map(|one| runtime(context.today, one))
        .collect();
    found.extend(concurrency(context).await);
    found
}

fn runtime(today: &str, one: &Wanted) -> Option<Finding> {
    const CHECK: &str = "runtime";
    let name = one.text("Runtime")?;
    let barred = if one.is_new {
        runtimes::ended(&name, today)
    } else {
        runtimes::frozen(&name, today)
    };
    let found = if barred {
        Finding::failed(
            CHECK,
            format!("{name} has ended: Lambda takes no function of it"),
        )
        .hint("choose a newer runtime")
    } else if runtimes::ended(&name, today) {
        Finding::warning(CHECK, format!("{name} has ended: no new function is taken"))
            .hint("choose a newer runtime")
    } else {
        Finding::ok(CHECK, name)
    };
    Some(found.about(one))
}

/// Whether what functions reserve leaves the account what it must keep.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>
async fn concurrency(context: &Context<'_>) -> Option<Finding> {
    const CHECK: &str = "concurrency";
    /// What nobody may reserve.
    const KEPT: f64 = 100.0;
    let reserving: Vec<&Wanted> = context
        .new_ones("AWS::Lambda::Function")
        .filter(|one| one.number("ReservedConcurrentExecutions").is_some())
        .collect();
    let first = reserving.first()?;
    let wanted: f64 = reserving
        .iter()
        .filter_map(|one| one.number("ReservedConcurrentExecutions"))
        .sum();
    let answer = context.cloud.lambda().get_account_settings().send().await;
    let limit = match answer.map_err(|error| refusal("GetAccountSettings", error)) {
        Ok(answer) => answer.account_limit,
        Err(error) => return Some(Finding::unknown(CHECK, &error)),
    };
    let left = f64::from(limit?.unreserved_concurrent_executions?);
    let says =
        format!("{wanted} are reserved, {left} are left to reserve from and {KEPT} must stay");
    let found = match left - wanted < KEPT {
        true => Finding::failed(CHECK, says).hint("reserve less, or ask for more concurrency"),
        false => Finding::ok(CHECK, says),
    };
    Some(found.about(first))
}
