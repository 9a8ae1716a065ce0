//! A status reason, taken apart: what is said, with which error code, of which property, and who was
//! denied what.

use regex::{Captures, Regex};
use std::sync::LazyLock;

/// What AWS says of a failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reason {
    /// The words, without what handlers and SDKs wrap around them.
    pub(super) text: String,
    /// The error codes: the service's, and the resource handler's.
    pub(super) codes: Vec<String>,
    /// The property that is named, from the resource's properties down.
    pub(super) property: Vec<String>,
    /// Who was denied what.
    pub(super) denied: Option<Denied>,
    /// An encoded authorization failure.
    pub(super) encoded: Option<String>,
}

/// Who was denied what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Denied {
    /// The action.
    pub(super) action: String,
    /// Of which resource, where that is said.
    pub(super) resource: Option<String>,
    /// To whom, where that is said.
    pub(super) principal: Option<String>,
    /// By what, where that is said: that no policy allows it, or that one denies it.
    pub(super) by: Option<String>,
}

macro_rules! patterns {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        $($(#[$doc])* static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($text).ok());)*
    };
}

patterns! {
    /// How CloudFormation tells what a resource handler answers. The codes:
    /// <https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html>
    HANDLER = r#"(?s)^Resource handler returned message: "(?<text>.*)" \(RequestToken: [^,)]*(?:, HandlerErrorCode: (?<code>\w+))?\)$"#;
    /// What the SDKs add to a service's message; older ones write semicolons, and the error code.
    SDK = r"\s*\(Service: [^;,()]+[;,] Status Code: \d+(?:[;,] Error Code: (?<code>[\w.]+))?(?:[;,] [^()]*)?\)(?:\s*\(SDK Attempt Count: \d+\))?";
    ENCODED = r"\s*Encoded authorization failure message:\s*(?<text>[\w+/=-]+)";
    POINTER = r"#(?<path>(?:/[^\s:/()]+)*)(?:: (?:(?:extraneous|required) key \[(?<key>[^\]]+)\])?)?";
    NAMED = r"[Uu]nsupported property (?<a>\w+)|unsupported properties in \{(?<b>[^}]*)\}: \[(?<c>\w+)|[Pp]roperty \{(?<d>/[^}]*)\}|Value of property (?<e>\w+)|^Property (?<f>\w+) cannot be";
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
    DENIED = r#"(?m)(?:User: (?<principal>\S+) is )?not authorized to perform: (?<action>[\w-]+:[\w*]+)(?: on (?:the )?resource: "?(?<resource>.+?)"?)?(?: (?<by>because .+?|with an explicit deny.*?))?(?:[.,;]\s|\.?$)"#;
    /// Older resources tell the call.
    CALLED = r"API: (?<action>[\w-]+:\w+) (?:You are not authorized to perform this operation|Access Denied|Not authorized for (?<resource>[^.]+))";
}

impl Reason {
    /// Takes a status reason apart.
    pub(super) fn parse(said: &str) -> Self {
        let mut codes = Vec::new();
        let mut text = said.trim().to_owned();
        if let Some(parts) = captures(&HANDLER, &text) {
            codes.extend(group(&parts, "code"));
            text = group(&parts, "text").unwrap_or_default();
        }
        while let Some(parts) = captures(&SDK, &text) {
            if let Some(code) = group(&parts, "code") {
                codes.insert(0, code);
            }
            text = without(&parts, &text);
        }
        let parts = captures(&ENCODED, &text);
        let parts = parts.map(|parts| (group(&parts, "text"), without(&parts, &text)));
        let (encoded, text) = parts.unwrap_or((None, text));
        Self {
            property: property(&text),
            denied: denied(&text),
            text: text.trim().to_owned(),
            codes,
            encoded,
        }
    }
}

fn captures<'a>(pattern: &LazyLock<Option<Regex>>, text: &'a str) -> Option<Captures<'a>> {
    pattern.as_ref()?.captures(text)
}

fn group(parts: &Captures<'_>, name: &str) -> Option<String> {
    parts.name(name).map(|part| part.as_str().to_owned())
}

/// The text without what was matched.
fn without(parts: &Captures<'_>, text: &str) -> String {
    let matched = parts.get(0).map_or(0..0, |whole| whole.range());
    let (before, after) = (text.get(..matched.start), text.get(matched.end..));
    format!(
        "{}{}",
        before.unwrap_or_default(),
        after.unwrap_or_default()
    )
}

/// The first property that is named: by a JSON pointer, or in words.
fn property(text: &str) -> Vec<String> {
    let steps = |parts: Captures<'_>| -> Vec<String> {
        let groups = parts.iter().skip(1).flatten();
        groups
            .flat_map(|part| part.as_str().split('/'))
            .filter(|step| !step.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let all = [&POINTER, &NAMED]
        .into_iter()
        .filter_map(|one| one.as_ref());
    all.flat_map(|pattern| pattern.captures_iter(text))
        .map(steps)
        .find(|steps| !steps.is_empty())
        .unwrap_or_default()
}

fn denied(text: &str) -> Option<Denied> {
    let parts = captures(&DENIED, text).or_else(|| captures(&CALLED, text))?;
    let named = |name: &str| {
        let part = parts.name(name)?.as_str().trim();
        Some(part.to_owned())
    };
    Some(Denied {
        action: named("action")?,
        resource: named("resource"),
        principal: named("principal"),
        by: named("by"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn every_pattern_is_one() {
        for pattern in [&HANDLER, &SDK, &ENCODED, &POINTER, &NAMED, &DENIED, &CALLED] {
            assert!(pattern.is_some());
        }
    }

    /// From aws-solutions/innovation-sandbox-on-aws issue 31 and widdix/aws-cf-templates issue 259.
    #[test]
    fn envelopes_are_taken_off() {
        let new = "Resource handler returned message: \"The new key policy will not allow you to update the key policy in the \
                   future. (Service: Kms, Status Code: 400, Request ID: 1-2) (SDK Attempt Count: 1)\" (RequestToken: 3-4, \
                   HandlerErrorCode: InvalidRequest)";
        let old = "The new key policy will not allow you to update the key policy in the future. (Service: AWSKMS; Status \
                   Code: 400; Error Code: MalformedPolicyDocumentException; Request ID: 1-2; Proxy: null)";
        let said = "The new key policy will not allow you to update the key policy in the future.";
        let (new, old) = (Reason::parse(new), Reason::parse(old));
        assert_eq!((new.text.as_str(), old.text.as_str()), (said, said));
        assert_eq!(new.codes, ["InvalidRequest"]);
        assert_eq!(old.codes, ["MalformedPolicyDocumentException"]);
        let quoted = "Resource handler returned message: \"The name \"x\" is taken (Service: S3, Status Code: 409)\" \
                      (RequestToken: 1-2, HandlerErrorCode: AlreadyExists)";
        assert_eq!(Reason::parse(quoted).text, "The name \"x\" is taken");
        assert_eq!(
            Reason::parse(" other (with words) ").text,
            "other (with words)"
        );
    }

    #[test]
    fn a_named_property_is_found() {
        let cases: [(&str, &[&str]); 9] = [
            ("Model validation failed (#/A/0/B: wrong)", &["A", "0", "B"]),
            (
                "Properties validation failed for resource X with message:\n#: extraneous key [Y] is not permitted",
                &["Y"],
            ),
            (
                "#/Containers/0/Linux: extraneous key [init] is not permitted",
                &["Containers", "0", "Linux", "init"],
            ),
            ("#: required key [X] not found", &["X"]),
            (
                "#: only 1 subschema matches out of 2\n#/Kind: failed validation constraint for keyword [enum]",
                &["Kind"],
            ),
            ("Encountered unsupported property Delay", &["Delay"]),
            (
                "Property validation failure: [Encountered unsupported properties in {/Tags/0}: [Name]]",
                &["Tags", "0", "Name"],
            ),
            (
                "Value of property SubnetIds must be of type List of String",
                &["SubnetIds"],
            ),
            (
                "Statement [#1] does not allow [Update:Replace] for resource [LogicalResourceId/VPC]",
                &[],
            ),
        ];
        for (text, wanted) in cases {
            assert_eq!(Reason::parse(text).property, words(wanted), "{text}");
        }
    }

    #[test]
    fn who_was_denied_what_is_read() {
        let text = "User: arn:aws:sts::1:assumed-role/cd/me is not authorized to perform: iam:CreateRole on resource: \
                    arn:aws:iam::1:role/a.b because no identity-based policy allows the iam:CreateRole action (Service: Iam, \
                    Status Code: 403, Request ID: 5)";
        let denied = Reason::parse(text).denied.unwrap();
        assert_eq!(denied.action, "iam:CreateRole");
        assert_eq!(denied.resource.as_deref(), Some("arn:aws:iam::1:role/a.b"));
        assert_eq!(
            denied.principal.as_deref(),
            Some("arn:aws:sts::1:assumed-role/cd/me")
        );
        let by = "because no identity-based policy allows the iam:CreateRole action";
        assert_eq!(denied.by.as_deref(), Some(by));

        let quoted = "User: u is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::b\" with an explicit \
                      deny in a service control policy";
        let denied = Reason::parse(quoted).denied.unwrap();
        assert_eq!(denied.resource.as_deref(), Some("arn:aws:s3:::b"));
        let by = "with an explicit deny in a service control policy";
        assert_eq!(denied.by.as_deref(), Some(by));

        let bare = "API: s3:CreateBucket Access Denied";
        let denied = Reason::parse(bare).denied.unwrap();
        assert_eq!(
            (denied.action.as_str(), denied.resource),
            ("s3:CreateBucket", None)
        );
        assert_eq!(Reason::parse("Access Denied").denied, None);
    }

    #[test]
    fn an_encoded_failure_is_set_apart() {
        let text = "API: ec2:RunInstances You are not authorized to perform this operation. Encoded authorization failure \
                    message: abc-DEF_123 (Service: AmazonEC2; Status Code: 403; Error Code: UnauthorizedOperation; Request \
                    ID: 1; Proxy: null)";
        let reason = Reason::parse(text);
        assert_eq!(reason.encoded.as_deref(), Some("abc-DEF_123"));
        assert_eq!(
            reason.text,
            "API: ec2:RunInstances You are not authorized to perform this operation."
        );
        assert_eq!(reason.denied.unwrap().action, "ec2:RunInstances");
        assert_eq!(reason.codes, ["UnauthorizedOperation"]);
    }
}
