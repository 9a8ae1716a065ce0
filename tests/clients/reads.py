"""boto3 reads what the shipped stacks hold from the services beside CloudFormation: Redshift
Serverless, Cognito, AWS WAF, Lambda and API Gateway. The stacks are deployed before it starts."""

import json
import subprocess

import boto3
from botocore.exceptions import ClientError

formation = boto3.client("cloudformation")
outputs = {
    one["OutputKey"]: one["OutputValue"]
    for page in formation.get_paginator("describe_stacks").paginate()
    for stack in page["Stacks"]
    for one in stack["Outputs"]
}


def refused(code, words, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        said = error.response["Error"]
        assert said["Code"] == code and words in said["Message"], said
        assert error.response["ResponseMetadata"]["RequestId"]
        return
    raise AssertionError(f"{call} was not refused: {code} {words}")


def holds(told, **wanted):
    for name, value in wanted.items():
        assert told.get(name) == value, (name, told.get(name), value)


def physical(stack, name):
    detail = formation.describe_stack_resource(StackName=stack, LogicalResourceId=name)
    return detail["StackResourceDetail"]["PhysicalResourceId"]


def drift(stack, resource, *change):
    subprocess.run(["infra", "local", "drift", stack, resource, *change], check=True)


def redshift():
    client = boto3.client("redshift-serverless")
    wanted = dict(namespaceName=outputs["NamespaceName"])
    namespace = client.get_namespace(**wanted)["namespace"]
    holds(namespace, status="AVAILABLE", dbName=outputs["DatabaseName"], **wanted)
    holds(namespace, adminUsername="administrator", defaultIamRoleArn=outputs["NamespaceRoleArn"])
    assert set(namespace["logExports"]) == {"connectionlog", "useractivitylog", "userlog"}
    assert outputs["NamespaceRoleArn"] in namespace["iamRoles"][0], namespace
    assert ":key/" in namespace["kmsKeyId"] and ":secret:" in namespace["adminPasswordSecretArn"]
    assert client.list_namespaces()["namespaces"] == [namespace]
    refused("ResourceNotFoundException", "none", client.get_namespace, namespaceName="none")

    name = outputs["WorkgroupName"]
    workgroup = client.get_workgroup(workgroupName=name)["workgroup"]
    holds(workgroup, status="AVAILABLE", workgroupArn=outputs["WorkgroupArn"], **wanted)
    holds(workgroup, baseCapacity=8, maxCapacity=32, enhancedVpcRouting=True)
    holds(workgroup, publiclyAccessible=False, workgroupName=name)
    holds(workgroup, securityGroupIds=[outputs["RedshiftSecurityGroupId"]])
    assert ",".join(workgroup["subnetIds"]) == outputs["PrivateSubnetIds"]
    assert workgroup["workgroupArn"].endswith(workgroup["workgroupId"])
    given = {one["parameterKey"]: one["parameterValue"] for one in workgroup["configParameters"]}
    holds(given, require_ssl="true", max_query_execution_time="14400")
    endpoint = workgroup["endpoint"]
    assert endpoint["address"].startswith(f"{name}.") and endpoint["port"] == 5439
    assert endpoint["vpcEndpoints"][0]["vpcId"] == outputs["VpcId"]
    assert len(endpoint["vpcEndpoints"][0]["networkInterfaces"]) == 3
    assert client.list_workgroups()["workgroups"] == [workgroup]
    refused("ResourceNotFoundException", "none", client.get_workgroup, workgroupName="none")
    refused("UnknownOperationException", "DeleteWorkgroup", client.delete_workgroup, workgroupName=name)

    edit = ("RedshiftServerlessStack", "Workgroup")
    drift(*edit, "--set", "PubliclyAccessible=true")
    assert client.get_workgroup(workgroupName=name)["workgroup"]["publiclyAccessible"] is True
    drift(*edit, "--delete")
    refused("ResourceNotFoundException", name, client.get_workgroup, workgroupName=name)
    assert client.list_workgroups()["workgroups"] == []
    drift(*edit, "--restore")
    assert client.get_workgroup(workgroupName=name)["workgroup"] == workgroup


def cognito():
    client = boto3.client("cognito-idp")
    pool_id, client_id = outputs["UserPoolId"], outputs["UserPoolClientId"]
    pool = client.describe_user_pool(UserPoolId=pool_id)["UserPool"]
    holds(pool, Id=pool_id, DeletionProtection="ACTIVE", MfaConfiguration="OPTIONAL")
    holds(pool, UsernameAttributes=["email"], UsernameConfiguration={"CaseSensitive": False})
    holds(pool["AdminCreateUserConfig"], AllowAdminCreateUserOnly=False)
    holds(pool["Policies"]["PasswordPolicy"], MinimumLength=12, RequireSymbols=True)
    needed = {one["Name"] for one in pool["SchemaAttributes"] if one["Required"]}
    assert needed == {"sub", "email", "name"} and len(pool["SchemaAttributes"]) == 20, needed
    assert pool["Arn"].endswith(f":userpool/{pool_id}")
    domain = pool["Domain"]
    assert outputs["SignInDomain"].startswith(f"{domain}.auth.")
    listed = client.get_paginator("list_user_pools").paginate(MaxResults=1)
    assert [one["Id"] for page in listed for one in page["UserPools"]] == [pool_id]
    refused("ResourceNotFoundException", "none", client.describe_user_pool, UserPoolId="us-east-1_none")

    app = dict(UserPoolId=pool_id, ClientId=client_id)
    told = client.describe_user_pool_client(**app)["UserPoolClient"]
    holds(told, **app, AllowedOAuthFlows=["code"], AllowedOAuthFlowsUserPoolClient=True)
    holds(told, AllowedOAuthScopes=["openid", "email", "profile"], RefreshTokenValidity=7)
    holds(told, ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"])
    holds(told, CallbackURLs=["https://example.com", "http://localhost:8976/callback"])
    assert "ClientSecret" not in told
    listed = client.get_paginator("list_user_pool_clients").paginate(UserPoolId=pool_id)
    assert [one["ClientId"] for page in listed for one in page["UserPoolClients"]] == [client_id]
    none = dict(app, ClientId="none")
    refused("ResourceNotFoundException", "none", client.describe_user_pool_client, **none)

    described = client.describe_user_pool_domain(Domain=domain)["DomainDescription"]
    holds(described, Domain=domain, UserPoolId=pool_id, Status="ACTIVE")
    assert client.describe_user_pool_domain(Domain="nobody-has-it")["DomainDescription"] == {}


def waf():
    client = boto3.client("wafv2")
    arn, stage = outputs["WebAclArn"], outputs["StageArn"]
    listed = client.list_web_acls(Scope="REGIONAL")["WebACLs"]
    assert [one["ARN"] for one in listed] == [arn]
    assert client.list_web_acls(Scope="CLOUDFRONT")["WebACLs"] == []
    by_name = client.get_web_acl(Name=listed[0]["Name"], Id=listed[0]["Id"], Scope="REGIONAL")
    acl = by_name["WebACL"]
    assert by_name["LockToken"] == listed[0]["LockToken"]
    assert client.get_web_acl(ARN=arn)["WebACL"] == acl
    holds(acl, ARN=arn, DefaultAction={"Allow": {}})
    rules = {one["Name"]: one for one in acl["Rules"]}
    assert len(rules) == 6, rules.keys()
    holds(rules["RateLimitPerIp"]["Statement"]["RateBasedStatement"], Limit=300)
    common = rules["CommonRuleSet"]["Statement"]["ManagedRuleGroupStatement"]
    overrides = [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]
    holds(common, VendorName="AWS", Name="AWSManagedRulesCommonRuleSet")
    holds(common, RuleActionOverrides=overrides)
    checked = client.check_capacity(Scope="REGIONAL", Rules=acl["Rules"])["Capacity"]
    assert checked == acl["Capacity"] == 2 + 25 + 50 + 700 + 200 + 200, checked
    assert client.get_web_acl_for_resource(ResourceArn=stage)["WebACL"] == acl
    guarded = dict(WebACLArn=arn, ResourceType="API_GATEWAY")
    assert client.list_resources_for_web_acl(**guarded)["ResourceArns"] == [stage]
    assert client.list_resources_for_web_acl(WebACLArn=arn)["ResourceArns"] == []
    logging = client.get_logging_configuration(ResourceArn=arn)["LoggingConfiguration"]
    holds(logging, RedactedFields=[{"SingleHeader": {"Name": "authorization"}}])
    assert ":log-group:aws-waf-logs-" in logging["LogDestinationConfigs"][0]
    gone = ("WAFNonexistentItemException", "doesn’t exist")
    refused(*gone, client.get_web_acl, ARN=arn[:-1] + "-")
    refused(*gone, client.get_web_acl_for_resource, ResourceArn=stage + "2")
    refused(*gone, client.get_logging_configuration, ResourceArn=arn[:-1] + "-")
    drift("WAFStack", "WebAclAssociation", "--delete")
    assert "WebACL" not in client.get_web_acl_for_resource(ResourceArn=stage)
    drift("WAFStack", "WebAclAssociation", "--restore")


def functions():
    client = boto3.client("lambda")
    named = dict(FunctionName=outputs["FunctionName"])
    arn = outputs["FunctionArn"]
    told = client.get_function_configuration(**named)
    holds(told, **named, FunctionArn=arn, State="Active", LastUpdateStatus="Successful")
    holds(told, Runtime="python3.14", Handler="index.handler", MemorySize=256, Timeout=28)
    holds(told, Architectures=["arm64"], TracingConfig={"Mode": "Active"}, Version="$LATEST")
    holds(told["LoggingConfig"], LogFormat="JSON", ApplicationLogLevel="INFO")
    holds(told["Environment"]["Variables"], WORKGROUP=outputs["WorkgroupName"])
    assert told["Role"].endswith(f":role/{outputs['FunctionRoleName']}")
    client.get_waiter("function_active_v2").wait(**named)
    client.get_waiter("function_updated_v2").wait(**named)
    whole = client.get_function(FunctionName=arn)
    holds(whole["Configuration"], FunctionArn=arn, RevisionId=told["RevisionId"])
    holds(whole["Tags"], project="loan-remediation")
    listed = client.get_paginator("list_functions").paginate()
    assert [one["FunctionArn"] for page in listed for one in page["Functions"]] == [arn]
    policy = json.loads(client.get_policy(**named)["Policy"])
    [statement] = policy["Statement"]
    holds(statement, Action="lambda:InvokeFunction", Resource=arn)
    holds(statement, Principal={"Service": "apigateway.amazonaws.com"})
    source = statement["Condition"]["ArnLike"]["AWS:SourceArn"]
    assert source.endswith(f":{outputs['ApiId']}/{outputs['StageName']}/POST/loan"), source
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(**named)
    limit = client.get_account_settings()["AccountLimit"]
    holds(limit, ConcurrentExecutions=1000, UnreservedConcurrentExecutions=1000)
    assert client.invoke(**named, InvocationType="DryRun")["StatusCode"] == 204
    invoked = client.invoke(**named, Payload=b"{}")
    assert json.load(invoked["Payload"])["statusCode"] == 400, invoked
    client.invoke(**named, InvocationType="Event", Payload=b"{}")
    refused("InvalidRequestContentException", "into json", client.invoke, **named, Payload=b"{")
    refused("ResourceNotFoundException", ":function:none", client.get_function, FunctionName="none")
    refused("UnknownOperationException", "DELETE", client.delete_function, **named)

    edit = ("LambdaStack", "Function")
    drift(*edit, "--set", "ReservedConcurrentExecutions=5", "--set", "Environment.Variables.DATABASE=x")
    assert client.get_function_concurrency(**named)["ReservedConcurrentExecutions"] == 5
    assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 995
    assert client.get_function_configuration(**named)["RevisionId"] != told["RevisionId"]
    drift(*edit, "--restore")
    drift("ApiAndCognitoStack", "InvokePermission", "--delete")
    refused("ResourceNotFoundException", "does not exist", client.get_policy, **named)
    drift("ApiAndCognitoStack", "InvokePermission", "--restore")


def gateway():
    client = boto3.client("apigateway")
    api = dict(restApiId=outputs["ApiId"])
    told = client.get_rest_api(**api)
    holds(told, id=api["restApiId"], name="ApiAndCognitoStack", disableExecuteApiEndpoint=False)
    assert told["endpointConfiguration"]["types"] == ["REGIONAL"]
    listed = client.get_paginator("get_rest_apis").paginate()
    assert [one["id"] for page in listed for one in page["items"]] == [told["id"]]

    pages = client.get_paginator("get_resources").paginate(
        **api, embed=["methods"], PaginationConfig={"PageSize": 1}
    )
    pages = list(pages)
    root, loan = [one for page in pages for one in page["items"]]
    assert len(pages) == 2 and (root["path"], loan["path"]) == ("/", "/loan"), pages
    assert root["id"] == told["rootResourceId"] == loan["parentId"]
    post = dict(**api, resourceId=loan["id"], httpMethod="POST")
    method = client.get_method(**post)
    method.pop("ResponseMetadata")
    assert loan["resourceMethods"]["POST"] == method
    holds(method, authorizationType="COGNITO_USER_POOLS", requestModels={"$default": "Loan"})
    holds(method["methodIntegration"], type="AWS_PROXY", httpMethod="POST", timeoutInMillis=29000)
    names = client.get_resource(**api, resourceId=loan["id"])["resourceMethods"]
    assert names == {"POST": {}}, names

    named = dict(**api, authorizerId=method["authorizerId"])
    authorizer = client.get_authorizer(**named)
    holds(authorizer, name="users", type="COGNITO_USER_POOLS")
    holds(authorizer, identitySource="method.request.header.Authorization")
    assert authorizer["providerARNs"][0].endswith(outputs["UserPoolId"])
    assert [one["id"] for one in client.get_authorizers(**api)["items"]] == [authorizer["id"]]
    named = dict(**api, requestValidatorId=method["requestValidatorId"])
    validator = client.get_request_validator(**named)
    holds(validator, validateRequestBody=True, validateRequestParameters=False)
    assert len(client.get_request_validators(**api)["items"]) == 1
    model = client.get_model(**api, modelName="Loan")
    assert len(json.loads(model["schema"])["required"]) == 14
    assert [one["name"] for one in client.get_models(**api)["items"]] == ["Loan"]

    [stage] = client.get_stages(**api)["item"]
    again = client.get_stage(**api, stageName="prod")
    again.pop("ResponseMetadata")
    assert stage == again
    holds(stage, stageName="prod", tracingEnabled=True, webAclArn=outputs["WebAclArn"])
    holds(stage["variables"], functionArn=outputs["FunctionArn"])
    holds(stage["methodSettings"]["*/*"], throttlingBurstLimit=40, throttlingRateLimit=20.0)
    assert "$context.requestId" in stage["accessLogSettings"]["format"]
    deployment = dict(**api, deploymentId=stage["deploymentId"])
    guarded = {"/loan": {"POST": {"authorizationType": "COGNITO_USER_POOLS", "apiKeyRequired": False}}}
    copied = client.get_deployment(**deployment, embed=["apisummary"])
    assert copied["apiSummary"] == guarded, copied
    assert "apiSummary" not in client.get_deployment(**deployment)
    items = client.get_deployments(**api)["items"]
    assert [one["id"] for one in items] == [stage["deploymentId"]]
    assert ":role/" in client.get_account()["cloudwatchRoleArn"]

    # What is changed after a deployment is not in it.
    drift("ApiAndCognitoStack", "PostLoan", "--set", "AuthorizationType=NONE")
    assert client.get_method(**post)["authorizationType"] == "NONE"
    copied = client.get_deployment(**deployment, embed=["apisummary"])
    assert copied["apiSummary"] == guarded, copied
    drift("ApiAndCognitoStack", "PostLoan", "--restore")

    gone = "NotFoundException"
    refused(gone, "Invalid API identifier specified", client.get_rest_api, restApiId="none")
    refused(gone, "Invalid stage identifier", client.get_stage, **api, stageName="none")
    refused(gone, "Invalid Method", client.get_method, **dict(post, httpMethod="GET"))
    refused(gone, "Invalid Deployment", client.get_deployment, **api, deploymentId="none")
    refused(gone, "Invalid Authorizer", client.get_authorizer, **api, authorizerId="none")
    refused(gone, "Invalid Resource", client.get_resource, **api, resourceId="none")
    refused("UnknownOperationException", "DELETE", client.delete_rest_api, **api)


def kept():
    """What a policy kept is there when its stack is gone."""
    pool = boto3.client("cognito-idp")
    role = boto3.client("apigateway")
    subprocess.run(["infra", "destroy", "WAFStack", "ApiAndCognitoStack", "--yes"], check=True)
    assert "Domain" not in pool.describe_user_pool(UserPoolId=outputs["UserPoolId"])["UserPool"]
    assert role.get_rest_apis()["items"] == []
    assert ":role/" in role.get_account()["cloudwatchRoleArn"]


redshift()
cognito()
waf()
functions()
gateway()
kept()
print("lived")
