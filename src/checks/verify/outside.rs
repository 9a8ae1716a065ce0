//! From outside: whether an API turns away who has no token, and its web ACL what it must block.

use super::Context;
use super::api::path_of;
use super::asked::Asked;
use super::comparison::Comparison;
use super::rules::{action, asked as shape};
use super::stages::{Served, served};
use super::waf::acl_of;
use crate::checks::Finding;
use crate::cloud::Answered;
use crate::error::Result;
use crate::plan::resolve::partition;
use crate::settings::command;
use serde_json::Value;
use tokio::task::JoinSet;

/// Methods of a stage that are asked, at most: a rate limit of a web ACL is soon reached.
const ASKED: usize = 25;

/// What AWS's groups of rules must block: the group, its rule, and the query of a request that does no
/// harm where it is let through.
/// <https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html>
const PROBES: &[(&str, &str, &str)] = &[
    (
        "AWSManagedRulesCommonRuleSet",
        "CrossSiteScripting_QUERYARGUMENTS",
        "q=%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    ),
    (
        "AWSManagedRulesSQLiRuleSet",
        "SQLi_QUERYARGUMENTS",
        "q=1%27%20UNION%20SELECT%20name%20FROM%20users--",
    ),
    (
        "AWSManagedRulesKnownBadInputsRuleSet",
        "Log4JRCE_QUERYSTRING",
        "q=%24%7Bjndi%3Aldap%3A%2F%2Fexample.com%2Fa%7D",
    ),
];

/// What is to be asked, and why.
struct Probe<'a> {
    /// The resource that it proves: the method, or the association of the web ACL.
    by: &'a Asked,
    what: What,
    host: String,
    verb: String,
    path: String,
}

enum What {
    /// A request without a token: the statuses that turn it away.
    Guard(Vec<u16>),
    /// A request that this group must block.
    Firewall(&'static str),
}

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let served = served(context);
    let open = served.iter().filter(|one| is_reached(context, &one.api));
    let probes: Vec<Probe<'_>> = open
        .flat_map(|one| {
            let mut probes = guards(context, one);
            probes.extend(firewalls(context, one));
            probes
        })
        .collect();
    let mut requests = JoinSet::new();
    for (at, one) in probes.iter().enumerate() {
        let cloud = context.cloud.clone();
        let (host, verb, path) = (one.host.clone(), one.verb.clone(), one.path.clone());
        requests.spawn(async move { (at, cloud.ask(&host, &verb, &path).await) });
    }
    let mut answers = requests.join_all().await;
    answers.sort_by_key(|(at, _)| *at);
    let pairs = probes.iter().zip(&answers);
    pairs
        .flat_map(|(probe, (_, answer))| judge(context, probe, answer))
        .collect()
}

/// Whether an API has an address that everybody may ask.
fn is_reached(context: &Context<'_>, api: &str) -> bool {
    let mut all = context.all("AWS::ApiGateway::RestApi");
    let own = all.find(|one| one.id == api);
    own.is_none_or(|one| {
        let types = one.texts("EndpointConfiguration.Types");
        let closed = one.text("DisableExecuteApiEndpoint");
        closed.as_deref() != Some("true") && !types.iter().any(|kind| kind == "PRIVATE")
    })
}

fn host(context: &Context<'_>, api: &str) -> String {
    let region = &context.cloud.region;
    format!("{api}.execute-api.{region}.{}", partition(region).1)
}

/// The methods of a stage's API, each with its address: verb and path.
fn methods<'a>(
    context: &Context<'a>,
    one: &Served<'_>,
) -> impl Iterator<Item = (&'a Asked, String, String)> {
    let all = context.all("AWS::ApiGateway::Method");
    let own = all.filter(|method| method.text("RestApiId").as_ref() == Some(&one.api));
    own.filter_map(|method| {
        let path = path_of(context, method.at("ResourceId")?)?;
        let verb = match method.text("HttpMethod")?.as_str() {
            "ANY" => "GET".to_owned(),
            verb => verb.to_owned(),
        };
        Some((method, verb, format!("/{}{}", one.stage, filled(&path))))
    })
}

/// A path with something in place of its parameters.
fn filled(path: &str) -> String {
    let parts = path.split('/');
    let parts = parts.map(|part| {
        if part.starts_with('{') {
            "verify"
        } else {
            part
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

fn guards<'a>(context: &Context<'a>, one: &Served<'_>) -> Vec<Probe<'a>> {
    let each = methods(context, one).filter_map(|(method, verb, path)| {
        let mut turned_away = statuses(context, &one.api, &method.text("AuthorizationType")?);
        if method.text("ApiKeyRequired").as_deref() == Some("true") {
            turned_away.push(403);
        }
        if turned_away.is_empty() {
            return None;
        }
        Some(Probe {
            by: method,
            what: What::Guard(turned_away),
            host: host(context, &one.api),
            verb,
            path,
        })
    });
    each.take(ASKED).collect()
}

/// How a request without a token is turned away, by what guards the method; by nothing where nothing does.
/// An API may say otherwise by a gateway response.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>
fn statuses(context: &Context<'_>, api: &str, guard: &str) -> Vec<u16> {
    let usual: &[(&str, u16)] = match guard {
        "COGNITO_USER_POOLS" => &[("UNAUTHORIZED", 401)],
        "CUSTOM" => &[("UNAUTHORIZED", 401), ("ACCESS_DENIED", 403)],
        "AWS_IAM" => &[("MISSING_AUTHENTICATION_TOKEN", 403)],
        _ => &[],
    };
    let each = usual.iter().map(|(kind, usual)| {
        let mut all = context.all("AWS::ApiGateway::GatewayResponse");
        let own = all.find(|one| {
            one.text("RestApiId").as_deref() == Some(api)
                && one.text("ResponseType").as_deref() == Some(kind)
        });
        let asked = own.and_then(|one| one.text("StatusCode")?.parse().ok());
        asked.unwrap_or(*usual)
    });
    each.collect()
}

/// One request for each group of rules that the stage's web ACL has and that can be probed.
fn firewalls<'a>(context: &Context<'a>, one: &Served<'_>) -> Vec<Probe<'a>> {
    let region = &context.cloud.region;
    let arn = format!(
        "arn:{}:apigateway:{region}::/restapis/{}/stages/{}",
        partition(region).0,
        one.api,
        one.stage
    );
    let mut all = context.all("AWS::WAFv2::WebACLAssociation");
    let Some(by) = all.find(|by| by.text("ResourceArn").as_ref() == Some(&arn)) else {
        return vec![];
    };
    let acl = by.text("WebACLArn").and_then(|arn| acl_of(context, &arn));
    let Some(rules) = acl.and_then(|acl| acl.at("Rules")?.as_array()) else {
        return vec![];
    };
    let first = methods(context, one).next();
    let (verb, path) = first.map_or_else(
        || ("GET".to_owned(), format!("/{}", one.stage)),
        |(_, verb, path)| (verb, path),
    );
    let blocking = PROBES
        .iter()
        .filter(|(group, rule, _)| blocks(rules, group, rule));
    blocking
        .map(|(group, _, query)| Probe {
            by,
            what: What::Firewall(group),
            host: host(context, &one.api),
            verb: verb.clone(),
            path: format!("{path}?{query}"),
        })
        .collect()
}

/// Whether the rules block, by that rule of a group, whatever comes: the group is not made to count, nor
/// the rule of it, nor is it asked of some requests only; and nothing before it lets anything through.
fn blocks(rules: &[Value], group: &str, rule: &str) -> bool {
    let priority = |one: &Value| {
        crate::template::scalar_text(&one["Priority"])?
            .parse::<i64>()
            .ok()
    };
    let own = rules.iter().find(|one| {
        one["Statement"]["ManagedRuleGroupStatement"]["Name"] == group
            && one["Statement"]["ManagedRuleGroupStatement"]["VendorName"] == "AWS"
    });
    let Some(own) = own else {
        return false;
    };
    let told = &shape(own)["Statement"]["ManagedRuleGroupStatement"];
    let overrides = told["Overrides"].as_array().map(Vec::as_slice);
    let overridden = overrides.unwrap_or_default().iter().any(|one| {
        let text = one.as_str().unwrap_or_default();
        text.split('=').next() == Some(rule) && !text.ends_with("=Block")
    });
    let before = rules.iter().filter(|one| priority(one) < priority(own));
    let mut before = before.map(|one| action(&one["Action"]));
    action(&own["OverrideAction"]) == "None"
        && !overridden
        && told["ScopeDownStatement"].is_null()
        && !before.any(|action| action == "Allow")
}

/// The name that AWS WAF's refusals have.
const FORBIDDEN: &str = "ForbiddenException";

fn judge(context: &Context<'_>, probe: &Probe<'_>, answer: &Result<Answered>) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, "from outside", probe.by);
    let asked = format!(
        "{} {}",
        probe.verb,
        probe.path.split('?').next().unwrap_or_default()
    );
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let why = error.causes.join(": ");
            comparison.wrong_but(
                "",
                format!("{} does not answer: {why}", probe.host),
                "is the stage deployed, and is there a way from here to it?",
            );
            return comparison.end("");
        }
    };
    let status = answer.status;
    match &probe.what {
        What::Guard(good) if good.contains(&status) => {
            comparison.end(format!("{asked} without a token: {status}"))
        }
        What::Guard(good) => {
            let wanted: Vec<String> = good.iter().map(u16::to_string).collect();
            let says = format!(
                "{asked} without a token: {status}, not {}",
                wanted.join(" or ")
            );
            if status == 403 && answer.refusal.as_deref() == Some(FORBIDDEN) {
                comparison.careful(
                    format!("{says}: it was refused before anybody asked for the token"),
                    "a web ACL or a policy keeps this machine out: ask from another one",
                );
            } else if status < 400 {
                comparison.wrong_but(
                    "AuthorizationType",
                    format!("{says}: anybody is let in"),
                    "the deployment that the stage serves was made without the guard: redeploy",
                );
            } else {
                comparison.wrong_but("", says, "look at the stage's deployment and its log");
            }
            comparison.end("")
        }
        What::Firewall(group) if status == 403 => {
            comparison.end(format!("{asked} with what {group} must block: 403"))
        }
        What::Firewall(group) => {
            comparison.wrong_but(
                "",
                format!("{asked} with what {group} must block: {status}, not 403"),
                format!(
                    "a new association takes minutes to hold everywhere: {}",
                    command("verify --watch")
                ),
            );
            comparison.end("")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const GROUP: &str = "AWSManagedRulesCommonRuleSet";

    fn rule(priority: u32, overriding: &str, group: Value) -> Value {
        json!({"Name": "R", "Priority": priority, "OverrideAction": {overriding: {}},
            "Statement": {"ManagedRuleGroupStatement": group}})
    }

    #[test]
    fn only_what_blocks_everybody_is_probed() {
        let group = json!({"VendorName": "AWS", "Name": GROUP});
        let good = |rules: &[Value]| blocks(rules, GROUP, "X");
        assert!(good(&[rule(1, "None", group.clone())]));
        assert!(!good(&[rule(1, "Count", group.clone())]));
        let counted = json!({"VendorName": "AWS", "Name": GROUP,
            "RuleActionOverrides": [{"Name": "X", "ActionToUse": {"Count": {}}}]});
        assert!(!good(&[rule(1, "None", counted)]));
        let some = json!({"VendorName": "AWS", "Name": GROUP,
            "ScopeDownStatement": {"GeoMatchStatement": {"CountryCodes": ["AT"]}}});
        assert!(!good(&[rule(1, "None", some)]));
        let allow = json!({"Name": "A", "Priority": 0, "Action": {"Allow": {}}});
        assert!(!good(&[allow, rule(1, "None", group)]));
    }

    #[test]
    fn parameters_of_a_path_are_filled() {
        assert_eq!(filled("/items/{id}/{rest+}"), "/items/verify/verify");
    }
}
