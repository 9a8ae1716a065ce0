"""The Lambda function's handler, as it is deployed, with the real boto3 against moto's Redshift Data API. moto
executes nothing; what was sent to it is read back. AWS_ENDPOINT_URL says where."""

import json
import sys
from pathlib import Path

import boto3

sys.path.insert(0, str(Path(__file__).parent.parent))
from handler import GOOD as request, index  # noqa: E402

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
