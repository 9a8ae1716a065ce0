//! The Redshift Data API of the embedded services, asked as a client asks it.

use crate::sandbox::{Sandbox, Served};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A running server, and whose session asks.
pub struct Warehouse {
    _server: Served,
    address: String,
    role: Option<String>,
}

impl Warehouse {
    /// Serves in the sandbox, whose stacks are deployed.
    pub fn of(sandbox: &Sandbox) -> Self {
        let (server, endpoint) = sandbox.serve();
        Self {
            _server: server,
            address: endpoint.strip_prefix("http://").unwrap().to_owned(),
            role: None,
        }
    }

    /// From now on a session of that role asks.
    pub fn assume(&mut self, role: &str) {
        self.role = Some(role.to_owned());
    }

    /// Calls an operation: the status, and the answer.
    pub fn call(&self, operation: &str, members: &Value) -> (u16, Value) {
        let body = members.to_string();
        let session = self.role.as_ref().map(|role| {
            format!("x-amz-security-token: embedded/arn:aws:sts::123456789012:assumed-role/{role}/test\r\n")
        });
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "POST / HTTP/1.1\r\nhost: {}\r\nx-amz-target: RedshiftData.{operation}\r\n{}\
             content-type: application/x-amz-json-1.1\r\nconnection: close\r\ncontent-length: {}\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=KEY/20260101/us-east-1/redshift-data/aws4_request\r\n\r\n{body}",
            self.address,
            session.unwrap_or_default(),
            body.len(),
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }

    fn end(&self, sent: &Value) -> Value {
        for _ in 0..2000 {
            let (_, told) = self.call("DescribeStatement", &json!({ "Id": sent["Id"] }));
            if matches!(
                told["Status"].as_str(),
                Some("FINISHED" | "FAILED" | "ABORTED")
            ) {
                return told;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the statement does not end");
    }

    /// Runs a statement with values: its rows, or why it failed.
    pub fn ask(&self, sql: &str, values: &[(&str, &str)]) -> Result<Value, String> {
        let mut members =
            json!({ "WorkgroupName": "loan-remediation-wg", "Database": "dev", "Sql": sql });
        if !values.is_empty() {
            let bound = values.iter();
            members["Parameters"] = bound
                .map(|(name, value)| json!({ "name": name, "value": value }))
                .collect();
        }
        let (status, sent) = self.call("ExecuteStatement", &members);
        if status != 200 {
            return Err(format!("{}: {}", sent["__type"], sent["message"]));
        }
        let told = self.end(&sent);
        match told["Status"] == "FINISHED" {
            true if told["HasResultSet"] == true => Ok(self
                .call("GetStatementResult", &json!({ "Id": sent["Id"] }))
                .1["Records"]
                .clone()),
            true => Ok(told["ResultRows"].clone()),
            false => Err(told["Error"].as_str().unwrap().to_owned()),
        }
    }

    /// Runs statements as a batch: how it ended.
    pub fn batch(&self, sqls: &[&str]) -> Value {
        let members =
            json!({ "WorkgroupName": "loan-remediation-wg", "Database": "dev", "Sqls": sqls });
        self.end(&self.call("BatchExecuteStatement", &members).1)
    }
}

/// The shipped project with its warehouse and its function deployed.
pub fn deployed() -> Sandbox {
    let sandbox = Sandbox::shipped();
    let stacks = [
        "deploy",
        "RedshiftServerlessStack",
        "LambdaStack",
        "--local",
        "--yes",
    ];
    sandbox.run(&stacks).code(0);
    sandbox
}

#[test]
fn what_is_asked_is_answered_in_its_types() {
    let sandbox = deployed();
    let warehouse = Warehouse::of(&sandbox);
    let made = "CREATE TABLE public.t (a INTEGER NOT NULL, b BOOLEAN, c VARCHAR(3), d DATE, e DOUBLE PRECISION)";
    warehouse.ask(made, &[]).unwrap();
    let put = "INSERT INTO t VALUES (1, true, 'x', '2023-01-31', 0.5), (2, NULL, NULL, NULL, NULL)";
    assert_eq!(warehouse.ask(put, &[]), Ok(json!(2)));
    assert_eq!(
        warehouse.ask(
            "SELECT a, b, c, d, e, a > 1, d = :day::date, COUNT(*) OVER () FROM t ORDER BY a",
            &[("day", "2023-01-31")]
        ),
        Ok(json!([
            [{"longValue": 1}, {"booleanValue": true}, {"stringValue": "x"}, {"stringValue": "2023-01-31"}, {"doubleValue": 0.5},
             {"booleanValue": false}, {"booleanValue": true}, {"longValue": 2}],
            [{"longValue": 2}, {"isNull": true}, {"isNull": true}, {"isNull": true}, {"isNull": true},
             {"booleanValue": true}, {"isNull": true}, {"longValue": 2}],
        ]))
    );
    for (sql, why) in [
        (
            "INSERT INTO t (a) VALUES ('x')",
            "ERROR: invalid value for column a of type int4",
        ),
        (
            "INSERT INTO t (a, c) VALUES (3, 'long')",
            "ERROR: invalid value for column c of type varchar(3)",
        ),
        (
            "INSERT INTO t (a, d) VALUES (3, '2023-02-30')",
            "ERROR: invalid value for column d of type date",
        ),
        (
            "INSERT INTO t (b) VALUES (true)",
            "ERROR: Cannot insert a NULL value into column a",
        ),
        (
            "SELECT * FROM nowhere",
            "ERROR: relation \"nowhere\" does not exist",
        ),
        (
            "SELECT 'x'::int",
            "ERROR: invalid input syntax for integer: \"x\"",
        ),
        (
            "SELECT 1; DROP TABLE t",
            "ERROR: cannot insert multiple commands into a prepared statement",
        ),
        (
            "ATTACH DATABASE '/tmp/x' AS y",
            "ERROR: the embedded warehouse does not know ATTACH DATABASE",
        ),
        (
            "SELECT * FROM _models",
            "ERROR: relation \"_models\" does not exist",
        ),
        ("SELECT load_extension('x')", "ERROR: not authorized"),
    ] {
        assert_eq!(warehouse.ask(sql, &[]).unwrap_err(), why, "{sql}");
    }
    let refused = |members: Value| {
        let (status, answer) = warehouse.call("ExecuteStatement", &members);
        (status, answer["__type"].clone(), answer["message"].clone())
    };
    assert_eq!(
        refused(json!({ "WorkgroupName": "other-wg", "Database": "dev", "Sql": "SELECT 1" })),
        (
            400,
            json!("ValidationException"),
            json!("Redshift endpoint doesn't exist in this region.")
        )
    );
    assert_eq!(
        refused(
            json!({ "WorkgroupName": "loan-remediation-wg", "Sql": "SELECT ':a'", "Parameters": [{"name": "a", "value": "1"}] })
        ),
        (
            400,
            json!("ValidationException"),
            json!("Parameters list contains unused parameters. Unused parameters: [a]")
        )
    );
}

#[test]
fn a_batch_takes_effect_whole_or_not_at_all() {
    let sandbox = deployed();
    let warehouse = Warehouse::of(&sandbox);
    let told = warehouse.batch(&[
        "CREATE TABLE t (a INT)",
        "INSERT INTO t VALUES (1)",
        "SELECT absent",
    ]);
    assert_eq!(
        (&told["Status"], &told["Error"]),
        (
            &json!("FAILED"),
            &json!("ERROR: column \"absent\" does not exist")
        )
    );
    assert_eq!(
        warehouse.ask("SELECT * FROM t", &[]).unwrap_err(),
        "ERROR: relation \"t\" does not exist"
    );
    let told = warehouse.batch(&[
        "CREATE TABLE t (a INT)",
        "CREATE TEMP TABLE u (a INT)",
        "INSERT INTO t VALUES (1)",
    ]);
    assert_eq!(
        (
            &told["Status"],
            told["SubStatements"].as_array().unwrap().len()
        ),
        (&json!("FINISHED"), 3)
    );
    // The session has ended, and its temporary table with it.
    assert_eq!(
        warehouse.ask("SELECT * FROM u", &[]).unwrap_err(),
        "ERROR: relation \"u\" does not exist"
    );
    let token = json!({ "WorkgroupName": "loan-remediation-wg", "Database": "dev", "ClientToken": "one", "Sql": "INSERT INTO t VALUES (2)" });
    let (first, second) = (
        warehouse.call("ExecuteStatement", &token),
        warehouse.call("ExecuteStatement", &token),
    );
    assert_eq!(first.1["Id"], second.1["Id"]);
    warehouse.end(&first.1);
    assert_eq!(
        warehouse.ask("SELECT COUNT(*) FROM t", &[]),
        Ok(json!([[{"longValue": 2}]]))
    );
}

#[test]
fn the_rows_go_with_their_namespace() {
    let sandbox = deployed();
    let warehouse = Warehouse::of(&sandbox);
    warehouse.ask("CREATE TABLE t (a INT)", &[]).unwrap();
    drop(warehouse);
    let warehouse = Warehouse::of(&sandbox);
    assert_eq!(
        warehouse.ask("SELECT COUNT(*) FROM t", &[]),
        Ok(json!([[{"longValue": 0}]]))
    );
    drop(warehouse);
    let all = [
        "destroy",
        "RedshiftServerlessStack",
        "--local",
        "--yes",
        "--allow-delete",
        "all",
    ];
    sandbox.run(&all).code(0);
    sandbox
        .run(&["deploy", "RedshiftServerlessStack", "--local", "--yes"])
        .code(0);
    let warehouse = Warehouse::of(&sandbox);
    assert_eq!(
        warehouse.ask("SELECT * FROM t", &[]).unwrap_err(),
        "ERROR: relation \"t\" does not exist"
    );
}
