"""Real templates by others against the embedded CloudFormation: each is created and deleted.

usage: corpus.py ENDPOINT DIRECTORY LIST

DIRECTORY holds the unpacked source distributions of cfn-lint and troposphere. LIST names the templates
that cannot be used, each with its reason after a tab. The exit code is 1 when a template that is not
listed fails, or a listed one works.
"""

import json
import pathlib
import re
import subprocess
import sys
import time

import boto3
import botocore.config
import botocore.exceptions

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
VALUES = {
    "AWS::EC2::VPC::Id": "vpc-0123456789abcdef0",
    "AWS::EC2::Subnet::Id": "subnet-0123456789abcdef0",
    "AWS::EC2::SecurityGroup::Id": "sg-0123456789abcdef0",
    "AWS::EC2::SecurityGroup::GroupName": "default",
    "AWS::EC2::KeyPair::KeyName": "key",
    "AWS::EC2::Image::Id": "ami-0123456789abcdef0",
    "AWS::EC2::Instance::Id": "i-0123456789abcdef0",
    "AWS::EC2::Volume::Id": "vol-0123456789abcdef0",
    "AWS::EC2::AvailabilityZone::Name": "us-east-1a",
    "AWS::Route53::HostedZone::Id": "Z0123456789",
    "AWS::SSM::Parameter::Name": "/corpus/one",
}


# What is in the parameter store: what the templates refer to there among it.
STORED = {
    "/corpus/one": "String",
    "/env/fqdns/certifier": "String",
    "MyUsername": "String",
    "MySecurePassword": "SecureString",
}

# What the service refuses of cfn-lint's bad templates, in its words.
REFUSED = {
    "core/conditions_list.yaml": "Template format error",
    "core/config_invalid_json.json": "Template format error",
    "functions_ref.yaml": "Template format error: Unresolved resource dependencies [Package, httpdPackage, pIops] in the Resources block of the template",
    "generic.yaml": "Invalid template property or properties [Errors]",
    "properties_rt_association.yaml": "Unresolved condition dependency [CreateAuxiliaryNetworks]",
    "resources/iam/iam_policy.yaml": "Template error: unresolved condition dependency cCondition in Fn::If",
    "resources/name.yaml": "Resource name my.Instance is non alphanumeric.",
    "resources/primary_identifiers.yaml": "Every Resources object must contain a Type member.",
    "resources/sns/topic_name.yaml": "expected maxLength: 256, actual: 362",
    "resources_circular_dependency_dependson.yaml": "Circular dependency between resources: [Resource, Resource2]",
    "resources_cognito_userpool_tag_is_list.yaml": "expected type: JSONObject, found: JSONArray",
    "resources_iam_instanceprofile_roles.yaml": "expected maximum item count: 1, found: 2",
}


def refusals(directory):
    """Each template that is to be refused: its name, its text, and the words."""
    for root in sorted(directory.glob("cfn_lint-*/test/fixtures/templates/bad")):
        for name, words in REFUSED.items():
            yield name, (root / name).read_text(), words


def templates(directory):
    """Each template's name and text."""
    fixtures = sorted(directory.glob("cfn_lint-*/test/fixtures/templates"))
    for root in fixtures:
        for kind in ("good", "quickstart", "public"):
            for path in sorted((root / kind).rglob("*")):
                if path.suffix in (".yaml", ".yml", ".json", ".template"):
                    yield f"cfn-lint/{path.relative_to(root)}", path.read_text()
    for path in sorted(directory.glob("troposphere-*/examples/*.py")):
        made = subprocess.run(
            [sys.executable, path], capture_output=True, text=True, timeout=60, check=False
        )
        if made.returncode == 0 and made.stdout.strip():
            yield f"troposphere/{path.stem}", made.stdout


def value(parameter):
    """A value that fits a parameter without a default."""
    kind = parameter["ParameterType"]
    allowed = parameter.get("ParameterConstraints", {}).get("AllowedValues")
    if allowed:
        return allowed[0]
    if kind.startswith("AWS::SSM::Parameter::Value"):
        return "/corpus/one"
    inner = re.sub(r"^List<(.*)>$", r"\1", kind)
    if inner == "Number":
        return "10"
    one = VALUES.get(inner, "10.0.0.0/16" if "cidr" in parameter["ParameterKey"].lower() else "corpusvalue1")
    return f"{one},{one}" if kind.startswith("List<") or kind == "CommaDelimitedList" else one


def lived(client, name, text, bucket):
    """Creates and deletes a stack; why that fails, if it does."""
    url = None
    try:
        client["s3"].put_object(Bucket=bucket, Key=name, Body=text.encode())
        url = f"https://{bucket}.s3.us-east-1.amazonaws.com/{name}"
        summary = client["cloudformation"].get_template_summary(TemplateURL=url)
        parameters = [
            {"ParameterKey": one["ParameterKey"], "ParameterValue": value(one)}
            for one in summary["Parameters"]
            if "DefaultValue" not in one
        ]
        made = client["cloudformation"].create_stack(
            StackName=name, TemplateURL=url, Parameters=parameters, Capabilities=CAPABILITIES
        )["StackId"]
    except (botocore.exceptions.ClientError, botocore.exceptions.ParamValidationError) as error:
        return str(error)
    status = settled(client, made)
    if status != "CREATE_COMPLETE":
        events = client["cloudformation"].describe_events(StackName=made, Filters={"FailedEvents": True})
        told = [
            f"{one.get('LogicalResourceId')} {one.get('ResourceType')}: "
            + str(one.get("ValidationStatusReason") or one.get("ResourceStatusReason"))
            + " "
            + str(one.get("ValidationPath") or "")
            for one in events["OperationEvents"]
        ]
        client["cloudformation"].delete_stack(StackName=made)
        settled(client, made)
        return f"{status}: " + "; ".join(told)
    client["cloudformation"].delete_stack(StackName=made)
    status = settled(client, made)
    return None if status == "DELETE_COMPLETE" else f"deleted into {status}"


def settled(client, stack):
    while True:
        status = client["cloudformation"].describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(0.02)


def main():
    endpoint, directory, listed = sys.argv[1:4]
    config = botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0})
    client = {
        name: boto3.client(
            name,
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=config,
        )
        for name in ("cloudformation", "s3", "ssm")
    }
    client["s3"].create_bucket(Bucket="corpus")
    for name, kind in STORED.items():
        client["ssm"].put_parameter(Name=name, Type=kind, Value="corpusvalue1")
    lines = pathlib.Path(listed).read_text().splitlines()
    known = dict(line.split("\t", 1) for line in lines if line and not line.startswith("#"))
    good, wrong = 0, []
    for number, (name, text) in enumerate(templates(pathlib.Path(directory))):
        why = lived(client, f"Corpus{number}", text, "corpus")
        if why is None:
            good += 1
        if (why is None) == (name in known):
            wrong.append(f"{name}\t{why or 'is listed, and works'}")
    for number, (name, text, words) in enumerate(refusals(pathlib.Path(directory))):
        why = lived(client, f"Refused{number}", text, "corpus")
        if words not in str(why):
            wrong.append(f"{name}\tis not refused with {words}: {why}")
    print(f"{good} templates lived, {len(known)} are listed")
    print("\n".join(wrong))
    return 1 if wrong or good < 60 else 0


if __name__ == "__main__":
    sys.exit(main())
