//! Redshift Serverless: namespaces and workgroups.

use super::holdings::{Held, Holdings, Progress, Shape, camel};
use super::pages::Paging;
use super::{Request, asked, unknown};
use crate::local::core::Core;
use crate::local::ids;
use crate::local::refusal::Refusal;
use serde_json::{Value, json};

const NAMESPACES: &str = "AWS::RedshiftServerless::Namespace";
const WORKGROUPS: &str = "AWS::RedshiftServerless::Workgroup";

/// <https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_Namespace.html>
const NAMESPACE: Shape = Shape {
    kind: NAMESPACES,
    naming: camel,
    properties: &[
        "NamespaceName",
        "AdminUsername",
        "AdminPasswordSecretKmsKeyId",
        "DbName",
        "DefaultIamRoleArn",
        "KmsKeyId",
        "LogExports",
    ],
    renamed: &[],
};

/// <https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_Workgroup.html>
const WORKGROUP: Shape = Shape {
    kind: WORKGROUPS,
    naming: camel,
    properties: &[
        "WorkgroupName",
        "NamespaceName",
        "BaseCapacity",
        "MaxCapacity",
        "EnhancedVpcRouting",
        "Port",
        "PricePerformanceTarget",
        "PubliclyAccessible",
        "SecurityGroupIds",
        "SubnetIds",
        "TrackName",
    ],
    renamed: &[],
};

/// What the parameters are where nothing is given.
/// <https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-console-configuration.html>
const PARAMETERS: &[(&str, &str)] = &[
    ("auto_mv", "true"),
    ("datestyle", "ISO, MDY"),
    ("enable_case_sensitive_identifier", "false"),
    ("enable_user_activity_logging", "true"),
    ("max_query_execution_time", "14400"),
    ("query_group", "default"),
    ("require_ssl", "false"),
    ("search_path", "$user, public"),
    ("use_fips_ssl", "false"),
];

/// Answers a request.
pub fn answer(core: &Core, request: &Request<'_>) -> Result<Value, Refusal> {
    let asked = asked(request)?;
    let state = core.store.state();
    let holdings = Holdings::new(core, &state);
    match request.target {
        "GetNamespace" => {
            let name = asked["namespaceName"].as_str().unwrap_or_default();
            let held = holdings
                .find(NAMESPACES, name)
                .ok_or_else(|| missing("namespace", name))?;
            Ok(json!({ "namespace": namespace(&holdings, held) }))
        }
        "ListNamespaces" => list("namespaces", &asked, &holdings, NAMESPACES, namespace),
        "GetWorkgroup" => {
            let name = asked["workgroupName"].as_str().unwrap_or_default();
            let held = holdings
                .find(WORKGROUPS, name)
                .ok_or_else(|| missing("workgroup", name))?;
            Ok(json!({ "workgroup": workgroup(&holdings, held) }))
        }
        "ListWorkgroups" => list("workgroups", &asked, &holdings, WORKGROUPS, workgroup),
        other => Err(unknown(other)),
    }
}

fn missing(what: &str, name: &str) -> Refusal {
    let message = format!("Serverless {what} {name} not found.");
    Refusal::new(400, "ResourceNotFoundException", message)
}

fn list(
    name: &'static str,
    asked: &Value,
    holdings: &Holdings<'_>,
    kind: &str,
    told: fn(&Holdings<'_>, Held<'_>) -> Value,
) -> Result<Value, Refusal> {
    let paging = Paging {
        list: name,
        next: "nextToken",
        usual: 100,
        most: 100,
    };
    let all: Vec<Value> = holdings
        .all(kind)
        .into_iter()
        .map(|held| told(holdings, held))
        .collect();
    let (token, limit) = (asked["nextToken"].as_str(), asked["maxResults"].as_u64());
    paging.page(&all, token, limit).ok_or_else(|| {
        let message = "The pagination token is not valid.";
        Refusal::new(400, "InvalidPaginationException", message)
    })
}

fn status(held: Held<'_>) -> &'static str {
    match held.progress() {
        Progress::Making => "CREATING",
        Progress::Changing => "MODIFYING",
        Progress::Removing => "DELETING",
        Progress::Settled => "AVAILABLE",
    }
}

fn namespace(holdings: &Holdings<'_>, held: Held<'_>) -> Value {
    let name = held.id();
    let managed = holds_true(held.property("ManageAdminPassword"));
    let secret = format!(
        "secret:redshift!{name}-{}-{}",
        held.text("AdminUsername"),
        &ids::stable(name)[..6]
    );
    // The service tells a role and how far it is applied as one text.
    let roles = held.property("IamRoles").as_array().into_iter().flatten();
    let roles = roles
        .filter_map(Value::as_str)
        .map(|role| format!("IamRole(applyStatus=in-sync, iamRoleArn={role})"));
    // There is no status for one that is being made.
    let status = match held.progress() {
        Progress::Making => "MODIFYING",
        _ => status(held),
    };
    NAMESPACE.with(
        &json!({ "adminUsername": "admin", "dbName": "dev", "kmsKeyId": "AWS_OWNED_KMS_KEY",
                 "logExports": [] }),
        held.resource.actual(),
        &json!({
            "namespaceName": name,
            "namespaceArn": holdings.attribute(held, "Namespace.NamespaceArn"),
            "namespaceId": holdings.attribute(held, "Namespace.NamespaceId"),
            "creationDate": held.created(),
            "status": status,
            "iamRoles": roles.collect::<Vec<_>>(),
            "adminPasswordSecretArn": managed.then(|| holdings.arn("secretsmanager", &secret)),
        }),
    )
}

fn holds_true(value: &Value) -> bool {
    *value == true || *value == "true"
}

fn workgroup(holdings: &Holdings<'_>, held: Held<'_>) -> Value {
    let id = holdings.attribute(held, "Workgroup.WorkgroupId");
    let port = held.property("Port");
    let port = match port.as_str() {
        Some(text) => text.parse().unwrap_or(5439),
        None => port.as_u64().unwrap_or(5439),
    };
    let address = holdings.attribute(held, "Workgroup.Endpoint.Address");
    WORKGROUP.with(
        &json!({ "baseCapacity": 128, "enhancedVpcRouting": false, "publiclyAccessible": false,
                 "securityGroupIds": [], "subnetIds": [], "trackName": "current",
                 "ipAddressType": "ipv4" }),
        held.resource.actual(),
        &json!({
            "workgroupName": held.id(),
            "workgroupArn": holdings.attribute(held, "Workgroup.WorkgroupArn"),
            "workgroupId": id,
            "creationDate": held.created(),
            "status": status(held),
            "configParameters": parameters(held.property("ConfigParameters")),
            "port": port,
            "endpoint": {
                "address": address,
                "port": port,
                "vpcEndpoints": [endpoint(holdings, held, &id)],
            },
        }),
    )
}

/// All parameters, given or not.
fn parameters(given: &Value) -> Vec<Value> {
    let given = || given.as_array().into_iter().flatten();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let of = |key: &str| given().find(|one| one["ParameterKey"] == key);
    let usual = PARAMETERS.iter().map(|(key, usual)| {
        let value = of(key).map_or_else(|| (*usual).to_owned(), |one| text(&one["ParameterValue"]));
        (*key, value)
    });
    let others = given().filter_map(|one| {
        let key = one["ParameterKey"].as_str()?;
        let known = PARAMETERS.iter().any(|(usual, _)| *usual == key);
        (!known).then(|| (key, text(&one["ParameterValue"])))
    });
    usual
        .chain(others)
        .map(|(key, value)| json!({ "parameterKey": key, "parameterValue": value }))
        .collect()
}

/// The endpoint that the service makes in the VPC: an interface in each subnet.
fn endpoint(holdings: &Holdings<'_>, held: Held<'_>, id: &str) -> Value {
    let subnets = held.property("SubnetIds").as_array().into_iter().flatten();
    let subnets: Vec<&str> = subnets.filter_map(Value::as_str).collect();
    let known = |id: &str| holdings.find("AWS::EC2::Subnet", id);
    let vpc = subnets.iter().find_map(|id| known(id));
    let interfaces: Vec<Value> = subnets
        .iter()
        .map(|subnet| {
            let zone = known(subnet).map(|held| held.text("AvailabilityZone").to_owned());
            json!({
                "networkInterfaceId": format!("eni-0{}", &ids::stable(&format!("{id}/{subnet}"))[..16]),
                "subnetId": subnet,
                "availabilityZone": zone,
            })
        })
        .collect();
    json!({
        "vpcEndpointId": format!("vpce-0{}", &ids::stable(id)[..16]),
        "vpcId": vpc.map(|subnet| subnet.text("VpcId").to_owned()),
        "networkInterfaces": interfaces,
    })
}
