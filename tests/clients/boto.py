"""boto3 with its waiters and paginators: create, update, change sets, failures, rollback, delete; and
what S3 and the parameter store say of what the stacks hold."""

import http.client
import json
import os
import time
import urllib.parse

import boto3
from botocore.exceptions import ClientError, WaiterError

formation = boto3.client("cloudformation")
s3 = boto3.client("s3")
ssm = boto3.client("ssm")

TEMPLATE = {
    "Parameters": {
        "Delay": {"Type": "Number", "Default": "1"},
        "Second": {"Type": "String", "Default": "second"},
    },
    "Resources": {
        "Orders": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": "orders", "DelaySeconds": {"Ref": "Delay"}},
        },
        "Again": {
            "Type": "AWS::SQS::Queue",
            "DependsOn": "Orders",
            "Properties": {"QueueName": {"Ref": "Second"}},
        },
        "Store": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketName": "boto-store",
                "VersioningConfiguration": {"Status": "Enabled"},
                "Tags": [{"Key": "team", "Value": "trade"}],
            },
        },
        "Setting": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": "/shop/url", "Type": "String", "Value": {"Ref": "Orders"}},
        },
    },
    "Outputs": {"Url": {"Value": {"Ref": "Orders"}, "Export": {"Name": "shop-url"}}},
}


def body(**parts):
    return json.dumps({**TEMPLATE, **parts})


def given(**values):
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]


def wait(name, stack="shop", **more):
    waiter = formation.get_waiter(name)
    waiter.wait(StackName=stack, WaiterConfig={"Delay": 0.02, "MaxAttempts": 500}, **more)


def refused(code, words, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        said = error.response["Error"]
        assert said["Code"] == code and words in said["Message"], said
        assert error.response["ResponseMetadata"]["RequestId"]
        return
    raise AssertionError(f"{call} was not refused: {code} {words}")


def stack(name="shop"):
    return formation.describe_stacks(StackName=name)["Stacks"][0]


def fails(waiter, **arguments):
    try:
        wait(waiter, **arguments)
    except WaiterError as error:
        return error.last_response
    raise AssertionError(f"{waiter} did not fail")


def create():
    refused("ValidationError", "does not exist", formation.describe_stacks, StackName="shop")
    first = formation.create_stack(StackName="shop", TemplateBody=body(), ClientRequestToken="one")
    wait("stack_exists")
    wait("stack_create_complete")
    again = formation.create_stack(StackName="shop", TemplateBody=body(), ClientRequestToken="one")
    assert first["StackId"] == again["StackId"] == stack()["StackId"]
    refused(
        "AlreadyExistsException",
        "Stack [shop] already exists",
        formation.create_stack,
        StackName="shop",
        TemplateBody=body(),
    )
    resources = formation.describe_stack_resources(StackName="shop")["StackResources"]
    assert {one["ResourceStatus"] for one in resources} == {"CREATE_COMPLETE"}, resources
    assert formation.get_template(StackName="shop")["TemplateBody"] == TEMPLATE
    return first["StackId"]


def update():
    keep = dict(StackName="shop", UsePreviousTemplate=True)
    refused("ValidationError", "No updates are to be performed.", formation.update_stack, **keep)
    formation.update_stack(**keep, Parameters=given(Delay="5"))
    wait("stack_update_complete")
    assert {one["ParameterValue"] for one in stack()["Parameters"]} == {"5", "second"}


def change_sets():
    ask = dict(StackName="shop", TemplateBody=body(), Parameters=given(Delay="6"))
    made = formation.create_change_set(ChangeSetName="six", **ask)
    wait("change_set_create_complete", ChangeSetName="six")
    pages = formation.get_paginator("describe_change_set").paginate(ChangeSetName=made["Id"])
    changes = [one["ResourceChange"] for page in pages for one in page["Changes"]]
    found = [(one["Action"], one["LogicalResourceId"], one["Replacement"]) for one in changes]
    assert found == [("Modify", "Orders", "False")], found
    formation.execute_change_set(ChangeSetName=made["Id"])
    wait("stack_update_complete")
    formation.create_change_set(ChangeSetName="none", **ask)
    last = fails("change_set_create_complete", ChangeSetName="none")
    assert "didn't contain changes" in last["StatusReason"], last
    refused(
        "InvalidChangeSetStatus",
        "cannot be executed",
        formation.execute_change_set,
        StackName="shop",
        ChangeSetName="none",
    )
    listed = formation.get_paginator("list_change_sets").paginate(StackName="shop")
    assert [one["ChangeSetName"] for page in listed for one in page["Summaries"]] == ["none"]
    formation.delete_change_set(StackName="shop", ChangeSetName="none")
    refused(
        "ChangeSetNotFound",
        "does not exist",
        formation.describe_change_set,
        StackName="shop",
        ChangeSetName="none",
    )


def review():
    """A stack that only has change sets has no template yet."""
    formation.create_change_set(
        StackName="review", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=topics(1)
    )
    wait("change_set_create_complete", "review", ChangeSetName="first")
    assert "TemplateBody" not in formation.get_template(StackName="review")
    asked = formation.get_template(StackName="review", ChangeSetName="first")
    assert list(asked["TemplateBody"]["Resources"]) == ["Topic0"], asked
    refused(
        "ValidationError",
        "cannot be called on REVIEW_IN_PROGRESS stacks",
        formation.get_template_summary,
        StackName="review",
    )
    formation.delete_stack(StackName="review")
    wait("stack_delete_complete", "review")


def failures():
    taken = dict(StackName="shop", TemplateBody=body(), Parameters=given(Delay="7", Second="orders"))
    formation.update_stack(**taken)
    last = fails("stack_update_complete")
    assert last["Stacks"][0]["StackStatus"].startswith("UPDATE_ROLLBACK"), last
    wait("stack_rollback_complete")
    assert {one["ParameterValue"] for one in stack()["Parameters"]} == {"6", "second"}
    events = formation.describe_stack_events(StackName="shop")["StackEvents"]
    reasons = [one["ResourceStatusReason"] for one in events if one["ResourceStatus"] == "UPDATE_FAILED"]
    assert any("already exists" in reason for reason in reasons), reasons
    formation.update_stack(**taken, DisableRollback=True)
    fails("stack_update_complete")
    assert stack()["StackStatus"] == "UPDATE_FAILED"
    formation.rollback_stack(StackName="shop")
    wait("stack_rollback_complete")
    formation.update_stack(StackName="shop", TemplateBody=body(), Parameters=given(Delay="8"))
    wait("stack_update_complete")

    formation.create_stack(
        StackName="broken",
        TemplateBody=json.dumps({"Resources": {"Topic": {
            "Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "x", "Nope": 1},
        }}}),
    )
    fails("stack_create_complete", stack="broken")
    # No waiter waits for this one.
    while stack("broken")["StackStatus"] == "ROLLBACK_IN_PROGRESS":
        time.sleep(0.02)
    assert stack("broken")["StackStatus"] == "ROLLBACK_COMPLETE"
    formation.delete_stack(StackName="broken")
    wait("stack_delete_complete", "broken")


def topics(count):
    return json.dumps(
        {"Resources": {f"Topic{n}": {"Type": "AWS::SNS::Topic"} for n in range(count)}}
    )


def pages():
    """More resources and events than an answer holds."""
    formation.create_stack(StackName="many", TemplateBody=topics(120))
    wait("stack_create_complete", "many")
    listed = list(formation.get_paginator("list_stack_resources").paginate(StackName="many"))
    names = {one["LogicalResourceId"] for page in listed for one in page["StackResourceSummaries"]}
    assert len(listed) == 2 and len(names) == 120, (len(listed), len(names))
    told = list(formation.get_paginator("describe_stack_events").paginate(StackName="many"))
    ids = [one["EventId"] for page in told for one in page["StackEvents"]]
    assert len(told) == 4 and len(ids) == len(set(ids)) == 362, (len(told), len(ids))
    formation.delete_stack(StackName="many")
    wait("stack_delete_complete", "many")
    gone = formation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
    assert "many" in {one["StackName"] for page in gone for one in page["StackSummaries"]}
    exports = formation.get_paginator("list_exports").paginate()
    assert [one["Name"] for page in exports for one in page["Exports"]] == ["shop-url"]


def storage():
    """The stack's bucket, empty and with objects in versions."""
    store = dict(Bucket="boto-store")
    assert s3.head_bucket(**store)["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(**store)["LocationConstraint"] is None
    assert s3.get_bucket_versioning(**store)["Status"] == "Enabled"
    rules = s3.get_bucket_encryption(**store)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    tags = {one["Key"]: one["Value"] for one in s3.get_bucket_tagging(**store)["TagSet"]}
    assert tags["team"] == "trade" and tags["aws:cloudformation:stack-name"] == "shop", tags
    refused("NoSuchBucketPolicy", "does not exist", s3.get_bucket_policy, **store)
    assert "Contents" not in s3.list_objects_v2(**store)

    one = dict(**store, Key="a b/ü+&.txt")
    first = s3.put_object(**one, Body=b"one", Metadata={"kind": "note"}, Tagging="x=1")
    refused("PreconditionFailed", "pre-conditions", s3.put_object, **one, Body=b"", IfNoneMatch="*")
    second = s3.put_object(**one, Body=b"second", IfMatch=first["ETag"])
    got = s3.get_object(**one, VersionId=first["VersionId"])
    assert (got["Body"].read(), got["Metadata"], got["TagCount"]) == (b"one", {"kind": "note"}, 1)
    assert s3.get_object(**one, Range="bytes=1-3")["Body"].read() == b"eco"
    head = s3.head_object(**one)
    assert (head["ContentLength"], head["ETag"]) == (6, second["ETag"]), head
    s3.put_object_tagging(**one, Tagging={"TagSet": [{"Key": "k<", "Value": "v&"}]})
    assert s3.get_object_tagging(**one)["TagSet"] == [{"Key": "k<", "Value": "v&"}]
    s3.copy_object(**store, Key="copy", CopySource={"Bucket": "boto-store", "Key": one["Key"]})
    assert s3.get_object(**store, Key="copy")["Body"].read() == b"second"
    for n in range(5):
        s3.put_object(**store, Key=f"many/{n}", Body=b"")
    listed = list(
        s3.get_paginator("list_objects_v2").paginate(**store, PaginationConfig={"PageSize": 2})
    )
    keys = [one["Key"] for page in listed for one in page["Contents"]]
    assert len(listed) == 4 and keys == [one["Key"], "copy", *(f"many/{n}" for n in range(5))], keys
    folders = s3.list_objects_v2(**store, Delimiter="/")
    assert [one["Prefix"] for one in folders["CommonPrefixes"]] == ["a b/", "many/"], folders

    marker = s3.delete_object(**one)
    assert marker["DeleteMarker"] is True
    refused("NoSuchKey", "does not exist", s3.get_object, **one)
    s3.delete_object(**one, VersionId=marker["VersionId"])
    assert s3.get_object(**one)["Body"].read() == b"second"
    in_the_host(one["Key"], b"second")
    refused("BucketNotEmpty", "not empty", s3.delete_bucket, **store)
    for page in s3.get_paginator("list_object_versions").paginate(
        **store, PaginationConfig={"PageSize": 3}
    ):
        versions = [{k: one[k] for k in ("Key", "VersionId")} for one in page["Versions"]]
        assert not s3.delete_objects(**store, Delete={"Objects": versions}).get("Errors")
    left = s3.list_object_versions(**store)
    assert "Versions" not in left and "DeleteMarkers" not in left, left
    refused("NoSuchBucket", "does not exist", s3.list_objects_v2, Bucket="boto-none")


def in_the_host(key, content):
    """The bucket in front of the host's name."""
    server = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    connection = http.client.HTTPConnection(server.netloc)
    path = "/" + urllib.parse.quote(key)
    for host in [f"boto-store.localhost:{server.port}", "boto-store.s3.us-east-1.amazonaws.com"]:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, content), host


def parameters():
    url = stack()["Outputs"][0]["OutputValue"]
    assert ssm.get_parameter(Name="/shop/url")["Parameter"]["Value"] == url
    refused("ParameterNotFound", "none", ssm.get_parameter, Name="/none")


def delete(identifier):
    formation.update_termination_protection(StackName="shop", EnableTerminationProtection=True)
    refused("ValidationError", "TerminationProtection", formation.delete_stack, StackName="shop")
    formation.update_termination_protection(StackName="shop", EnableTerminationProtection=False)
    formation.delete_stack(StackName="shop")
    wait("stack_delete_complete")
    refused("ValidationError", "does not exist", formation.describe_stacks, StackName="shop")
    assert stack(identifier)["StackStatus"] == "DELETE_COMPLETE"
    refused("404", "Not Found", s3.head_bucket, Bucket="boto-store")
    refused("ParameterNotFound", "/shop/url", ssm.get_parameter, Name="/shop/url")


identifier = create()
update()
change_sets()
review()
failures()
pages()
storage()
parameters()
delete(identifier)
print("lived")
