//! What physical resources are called, and what Fn::GetAtt answers about them.
//!
//! The schemas say which properties identify a resource and of what type an attribute is. How the
//! services shape an id or an ARN is not in them; the tables here hold what is commonly read.

use super::evaluate::{KNOWN_AFTER_APPLY, Place};
use crate::local::ids;
use crate::local::model::Resource;
use crate::template::schema;
use serde_json::{Value, json};

/// Ids of EC2, by the last part of the type.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>
const EC2: &[(&str, &str)] = &[
    ("FlowLog", "fl"),
    ("Instance", "i"),
    ("InternetGateway", "igw"),
    ("LaunchTemplate", "lt"),
    ("NatGateway", "nat"),
    ("NetworkAcl", "acl"),
    ("NetworkInterface", "eni"),
    ("RouteTable", "rtb"),
    ("SecurityGroup", "sg"),
    ("SecurityGroupEgress", "sgr"),
    ("SecurityGroupIngress", "sgr"),
    ("Subnet", "subnet"),
    ("SubnetRouteTableAssociation", "rtbassoc"),
    ("TransitGateway", "tgw"),
    ("VPC", "vpc"),
    ("VPCEndpoint", "vpce"),
    ("Volume", "vol"),
];

/// Services whose name in an ARN is not the one in the type.
const SERVICES: &[(&str, &str)] = &[
    ("CertificateManager", "acm"),
    ("Cognito", "cognito-idp"),
    ("ElasticLoadBalancingV2", "elasticloadbalancing"),
    ("OpenSearchService", "es"),
    ("RedshiftServerless", "redshift-serverless"),
    ("StepFunctions", "states"),
];

/// The resource part of an ARN, where it is not `type/id`; `{}` is the physical id.
const ARNS: &[(&str, &str)] = &[
    ("AWS::CloudWatch::Alarm", "alarm:{}"),
    ("AWS::Kinesis::Stream", "stream/{}"),
    ("AWS::Lambda::Function", "function:{}"),
    ("AWS::Lambda::LayerVersion", "layer:{}:1"),
    ("AWS::Logs::LogGroup", "log-group:{}:*"),
    ("AWS::SNS::Topic", "{}"),
    ("AWS::SQS::Queue", "{}"),
    ("AWS::StepFunctions::StateMachine", "stateMachine:{}"),
];

/// A physical id for a resource with these properties, unique unless the properties name it.
pub fn physical_id(kind: &str, logical_id: &str, properties: &Value, place: &Place) -> String {
    let unique = ids::uuid().replace('-', "");
    let parts: Vec<&str> = kind.split("::").collect();
    if let ["AWS", "EC2", last] = parts[..]
        && let Some((_, prefix)) = EC2.iter().find(|(name, _)| *name == last)
    {
        return format!("{prefix}-0{}", &unique[..16]);
    }
    if kind == "AWS::EC2::EIP" {
        // 203.0.113.0/24 is for documentation (RFC 5737): never anybody's address.
        let last = u8::from_str_radix(&unique[..2], 16).unwrap_or_default();
        return format!("203.0.113.{last}");
    }
    let Some(schema) = schema::schema(kind) else {
        return format!(
            "{}-{logical_id}-{}",
            place.stack_name,
            unique[..12].to_uppercase()
        );
    };
    let own: Vec<&String> = schema
        .primary_identifier()
        .iter()
        // What only says where the resource belongs (RestApiId, UserPoolId) is not its name.
        .filter(|path| {
            schema.primary_identifier().len() == 1
                || schema.read_only().contains(path)
                || !path.ends_with("Id")
        })
        .collect();
    if own.is_empty() {
        return format!(
            "{}-{logical_id}-{}",
            place.stack_name,
            unique[..12].to_uppercase()
        );
    }
    let named: Vec<String> = own
        .iter()
        .map(|path| {
            let given = path
                .split('.')
                .try_fold(properties, |at, part| at.get(part));
            match given.and_then(Value::as_str) {
                Some(name) => name.to_owned(),
                None => generated(kind, logical_id, path, &unique, place),
            }
        })
        .collect();
    let name = named.join("|");
    // Ref of a queue is its URL, of a topic its ARN, whatever they are called.
    match kind {
        "AWS::SecretsManager::Secret" => {
            let own = format!("{logical_id}-{}", &unique[..12]);
            let name = properties["Name"].as_str().unwrap_or(&own);
            let part = format!("secret:{name}-{}", &unique[12..18]);
            arn(kind, place, &part)
        }
        "AWS::SQS::Queue" => format!(
            "https://sqs.{}.amazonaws.com/{}/{}",
            place.region,
            place.account,
            properties["QueueName"].as_str().map_or_else(
                || format!("{}-{logical_id}-{}", place.stack_name, &unique[..12]),
                str::to_owned
            )
        ),
        _ => name,
    }
}

/// The physical id that the properties give a resource, where they do and it is alone in it.
pub fn given_id(kind: &str, properties: &Value) -> Option<String> {
    let schema = schema::schema(kind)?;
    let [path] = schema.primary_identifier() else {
        return None;
    };
    let given = path
        .split('.')
        .try_fold(properties, |at, part| at.get(part))?
        .as_str()?;
    (!given.contains(KNOWN_AFTER_APPLY)).then(|| given.to_owned())
}

fn generated(kind: &str, logical_id: &str, path: &str, unique: &str, place: &Place) -> String {
    let suffix = unique[..12].to_uppercase();
    let name = format!("{}-{logical_id}-{suffix}", place.stack_name);
    match (kind, path) {
        ("AWS::S3::Bucket", _) => shortened(&name.to_lowercase(), 63),
        ("AWS::KMS::Key", _) => ids::uuid(),
        ("AWS::ApiGateway::RestApi" | "AWS::ApiGatewayV2::Api", _) => unique[..10].to_owned(),
        (
            "AWS::ApiGateway::Authorizer"
            | "AWS::ApiGateway::Deployment"
            | "AWS::ApiGateway::RequestValidator"
            | "AWS::ApiGateway::Resource",
            _,
        ) => unique[..6].to_owned(),
        ("AWS::Cognito::UserPool", _) => format!("{}_{}", place.region, &unique[..9]),
        ("AWS::Cognito::UserPoolClient", _) => unique[..26].to_owned(),
        ("AWS::SSM::Parameter", _) => format!("CFN-{logical_id}-{}", &unique[..12]),
        (_, path) if path.ends_with("Arn") => {
            let part = arn_part(kind, &name);
            arn(kind, place, &part)
        }
        (_, path) if path.ends_with("Name") => shortened(&name, 64),
        _ => ids::uuid(),
    }
}

/// The service cuts the front of long names; what makes them unique stays.
fn shortened(name: &str, most: usize) -> String {
    let surplus = name.chars().count().saturating_sub(most);
    name.chars()
        .skip(surplus)
        .collect::<String>()
        .trim_start_matches('-')
        .to_owned()
}

fn arn(kind: &str, place: &Place, part: &str) -> String {
    let service = kind.split("::").nth(1).unwrap_or_default();
    let service = SERVICES
        .iter()
        .find(|(name, _)| *name == service)
        .map_or_else(
            || service.to_lowercase(),
            |(_, service)| (*service).to_owned(),
        );
    let (region, account) = match service.as_str() {
        "s3" => ("", ""),
        "iam" | "cloudfront" => ("", place.account.as_str()),
        "apigateway" => (place.region.as_str(), ""),
        _ => (place.region.as_str(), place.account.as_str()),
    };
    format!(
        "arn:{}:{service}:{region}:{account}:{part}",
        place.partition()
    )
}

fn arn_part(kind: &str, physical_id: &str) -> String {
    if kind == "AWS::S3::Bucket" {
        return physical_id.to_owned();
    }
    // `name|id|scope`, of which an ARN says the scope first.
    let parts: Vec<&str> = physical_id.split('|').collect();
    if let (Some(last), &[name, id, scope]) = (kind.strip_prefix("AWS::WAFv2::"), &parts[..]) {
        let scope = if scope == "CLOUDFRONT" {
            "global"
        } else {
            "regional"
        };
        return format!("{scope}/{}/{name}/{id}", last.to_lowercase());
    }
    if let Some((_, form)) = ARNS.iter().find(|(name, _)| *name == kind) {
        // A queue's id is its URL, a topic's its ARN: the name is the last part of either.
        let name = match kind {
            "AWS::SQS::Queue" => physical_id.rsplit('/').next().unwrap_or(physical_id),
            _ => physical_id,
        };
        return form.replace("{}", name);
    }
    let last = kind.rsplit("::").next().unwrap_or_default().to_lowercase();
    format!("{last}/{physical_id}")
}

/// An attribute of a resource.
///
/// # Errors
/// The service's words for an attribute that the type does not have.
pub fn attribute(resource: &Resource, name: &str, place: &Place) -> Result<Value, String> {
    let kind = resource.kind.as_str();
    if let Some(value) = resource.attributes.get(name) {
        return Ok(value.clone());
    }
    let given = name
        .split('.')
        .try_fold(&resource.properties, |at, part| at.get(part));
    if let Some(value) = given {
        return Ok(value.clone());
    }
    let Some(schema) = schema::schema(kind) else {
        // What a custom resource answers is known to its own code only.
        return Ok(json!(format!("{}.{name}", resource.physical_id)));
    };
    let listed = schema::attributes(kind);
    if !listed.iter().any(|known| known == name) && schema.type_of(name).is_none() {
        return Err(format!(
            "Requested attribute {name} does not exist in schema for {kind}"
        ));
    }
    if schema.primary_identifier().iter().any(|path| path == name) {
        let at = position(schema.primary_identifier(), schema.read_only(), name);
        let part = resource
            .physical_id
            .split('|')
            .nth(at)
            .unwrap_or(&resource.physical_id);
        return Ok(json!(part));
    }
    if kind.starts_with("AWS::RedshiftServerless::")
        && (name.ends_with(".WorkgroupId") || name.ends_with(".NamespaceId"))
    {
        return Ok(json!(stable_uuid(&resource.physical_id, place)));
    }
    if name.ends_with("Arn") {
        if resource.physical_id.starts_with("arn:") {
            return Ok(json!(resource.physical_id));
        }
        // A workgroup and a namespace have an id beside their name, which their ARN holds.
        let id = match kind.split("::").nth(1) {
            Some("RedshiftServerless") => stable_uuid(&resource.physical_id, place),
            _ => resource.physical_id.clone(),
        };
        return Ok(json!(arn(kind, place, &arn_part(kind, &id))));
    }
    Ok(match schema.type_of(name) {
        Some("integer" | "number") if kind == "AWS::RedshiftServerless::Workgroup" => json!(5439),
        Some("integer" | "number") => json!(443),
        Some("boolean") => json!(false),
        // A list that something can be selected of.
        Some("array") => json!([text(resource, name, place)]),
        // A wait condition's data are JSON text.
        Some("object") if kind == "AWS::CloudFormation::WaitCondition" => json!("{}"),
        Some("object") => json!({}),
        _ => text(resource, name, place),
    })
}

/// The position of an own identifier in a physical id that joins several.
fn position(identifiers: &[String], read_only: &[String], name: &str) -> usize {
    identifiers
        .iter()
        .filter(|path| identifiers.len() == 1 || read_only.contains(path) || !path.ends_with("Id"))
        .position(|path| path == name)
        .unwrap_or_default()
}

fn text(resource: &Resource, name: &str, place: &Place) -> Value {
    let id = &resource.physical_id;
    let last = name.rsplit('.').next().unwrap_or(name);
    json!(match (resource.kind.as_str(), last) {
        ("AWS::S3::Bucket", "DomainName") => format!("{id}.s3.amazonaws.com"),
        ("AWS::S3::Bucket", "RegionalDomainName") => {
            format!("{id}.s3.{}.amazonaws.com", place.region)
        }
        ("AWS::RedshiftServerless::Workgroup", "Address") => format!(
            "{id}.{}.{}.redshift-serverless.amazonaws.com",
            place.account, place.region
        ),
        ("AWS::ApiGateway::RestApi", "RootResourceId") => stable(id, name)[..10].to_owned(),
        ("AWS::Cognito::UserPool", "ProviderName") => {
            format!("cognito-idp.{}.amazonaws.com/{id}", place.region)
        }
        ("AWS::SQS::Queue", "QueueName") => id.rsplit('/').next().unwrap_or(id).to_owned(),
        ("AWS::SNS::Topic", "TopicName") => id.rsplit(':').next().unwrap_or(id).to_owned(),
        ("AWS::EC2::EIP", "AllocationId") => format!("eipalloc-0{}", &stable(id, name)[..16]),
        ("AWS::EC2::VPC", "DefaultNetworkAcl") => format!("acl-0{}", &stable(id, name)[..16]),
        ("AWS::EC2::VPC", "DefaultSecurityGroup") => format!("sg-0{}", &stable(id, name)[..16]),
        // GroupId of a SecurityGroup and the like: the resource's own id by another name.
        (kind, name) if is_own_id(kind, name) => id.clone(),
        (_, name) if name.ends_with("Id") => stable(id, name)[..20].to_owned(),
        (_, name) if name.ends_with("Name") => id.clone(),
        (_, name) => format!("{id}.{}", name.to_lowercase()),
    })
}

fn is_own_id(kind: &str, name: &str) -> bool {
    let last = kind.rsplit("::").next().unwrap_or_default().to_lowercase();
    name.strip_suffix("Id")
        .is_some_and(|stem| !stem.is_empty() && last.ends_with(&stem.to_lowercase()))
}

fn stable(id: &str, name: &str) -> String {
    ids::stable(&format!("{id}/{name}"))
}

fn stable_uuid(id: &str, place: &Place) -> String {
    ids::stable_uuid(&format!("{id}/{}", place.account))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            account: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
            stack_name: "Shop".to_owned(),
            ..Place::default()
        }
    }

    fn made(kind: &str, properties: Value) -> Resource {
        let physical_id = physical_id(kind, "Thing", &properties, &place());
        Resource {
            kind: kind.to_owned(),
            physical_id,
            properties,
            ..Resource::default()
        }
    }

    #[test]
    fn ids_have_the_shape_that_the_services_give_them() {
        assert!(
            made("AWS::EC2::VPC", json!({}))
                .physical_id
                .starts_with("vpc-0")
        );
        assert!(
            made("AWS::S3::Bucket", json!({}))
                .physical_id
                .starts_with("shop-thing-")
        );
        assert_eq!(
            made("AWS::S3::Bucket", json!({"BucketName": "b"})).physical_id,
            "b"
        );
        let role = made("AWS::IAM::Role", json!({}));
        assert!(
            role.physical_id.starts_with("Shop-Thing-"),
            "{}",
            role.physical_id
        );
        let arn = attribute(&role, "Arn", &place()).unwrap();
        assert_eq!(
            arn,
            format!("arn:aws:iam::123456789012:role/{}", role.physical_id)
        );
        let stage = made(
            "AWS::ApiGateway::Stage",
            json!({"RestApiId": "a", "StageName": "prod"}),
        );
        assert_eq!(stage.physical_id, "prod");
    }

    #[test]
    fn every_listed_attribute_has_a_value() {
        for kind in [
            "AWS::EC2::VPC",
            "AWS::Lambda::Function",
            "AWS::KMS::Key",
            "AWS::SQS::Queue",
        ] {
            let resource = made(kind, json!({}));
            for name in schema::attributes(kind)
                .iter()
                .filter(|name| !name.contains('*'))
            {
                assert!(
                    attribute(&resource, name, &place()).is_ok(),
                    "{kind} {name}"
                );
            }
        }
        let group = made("AWS::EC2::SecurityGroup", json!({}));
        assert_eq!(
            attribute(&group, "GroupId", &place()),
            Ok(json!(group.physical_id))
        );
        let vpc = made("AWS::EC2::VPC", json!({}));
        assert_eq!(
            attribute(&vpc, "Nope", &place()).unwrap_err(),
            "Requested attribute Nope does not exist in schema for AWS::EC2::VPC"
        );
    }
}
