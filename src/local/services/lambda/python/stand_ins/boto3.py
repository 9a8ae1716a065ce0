"""A stand-in for boto3 where none is installed: clients of services that speak JSON with the operation
in a header, at AWS_ENDPOINT_URL. No more than that: what else boto3 has is not here."""

import json
import os
import re
import time
import urllib.error
import urllib.request

from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

# What the operations' targets begin with: botocore's targetPrefix.
_TARGETS = {
    "cognito-idp": "AWSCognitoIdentityProviderService",
    "redshift-data": "RedshiftData",
    "secretsmanager": "secretsmanager",
    "ssm": "AmazonSSM",
}
_AGAIN = (429, 500, 502, 503, 504)


def client(service_name, region_name=None, config=None, endpoint_url=None, **_):
    return _Client(service_name, region_name, config or Config(), endpoint_url)


class _Client:
    def __init__(self, service, region, config, endpoint):
        if service not in _TARGETS:
            known = ", ".join(sorted(_TARGETS))
            raise NotImplementedError(
                f"the stand-in for boto3 knows {known} and no {service}: install boto3"
            )
        self._service, self._config = service, config
        self._region = region or os.environ.get("AWS_REGION", "us-east-1")
        self._endpoint = endpoint or os.environ["AWS_ENDPOINT_URL"]

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        operation = re.sub("(?:^|_)([a-z0-9])", lambda found: found[1].upper(), name)
        return lambda **fields: self._call(operation, fields)

    def _call(self, operation, fields):
        attempts = (self._config.retries or {}).get("total_max_attempts", 3)
        for attempt in range(1, attempts + 1):
            try:
                return self._send(operation, fields)
            except (ClientError, EndpointConnectionError) as error:
                response = getattr(error, "response", None)
                status = response and response["ResponseMetadata"]["HTTPStatusCode"]
                if attempt == attempts or (status and status not in _AGAIN):
                    raise
            time.sleep(0.1 * 2**attempt)

    def _send(self, operation, fields):
        # Nothing in a signature is checked there; who is called and where stands in it all the same.
        day = time.strftime("%Y%m%d", time.gmtime())
        scope = f"{day}/{self._region}/{self._service}/aws4_request"
        request = urllib.request.Request(
            self._endpoint,
            data=json.dumps(fields).encode(),
            headers={
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": f"{_TARGETS[self._service]}.{operation}",
                "Authorization": f"AWS4-HMAC-SHA256 Credential=stand-in/{scope}, "
                "SignedHeaders=host, Signature=0",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=self._config.read_timeout) as reply:
                return json.loads(reply.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise ClientError(_refusal(error), operation) from None
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=self._endpoint, error=error) from None


def _refusal(error):
    try:
        said = json.loads(error.read() or b"{}")
    except ValueError:
        said = {}
    code = str(said.get("__type", error.code)).rpartition("#")[2]
    message = said.get("message") or said.get("Message") or ""
    return {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": error.code},
    }
