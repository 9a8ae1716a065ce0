//! Which resource types hold data, so that replacing or deleting one must be asked for by name.

use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Types that hold data whatever AWS's list says of them.
const OURS: &[&str] = &[
    "AWS::Cognito::UserPool",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::RedshiftServerless::Namespace",
    "AWS::S3::Bucket",
    "AWS::S3Express::DirectoryBucket",
    "AWS::S3Tables::TableBucket",
];

/// The shape of AWS's own list.
#[derive(serde::Deserialize)]
struct Listed {
    stateful_resource_types: BTreeSet<String>,
}

static LISTED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    // A list that does not read leaves ours standing; the test below keeps that from shipping.
    serde_json::from_slice::<Listed>(&data_source::embedded::STATEFUL_RESOURCE_TYPES_BYTES)
        .map(|listed| listed.stateful_resource_types)
        .unwrap_or_default()
});

/// Whether a resource of this type holds data that goes when the resource is replaced or deleted.
///
/// The types are AWS's own list of stateful types and a few that it lacks.
#[must_use]
pub fn holds_data(type_name: &str) -> bool {
    OURS.contains(&type_name) || LISTED.contains(type_name)
}

/// Whether a list of names that the user gave allows this one: by its name, or by `all`.
#[must_use]
pub fn allowed(list: &[String], name: &str) -> bool {
    list.iter().any(|given| given == name || given == "all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_aws_is_read() {
        assert!(LISTED.len() > 20, "{LISTED:?}");
        assert!(holds_data("AWS::DynamoDB::Table") && holds_data("AWS::RDS::DBCluster"));
    }

    #[test]
    fn what_the_platform_keeps_holds_data() {
        for name in OURS {
            assert!(holds_data(name), "{name}");
        }
    }

    #[test]
    fn what_is_only_configuration_does_not() {
        for name in [
            "AWS::IAM::Role",
            "AWS::EC2::VPC",
            "AWS::Lambda::Function",
            "",
            "AWS::S3",
        ] {
            assert!(!holds_data(name), "{name}");
        }
    }
}
