//! The failures that people really meet, and what to do about them.

/// Words that stand in a failure's reason, lower case, and what to do. The first that fits is told.
const HINTS: &[(&[&str], &str)] = &[
    (
        &["cloudwatch logs role arn must be set"],
        "API Gateway needs a role for its logs, once an account and region: an AWS::ApiGateway::Account \
         resource, which the stage DependsOn",
    ),
    (
        &["rest api doesn't contain any methods"],
        "let the AWS::ApiGateway::Deployment DependsOn every method",
    ),
    (
        &["bucket you tried to delete is not empty"],
        "empty the bucket (aws s3 rm --recursive, versions too), or leave it: --retain, or DeletionPolicy: Retain",
    ),
    (
        &["export", "in use by"],
        "the stacks that import it go first, or stop importing it in a deploy of their own",
    ),
    (
        &["no export named"],
        "deploy the stack that exports it first",
    ),
    (
        &["has a dependent object"],
        "something outside of the stack uses it: find it (a network interface, most of the time), remove it, and \
         run the command again",
    ),
    (
        &["dependencyviolation"],
        "something outside of the stack uses it: find it (a network interface, most of the time), remove it, and \
         run the command again",
    ),
    (
        &["has dependencies and cannot be deleted"],
        "something outside of the stack uses it: find it, remove it, and run the command again",
    ),
    (
        &["domain already associated with another user pool"],
        "the prefix of a Cognito domain is taken in the whole region: choose another",
    ),
    (
        &["domain already exists"],
        "the prefix of a Cognito domain is taken in the whole region: choose another",
    ),
    (
        &["must be deleted or the name must be changed"],
        "a new one cannot have the name of the old one while that is there: leave the name out, or change it",
    ),
    (
        &["already exists in stack"],
        "another stack owns it: choose another name, or take it out of that stack first",
    ),
    (
        &["already exists"],
        "it exists outside of this stack, perhaps kept by a DeletionPolicy: import it, delete it, or choose \
         another name",
    ),
    (
        &["alreadyexists"],
        "it exists outside of this stack, perhaps kept by a DeletionPolicy: import it, delete it, or choose \
         another name",
    ),
    (
        &["maximum number of vpcs"],
        "delete a VPC that is not needed, or raise the quota L-F678F1CE (VPCs per Region) in Service Quotas",
    ),
    (
        &["maximum number of addresses"],
        "release an elastic IP that is not needed, or raise the quota L-0263D0A3 in Service Quotas",
    ),
    (
        &["unreservedconcurrentexecution"],
        "the account's Lambda concurrency is too small for that: ask for less, or raise the quota L-B99A9384",
    ),
    (
        &["limitexceeded"],
        "a quota of the account is reached: remove what is not needed, or raise it in Service Quotas",
    ),
    (
        &["quota", "exceeded"],
        "a quota of the account is reached: remove what is not needed, or raise it in Service Quotas",
    ),
    (
        &["three availability zones"],
        "Redshift Serverless needs subnets in three zones that offer it: check the workgroup's SubnetIds",
    ),
    (
        &["base capacity"],
        "Redshift Serverless takes a base capacity of 4 or 8 to 512 RPUs, in steps of 8; not all in every region",
    ),
    (
        &["cannot be assumed by lambda"],
        "the role's trust policy must name lambda.amazonaws.com; a role that was just made may need a moment: run \
         the command again",
    ),
    (
        &["unzipped size must be smaller"],
        "a Lambda's code is 250 MB unzipped at the most: use layers less, or an image",
    ),
    (
        &["runtime parameter", "no longer supported"],
        "AWS has ended this runtime: choose one that docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html lists",
    ),
    (
        &["not allow you to update the key policy"],
        "the key's policy must let the account's root administer it",
    ),
    (
        &["malformedpolicydocument"],
        "a policy is not well formed: look for a principal that is gone, or a wrong ARN",
    ),
    (
        &["invalid principal in policy"],
        "a policy names a principal that does not exist: it must be made first, in this account or another",
    ),
    (
        &["wafunavailableentity"],
        "WAF did not see the resource yet: run the command again",
    ),
    (
        &["wafv2", "scope"],
        "a web ACL for CloudFront is in us-east-1 with scope CLOUDFRONT, all others are REGIONAL",
    ),
    (
        &["denied by stack policy"],
        "the stack policy forbids this: change stack_policy in the manifest in a deploy before",
    ),
    (
        &["not allowed by stack policy"],
        "the stack policy forbids this: change stack_policy in the manifest in a deploy before",
    ),
    (
        &["security token", "expired"],
        "the credentials have expired: refresh them (aws sso login) and run the same command",
    ),
    (
        &["rate exceeded"],
        "the service was asked too often, by others too: run the command again",
    ),
    (
        &["did not stabilize"],
        "the resource did not become ready in time: look at its own events or logs, then run the command again",
    ),
    (
        &["exceeded the specified timeout"],
        "raise timeout_minutes in the manifest, or find what is slow in infra events",
    ),
    (
        &["s3 error", "specified key does not exist"],
        "what the template refers to is not in the bucket: upload it first, in the same region",
    ),
    (
        &["custom resource", "timed out"],
        "the function behind the custom resource did not answer: look at its log",
    ),
    (
        &["failed to receive", "success signal"],
        "an instance did not signal in time: look at its system log (cloud-init, cfn-init)",
    ),
    (
        &["hostedzone", "not empty"],
        "delete the records that others made in the hosted zone first",
    ),
    (
        &["deleteconflict"],
        "something is attached to it that is not in the stack: detach it first",
    ),
    (
        &["not authorized to perform"],
        "allow that action to the role that CloudFormation works with (the caller's, or --role-arn's)",
    ),
    (
        &["accessdenied"],
        "allow that action to the role that CloudFormation works with (the caller's, or --role-arn's)",
    ),
    (
        &["access denied"],
        "allow that action to the role that CloudFormation works with (the caller's, or --role-arn's)",
    ),
    (
        &["was not found"],
        "it was deleted behind CloudFormation's back: infra diff and the stack's drift say more",
    ),
    (
        &["notstabilized"],
        "the resource did not become ready in time: look at its own events or logs, then run the command again",
    ),
];

/// What to do about a failure, where that is known.
pub(super) fn hint(resource_type: &str, reason: &str) -> Option<&'static str> {
    let text = format!("{resource_type} {reason}").to_lowercase();
    let fits = |words: &&[&str]| words.iter().all(|word| text.contains(word));
    let found = HINTS.iter().find(|(words, _)| fits(words));
    found.map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_failures_have_hints() {
        let told = |of: &str, reason: &str| hint(of, reason).unwrap_or_default();
        let role = "CloudWatch Logs role ARN must be set in account settings to enable logging";
        assert!(told("AWS::ApiGateway::Stage", role).contains("AWS::ApiGateway::Account"));
        let taken = "data already exists in stack arn:aws:cloudformation:x";
        assert!(told("AWS::S3::Bucket", taken).starts_with("another stack owns it"));
        assert_eq!(hint("AWS::S3::Bucket", "something new"), None);
    }

    #[test]
    fn every_hint_can_be_reached() {
        for (words, wanted) in HINTS {
            let found = hint("", &words.join(" "));
            assert_eq!(found, Some(*wanted), "{words:?}");
            assert!(
                words.iter().all(|word| *word == word.to_lowercase()),
                "{words:?}"
            );
        }
    }
}
