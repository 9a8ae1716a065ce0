//! What the platform's steps know of the stacks: outputs, found by their names.

use crate::error::{Error, Result};
use crate::settings::command;
use std::collections::BTreeMap;

/// The outputs of all stacks that are deployed, by the stacks' names.
pub type Outputs = BTreeMap<String, BTreeMap<String, String>>;

/// The output of that name, whichever stack gives it.
///
/// # Errors
/// When no stack gives it, or several do with different values.
pub fn find<'a>(outputs: &'a Outputs, name: &str) -> Result<&'a str> {
    Ok(with_stack(outputs, name)?.1)
}

/// The same with the stack that gives it.
///
/// # Errors
/// As [`find`].
pub fn with_stack<'a>(outputs: &'a Outputs, name: &str) -> Result<(&'a str, &'a str)> {
    let given = outputs.iter().filter_map(|(stack, given)| {
        let value = given.get(name)?;
        Some((stack.as_str(), value.as_str()))
    });
    let given: Vec<(&str, &str)> = given.collect();
    let Some(&(stack, value)) = given.first() else {
        return Err(
            Error::asked(format!("no deployed stack gives the output {name}."))
                .hint(format!(
                    "deploy the stacks first: {}",
                    command("deploy --all")
                ))
                .hint(
                    "--local, --env, --region and AWS_ENDPOINT_URL say where they are looked for",
                ),
        );
    };
    if given.iter().any(|(_, other)| *other != value) {
        let stacks: Vec<&str> = given.iter().map(|(stack, _)| *stack).collect();
        return Err(Error::asked(format!(
            "the output {name} is given by several stacks: {}.",
            stacks.join(", ")
        ))
        .hint("rename it in all but one of their templates"));
    }
    Ok((stack, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_that_two_stacks_give_is_nobodys() {
        let one = |value: &str| BTreeMap::from([("ApiUrl".to_owned(), value.to_owned())]);
        let mut outputs = Outputs::from([("A".to_owned(), one("https://a"))]);
        assert_eq!(with_stack(&outputs, "ApiUrl").unwrap(), ("A", "https://a"));
        outputs.insert("B".to_owned(), one("https://b"));
        let said = find(&outputs, "ApiUrl").unwrap_err().to_string();
        assert!(said.contains("several stacks: A, B."), "{said}");
        assert_eq!(find(&outputs, "Other").unwrap_err().kind.exit_code(), 2);
    }
}
