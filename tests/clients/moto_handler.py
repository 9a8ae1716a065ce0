"""The Lambda function's handler, as it is deployed, with the real boto3 against moto's Redshift Data API. moto
executes nothing; what was sent to it is read back. Usage: handler.py TEMPLATES (AWS_ENDPOINT_URL says where)."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import boto3

templates = Path(sys.argv[1])
os.environ.update(
    REQUEST_SCHEMA=(templates / "request.schema.json").read_text(),
    WORKGROUP="loan-remediation-wg",
    DATABASE="dev",
    PREDICTION_FUNCTION="ml_fn_prediction",
)
spec = importlib.util.spec_from_file_location("index", templates / "handler.py")
index = importlib.util.module_from_spec(spec)
spec.loader.exec_module(index)
request = json.loads((templates.parent / "data" / "loan.json").read_text())
redshift = boto3.client("redshift-data")

sent = []
index.redshift.meta.events.register("provide-client-params.*", lambda params, model, **_: sent.append((model.name, params)))
answer = index.handler({"body": json.dumps(request)}, None)
# The first cell that moto answers to any question is 10.
assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"effective": False}), answer
assert [name for name, _ in sent] == ["ExecuteStatement", "DescribeStatement", "GetStatementResult"], sent

held = redshift.describe_statement(Id=sent[1][1]["Id"])
assert held["QueryString"] == "SELECT ml_fn_prediction(" + ", ".join(f":{name}" for name in request) + ")", held
assert held["QueryParameters"] == [{"name": name, "value": str(value)} for name, value in request.items()], held
assert held["Database"] == "dev", held

# What is out of its bounds is nobody's statement.
sent.clear()
for name in request:
    wrong = index.handler({"body": json.dumps(request | {name: "0); DROP TABLE raw_data; --"})}, None)
    assert wrong["statusCode"] == 400 and name in wrong["body"] and "DROP" not in wrong["body"], wrong
assert not sent, sent
print("asked")
