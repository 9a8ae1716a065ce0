//! The quotas of a new account, as Service Quotas tells them and the services keep them.
//!
//! Names and codes are those of ListAWSDefaultServiceQuotas. Redshift Serverless is not in it: its
//! quotas stand on a page only.

/// A quota.
#[derive(Debug, PartialEq, Eq)]
pub struct Limit {
    /// The service's code.
    pub service: &'static str,
    /// The quota's code.
    pub code: &'static str,
    /// Its name.
    pub name: &'static str,
    /// How much there may be.
    pub most: usize,
    /// Whether more can be asked for.
    pub adjustable: bool,
}

/// The services, as Service Quotas calls them.
pub const SERVICES: &[(&str, &str)] = &[
    ("apigateway", "Amazon API Gateway"),
    ("cognito-idp", "Amazon Cognito User Pools"),
    ("ec2", "Amazon Elastic Compute Cloud (Amazon EC2)"),
    ("iam", "AWS Identity and Access Management (IAM)"),
    ("lambda", "AWS Lambda"),
    ("vpc", "Amazon Virtual Private Cloud (Amazon VPC)"),
    ("wafv2", "AWS WAF"),
];

/// Whether a service's quotas are those of the whole account, and told in one region only.
/// <https://docs.aws.amazon.com/general/latest/gr/iam-service.html>
pub fn is_global(service: &str) -> bool {
    service == "iam"
}

const fn limit(
    service: &'static str,
    code: &'static str,
    name: &'static str,
    most: usize,
    adjustable: bool,
) -> Limit {
    Limit {
        service,
        code,
        name,
        most,
        adjustable,
    }
}

/// VPCs.
pub const VPCS: Limit = limit("vpc", "L-F678F1CE", "VPCs per Region", 5, true);
/// Internet gateways.
pub const INTERNET_GATEWAYS: Limit =
    limit("vpc", "L-A4707A72", "Internet gateways per Region", 5, true);
/// NAT gateways of a zone.
pub const NAT_GATEWAYS: Limit = limit(
    "vpc",
    "L-FE5A380F",
    "NAT gateways per Availability Zone",
    5,
    true,
);
/// Rules of a security group in one direction.
pub const RULES: Limit = limit(
    "vpc",
    "L-0EA8095F",
    "Inbound or outbound rules per security group",
    60,
    true,
);
/// Elastic IP addresses.
pub const ADDRESSES: Limit = limit("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5, true);
/// Roles.
pub const ROLES: Limit = limit("iam", "L-FE177D64", "Roles per account", 1000, true);
/// Managed policies of a role.
pub const ROLE_POLICIES: Limit = limit("iam", "L-0DA4ABF3", "Managed policies per role", 10, true);
/// REST APIs that are not at the edge.
pub const REGIONAL_APIS: Limit = limit("apigateway", "L-AA0FF27B", "Regional APIs", 600, false);
/// REST APIs at the edge.
pub const EDGE_APIS: Limit = limit(
    "apigateway",
    "L-B97207D0",
    "Edge-optimized APIs",
    120,
    false,
);
/// User pools.
pub const USER_POOLS: Limit = limit(
    "cognito-idp",
    "L-66E6DF30",
    "User pools per account",
    1000,
    true,
);
/// What all functions may run at once.
pub const CONCURRENCY: Limit = limit("lambda", "L-B99A9384", "Concurrent executions", 1000, true);
/// Web ACLs that guard what is in the region.
pub const REGIONAL_WEB_ACLS: Limit = limit(
    "wafv2",
    "L-2EC3DE7B",
    "Maximum web ACLs per account in WAF for regional",
    100,
    true,
);
/// Web ACLs that guard distributions.
pub const GLOBAL_WEB_ACLS: Limit = limit(
    "wafv2",
    "L-24189897",
    "Maximum web ACLs per account in WAF for CloudFront",
    100,
    true,
);

/// All that Service Quotas tells.
pub const TOLD: &[&Limit] = &[
    &VPCS,
    &INTERNET_GATEWAYS,
    &NAT_GATEWAYS,
    &RULES,
    &ADDRESSES,
    &ROLES,
    &ROLE_POLICIES,
    &REGIONAL_APIS,
    &EDGE_APIS,
    &USER_POOLS,
    &CONCURRENCY,
    &REGIONAL_WEB_ACLS,
    &GLOBAL_WEB_ACLS,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quota_is_of_a_service_and_named_once() {
        for (at, limit) in TOLD.iter().enumerate() {
            assert!(SERVICES.iter().any(|(code, _)| *code == limit.service));
            let code = limit.code.strip_prefix("L-").unwrap();
            assert!(code.len() == 8 && u32::from_str_radix(code, 16).is_ok());
            assert!(TOLD[..at].iter().all(|other| other.code != limit.code));
        }
    }
}
