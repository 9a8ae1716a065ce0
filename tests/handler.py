"""The Lambda function's handler, with boto3's own stub in place of Redshift."""

import base64
import importlib.util
import json
import os
import unittest
from pathlib import Path

from botocore.stub import Stubber

TEMPLATES = Path(__file__).parent.parent / "templates"
GOOD = json.loads((TEMPLATES.parent / "data" / "loan.json").read_text())
STATEMENT = "d9b6c0c9-0747-4bf4-b142-e8883122f766"

os.environ.update(
    REQUEST_SCHEMA=(TEMPLATES / "request.schema.json").read_text(),
    WORKGROUP="loan-remediation-wg",
    DATABASE="dev",
    PREDICTION_FUNCTION="ml_fn_prediction",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
)
spec = importlib.util.spec_from_file_location("index", TEMPLATES / "handler.py")
index = importlib.util.module_from_spec(spec)
spec.loader.exec_module(index)
index.log.disabled = True


def executed(stub):
    wanted = {
        "Sql": "SELECT ml_fn_prediction(" + ", ".join(f":{name}" for name in GOOD) + ")",
        "WorkgroupName": "loan-remediation-wg",
        "Database": "dev",
        "Parameters": [{"name": name, "value": str(value)} for name, value in GOOD.items()],
    }
    stub.add_response("execute_statement", {"Id": STATEMENT}, wanted)


def described(status):
    answer = {"Id": STATEMENT, "Status": status}
    return lambda stub: stub.add_response("describe_statement", answer, {"Id": STATEMENT})


def given(cell):
    answer = {"Records": [[cell]]}
    return lambda stub: stub.add_response("get_statement_result", answer, {"Id": STATEMENT})


def refused(code):
    return lambda stub: stub.add_client_error("execute_statement", code, "no")


def call(body, *steps, encoded=False):
    text = body if isinstance(body, str) else json.dumps(body)
    if encoded:
        text = base64.b64encode(text.encode()).decode()
    with Stubber(index.redshift) as stub:
        for step in steps:
            step(stub)
        answer = index.handler({"body": text, "isBase64Encoded": encoded}, None)
        stub.assert_no_pending_responses()
    return answer["statusCode"], json.loads(answer["body"])


class Handler(unittest.TestCase):
    def test_a_prediction_is_answered(self):
        finished = described("FINISHED")
        steps = (executed, described("STARTED"), finished, given({"booleanValue": True}))
        self.assertEqual(call(GOOD, *steps), (200, {"effective": True}))
        steps = (executed, finished, given({"stringValue": "False"}))
        self.assertEqual(call(GOOD, *steps, encoded=True), (200, {"effective": False}))

    def test_what_is_out_of_bounds_is_named_with_its_bound(self):
        cases = [
            ({"age": 17}, "age must be a whole number from 18 to 65"),
            ({"age": True}, "age must be a whole number from 18 to 65"),
            ({"age": 38.5}, "age must be a whole number from 18 to 65"),
            ({"interest_rate": 0.21}, "interest_rate must be a number from 0.05 to 0.2"),
            ({"interest_rate": float("nan")}, "interest_rate must be a number from 0.05 to 0.2"),
            ({"gender": ["Male"]}, "gender must be one of Male, Female"),
            ({"extra": 1}, "extra is not a field of a request"),
        ]
        for change, message in cases:
            self.assertEqual(call({**GOOD, **change}), (400, {"message": message}))
        lacking = {name: value for name, value in GOOD.items() if name != "income"}
        self.assertEqual(call(lacking), (400, {"message": "income is missing"}))
        for body in ("", "{", "[]", "null"):
            self.assertEqual(call(body)[0], 400, body)

    def test_what_is_no_json_is_said_and_does_not_fail(self):
        deep = ("[" * 100_000, '{"age":' * 100_000, "9" * 100_000)
        for body in (*deep, "NaN", "1e999", "\ud800", '"SELECT 1"'):
            self.assertEqual(call(body)[0], 400, body[:40])
        for event in ({}, {"body": 5}, {"body": {}}, {"body": "?", "isBase64Encoded": True}):
            self.assertEqual(index.handler(event, None)["statusCode"], 400, event)

    def test_sql_in_any_field_is_out_of_bounds(self):
        for name in GOOD:
            for value in ("'; DROP TABLE public.raw_data; --", ":age", f"{GOOD[name]}'--"):
                status, body = call({**GOOD, name: value})
                self.assertEqual(status, 400)
                self.assertTrue(body["message"].startswith(f"{name} must be "), body)

    def test_the_log_repeats_nothing_of_a_request(self):
        words = 'invalid input syntax for type integer: "41820"'
        failed = {"Id": STATEMENT, "Status": "FAILED", "Error": words}
        failing = lambda stub: stub.add_response("describe_statement", failed, {"Id": STATEMENT})
        index.log.disabled = False
        try:
            with self.assertLogs(index.log) as logged:
                self.assertEqual(call(GOOD, executed, failing)[0], 503)
        finally:
            index.log.disabled = True
        self.assertEqual(len(logged.output), 1)
        self.assertIn(STATEMENT, logged.output[0])
        self.assertNotIn("41820", logged.output[0])

    def test_a_model_that_is_not_ready_is_503(self):
        not_ready = (503, {"message": "the model is not ready"})
        self.assertEqual(call(GOOD, executed, described("FAILED")), not_ready)
        self.assertEqual(call(GOOD, refused("AccessDeniedException")), not_ready)
        steps = (executed, described("FINISHED"), given({"isNull": True}))
        self.assertEqual(call(GOOD, *steps), not_ready)

    def test_the_source_fits_into_the_template(self):
        self.assertLessEqual((TEMPLATES / "handler.py").stat().st_size, 4096)


if __name__ == "__main__":
    unittest.main()
