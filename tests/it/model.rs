//! `infra model`: trained, judged, granted, asked, and all of it again.

use crate::sandbox::{Sandbox, root};
use crate::warehouse::{Warehouse, deployed};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// A request, field by field.
const REQUEST: [(&str, &str); 14] = [
    ("age", "38"),
    ("gender", "Male"),
    ("income", "41820"),
    ("loan_type", "Home"),
    ("loan_amount", "221750"),
    ("interest_rate", "0.1"),
    ("loan_term", "58"),
    ("loan_interest_rate", "10"),
    ("credit_score", "424"),
    ("employment_status", "Unemployed"),
    ("marital_status", "Single"),
    ("remediation_strategy", "Refinancing"),
    ("missed_payments", "9"),
    ("missed_payments_duration", "10"),
];

/// The prediction as the Lambda function asks for it, with some fields otherwise.
fn predict(warehouse: &Warehouse, change: &[(&str, &str)]) -> Result<Value, String> {
    let arguments: Vec<String> = REQUEST.iter().map(|(name, _)| format!(":{name}")).collect();
    let sql = format!("SELECT ml_fn_prediction({})", arguments.join(", "));
    let values: Vec<(&str, &str)> = REQUEST
        .iter()
        .map(|(name, value)| {
            let other = change.iter().find(|(changed, _)| changed == name);
            other.copied().unwrap_or((name, value))
        })
        .collect();
    warehouse.ask(&sql, &values)
}

fn loaded() -> Sandbox {
    let sandbox = deployed();
    sandbox.run(&["data", "load", "--local"]).code(0);
    sandbox
}

fn role(sandbox: &Sandbox) -> String {
    let ran = sandbox
        .run(&["outputs", "LambdaStack", "--local", "--json"])
        .code(0);
    let outputs: Value = serde_json::from_str(&ran.out).unwrap();
    let role = outputs
        .pointer("/LambdaStack/FunctionRoleName")
        .and_then(Value::as_str);
    role.unwrap_or_else(|| panic!("{}", ran.out)).to_owned()
}

#[test]
fn a_model_is_trained_judged_granted_asked_and_dropped() {
    let sandbox = loaded();
    let run = |arguments: &[&str]| sandbox.run(&[&["model"], arguments, &["--local"]].concat());
    let none = run(&["status"]).code(1);
    assert!(
        none.err.contains("infra model create --local trains one"),
        "{}",
        none.err
    );
    let asked = run(&["create"]).code(2);
    assert!(
        asked
            .err
            .contains("The training reads 881 rows, 13215 cells"),
        "{}",
        asked.err
    );
    assert!(asked.err.contains("give --yes"), "{}", asked.err);

    let created = run(&["create", "--yes", "--json"]).code(0);
    let told: Value = serde_json::from_str(&created.out).unwrap();
    let figure = |name: &str| told["judged"][name].as_f64().unwrap();
    let above = 100.0 * (figure("right") - figure("majority")) / figure("rows");
    let page = std::fs::read_to_string(root().join("docs/data.md")).unwrap();
    let (_, stated) = page.split_once("above the majority class | ").unwrap();
    let stated: f64 = stated.split(' ').next().unwrap().parse().unwrap();
    assert!(
        figure("rows") > 100.0 && above >= stated,
        "{above} above, {stated} stated"
    );
    let user = format!("IAMR:{}", role(&sandbox));
    assert!(
        created
            .err
            .contains(&format!("{user} may execute the model now.")),
        "{}",
        created.err
    );

    let again = run(&["create"]).code(0);
    assert!(
        again.err.contains("The model is there already."),
        "{}",
        again.err
    );
    assert!(
        again
            .err
            .contains(&format!("{user} may execute the model already.")),
        "{}",
        again.err
    );
    let status = run(&["status"]).code(0);
    assert!(status.out.contains("which it never saw"), "{}", status.out);
    let explained = run(&["explain"]).code(0);
    assert!(
        explained
            .out
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("credit_score"),
        "{}",
        explained.out
    );

    let function = role(&sandbox);
    let mut warehouse = Warehouse::of(&sandbox);
    let good = [
        ("credit_score", "840"),
        ("missed_payments", "0"),
        ("employment_status", "Employed"),
        ("loan_interest_rate", "15"),
    ];
    warehouse.assume(&function);
    assert_eq!(
        predict(&warehouse, &[]),
        Ok(json!([[{"booleanValue": false}]]))
    );
    assert_eq!(
        predict(&warehouse, &good),
        Ok(json!([[{"booleanValue": true}]]))
    );
    // What is bound never becomes SQL.
    for (name, _) in REQUEST {
        let _ = predict(&warehouse, &[(name, "0); DROP TABLE public.raw_data; --")]);
    }
    let denied = |sql: &str| warehouse.ask(sql, &[]).unwrap_err();
    assert_eq!(
        denied("SELECT * FROM public.raw_data"),
        "ERROR: permission denied for relation raw_data"
    );
    assert_eq!(
        denied("DROP MODEL public.predict_model"),
        format!("ERROR: permission denied for user {user}")
    );
    warehouse.assume("SomebodyElse");
    assert_eq!(
        predict(&warehouse, &good).unwrap_err(),
        "ERROR: permission denied for function ml_fn_prediction"
    );
    drop(warehouse);
    sandbox.run(&["data", "check", "--local"]).code(0);

    assert!(run(&["drop"]).code(2).err.contains("give --yes"));
    run(&["drop", "--yes"]).code(0);
    assert!(
        run(&["drop"])
            .code(0)
            .err
            .contains("There is no public.predict_model.")
    );
    run(&["status"]).code(1);
    let warehouse = Warehouse::of(&sandbox);
    assert_eq!(
        predict(&warehouse, &[]).unwrap_err(),
        "ERROR: function ml_fn_prediction does not exist"
    );
}

#[test]
fn a_training_that_was_left_is_followed_again() {
    let sandbox = loaded();
    let mut child = sandbox
        .command(&["model", "create", "--yes", "--local"])
        // Ten seconds: it is not done when it is left.
        .env("INFRA_LOCAL_TIME_SCALE", "0.0166")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    assert!(lines.any(|line| line == "public.predict_model: TRAINING"));
    child.kill().unwrap();
    child.wait().unwrap();
    let status = sandbox.run(&["model", "status", "--local"]).code(0);
    assert!(
        status.out.starts_with("public.predict_model: training"),
        "{}",
        status.out
    );
    let ran = sandbox.run(&["model", "explain", "--local"]).code(1);
    assert!(
        ran.err.contains("Waiting for training job to complete"),
        "{}",
        ran.err
    );
    let ran = sandbox.run(&["model", "create", "--local"]).code(0);
    assert!(
        ran.err.contains("A training is under way; it is followed."),
        "{}",
        ran.err
    );
    assert!(
        ran.out.starts_with("public.predict_model: ready"),
        "{}",
        ran.out
    );
}

#[test]
fn without_rows_nothing_is_trained() {
    let sandbox = deployed();
    let ran = sandbox
        .run(&["model", "create", "--yes", "--local"])
        .code(3);
    assert!(
        ran.err.contains("relation \"raw_data\" does not exist"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("infra data load"), "{}", ran.err);
}
