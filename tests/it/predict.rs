//! Our prediction is the change set's answer, for edits all over templates.

use crate::edits::{alone, by_others, cases, mutate, shipped};
use crate::sandbox::{Dice, Sandbox};
use serde_json::Value;

/// Has that many edits of a deployed template predicted, and asks the change set each time.
/// Answers how many were asked, and of which it says something else.
fn agree(
    sandbox: &Sandbox,
    original: &Value,
    dice: &mut Dice,
    cases: usize,
) -> (usize, Vec<String>) {
    let (mut asked, mut tried, mut unlike) = (0, 0, Vec::new());
    while asked < cases && tried < 20 * cases {
        tried += 1;
        let mut template = original.clone();
        let edits: Vec<String> = (0..=dice.of(3))
            .map(|_| mutate(&mut template, dice))
            .collect();
        sandbox.write("t.json", &template.to_string());
        let ran = sandbox.run(&["diff", "--local", "--change-set", "--json"]);
        if ran.code != 0 {
            // What no template may hold is refused by both.
            continue;
        }
        let plan: Value = serde_json::from_str(&ran.out).unwrap();
        let told = &plan["steps"][0]["change_set"];
        if told.is_null() {
            // The edit came to nothing.
            continue;
        }
        asked += 1;
        for one in told["disagreements"].as_array().unwrap() {
            let name = one["resource"].as_str().unwrap();
            let kind = &original["Resources"][name]["Type"];
            unlike.push(format!("{edits:?}: {one} {kind}"));
        }
    }
    (asked, unlike)
}

#[test]
fn what_is_predicted_is_what_a_change_set_says() {
    let cases = cases("INFRA_DIFF_CASES", 6);
    let mut dice = Dice(7);
    for (stack, template) in shipped() {
        let sandbox = alone(&template);
        sandbox
            .run(&["deploy", "--all", "--local", "--yes"])
            .code(0);
        let none = Vec::<String>::new();
        assert_eq!(
            agree(&sandbox, &template, &mut dice, cases),
            (cases, none),
            "{stack}"
        );
    }
}

/// The same for templates that others wrote.
#[test]
#[ignore = "needs the templates: .ci/run fetches them"]
fn what_is_predicted_for_templates_by_others_is_what_a_change_set_says() {
    let (mut dice, mut templates, mut asked) = (Dice(11), 0, 0);
    let mut unlike = Vec::new();
    for (name, template) in by_others(cases("INFRA_DIFF_STRIDE", 3)) {
        let sandbox = alone(&template);
        if sandbox.run(&["deploy", "--all", "--local", "--yes"]).code != 0 {
            continue;
        }
        templates += 1;
        let (count, found) = agree(&sandbox, &template, &mut dice, 3);
        asked += count;
        unlike.extend(found.into_iter().map(|one| format!("{name} {one}")));
    }
    assert_eq!(unlike, Vec::<String>::new(), "{}", unlike.join("\n"));
    println!("{asked} edits of {templates} templates");
    assert!(
        templates > 5 && asked > templates,
        "{asked} edits of {templates} templates"
    );
}
