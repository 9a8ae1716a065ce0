//! Edits of what is live, which CloudFormation does not notice: each is caught by name.

use super::{BASE, Live, REDSHIFT, WAF, assert_told};
use crate::sandbox::Sandbox;

const LAMBDA: &str = "LambdaStack";
const API: &str = "ApiAndCognitoStack";

/// A stack, a resource of it, an edit behind CloudFormation's back, and what has to be told of it: all of
/// that, and of nothing else. `*` stands for anything.
type Sabotage<'a> = (&'a str, &'a str, &'a [&'a str], &'a [&'a str]);

impl Live {
    /// Each sabotage is caught by what it broke, and by nothing else; and mended.
    fn caught(&self, rows: &[Sabotage<'_>]) {
        for (stack, resource, edit, expected) in rows {
            self.drift(stack, resource, edit);
            let verified = self.run(&["verify"]).code(1);
            self.drift(stack, resource, &["--restore"]);
            assert_told(&format!("{resource} {edit:?}"), &verified.out, expected);
        }
        self.run(&["verify"]).code(0);
    }
}

/// The shipped API's deployment: its logical id ends in a digest.
fn deployment(live: &Live) -> String {
    let template = live.run(&["synth", API]).code(0).out;
    let mut words = template.split(|letter: char| !letter.is_alphanumeric());
    let digest = |word: &&str| word.starts_with("Deployment") && word.len() == 20;
    words.find(digest).unwrap().to_owned()
}

#[test]
fn sabotage_of_networks_is_caught() {
    Live::deployed(Sandbox::shipped()).caught(&[
        (BASE, "Vpc", &["--delete"], &["failed vpc vpc-* is gone BaseInfraStack.Vpc templates/base-infra.yaml:"]),
        (BASE, "PrivateSubnet1", &["--delete"], &["failed subnet subnet-* is gone BaseInfraStack.PrivateSubnet1 "]),
        (
            BASE,
            "PrivateSubnet1",
            &["--set", "MapPublicIpOnLaunch=true"],
            &["failed subnet MapPublicIpOnLaunch is true, its stack asks false BaseInfraStack.PrivateSubnet1 "],
        ),
        (
            BASE,
            "InternetGatewayAttachment",
            &["--delete"],
            &[
                "failed internet gateway igw-* is not attached to vpc-* BaseInfraStack.InternetGatewayAttachment ",
                "failed routes 0.0.0.0/0 leads to igw-*: a black hole BaseInfraStack.PublicDefaultRoute ",
            ],
        ),
        (
            BASE,
            "PublicDefaultRoute",
            &["--delete"],
            &["failed routes rtb-* has no route for 0.0.0.0/0 BaseInfraStack.PublicDefaultRoute "],
        ),
        (
            BASE,
            "PublicDefaultRoute",
            &["--set", "GatewayId=igw-other"],
            &["failed routes 0.0.0.0/0 leads to igw-other, its stack asks igw-* BaseInfraStack.PublicDefaultRoute "],
        ),
        (
            BASE,
            "PrivateSubnet2RouteTableAssociation",
            &["--delete"],
            &["failed routes subnet-* is routed by the main table, its stack asks rtb-* \
               BaseInfraStack.PrivateSubnet2RouteTableAssociation "],
        ),
        (
            BASE,
            "PrivateRouteTable1",
            &["--delete"],
            &[
                "failed routes rtb-* is gone BaseInfraStack.PrivateRouteTable1 ",
                "failed routes subnet-* is routed by the main table, its stack asks rtb-* \
                 BaseInfraStack.PrivateSubnet1RouteTableAssociation ",
            ],
        ),
        (BASE, "S3Endpoint", &["--delete"], &["failed endpoint vpce-* is gone BaseInfraStack.S3Endpoint "]),
        (
            BASE,
            "S3Endpoint",
            &["--set", "RouteTableIds=[]"],
            &["failed endpoint RouteTableIds is nothing, its stack asks rtb-*, rtb-*, rtb-* BaseInfraStack.S3Endpoint "],
        ),
        (BASE, "FlowLog", &["--delete"], &["failed flow log fl-* is gone BaseInfraStack.FlowLog "]),
        (
            BASE,
            "FlowLog",
            &["--set", "TrafficType=REJECT"],
            &["failed flow log TrafficType is REJECT, its stack asks ALL BaseInfraStack.FlowLog "],
        ),
        (
            BASE,
            "RedshiftSecurityGroup",
            &["--set", r#"SecurityGroupIngress=[{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"CidrIp":"0.0.0.0/0"}]"#],
            &["failed security group open to the world: in from 0.0.0.0/0 on tcp 22, which no stack asks \
               BaseInfraStack.RedshiftSecurityGroup "],
        ),
        (
            BASE,
            "RedshiftSecurityGroup",
            &["--set", "SecurityGroupEgress=[]"],
            &["failed security group nothing is let out to 0.0.0.0/0 on tcp 443 any more \
               BaseInfraStack.RedshiftSecurityGroup "],
        ),
        (
            BASE,
            "RedshiftIngressFromItself",
            &["--set", "CidrIpv6=::/0"],
            &["failed security group open to the world: in from ::/0 on tcp 5439, which no stack asks \
               BaseInfraStack.RedshiftSecurityGroup "],
        ),
        (
            BASE,
            "RedshiftIngressFromItself",
            &["--delete"],
            &["failed security group sg-* lets nothing in from sg-* on tcp 5439 any more \
               BaseInfraStack.RedshiftIngressFromItself "],
        ),
    ]);
}

#[test]
fn sabotage_of_nat_gateways_is_caught() {
    let sandbox = Sandbox::shipped();
    sandbox.edit("stacks.toml", "nat_gateways = 0", "nat_gateways = 1");
    Live::deployed(sandbox).caught(&[(
        BASE,
        "NatGateway1",
        &["--delete"],
        &[
            "failed nat gateway nat-* is gone BaseInfraStack.NatGateway1 ",
            "failed routes 0.0.0.0/0 leads to nat-*: a black hole BaseInfraStack.PrivateDefaultRoute1 ",
            "failed routes 0.0.0.0/0 leads to nat-*: a black hole BaseInfraStack.PrivateDefaultRoute2 ",
            "failed routes 0.0.0.0/0 leads to nat-*: a black hole BaseInfraStack.PrivateDefaultRoute3 ",
        ],
    )]);
}

#[test]
fn sabotage_of_redshift_is_caught() {
    Live::deployed(Sandbox::shipped()).caught(&[
        (
            REDSHIFT,
            "Namespace",
            &["--delete"],
            &["failed namespace loan-remediation-ns is gone RedshiftServerlessStack.Namespace "],
        ),
        (
            REDSHIFT,
            "Namespace",
            &["--unset", "KmsKeyId"],
            &["failed namespace it is encrypted with AWS_OWNED_KMS_KEY, its stack asks arn:aws:kms:* \
               RedshiftServerlessStack.Namespace "],
        ),
        (
            REDSHIFT,
            "Namespace",
            &["--set", r#"LogExports=["userlog"]"#],
            &["failed namespace LogExports is userlog, its stack asks connectionlog, useractivitylog, userlog "],
        ),
        (
            REDSHIFT,
            "Workgroup",
            &["--delete"],
            &["failed workgroup loan-remediation-wg is gone RedshiftServerlessStack.Workgroup "],
        ),
        (
            REDSHIFT,
            "Workgroup",
            &["--set", "PubliclyAccessible=true"],
            &["failed workgroup it can be reached from the internet, its stack asks that it cannot \
               RedshiftServerlessStack.Workgroup templates/redshift-serverless.yaml:"],
        ),
        (
            REDSHIFT,
            "Workgroup",
            &["--set", "ConfigParameters.0.ParameterValue=\"false\""],
            &["failed workgroup require_ssl is false, its stack asks true RedshiftServerlessStack.Workgroup "],
        ),
        (
            REDSHIFT,
            "Workgroup",
            &["--set", "BaseCapacity=64", "--set", "SubnetIds=[\"subnet-1\"]", "--set", "SecurityGroupIds=[\"sg-1\"]"],
            &[
                "failed workgroup BaseCapacity is 64, its stack asks 8 ",
                "failed workgroup SubnetIds is subnet-1, its stack asks subnet-*, subnet-*, subnet-* ",
                "failed workgroup SecurityGroupIds is sg-1, its stack asks sg-* ",
            ],
        ),
    ]);
}

#[test]
fn sabotage_of_functions_is_caught() {
    let policy = "failed permission the function's policy lets apigateway.amazonaws.com do no \
                  lambda:InvokeFunction any more ApiAndCognitoStack.InvokePermission ";
    Live::deployed(Sandbox::shipped()).caught(&[
        (
            LAMBDA,
            "Function",
            &["--delete"],
            &["failed function LambdaStack-Function-* is gone LambdaStack.Function ", policy],
        ),
        (
            LAMBDA,
            "Function",
            &["--set", "Handler=other.handler", "--set", "Timeout=3", "--set", "Runtime=python3.12", "--unset", "MemorySize"],
            &[
                "failed function Handler is other.handler, its stack asks index.handler ",
                "failed function Timeout is 3, its stack asks 28 ",
                "failed function Runtime is python3.12, its stack asks python3.14 ",
                "failed function MemorySize is 128, its stack asks 256 ",
            ],
        ),
        (
            LAMBDA,
            "Function",
            &["--set", "Role=arn:aws:iam::123456789012:role/other"],
            &["failed function Role is arn:aws:iam::123456789012:role/other, its stack asks \
               arn:aws:iam::123456789012:role/LambdaStack-Role-* LambdaStack.Function "],
        ),
        (
            LAMBDA,
            "Function",
            &["--set", "Environment.Variables.WORKGROUP=secret", "--set", "Environment.Variables.MORE=secret"],
            &[
                "failed function Environment.Variables.WORKGROUP is not as deployed LambdaStack.Function ",
                "failed function Environment.Variables.MORE is there, and its stack asks for none ",
            ],
        ),
        (
            LAMBDA,
            "Function",
            &["--set", "ReservedConcurrentExecutions=0"],
            &["failed function its reserved concurrency is 0: every call is refused LambdaStack.Function "],
        ),
        (API, "InvokePermission", &["--delete"], &[policy]),
        (API, "InvokePermission", &["--set", "SourceArn=arn:aws:execute-api:us-east-1:123456789012:other/*"], &[policy]),
    ]);
}

#[test]
fn sabotage_of_apis_is_caught() {
    let live = Live::deployed(Sandbox::shipped());
    let deployment = deployment(&live);
    live.caught(&[
        (
            API,
            "Api",
            &["--set", "DisableExecuteApiEndpoint=true"],
            &[
                "failed api DisableExecuteApiEndpoint is true, its stack asks false ApiAndCognitoStack.Api ",
                "warning from outside POST /prod/loan without a token: 403, not 401: it was refused before *",
            ],
        ),
        (
            API,
            "PostLoan",
            &["--set", "AuthorizationType=NONE"],
            &["failed method POST /loan lets anybody in: its authorization is NONE, its stack asks \
               COGNITO_USER_POOLS ApiAndCognitoStack.PostLoan templates/api-and-cognito.yaml:"],
        ),
        (
            API,
            "PostLoan",
            &["--unset", "AuthorizerId", "--unset", "RequestValidatorId", "--set", "RequestModels={}"],
            &[
                "failed method AuthorizerId is nothing, its stack asks ",
                "failed method RequestValidatorId is nothing, its stack asks ",
                "failed method RequestModels.$default is nothing, its stack asks Loan ",
            ],
        ),
        (API, "PostLoan", &["--delete"], &["failed method POST /loan is gone ApiAndCognitoStack.PostLoan "]),
        (API, "LoanResource", &["--delete"], &["failed method the resource that it belongs to is gone "]),
        (
            API,
            "Authorizer",
            &["--set", r#"ProviderARNs=["arn:other"]"#],
            &["failed authorizer ProviderARNs is arn:other, its stack asks arn:aws:cognito-idp:* ApiAndCognitoStack.Authorizer "],
        ),
        (API, "Authorizer", &["--delete"], &["failed authorizer * is gone ApiAndCognitoStack.Authorizer "]),
        (
            API,
            "BodyValidator",
            &["--set", "ValidateRequestBody=false"],
            &["failed validator ValidateRequestBody is false, its stack asks true ApiAndCognitoStack.BodyValidator "],
        ),
        (API, "BodyValidator", &["--delete"], &["failed validator * is gone ApiAndCognitoStack.BodyValidator "]),
        (
            API,
            "Stage",
            &["--set", "DeploymentId=abc123"],
            &[
                "failed stage the stage serves deployment abc123, the stack's is * ApiAndCognitoStack.Stage ",
                "warning from outside POST /prod/loan without a token: 403, not 401: *",
            ],
        ),
        (
            API,
            &deployment,
            &["--delete"],
            &[
                "failed deployment the deployment * is gone ApiAndCognitoStack.Stage ",
                "warning from outside POST /prod/loan without a token: 403, not 401: *",
            ],
        ),
        (
            API,
            "Stage",
            &[
                "--set", "TracingEnabled=false", "--set", "MethodSettings.0.ThrottlingRateLimit=10000",
                "--set", "MethodSettings.0.LoggingLevel=OFF", "--unset", "AccessLogSetting",
                "--set", "Variables.functionArn=other",
            ],
            &[
                "failed stage TracingEnabled is false, its stack asks true ",
                "failed stage MethodSettings.0.ThrottlingRateLimit is 10000.0, its stack asks 20 ",
                "failed stage MethodSettings.0.LoggingLevel is OFF, its stack asks ERROR ",
                "failed stage nobody's access is logged, its stack asks arn:aws:logs:",
                "failed stage Variables.functionArn is other, its stack asks arn:aws:lambda:",
            ],
        ),
    ]);
}

#[test]
fn sabotage_of_user_pools_is_caught() {
    Live::deployed(Sandbox::shipped()).caught(&[
        (
            API,
            "UserPool",
            &["--set", "DeletionProtection=INACTIVE", "--set", "Policies.PasswordPolicy.MinimumLength=6",
              "--set", "AdminCreateUserConfig.AllowAdminCreateUserOnly=true", "--set", "MfaConfiguration=OFF",
              "--set", r#"AccountRecoverySetting.RecoveryMechanisms=[{"Name":"admin_only","Priority":1}]"#],
            &[
                "failed user pool DeletionProtection is INACTIVE, its stack asks ACTIVE ApiAndCognitoStack.UserPool ",
                "failed user pool Policies.PasswordPolicy.MinimumLength is 6, its stack asks 12 ",
                "failed user pool AdminCreateUserConfig.AllowAdminCreateUserOnly is true, its stack asks false ",
                "failed user pool MfaConfiguration is OFF, its stack asks OPTIONAL ",
                "failed user pool AccountRecoverySetting.RecoveryMechanisms is 1 admin_only, its stack asks 1 verified_email ",
            ],
        ),
        (
            API,
            "UserPool",
            &["--delete"],
            &[
                "failed user pool us-east-1_* is gone ApiAndCognitoStack.UserPool ",
                "failed app client * is gone ApiAndCognitoStack.UserPoolClient ",
            ],
        ),
        (
            API,
            "UserPoolClient",
            &["--set", r#"CallbackURLs=["https://other.example"]"#, "--set", r#"AllowedOAuthFlows=["implicit"]"#,
              "--set", "GenerateSecret=true"],
            &[
                "failed app client CallbackURLs is https://other.example, its stack asks https://example.com, http://localhost:8976/callback ",
                "failed app client AllowedOAuthFlows is implicit, its stack asks code ",
                "failed app client it has a secret, its stack asks for none ",
            ],
        ),
        (API, "UserPoolClient", &["--delete"], &["failed app client * is gone ApiAndCognitoStack.UserPoolClient "]),
        (
            API,
            "UserPoolDomain",
            &["--delete"],
            &["failed sign-in domain loan-remediation-123456789012-* is gone: nobody can sign in there "],
        ),
    ]);
}

#[test]
fn sabotage_of_web_acls_is_caught() {
    let unblocked = |group: &str| {
        format!(
            "failed from outside POST /prod/loan with what {group} must block: 401, not 403 WAFStack.WebAclAssociation "
        )
    };
    let all = [
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesSQLiRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
    ];
    let [common, sql, inputs] = all.map(unblocked);
    let (common, sql, inputs) = (common.as_str(), sql.as_str(), inputs.as_str());
    let alone = "failed web acl association no web ACL is in front of /restapis/*/stages/prod WAFStack.WebAclAssociation ";
    Live::deployed(Sandbox::shipped()).caught(&[
        (WAF, "WebAcl", &["--delete"], &["failed web acl WAFStack-WebAcl-* is gone WAFStack.WebAcl ", alone, common, sql, inputs]),
        (WAF, "WebAclAssociation", &["--delete"], &[alone, common, sql, inputs]),
        (
            WAF,
            "WebAcl",
            &["--set", r#"Rules.3.OverrideAction={"Count":{}}"#],
            &["failed web acl the rule CommonRuleSet: OverrideAction is Count, its stack asks None WAFStack.WebAcl ", common],
        ),
        (
            WAF,
            "WebAcl",
            &["--set", r#"Rules.4.Statement.ManagedRuleGroupStatement.RuleActionOverrides=[{"Name":"Log4JRCE_QUERYSTRING","ActionToUse":{"Count":{}}}]"#],
            &[
                "failed web acl the rule KnownBadInputsRuleSet: Statement.ManagedRuleGroupStatement.Overrides is \
                 Log4JRCE_QUERYSTRING=Count, its stack asks nothing WAFStack.WebAcl ",
                inputs,
            ],
        ),
        (
            WAF,
            "WebAcl",
            &["--set", "Rules.0.Statement.RateBasedStatement.Limit=100000", "--set", "Rules.0.Priority=99"],
            &[
                "failed web acl the rule RateLimitPerIp: Priority is 99, its stack asks 0 ",
                "failed web acl the rule RateLimitPerIp: Statement.RateBasedStatement.Limit is 100000, its stack asks 300 ",
            ],
        ),
        (
            WAF,
            "WebAcl",
            &["--set", "Rules.0.Name=Another"],
            &[
                "failed web acl the rule RateLimitPerIp is gone WAFStack.WebAcl ",
                "failed web acl the rule Another is there, which its stack does not ask for WAFStack.WebAcl ",
            ],
        ),
        (
            WAF,
            "WebAcl",
            &["--set", r#"DefaultAction={"Block":{}}"#],
            &[
                "failed web acl the default action is Block, its stack asks Allow WAFStack.WebAcl ",
                "warning from outside POST /prod/loan without a token: 403, not 401: it was refused before *",
            ],
        ),
        (WAF, "Logging", &["--delete"], &["failed web acl log the web ACL logs nothing, its stack asks that it does WAFStack.Logging "]),
        (
            WAF,
            "Logging",
            &["--unset", "RedactedFields"],
            &["failed web acl log what is not logged is nothing, its stack asks SingleHeader authorization WAFStack.Logging "],
        ),
    ]);
}
