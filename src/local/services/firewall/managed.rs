//! AWS's own rule groups, approximately: the core rule set, known bad inputs and SQL injection. Lists
//! of addresses (AmazonIpReputationList, AnonymousIpList) hold nobody on a loopback, and what is not
//! named here matches nothing.

use super::patterns;
use super::visit::{Visit, texts};

/// Whether a rule matches.
type Test = fn(&Visit<'_>) -> bool;

/// A rule: its name, what its label ends in, and its test.
pub type Rule = (&'static str, &'static str, Test);

/// A group: its name, what its labels begin with, and its rules.
#[derive(Debug)]
pub struct Group {
    name: &'static str,
    /// The namespace of its labels.
    pub label: &'static str,
    /// Its rules, in order. Each blocks unless that is overridden.
    pub rules: &'static [Rule],
}

/// The group of that name of AWS's.
pub fn group(name: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.name == name)
}

const GROUPS: &[Group] = &[
    // https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
    Group {
        name: "AWSManagedRulesCommonRuleSet",
        label: "awswaf:managed:aws:core-rule-set:",
        rules: &[
            ("NoUserAgent_HEADER", "NoUserAgent_Header", |visit| {
                visit.header("user-agent").is_none_or(str::is_empty)
            }),
            ("UserAgent_BadBots_HEADER", "BadBots_Header", |visit| {
                visit.header("user-agent").is_some_and(patterns::is_bot)
            }),
            (
                "SizeRestrictions_QUERYSTRING",
                "SizeRestrictions_QueryString",
                |visit| visit.query.len() > 2048,
            ),
            (
                "SizeRestrictions_Cookie_HEADER",
                "SizeRestrictions_Cookie_Header",
                |visit| {
                    visit
                        .header("cookie")
                        .is_some_and(|text| text.len() > 10_240)
                },
            ),
            ("SizeRestrictions_BODY", "SizeRestrictions_Body", |visit| {
                visit.body.len() > 8192
            }),
            (
                "SizeRestrictions_URIPATH",
                "SizeRestrictions_URIPath",
                |visit| visit.path.len() > 1024,
            ),
            ("EC2MetaDataSSRF_BODY", "EC2MetaDataSSRF_Body", |visit| {
                in_body(visit, patterns::is_metadata)
            }),
            (
                "EC2MetaDataSSRF_COOKIE",
                "EC2MetaDataSSRF_Cookie",
                |visit| in_cookies(visit, patterns::is_metadata),
            ),
            (
                "EC2MetaDataSSRF_URIPATH",
                "EC2MetaDataSSRF_URIPath",
                |visit| patterns::is_metadata(visit.path),
            ),
            (
                "EC2MetaDataSSRF_QUERYARGUMENTS",
                "EC2MetaDataSSRF_QueryArguments",
                |visit| in_arguments(visit, patterns::is_metadata),
            ),
            (
                "GenericLFI_QUERYARGUMENTS",
                "GenericLFI_QueryArguments",
                |visit| in_arguments(visit, patterns::is_traversal),
            ),
            ("GenericLFI_URIPATH", "GenericLFI_URIPath", |visit| {
                patterns::is_traversal(visit.path)
            }),
            ("GenericLFI_BODY", "GenericLFI_Body", |visit| {
                in_body(visit, patterns::is_traversal)
            }),
            (
                "RestrictedExtensions_URIPATH",
                "RestrictedExtensions_URIPath",
                |visit| patterns::is_restricted(visit.path),
            ),
            (
                "RestrictedExtensions_QUERYARGUMENTS",
                "RestrictedExtensions_QueryArguments",
                |visit| in_arguments(visit, patterns::is_restricted),
            ),
            (
                "GenericRFI_QUERYARGUMENTS",
                "GenericRFI_QueryArguments",
                |visit| in_arguments(visit, patterns::is_remote_file),
            ),
            ("GenericRFI_BODY", "GenericRFI_Body", |visit| {
                in_body(visit, patterns::is_remote_file)
            }),
            ("GenericRFI_URIPATH", "GenericRFI_URIPath", |visit| {
                patterns::is_remote_file(visit.path)
            }),
            (
                "CrossSiteScripting_COOKIE",
                "CrossSiteScripting_Cookie",
                |visit| in_cookies(visit, patterns::is_script),
            ),
            (
                "CrossSiteScripting_QUERYARGUMENTS",
                "CrossSiteScripting_QueryArguments",
                |visit| in_arguments(visit, patterns::is_script),
            ),
            (
                "CrossSiteScripting_BODY",
                "CrossSiteScripting_Body",
                |visit| in_body(visit, patterns::is_script),
            ),
            (
                "CrossSiteScripting_URIPATH",
                "CrossSiteScripting_URIPath",
                |visit| patterns::is_script(visit.path),
            ),
        ],
    },
    // https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
    Group {
        name: "AWSManagedRulesKnownBadInputsRuleSet",
        label: "awswaf:managed:aws:known-bad-inputs:",
        rules: &[
            (
                "JavaDeserializationRCE_HEADER",
                "JavaDeserializationRCE_Header",
                |visit| in_headers(visit, patterns::is_deserialization),
            ),
            (
                "JavaDeserializationRCE_BODY",
                "JavaDeserializationRCE_Body",
                |visit| in_body(visit, patterns::is_deserialization),
            ),
            (
                "JavaDeserializationRCE_URIPATH",
                "JavaDeserializationRCE_URIPath",
                |visit| patterns::is_deserialization(visit.path),
            ),
            (
                "JavaDeserializationRCE_QUERYSTRING",
                "JavaDeserializationRCE_QueryString",
                |visit| patterns::is_deserialization(visit.query),
            ),
            ("Host_localhost_HEADER", "Host_Localhost_Header", |visit| {
                let host = visit.header("host").unwrap_or_default();
                host.split(':').next() == Some("localhost")
            }),
            ("PROPFIND_METHOD", "Propfind_Method", |visit| {
                visit.method.eq_ignore_ascii_case("PROPFIND")
            }),
            (
                "ExploitablePaths_URIPATH",
                "ExploitablePaths_URIPath",
                |visit| visit.path.to_lowercase().contains("web-inf"),
            ),
            ("Log4JRCE_HEADER", "Log4JRCE_Header", |visit| {
                in_headers(visit, patterns::is_lookup)
            }),
            ("Log4JRCE_QUERYSTRING", "Log4JRCE_QueryString", |visit| {
                patterns::is_lookup(visit.query)
            }),
            ("Log4JRCE_BODY", "Log4JRCE_Body", |visit| {
                in_body(visit, patterns::is_lookup)
            }),
            ("Log4JRCE_URIPATH", "Log4JRCE_URIPath", |visit| {
                patterns::is_lookup(visit.path)
            }),
        ],
    },
    // https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-use-case.html
    Group {
        name: "AWSManagedRulesSQLiRuleSet",
        label: "awswaf:managed:aws:sql-database:",
        rules: &[
            ("SQLi_QUERYARGUMENTS", "SQLi_QueryArguments", |visit| {
                in_arguments(visit, patterns::is_sql)
            }),
            ("SQLi_BODY", "SQLi_Body", |visit| {
                in_body(visit, patterns::is_sql)
            }),
            ("SQLi_COOKIE", "SQLi_Cookie", |visit| {
                in_cookies(visit, patterns::is_sql)
            }),
        ],
    },
];

fn in_values(pairs: &[(String, String)], is: fn(&str) -> bool) -> bool {
    pairs.iter().any(|(_, value)| is(value))
}

fn in_arguments(visit: &Visit<'_>, is: fn(&str) -> bool) -> bool {
    in_values(&visit.arguments(), is)
}

fn in_cookies(visit: &Visit<'_>, is: fn(&str) -> bool) -> bool {
    in_values(&visit.cookies(), is)
}

fn in_headers(visit: &Visit<'_>, is: fn(&str) -> bool) -> bool {
    in_values(&visit.headers, is)
}

/// A body of JSON is looked at text by text: the quotes between them are no attack.
fn in_body(visit: &Visit<'_>, is: fn(&str) -> bool) -> bool {
    let text = visit.inspected();
    match serde_json::from_str(&text) {
        Ok(document) => texts(&document).iter().any(|text| is(text)),
        Err(_) => is(&text),
    }
}
