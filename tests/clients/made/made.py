"""Resources that nobody's CloudFormation made: in moto, by boto3's own calls. `make` makes what made.yaml
asks for, `serve` stands in for the three reads of CloudFormation that tell of them, and `sabotage NAME`
edits one of them behind its back, `mend NAME` undoes that."""

import http.server
import io
import json
import sys
import urllib.parse
import xml.sax.saxutils
import zipfile

import boto3
import yaml


def client(service):
    return boto3.client(service)


ec2, gateway, functions = client("ec2"), client("apigateway"), client("lambda")
cognito, waf = client("cognito-idp"), client("wafv2")
ARN = "arn:aws:cloudformation:us-east-1:123456789012:stack/Made/11111111-2222-3333-4444-555555555555"


class Loader(yaml.SafeLoader):
    """Reads the short forms of intrinsics as nothing in particular."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


def kinds():
    with open("made.yaml") as file:
        return {name: one["Type"] for name, one in yaml.load(file, Loader)["Resources"].items()}


def network(ids):
    vpc = ids["Vpc"] = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ids["Subnet"] = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    igw = ids["Gateway"] = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=igw, VpcId=vpc)
    ids["Attachment"] = f"IGW|{vpc}"
    table = ids["Table"] = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=igw)
    ids["Route"] = f"{table}|0.0.0.0/0"
    associated = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    ids["Association"] = associated["AssociationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")
    ids["Nat"] = nat["NatGateway"]["NatGatewayId"]
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[table])
    ids["Endpoint"] = endpoint["VpcEndpoint"]["VpcEndpointId"]
    group = ids["Group"] = ec2.create_security_group(
        GroupName="web", Description="Web", VpcId=vpc)["GroupId"]
    for port in (443, 8080):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[opened(port)])
    client("s3").create_bucket(Bucket="made-logs")
    ids["Log"] = ec2.create_flow_logs(
        ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogDestinationType="s3",
        LogDestination="arn:aws:s3:::made-logs")["FlowLogIds"][0]


def opened(port):
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port,
            "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def code():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("index.py", "def handler(event, context): return 1")
    return file.getvalue()


def function(ids):
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                                     "Principal": {"Service": "lambda.amazonaws.com"}}]}
    role = client("iam").create_role(RoleName="made", AssumeRolePolicyDocument=json.dumps(trust))
    functions.create_function(
        FunctionName="made", Runtime="python3.13", Role=role["Role"]["Arn"], Handler="index.handler",
        MemorySize=256, Timeout=5, Code={"ZipFile": code()}, Environment={"Variables": {"MODE": "strict"}})
    ids["Function"] = "made"


def permit(ids):
    functions.add_permission(
        FunctionName="made", StatementId="made", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:123456789012:{ids['Api']}/*/GET/things")
    ids["Permission"] = "made"


def users(ids):
    pool = cognito.create_user_pool(
        PoolName="made", DeletionProtection="ACTIVE",
        Policies={"PasswordPolicy": {
            "MinimumLength": 14, "RequireLowercase": True, "RequireNumbers": True, "RequireSymbols": False,
            "RequireUppercase": True, "TemporaryPasswordValidityDays": 2}})["UserPool"]
    ids["Pool"] = pool["Id"]
    made = cognito.create_user_pool_client(
        UserPoolId=pool["Id"], ClientName="made", AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["code"], AllowedOAuthScopes=["openid"], CallbackURLs=["https://example.com"])
    ids["Client"] = made["UserPoolClient"]["ClientId"]
    cognito.create_user_pool_domain(UserPoolId=pool["Id"], Domain="made-sign-in")
    ids["Domain"] = "made-sign-in"
    return pool["Arn"]


def api(ids, pool):
    made = gateway.create_rest_api(
        name="made", disableExecuteApiEndpoint=True, endpointConfiguration={"types": ["REGIONAL"]})
    own = ids["Api"] = made["id"]
    root = gateway.get_resources(restApiId=own)["items"][0]["id"]
    things = gateway.create_resource(restApiId=own, parentId=root, pathPart="things")["id"]
    ids["Things"] = things
    ids["Authorizer"] = gateway.create_authorizer(
        restApiId=own, name="users", type="COGNITO_USER_POOLS", providerARNs=[pool],
        identitySource="method.request.header.Authorization")["id"]
    ids["Validator"] = gateway.create_request_validator(
        restApiId=own, name="both", validateRequestBody=True, validateRequestParameters=True)["id"]
    guarded(ids, authorizationType="COGNITO_USER_POOLS")
    ids["Get"] = f"{own}|{things}|GET"
    ids["Deployment"] = gateway.create_deployment(restApiId=own)["id"]
    gateway.create_stage(
        restApiId=own, stageName="live", deploymentId=ids["Deployment"], tracingEnabled=True)
    ids["Stage"] = "live"
    throttle(own, "20", "40")


def guarded(ids, **guard):
    named = {"restApiId": ids["Api"], "resourceId": ids["Things"], "httpMethod": "GET"}
    gateway.put_method(**named, **guard, authorizerId=ids["Authorizer"],
                       requestValidatorId=ids["Validator"])
    gateway.put_integration(**named, type="MOCK")
    gateway.put_integration_response(**named, statusCode="200")


def throttle(own, rate, burst):
    stage(own, "/*/*/throttling/rateLimit", rate)
    stage(own, "/*/*/throttling/burstLimit", burst)


def stage(own, path, value):
    edits = [{"op": "replace", "path": path, "value": value}]
    gateway.update_stage(restApiId=own, stageName="live", patchOperations=edits)


SEEN = {"CloudWatchMetricsEnabled": False, "SampledRequestsEnabled": False, "MetricName": "made"}


def rules(override="None", limit=300):
    group = {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}
    return [
        {"Name": "Limit", "Priority": 0, "Action": {"Block": {}}, "VisibilityConfig": SEEN,
         "Statement": {"RateBasedStatement": {"AggregateKeyType": "IP", "Limit": limit}}},
        {"Name": "Common", "Priority": 1, "OverrideAction": {override: {}}, "VisibilityConfig": SEEN,
         "Statement": {"ManagedRuleGroupStatement": group}}]


def stage_arn(ids):
    return f"arn:aws:apigateway:us-east-1::/restapis/{ids['Api']}/stages/live"


def acl_arn(ids):
    name, own, _ = ids["Acl"].split("|")
    return f"arn:aws:wafv2:us-east-1:123456789012:regional/webacl/{name}/{own}"


def firewall(ids):
    made = waf.create_web_acl(
        Name="made", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=SEEN,
        Rules=rules())["Summary"]
    ids["Acl"] = f"made|{made['Id']}|REGIONAL"
    associate(ids)
    log(ids)
    ids["AclAssociation"], ids["AclLog"] = f"{acl_arn(ids)}|{stage_arn(ids)}", acl_arn(ids)


def associate(ids):
    waf.associate_web_acl(WebACLArn=acl_arn(ids), ResourceArn=stage_arn(ids))


def log(ids):
    group = "arn:aws:logs:us-east-1:123456789012:log-group:aws-waf-logs-made"
    waf.put_logging_configuration(LoggingConfiguration={
        "ResourceArn": acl_arn(ids), "LogDestinationConfigs": [group]})


def rerule(ids, made):
    name, own, scope = ids["Acl"].split("|")
    token = waf.get_web_acl(Name=name, Id=own, Scope=scope)["LockToken"]
    waf.update_web_acl(Name=name, Id=own, Scope=scope, DefaultAction={"Allow": {}},
                       VisibilityConfig=SEEN, Rules=made, LockToken=token)


def method(ids, guard):
    gateway.delete_method(restApiId=ids["Api"], resourceId=ids["Things"], httpMethod="GET")
    guarded(ids, authorizationType=guard)


def authorizer(ids, source):
    edits = [{"op": "replace", "path": "/identitySource", "value": source}]
    gateway.update_authorizer(restApiId=ids["Api"], authorizerId=ids["Authorizer"],
                              patchOperations=edits)


def validator(ids, value):
    edits = [{"op": "replace", "path": "/validateRequestBody", "value": value}]
    gateway.update_request_validator(restApiId=ids["Api"], requestValidatorId=ids["Validator"],
                                     patchOperations=edits)


def redeploy(ids):
    made = gateway.create_deployment(restApiId=ids["Api"])["id"]
    stage(ids["Api"], "/deploymentId", made)


def callback(ids, url):
    cognito.update_user_pool_client(
        UserPoolId=ids["Pool"], ClientId=ids["Client"], AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["code"], AllowedOAuthScopes=["openid"], CallbackURLs=[url])


def password(ids, length):
    policy = {"MinimumLength": length, "RequireLowercase": True, "RequireNumbers": True,
              "RequireSymbols": False, "RequireUppercase": True, "TemporaryPasswordValidityDays": 2}
    cognito.update_user_pool(UserPoolId=ids["Pool"], DeletionProtection="ACTIVE",
                             Policies={"PasswordPolicy": policy})


def route_over(ids):
    ec2.delete_route(RouteTableId=ids["Table"], DestinationCidrBlock="0.0.0.0/0")


def route(ids):
    ec2.create_route(RouteTableId=ids["Table"], DestinationCidrBlock="0.0.0.0/0",
                     GatewayId=ids["Gateway"])


def reassociate(ids):
    made = ec2.associate_route_table(RouteTableId=ids["Table"], SubnetId=ids["Subnet"])
    ids["Association"] = made["AssociationId"]


def attach(ids, verb):
    getattr(ec2, f"{verb}_internet_gateway")(InternetGatewayId=ids["Gateway"], VpcId=ids["Vpc"])


def endpoint(ids, verb):
    ec2.modify_vpc_endpoint(VpcEndpointId=ids["Endpoint"], **{f"{verb}RouteTableIds": [ids["Table"]]})


def group(ids, verb, port):
    call = getattr(ec2, f"{verb}_security_group_ingress")
    call(GroupId=ids["Group"], IpPermissions=[opened(port)])


def configure(**settings):
    functions.update_function_configuration(FunctionName="made", **settings)


# What is edited behind CloudFormation's back, and how it is undone.
SABOTAGES = {
    "public subnet": (
        lambda ids: ec2.modify_subnet_attribute(SubnetId=ids["Subnet"], MapPublicIpOnLaunch={"Value": True}),
        lambda ids: ec2.modify_subnet_attribute(SubnetId=ids["Subnet"], MapPublicIpOnLaunch={"Value": False})),
    "no attachment": (lambda ids: attach(ids, "detach"), lambda ids: attach(ids, "attach")),
    "no route": (route_over, route),
    "no association": (
        lambda ids: ec2.disassociate_route_table(AssociationId=ids["Association"]), reassociate),
    "open group": (lambda ids: group(ids, "authorize", 22), lambda ids: group(ids, "revoke", 22)),
    "closed group": (lambda ids: group(ids, "revoke", 443), lambda ids: group(ids, "authorize", 443)),
    "handler": (lambda ids: configure(Handler="other.handler"), lambda ids: configure(Handler="index.handler")),
    "environment": (
        lambda ids: configure(Environment={"Variables": {"MODE": "lax"}}),
        lambda ids: configure(Environment={"Variables": {"MODE": "strict"}})),
    "reserved": (
        lambda ids: functions.put_function_concurrency(FunctionName="made", ReservedConcurrentExecutions=1),
        lambda ids: functions.delete_function_concurrency(FunctionName="made")),
    "permission": (
        lambda ids: functions.remove_permission(FunctionName="made", StatementId="made"), permit),
    "authorization": (
        lambda ids: method(ids, "NONE"), lambda ids: method(ids, "COGNITO_USER_POOLS")),
    "authorizer": (lambda ids: authorizer(ids, "method.request.header.Other"),
                   lambda ids: authorizer(ids, "method.request.header.Authorization")),
    "validator": (lambda ids: validator(ids, "false"), lambda ids: validator(ids, "true")),
    "drifted deployment": (
        redeploy, lambda ids: stage(ids["Api"], "/deploymentId", ids["Deployment"])),
    "throttling": (lambda ids: throttle(ids["Api"], "1000", "40"), lambda ids: throttle(ids["Api"], "20", "40")),
    "tracing": (lambda ids: stage(ids["Api"], "/tracingEnabled", "false"),
                lambda ids: stage(ids["Api"], "/tracingEnabled", "true")),
    "password": (lambda ids: password(ids, 6), lambda ids: password(ids, 14)),
    "callback": (lambda ids: callback(ids, "https://other.example"),
                 lambda ids: callback(ids, "https://example.com")),
    "rule counts": (lambda ids: rerule(ids, rules("Count")), lambda ids: rerule(ids, rules())),
    "rule gone": (lambda ids: rerule(ids, rules()[1:]), lambda ids: rerule(ids, rules())),
    "rate": (lambda ids: rerule(ids, rules(limit=100000)), lambda ids: rerule(ids, rules())),
    "no acl": (lambda ids: waf.disassociate_web_acl(ResourceArn=stage_arn(ids)), associate),
    "no acl log": (lambda ids: waf.delete_logging_configuration(ResourceArn=acl_arn(ids)), log),
    "domain gone": (
        lambda ids: cognito.delete_user_pool_domain(Domain="made-sign-in", UserPoolId=ids["Pool"]),
        lambda ids: cognito.create_user_pool_domain(Domain="made-sign-in", UserPoolId=ids["Pool"])),
    "flow log gone": (lambda ids: ec2.delete_flow_logs(FlowLogIds=[ids["Log"]]), None),
    "nat gone": (lambda ids: ec2.delete_nat_gateway(NatGatewayId=ids["Nat"]), None),
    "endpoint": (lambda ids: endpoint(ids, "Remove"), lambda ids: endpoint(ids, "Add")),
    "function gone": (lambda ids: functions.delete_function(FunctionName="made"), None),
}


def read():
    with open("made.json") as file:
        return json.load(file)


def write(ids):
    with open("made.json", "w") as file:
        json.dump(ids, file)


def make():
    ids = {}
    network(ids)
    function(ids)
    api(ids, users(ids))
    permit(ids)
    firewall(ids)
    assert set(ids) == set(kinds()), set(ids) ^ set(kinds())
    write(ids)


def element(name, **fields):
    inner = "".join(f"<{key}>{xml.sax.saxutils.escape(value)}</{key}>" for key, value in fields.items())
    return f"<{name}>{inner}</{name}>"


def answer(action):
    stack = {"StackId": ARN, "StackName": "Made", "StackStatus": "CREATE_COMPLETE",
             "CreationTime": "2026-01-01T00:00:00Z"}
    if action == "DescribeStacks":
        return f"<Stacks>{element('member', **stack)}</Stacks>"
    if action == "ListStackResources":
        own = kinds()
        rows = [element("member", LogicalResourceId=name, PhysicalResourceId=physical,
                        ResourceType=own[name], ResourceStatus="CREATE_COMPLETE",
                        LastUpdatedTimestamp="2026-01-01T00:00:00Z")
                for name, physical in read().items()]
        return f"<StackResourceSummaries>{''.join(rows)}</StackResourceSummaries>"
    assert action == "GetTemplate", action
    with open("made.yaml") as file:
        return f"<TemplateBody>{xml.sax.saxutils.escape(file.read())}</TemplateBody>"


class CloudFormation(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        action = urllib.parse.parse_qs(asked)["Action"][0]
        told = f"<{action}Response><{action}Result>{answer(action)}</{action}Result></{action}Response>"
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(told.encode())))
        self.end_headers()
        self.wfile.write(told.encode())

    def log_message(self, *_):
        pass


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), CloudFormation)
    print(server.server_port, flush=True)
    server.serve_forever()


def edit(side):
    ids = read()
    SABOTAGES[sys.argv[2]][side](ids)
    write(ids)


{"make": make, "serve": serve, "sabotage": lambda: edit(0), "mend": lambda: edit(1)}[sys.argv[1]]()
