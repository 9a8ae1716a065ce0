//! Settings that guard, as tables: what a property must be, what a list may not gain or lose.

use super::{Add, Kind, each, properties, text, texts};
use crate::template::scalar_text;
use Kind::{Access, Guard, Public};
use serde_json::Value;

/// A property that guards: the type that has it (or the start of the types that do, to `::`), its path, what
/// it must be, the kind of what it lets happen otherwise, and that in words. `""` is a property that is not
/// there, `x=y` the item of a list whose `x` is `y`.
type Setting = (
    &'static str,
    &'static str,
    &'static [&'static str],
    Kind,
    &'static str,
);

/// What must be so. Of a new resource only what is public is told: what it lacks was never there.
#[rustfmt::skip]
const MUST_BE: &[Setting] = &[
    ("AWS::S3::Bucket", "PublicAccessBlockConfiguration.BlockPublicAcls", &["true"], Public, "public ACLs are not blocked"),
    ("AWS::S3::Bucket", "PublicAccessBlockConfiguration.BlockPublicPolicy", &["true"], Public, "public policies are not blocked"),
    ("AWS::S3::Bucket", "PublicAccessBlockConfiguration.IgnorePublicAcls", &["true"], Public, "public ACLs are not ignored"),
    ("AWS::S3::Bucket", "PublicAccessBlockConfiguration.RestrictPublicBuckets", &["true"], Public, "public buckets are not restricted"),
    ("AWS::S3::Bucket", "VersioningConfiguration.Status", &["Enabled"], Guard, "keeps no versions"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "Scheme", &["internal"], Public, "faces the internet"),
    ("AWS::ApiGateway::RestApi", "EndpointConfiguration.Types.0", &["PRIVATE"], Public, "is reachable from the internet"),
    ("AWS::Cognito::UserPool", "AdminCreateUserConfig.AllowAdminCreateUserOnly", &["true"], Public, "anybody may sign up"),
    ("AWS::Cognito::UserPool", "DeletionProtection", &["ACTIVE"], Guard, "is not protected from deletion"),
    ("AWS::Cognito::UserPool", "MfaConfiguration", &["ON", "OPTIONAL"], Guard, "asks for no second factor"),
    ("AWS::Cognito::UserPool", "UserPoolAddOns.AdvancedSecurityMode", &["ENFORCED", "AUDIT"], Guard, "no longer watches sign-ins"),
    ("AWS::Cognito::UserPool", "Policies.PasswordPolicy.RequireLowercase", &["true"], Guard, "takes weaker passwords"),
    ("AWS::Cognito::UserPool", "Policies.PasswordPolicy.RequireUppercase", &["true"], Guard, "takes weaker passwords"),
    ("AWS::Cognito::UserPool", "Policies.PasswordPolicy.RequireNumbers", &["true"], Guard, "takes weaker passwords"),
    ("AWS::Cognito::UserPool", "Policies.PasswordPolicy.RequireSymbols", &["true"], Guard, "takes weaker passwords"),
    ("AWS::Cognito::UserPoolClient", "PreventUserExistenceErrors", &["ENABLED"], Guard, "tells which users there are"),
    ("AWS::ApiGateway::RequestValidator", "ValidateRequestBody", &["true"], Guard, "bodies are not validated"),
    ("AWS::ApiGateway::RequestValidator", "ValidateRequestParameters", &["true"], Guard, "parameters are not validated"),
    ("AWS::ApiGateway::Method", "ApiKeyRequired", &["true"], Guard, "asks for no key"),
    ("AWS::RDS::", "StorageEncrypted", &["true"], Guard, "storage is not encrypted"),
    ("AWS::RDS::", "DeletionProtection", &["true"], Guard, "is not protected from deletion"),
    ("AWS::EFS::FileSystem", "Encrypted", &["true"], Guard, "is not encrypted"),
    ("AWS::EC2::Volume", "Encrypted", &["true"], Guard, "is not encrypted"),
    ("AWS::EC2::Instance", "MetadataOptions.HttpTokens", &["required"], Guard, "its metadata needs no token"),
    ("AWS::EC2::LaunchTemplate", "LaunchTemplateData.MetadataOptions.HttpTokens", &["required"], Guard, "its metadata needs no token"),
    ("AWS::EC2::FlowLog", "TrafficType", &["ALL"], Guard, "does not log all traffic"),
    ("AWS::CloudTrail::Trail", "IsLogging", &["true"], Guard, "does not log"),
    ("AWS::DynamoDB::Table", "DeletionProtectionEnabled", &["true"], Guard, "is not protected from deletion"),
    ("AWS::DynamoDB::Table", "SSESpecification.SSEEnabled", &["true"], Guard, "no key of the account encrypts it"),
    ("AWS::KMS::Key", "EnableKeyRotation", &["true"], Guard, "is not rotated"),
    ("AWS::ElastiCache::ReplicationGroup", "TransitEncryptionEnabled", &["true"], Guard, "traffic is not encrypted"),
    ("AWS::ElastiCache::ReplicationGroup", "AtRestEncryptionEnabled", &["true"], Guard, "is not encrypted"),
    ("AWS::OpenSearchService::Domain", "DomainEndpointOptions.EnforceHTTPS", &["true"], Guard, "takes plain HTTP"),
    ("AWS::OpenSearchService::Domain", "EncryptionAtRestOptions.Enabled", &["true"], Guard, "is not encrypted"),
    ("AWS::OpenSearchService::Domain", "NodeToNodeEncryptionOptions.Enabled", &["true"], Guard, "traffic is not encrypted"),
    ("AWS::Redshift::Cluster", "Encrypted", &["true"], Guard, "is not encrypted"),
    ("AWS::RedshiftServerless::Workgroup", "EnhancedVpcRouting", &["true"], Guard, "its traffic may leave the VPC"),
    ("AWS::RedshiftServerless::Workgroup", "ConfigParameters.ParameterKey=require_ssl.ParameterValue", &["true"], Guard, "takes connections without TLS"),
    ("AWS::SecretsManager::ResourcePolicy", "BlockPublicPolicy", &["true"], Guard, "public policies are not blocked"),
];

/// What may not be so; of a new resource too.
#[rustfmt::skip]
const MAY_NOT_BE: &[Setting] = &[
    ("AWS::S3::Bucket", "AccessControl", &["PublicRead", "PublicReadWrite", "AuthenticatedRead"], Public, "its ACL opens it"),
    ("AWS::", "PubliclyAccessible", &["true"], Public, "is reachable from the internet"),
    ("AWS::EC2::Subnet", "MapPublicIpOnLaunch", &["true"], Public, "gives public addresses"),
    ("AWS::EC2::Instance", "NetworkInterfaces.0.AssociatePublicIpAddress", &["true"], Public, "has a public address"),
    ("AWS::Lambda::Url", "AuthType", &["NONE"], Public, "anybody may call the function"),
    ("AWS::SQS::Queue", "SqsManagedSseEnabled", &["false"], Guard, "is not encrypted"),
    ("AWS::ApiGateway::DomainName", "SecurityPolicy", &["TLS_1_0"], Guard, "takes TLS 1.0"),
    ("AWS::CloudFront::Distribution", "DistributionConfig.DefaultCacheBehavior.ViewerProtocolPolicy", &["allow-all"], Guard, "takes plain HTTP"),
];

/// What must stay where it was given, whatever it is.
#[rustfmt::skip]
const MUST_STAY: &[(&str, &str, &str)] = &[
    ("AWS::", "KmsKeyId", "its own key no longer encrypts it"),
    ("AWS::", "KmsMasterKeyId", "its own key no longer encrypts it"),
    ("AWS::", "KmsKeyArn", "its own key no longer encrypts it"),
    ("AWS::S3::Bucket", "BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault.KMSMasterKeyID", "its own key no longer encrypts it"),
    ("AWS::S3::Bucket", "LoggingConfiguration", "requests are no longer logged"),
    ("AWS::ApiGateway::Stage", "AccessLogSetting", "requests are no longer logged"),
    ("AWS::ApiGateway::Method", "RequestValidatorId", "requests are no longer validated"),
    ("AWS::ApiGateway::Authorizer", "IdentityValidationExpression", "tokens are no longer looked at first"),
    ("AWS::CloudFront::Distribution", "DistributionConfig.WebACLId", "no web ACL guards it"),
];

/// What must stay as it is, a boundary that moves being one that may let more in.
const BOUNDARIES: &[&str] = &["AWS::IAM::Role", "AWS::IAM::User"];

/// Lists whose new items allow more; the last says whether those of a new resource are told.
#[rustfmt::skip]
const MAY_NOT_GAIN: &[(&str, &str, &str, bool)] = &[
    ("AWS::IAM::", "ManagedPolicyArns", "is given the policy", true),
    ("AWS::IAM::", "Roles", "is attached to the role", false),
    ("AWS::IAM::", "Users", "is attached to the user", false),
    ("AWS::IAM::", "Groups", "is attached to the group", false),
    ("AWS::ApiGateway::Authorizer", "ProviderARNs", "takes tokens of", false),
    ("AWS::ApiGatewayV2::Authorizer", "JwtConfiguration.Audience", "takes tokens for", false),
    ("AWS::Cognito::UserPoolClient", "CallbackURLs", "may sign in to", false),
    ("AWS::Cognito::UserPoolClient", "AllowedOAuthFlows", "allows the flow", false),
    ("AWS::Cognito::UserPoolClient", "AllowedOAuthScopes", "allows the scope", false),
    ("AWS::Cognito::UserPoolClient", "ExplicitAuthFlows", "allows the flow", false),
    ("AWS::Lambda::Url", "Cors.AllowOrigins", "answers pages of", false),
];

/// Lists whose items guard.
#[rustfmt::skip]
const MAY_NOT_LOSE: &[(&str, &str, &str)] = &[
    ("AWS::ApiGateway::Method", "AuthorizationScopes", "no longer asks for the scope"),
    ("AWS::ApiGatewayV2::Route", "AuthorizationScopes", "no longer asks for the scope"),
];

/// Numbers that may not fall.
const MAY_NOT_FALL: &[(&str, &str, &str)] = &[
    (
        "AWS::Cognito::UserPool",
        "Policies.PasswordPolicy.MinimumLength",
        "takes shorter passwords",
    ),
    (
        "AWS::Cognito::UserPool",
        "Policies.PasswordPolicy.PasswordHistorySize",
        "takes earlier passwords again",
    ),
];

/// Which guards of a resource fall.
pub(super) fn compare(was: &Value, now: &Value, add: Add<'_>) {
    let kind = now["Type"].as_str().unwrap_or_default();
    let is = |types: &str| kind == types || (types.ends_with("::") && kind.starts_with(types));
    let (new, side) = (was.is_null(), |entry, path| text(at(entry, path)));
    for (_, path, good, of, what) in MUST_BE.iter().filter(|one| is(one.0)) {
        let holds = |entry| good.contains(&side(entry, path).as_str());
        let told = if new { *of == Public } else { holds(was) };
        if told && !holds(now) {
            add(*of, format!("{what} ({path})"));
        }
    }
    for (_, path, bad, of, what) in MAY_NOT_BE.iter().filter(|one| is(one.0)) {
        let opens = |entry| bad.contains(&side(entry, path).as_str());
        if opens(now) && !opens(was) {
            add(*of, format!("{what} ({path})"));
        }
    }
    for (_, path, what) in MUST_STAY.iter().filter(|one| is(one.0)) {
        if !side(was, path).is_empty() && side(now, path).is_empty() {
            add(Guard, format!("{what} ({path})"));
        }
    }
    let boundary = side(was, "PermissionsBoundary");
    if BOUNDARIES.contains(&kind) && !boundary.is_empty() {
        let after = side(now, "PermissionsBoundary");
        if after.is_empty() {
            add(Access, format!("{boundary} no longer bounds it"));
        } else if after != boundary {
            add(Access, format!("{after} bounds it, not {boundary}"));
        }
    }
    lists(was, now, &is, add);
    callers(was, now, add);
}

fn lists(was: &Value, now: &Value, is: &dyn Fn(&str) -> bool, add: Add<'_>) {
    let fresh = |one: &Value, other: &Value, path: &str| {
        let known = texts(at(other, path));
        let all = texts(at(one, path)).into_iter();
        all.filter(|item| !known.contains(item)).collect::<Vec<_>>()
    };
    for (_, path, what, always) in MAY_NOT_GAIN.iter().filter(|one| is(one.0)) {
        for item in fresh(now, was, path) {
            if *always || !was.is_null() {
                add(Access, format!("{what} {item}"));
            }
        }
    }
    for (_, path, what) in MAY_NOT_LOSE.iter().filter(|one| is(one.0)) {
        for item in fresh(was, now, path) {
            add(Guard, format!("{what} {item}"));
        }
    }
    for (_, path, what) in MAY_NOT_FALL.iter().filter(|one| is(one.0)) {
        let number = |entry| scalar_text(at(entry, path)).and_then(|text| text.parse::<f64>().ok());
        if number(was).is_some_and(|before| number(now).is_none_or(|after| after < before)) {
            add(Guard, format!("{what} ({path})"));
        }
    }
}

/// Who may call an API's method. OPTIONS is what browsers ask without credentials.
fn callers(was: &Value, now: &Value, add: Add<'_>) {
    let kind = now["Type"].as_str().unwrap_or_default();
    if !matches!(kind, "AWS::ApiGateway::Method" | "AWS::ApiGatewayV2::Route") {
        return;
    }
    let by = |entry: &Value| match text(at(entry, "AuthorizationType")).as_str() {
        "" | "NONE" => None,
        by => Some(by.to_owned()),
    };
    let keyed = |entry: &Value| text(at(entry, "ApiKeyRequired")) == "true";
    let open = |entry: &Value| by(entry).is_none() && !keyed(entry);
    let preflight = properties(now)["HttpMethod"] == "OPTIONS";
    if open(now) && !preflight && (was.is_null() || !open(was)) {
        let what = "anybody may call it (AuthorizationType)";
        add(Guard, what.to_owned());
    }
    if let (Some(before), Some(after)) = (by(was), by(now))
        && before != after
    {
        add(Guard, format!("{after} authorizes it, not {before}"));
    }
}

/// The value at a path of a resource's properties.
fn at<'a>(entry: &'a Value, path: &str) -> &'a Value {
    let mut value = properties(entry);
    for name in path.split('.') {
        value = match (name.split_once('='), name.parse::<usize>()) {
            (Some((key, wanted)), _) => each(value)
                .into_iter()
                .find(|item| text(&item[key]) == wanted)
                .unwrap_or(&Value::Null),
            (None, Ok(index)) => &value[index],
            (None, Err(_)) => &value[name],
        };
    }
    value
}
