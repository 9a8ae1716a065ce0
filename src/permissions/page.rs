//! docs/permissions.md.

use super::{Asks, Right, Scope, policy, rights};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const BEGIN: &str = "# Permissions

What the caller needs. `infra permissions --markdown` writes this page; `infra permissions deploy` prints
a policy with your own stacks, region and account in it, and leaves out what your project never comes to.
Without a command it prints one policy for all of them.

What CloudFormation itself needs to make the resources is the service role's (`--role-arn`, or `role_arn` in
the manifest) or else the caller's; drift is detected, and names are looked up, with the caller's right to
read each resource. What the SDK asks for to get credentials (`sts:AssumeRole` of a profile, say) is the
profile's own matter. `sts:GetCallerIdentity` is allowed to everybody. With `--local` nothing is needed.

An operation is named as the SDK names it, and as `--log-calls FILE` writes it of a run. Words in
capitals in the policies are to be filled in.
";

/// The page of those commands.
pub fn page(commands: &[Asks]) -> String {
    let scope = Scope::any();
    let mut text = BEGIN.to_owned();
    let none: Vec<String> = commands
        .iter()
        .filter(|asks| asks.needs().next().is_none())
        .map(|asks| format!("`{}`", asks.command))
        .collect();
    let _ = writeln!(text, "\nNothing is needed for {}.", none.join(", "));
    for asks in commands {
        if asks.needs().next().is_some() {
            command(&mut text, asks, &scope);
        }
    }
    text
}

fn command(text: &mut String, asks: &Asks, scope: &Scope) {
    let rights = rights(asks.needs(), scope);
    let _ = writeln!(
        text,
        "\n## {}\n\n| needed | operations | actions |\n|---|---|---|",
        asks.command
    );
    let mut rows: BTreeMap<_, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for need in asks.needs() {
        let (operations, _) = rows.entry(need.when).or_default();
        operations.extend(need.operations);
    }
    for Right { when, action, .. } in &rights {
        rows.entry(*when).or_default().1.push(action);
    }
    for (when, (operations, actions)) in rows {
        let when = when.words().unwrap_or_else(|| "always".to_owned());
        let actions = sorted(actions).into_iter().map(|one| format!("`{one}`"));
        let actions: Vec<String> = actions.collect();
        let _ = writeln!(
            text,
            "| {when} | {} | {} |",
            by_service(&sorted(operations)),
            match actions.is_empty() {
                true => "none".to_owned(),
                false => actions.join(", "),
            }
        );
    }
    let policy = serde_json::to_string_pretty(&policy(&rights)).unwrap_or_default();
    let _ = writeln!(text, "\n```json\n{policy}\n```");
}

/// `EC2 DescribeSubnets, DescribeVpcs; IAM GetRole`.
fn by_service(operations: &[&str]) -> String {
    let mut services: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (service, name) in operations.iter().filter_map(|one| one.rsplit_once(' ')) {
        services.entry(service).or_default().push(name);
    }
    let services: Vec<String> = services
        .iter()
        .map(|(service, names)| format!("{service} {}", names.join(", ")))
        .collect();
    services.join("; ")
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names.dedup();
    names
}
