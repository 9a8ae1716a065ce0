//! `infra data`: rows drawn, loaded once however often, and held to the schema.

use crate::sandbox::Sandbox;
use crate::warehouse::{Warehouse, deployed};
use serde_json::{Value, json};

#[test]
fn the_same_seed_draws_the_same_rows() {
    let sandbox = Sandbox::shipped();
    let draw = |rows: &str, seed: &str| {
        sandbox
            .run(&["data", "generate", "--rows", rows, "--seed", seed])
            .code(0)
            .out
    };
    let few = draw("5", "9");
    assert_eq!(few.lines().count(), 6);
    assert!(draw("50", "9").starts_with(&few));
    assert_ne!(draw("5", "8"), few);
    let ran = sandbox
        .run(&[
            "data", "generate", "--rows", "5", "--seed", "9", "-o", "five.csv",
        ])
        .code(0);
    assert_eq!(
        (ran.out.as_str(), ran.err.as_str()),
        ("", "five.csv: 5 rows.\n")
    );
    assert_eq!(sandbox.read("five.csv"), few);
    let ran = Sandbox::pair().run(&["data", "generate"]).code(2);
    assert!(ran.err.contains("run this in its project"), "{}", ran.err);
}

#[test]
fn a_file_is_loaded_once_however_often() {
    let sandbox = deployed();
    let load = |more: &[&str]| sandbox.run(&[&["data", "load", "--local"], more].concat());
    let first = load(&[]).code(0);
    assert_eq!(
        first.out,
        "public.raw_data: 1000 rows loaded; it holds 1000.\n"
    );
    assert!(first.err.contains(": uploaded."), "{}", first.err);
    let second = load(&[]).code(0);
    assert_eq!(second.out, first.out);
    assert!(second.err.contains(": there already."), "{}", second.err);
    let ran = sandbox.run(&["data", "check", "--local"]).code(0);
    assert_eq!(
        ran.out,
        "public.raw_data: 1000 rows, 494 of them successful; 881 train, 119 check.\n\
         customers that stand twice: 0\nrows out of the bounds: 0\n\
         Every count and sum is that of the file.\n"
    );
    // The same customers anew, in other columns' order, and new ones.
    sandbox
        .run(&[
            "data",
            "generate",
            "--rows",
            "1010",
            "--seed",
            "2",
            "-o",
            "other.csv",
        ])
        .code(0);
    let turned: Vec<String> = sandbox
        .read("other.csv")
        .lines()
        .map(|line| {
            let mut fields: Vec<&str> = line.split(',').collect();
            fields.reverse();
            fields.join(",") + "\r\n"
        })
        .collect();
    sandbox.write("turned.csv", &turned.concat());
    let differs = sandbox
        .run(&["data", "check", "turned.csv", "--local"])
        .code(1);
    assert!(differs.out.contains("DIFFERENT"), "{}", differs.out);
    let ran = load(&["turned.csv", "--json"]).code(0);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&told["loaded"], &told["rows"]),
        (&json!(1010.0), &json!(1010.0))
    );
    sandbox
        .run(&["data", "check", "other.csv", "--local"])
        .code(0);
}

#[test]
fn a_big_file_goes_in_parts() {
    let sandbox = deployed();
    sandbox
        .run(&["data", "generate", "--rows", "80000", "-o", "big.csv"])
        .code(0);
    assert!(
        std::fs::metadata(sandbox.path().join("big.csv"))
            .unwrap()
            .len()
            > 8 * 1024 * 1024
    );
    let ran = sandbox.run(&["data", "load", "big.csv", "--local"]).code(0);
    assert_eq!(
        ran.out,
        "public.raw_data: 80000 rows loaded; it holds 80000.\n"
    );
    sandbox
        .run(&["data", "check", "big.csv", "--local"])
        .code(0);
}

#[test]
fn a_load_that_fails_leaves_the_table_as_it_was() {
    let sandbox = deployed();
    sandbox.run(&["data", "load", "--local"]).code(0);
    let warehouse = Warehouse::of(&sandbox);
    // What the file's check cannot know: the table is narrower than it was made.
    warehouse.batch(&[
        "DROP TABLE raw_data",
        "CREATE TABLE raw_data (customer_id BIGINT, age INTEGER)",
        "INSERT INTO raw_data VALUES (7, 30)",
    ]);
    drop(warehouse);
    let ran = sandbox.run(&["data", "load", "--local"]).code(3);
    assert!(
        ran.err.contains("the table is as it was before"),
        "{}",
        ran.err
    );
    let warehouse = Warehouse::of(&sandbox);
    assert_eq!(
        warehouse.ask("SELECT * FROM raw_data", &[]),
        Ok(json!([[{"longValue": 7}, {"longValue": 30}]]))
    );
    let told = warehouse.batch(&[
        "CREATE TABLE t (a INT)",
        "COPY t FROM 's3://no-such-bucket/k' IAM_ROLE default CSV",
    ]);
    let why = "ERROR: S3ServiceException:The specified bucket does not exist,Status 404,Error NoSuchBucket";
    assert_eq!(told["Error"], why);
}

#[test]
fn hostile_files_are_refused_line_by_line_and_nothing_is_sent() {
    let sandbox = deployed();
    let good = sandbox.read("data/raw_data.csv");
    let lines: Vec<&str> = good.lines().take(3).collect();
    let injected = lines[1].replace("Female", "'); DROP TABLE public.raw_data; --");
    assert_ne!(injected, lines[1]);
    let huge = "x".repeat(3_000_000);
    let text = format!(
        "{}\n{injected}\n{}\n{huge}\n\"3\"{}\n",
        lines[0],
        lines[2],
        &lines[2][1..].replace("Single", "\"Single")
    );
    sandbox.write("bad.csv", &text);
    let ran = sandbox.run(&["data", "load", "bad.csv", "--local"]).code(2);
    assert_eq!(
        ran.err,
        "bad.csv:2: gender is \"'); DROP TABLE public.raw_data; --\" and must be one of Male, Female.\n\
         bad.csv:4: the line is longer than 4096 bytes.\n\
         bad.csv:5: a quote is not closed in its line.\n\
         error: 3 lines of bad.csv are not fit; nothing was sent.\n  hint: docs/data.md says what a row holds\n"
    );
    let ran = sandbox
        .run(&["data", "load", "bad.csv", "--local", "--json"])
        .code(2);
    let first: Value = serde_json::from_str(ran.out.lines().next().unwrap()).unwrap();
    assert_eq!(first["line"], 2);
    assert!(
        !sandbox.path().join(".infra/local/s3").exists(),
        "something was stored"
    );
    assert!(
        !sandbox.path().join(".infra/local/warehouse").exists(),
        "something was executed"
    );
}

#[test]
fn a_stack_that_is_missing_is_named() {
    let sandbox = Sandbox::shipped();
    let ran = sandbox.run(&["data", "load", "--local"]).code(2);
    assert_eq!(
        ran.err,
        "error: RedshiftServerlessStack is not deployed: it gives WorkgroupName.\n  \
         hint: infra deploy RedshiftServerlessStack --local\n"
    );
}
