"""POST /loan: asks the model whether a remediation strategy will work."""

import base64
import json
import logging
import os
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

FIELDS = json.loads(os.environ["REQUEST_SCHEMA"])["properties"]
TARGET = {"WorkgroupName": os.environ["WORKGROUP"], "Database": os.environ["DATABASE"]}
# The function's name comes from the template, the arguments' order from the schema. The values of
# a request are bound: they never become SQL.
ARGUMENTS = ", ".join(f":{name}" for name in FIELDS)
SQL = f"SELECT {os.environ['PREDICTION_FUNCTION']}({ARGUMENTS})"
# API Gateway gives up after 29 s, a cold start among them: better to say so before it does.
PATIENCE = 20.0

log = logging.getLogger()
redshift = boto3.client(
    "redshift-data",
    config=Config(
        connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}
    ),
)


class NotReady(Exception):
    """The model cannot be asked now."""


def handler(event, _context):
    deadline = time.monotonic() + PATIENCE
    try:
        body = event.get("body") or ""
        request = json.loads(base64.b64decode(body) if event.get("isBase64Encoded") else body)
    # Too deep for Python, or no text.
    except (RecursionError, TypeError, ValueError):
        return answer(400, message="the body is not JSON")
    if wrong := problem(request):
        return answer(400, message=wrong)
    try:
        return answer(200, effective=predict(request, deadline))
    # Every request in here is within the bounds. What fails is workgroup, model or the right to
    # execute it, and which of them is for the log, not for the caller.
    except (NotReady, BotoCoreError, ClientError) as error:
        log.error("not ready: %s", error)
        return answer(503, message="the model is not ready")


def answer(status, **body):
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}


def problem(request):
    """The first field that is out of bounds, and its bounds; None when there is none."""
    if not isinstance(request, dict):
        return "the body must be an object"
    for name in request:
        if name not in FIELDS:
            return f"{name[:64]} is not a field of a request"
    for name, field in FIELDS.items():
        if name not in request:
            return f"{name} is missing"
        if not within(request[name], field):
            return f"{name} must be {bounds(field)}"
    return None


def within(value, field):
    if "enum" in field:
        return value in field["enum"]
    kinds = int if field["type"] == "integer" else (int, float)
    # To Python, True is an int. NaN compares as false.
    number = isinstance(value, kinds) and not isinstance(value, bool)
    return number and field["minimum"] <= value <= field["maximum"]


def bounds(field):
    if "enum" in field:
        return "one of " + ", ".join(field["enum"])
    kind = "a whole number" if field["type"] == "integer" else "a number"
    return f"{kind} from {field['minimum']} to {field['maximum']}"


def predict(request, deadline):
    values = [{"name": name, "value": str(request[name])} for name in FIELDS]
    statement = redshift.execute_statement(Sql=SQL, Parameters=values, **TARGET)["Id"]
    pause = 0.05
    while (state := redshift.describe_statement(Id=statement))["Status"] != "FINISHED":
        if state["Status"] in ("FAILED", "ABORTED"):
            # Redshift's own words may repeat a value.
            raise NotReady(f"statement {statement}: {state['Status']}")
        if time.monotonic() + pause > deadline:
            raise NotReady("no answer in time")
        time.sleep(pause)
        pause = min(pause * 1.5, 1.0)
    cell = redshift.get_statement_result(Id=statement)["Records"][0][0]
    if cell.get("isNull"):
        raise NotReady("the model answered NULL")
    return str(next(iter(cell.values()))).lower() in ("true", "t", "1")
