//! The one table of operations, of the IAM actions that each is authorized by, and of what a policy can
//! name for it: <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.

use On::{Arns, Everything, NamedBuckets, ServiceRoles, Stacks, TemplateBucket, Templates};
use Row::{Other, Same};

/// What an action is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// The project's stacks.
    Stacks,
    /// The stacks within those.
    NestedStacks,
    /// The bucket for templates.
    TemplateBucket,
    /// What stands in it.
    Templates,
    /// The buckets that templates name.
    NamedBuckets,
    /// The roles that CloudFormation is given.
    ServiceRoles,
    /// ARNs, in which `{partition}`, `{region}` and `{account}` are filled in.
    Arns(&'static [&'static str]),
    /// Nothing that can be named: `*`.
    Everything,
}

/// An action that an operation is authorized by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The action: `cloudformation:DescribeStacks`.
    pub action: String,
    /// What it is on.
    pub on: On,
}

/// A service's operations.
struct Service {
    /// As the SDK names it.
    name: &'static str,
    /// As IAM names it.
    prefix: &'static str,
    rows: &'static [Row],
}

enum Row {
    /// Operations whose action has their own name.
    Same(On, &'static [&'static str]),
    /// One that is authorized by other actions, or by several, or by none.
    Other(&'static str, &'static [(&'static str, On)]),
}

const WORKGROUPS: On =
    Arns(&["arn:{partition}:redshift-serverless:{region}:{account}:workgroup/*"]);
// CloudFormation makes the name of the stack's, of the bucket's in its template, and of chance.
const DATA_BUCKETS: On = Arns(&["arn:{partition}:s3:::*-databucket-*"]);
const DATA: On = Arns(&["arn:{partition}:s3:::*-databucket-*/*"]);
// A pool's id is its stack's to give.
const POOLS: On = Arns(&["arn:{partition}:cognito-idp:{region}:{account}:userpool/*"]);

const CHANGE_SETS: On =
    Arns(&["arn:{partition}:cloudformation:{region}:{account}:changeSet/infra-*/*"]);

const APIS: On = Arns(&["arn:{partition}:apigateway:{region}::/restapis/*"]);

const FUNCTIONS: On = Arns(&["arn:{partition}:lambda:{region}:{account}:function:*"]);

const WEB_ACLS: On = Arns(&[
    "arn:{partition}:wafv2:{region}:{account}:global/webacl/*/*",
    "arn:{partition}:wafv2:{region}:{account}:regional/webacl/*/*",
]);

/// A row is one line for most operations. What AWS asks for along with an operation, without a call of our
/// own, stands here by the action's name: PassRole, GetObject of a template, tags.
const SERVICES: &[Service] = &[
    // .../list_amazonapigatewaymanagement.html: an action is a verb of HTTP, on a path.
    Service {
        name: "API Gateway",
        prefix: "apigateway",
        rows: &[
            Other(
                "GetAccount",
                &[(
                    "apigateway:GET",
                    Arns(&["arn:{partition}:apigateway:{region}::/account"]),
                )],
            ),
            Other(
                "GetRestApis",
                &[(
                    "apigateway:GET",
                    Arns(&["arn:{partition}:apigateway:{region}::/restapis"]),
                )],
            ),
            Other("GetAuthorizers", &[("apigateway:GET", APIS)]),
            Other("GetDeployment", &[("apigateway:GET", APIS)]),
            Other("GetRequestValidators", &[("apigateway:GET", APIS)]),
            Other("GetResources", &[("apigateway:GET", APIS)]),
            Other("GetRestApi", &[("apigateway:GET", APIS)]),
            Other("GetStage", &[("apigateway:GET", APIS)]),
        ],
    },
    // .../list_awscloudcontrolapi.html. What it reads a type with, the caller must hold as well.
    Service {
        name: "CloudControl",
        prefix: "cloudformation",
        rows: &[Same(Everything, &["GetResource"])],
    },
    // .../list_awscloudformation.html
    Service {
        name: "CloudFormation",
        prefix: "cloudformation",
        rows: &[
            Same(
                Stacks,
                &[
                    "CancelUpdateStack",
                    "ContinueUpdateRollback",
                    "CreateChangeSet",
                    "CreateStack",
                    "DeleteChangeSet",
                    "DeleteStack",
                    "DescribeChangeSet",
                    "DescribeStackEvents",
                    "DescribeStackResourceDrifts",
                    "DescribeStacks",
                    "ExecuteChangeSet",
                    "GetStackPolicy",
                    "GetTemplate",
                    "ListStackResources",
                    "RollbackStack",
                    "SetStackPolicy",
                    "UpdateTerminationProtection",
                ],
            ),
            Same(
                Everything,
                &["DescribeStackDriftDetectionStatus", "ListStacks"],
            ),
            Other(
                "DescribeEvents",
                &[
                    ("cloudformation:DescribeEvents", Stacks),
                    ("cloudformation:DescribeEvents", CHANGE_SETS),
                ],
            ),
            // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
            Other(
                "DetectStackDrift",
                &[
                    ("cloudformation:DetectStackDrift", Stacks),
                    ("cloudformation:DetectStackResourceDrift", Stacks),
                    ("cloudformation:BatchDescribeTypeConfigurations", Everything),
                ],
            ),
            Other(
                "TagResource",
                &[
                    ("cloudformation:TagResource", Stacks),
                    ("cloudformation:TagResource", CHANGE_SETS),
                ],
            ),
            Other(
                "UntagResource",
                &[
                    ("cloudformation:UntagResource", Stacks),
                    ("cloudformation:UntagResource", CHANGE_SETS),
                ],
            ),
        ],
    },
    // .../list_amazoncognitouserpools.html
    Service {
        name: "Cognito Identity Provider",
        prefix: "cognito-idp",
        rows: &[
            Same(Everything, &["DescribeUserPoolDomain", "ListUserPools"]),
            Same(
                POOLS,
                &[
                    "AdminCreateUser",
                    "AdminDeleteUser",
                    "AdminSetUserPassword",
                    "DescribeUserPool",
                    "DescribeUserPoolClient",
                    "ListUsers",
                ],
            ),
            // A user's own, with nobody's credentials:
            // https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-public-server-side.html
            Other("InitiateAuth", &[]),
            Other("RespondToAuthChallenge", &[]),
            Other("RevokeToken", &[]),
        ],
    },
    // .../list_amazonec2.html: what describes names nothing.
    Service {
        name: "EC2",
        prefix: "ec2",
        rows: &[Same(
            Everything,
            &[
                "DescribeAddresses",
                "DescribeAvailabilityZones",
                "DescribeFlowLogs",
                "DescribeInternetGateways",
                "DescribeNatGateways",
                "DescribeRouteTables",
                "DescribeSecurityGroups",
                "DescribeSubnets",
                "DescribeVpcEndpoints",
                "DescribeVpcs",
            ],
        )],
    },
    // .../list_awsidentityandaccessmanagementiam.html
    Service {
        name: "IAM",
        prefix: "iam",
        rows: &[
            Same(Everything, &["GetAccountSummary"]),
            Same(
                Arns(&["arn:{partition}:iam::{account}:role/*"]),
                &["GetRole"],
            ),
            Same(ServiceRoles, &["PassRole"]),
            Same(
                Arns(&[
                    "arn:{partition}:iam::{account}:role/*",
                    "arn:{partition}:iam::{account}:user/*",
                ]),
                &["SimulatePrincipalPolicy"],
            ),
        ],
    },
    // .../list_awslambda.html
    Service {
        name: "Lambda",
        prefix: "lambda",
        rows: &[
            Same(Everything, &["GetAccountSettings"]),
            Same(FUNCTIONS, &["GetFunction", "GetPolicy"]),
            Other("Invoke", &[("lambda:InvokeFunction", FUNCTIONS)]),
        ],
    },
    // .../list_amazonredshiftdataapi.html. Statements have no ARN: they are those of whoever sent them.
    Service {
        name: "Redshift Data",
        prefix: "redshift-data",
        rows: &[
            Same(
                Everything,
                &["CancelStatement", "DescribeStatement", "GetStatementResult"],
            ),
            Other(
                "ExecuteStatement",
                &[
                    ("redshift-data:ExecuteStatement", WORKGROUPS),
                    ("redshift-serverless:GetCredentials", WORKGROUPS),
                ],
            ),
            Other(
                "BatchExecuteStatement",
                &[
                    ("redshift-data:BatchExecuteStatement", WORKGROUPS),
                    ("redshift-serverless:GetCredentials", WORKGROUPS),
                ],
            ),
        ],
    },
    // .../list_amazonredshiftserverless.html
    Service {
        name: "Redshift Serverless",
        prefix: "redshift-serverless",
        rows: &[
            Same(Everything, &["ListNamespaces", "ListWorkgroups"]),
            Same(
                Arns(&["arn:{partition}:redshift-serverless:{region}:{account}:namespace/*"]),
                &["GetNamespace"],
            ),
            Same(
                Arns(&["arn:{partition}:redshift-serverless:{region}:{account}:workgroup/*"]),
                &["GetWorkgroup"],
            ),
        ],
    },
    // .../list_amazons3.html; what an operation needs:
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
    Service {
        name: "S3",
        prefix: "s3",
        rows: &[
            Same(TemplateBucket, &["CreateBucket"]),
            Same(Templates, &["GetObject", "PutObject"]),
            Same(DATA, &["AbortMultipartUpload"]),
            Other("CompleteMultipartUpload", &[("s3:PutObject", DATA)]),
            Other("CreateMultipartUpload", &[("s3:PutObject", DATA)]),
            Other("UploadPart", &[("s3:PutObject", DATA)]),
            Other(
                "HeadObject",
                &[("s3:GetObject", DATA), ("s3:ListBucket", DATA_BUCKETS)],
            ),
            Other("HeadBucket", &[("s3:ListBucket", NamedBuckets)]),
            Other(
                "PutPublicAccessBlock",
                &[("s3:PutBucketPublicAccessBlock", TemplateBucket)],
            ),
        ],
    },
    // .../list_awsservicequotas.html
    Service {
        name: "Service Quotas",
        prefix: "servicequotas",
        rows: &[Same(
            Arns(&["arn:{partition}:servicequotas:{region}:{account}:*"]),
            &["GetServiceQuota"],
        )],
    },
    // .../list_awssecuritytokenservice.html
    Service {
        name: "STS",
        prefix: "sts",
        rows: &[
            Same(Everything, &["DecodeAuthorizationMessage"]),
            // Nobody is denied it:
            // https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
            Other("GetCallerIdentity", &[]),
        ],
    },
    // .../list_awswafv2.html
    Service {
        name: "WAFV2",
        prefix: "wafv2",
        rows: &[
            Same(Everything, &["ListWebACLs"]),
            Same(WEB_ACLS, &["GetLoggingConfiguration", "GetWebACL"]),
            // It is also authorized on what is guarded.
            Other(
                "GetWebACLForResource",
                &[
                    ("wafv2:GetWebACLForResource", WEB_ACLS),
                    (
                        "wafv2:GetWebACLForResource",
                        Arns(&["arn:{partition}:apigateway:{region}::/restapis/*/stages/*"]),
                    ),
                ],
            ),
        ],
    },
];

/// What an operation is authorized by, `CloudFormation DescribeStacks` for one; nothing where the table
/// does not have it.
pub fn grants(operation: &str) -> Option<Vec<Grant>> {
    let (service, name) = operation.rsplit_once(' ')?;
    let service = SERVICES.iter().find(|one| one.name == service)?;
    service.rows.iter().find_map(|row| match row {
        Same(on, names) => names.contains(&name).then(|| {
            vec![Grant {
                action: format!("{}:{name}", service.prefix),
                on: *on,
            }]
        }),
        Other(other, grants) => (*other == name).then(|| {
            let grants = grants.iter().map(|(action, on)| Grant {
                action: (*action).to_owned(),
                on: *on,
            });
            grants.collect()
        }),
    })
}

/// Every operation of the table.
#[cfg(test)]
pub(crate) fn all() -> Vec<String> {
    let named = |service: &Service, name: &str| format!("{} {name}", service.name);
    let rows = SERVICES
        .iter()
        .flat_map(|service| service.rows.iter().map(move |row| (service, row)));
    rows.flat_map(|(service, row)| match row {
        Same(_, names) => names.iter().map(|name| named(service, name)).collect(),
        Other(name, _) => vec![named(service, name)],
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permissions::Scope;
    use data_source::embedded::IAM_ACTION_RESOURCE_PATTERNS_BYTES as PATTERNS;
    use regex::Regex;
    use std::collections::{BTreeMap, BTreeSet};

    /// What AWS's reference says can be named for an action, as the crate of the schemas has it; an action
    /// that names nothing is not in it.
    fn reference() -> BTreeMap<String, Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Listed {
            iam_action_resource_patterns: BTreeMap<String, Vec<String>>,
        }
        let listed: Listed = serde_json::from_slice(&PATTERNS).unwrap();
        listed.iam_action_resource_patterns
    }

    fn fits(pattern: &str, arn: &str) -> bool {
        let pattern = pattern
            .replace("${Partition}", "aws")
            .replace("${Region}", "REGION")
            .replace("${Account}", "ACCOUNT");
        Regex::new(&format!("^{pattern}$")).unwrap().is_match(arn)
    }

    #[test]
    fn policies_name_what_can_be_named() {
        let (reference, scope) = (reference(), Scope::any());
        assert!(reference.len() > 5000);
        let mut judged = BTreeSet::new();
        for grant in all().iter().flat_map(|one| grants(one).unwrap()) {
            let known = reference.get(&grant.action.to_lowercase());
            let Some(patterns) = known else {
                assert_eq!(grant.on, Everything, "{} names nothing", grant.action);
                continue;
            };
            for arn in scope.arns(grant.on) {
                let fit = patterns.iter().any(|pattern| fits(pattern, &arn));
                assert!(fit, "{} is not on {arn}: {patterns:?}", grant.action);
            }
            judged.insert(grant.action);
        }
        assert!(judged.len() > 25, "{judged:?}");
    }

    #[test]
    fn an_operation_stands_once_and_is_found() {
        let all = all();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(all.iter().all(|one| grants(one).is_some()));
        assert_eq!(grants("CloudFormation UpdateStack"), None);
        assert_eq!(grants("Lambda ListStacks"), None);
    }
}
