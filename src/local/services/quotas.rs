//! Service Quotas, read: what the account may hold, out of the table that deployments are held to.

use super::pages::Paging;
use super::{Request, asked, changes, paged};
use crate::local::core::Core;
use crate::local::formation::evaluate::partition;
use crate::local::life::limits::{Limit, SERVICES, TOLD, is_global};
use crate::local::refusal::Refusal;
use serde_json::{Value, json};

/// Answers a request.
pub fn answer(core: &Core, request: &Request<'_>) -> Result<Value, Refusal> {
    let asked = asked(request)?;
    match request.target {
        // No increase was ever asked for: what is applied is the default.
        "GetServiceQuota" | "GetAWSDefaultServiceQuota" => {
            let mut all = of_service(core, request, &asked)?.into_iter();
            let limit = all.find(|limit| asked["QuotaCode"] == limit.code);
            let limit = limit.ok_or_else(|| missing("quota"))?;
            let applied = request.target == "GetServiceQuota";
            Ok(json!({ "Quota": shown(core, limit, applied) }))
        }
        "ListServiceQuotas" | "ListAWSDefaultServiceQuotas" => {
            let applied = request.target == "ListServiceQuotas";
            let all = of_service(core, request, &asked)?.into_iter();
            let all = all.map(|limit| shown(core, limit, applied)).collect();
            paged(&paging("Quotas"), all, &asked)
        }
        "ListServices" => {
            let all = SERVICES.iter();
            let all = all.map(|(code, name)| json!({ "ServiceCode": code, "ServiceName": name }));
            paged(&paging("Services"), all.collect(), &asked)
        }
        other => Err(changes("Service Quotas", other)),
    }
}

fn paging(list: &'static str) -> Paging {
    Paging {
        list,
        next: "NextToken",
        usual: 100,
        most: 100,
    }
}

fn missing(what: &str) -> Refusal {
    let words = format!("The request failed because the specified {what} does not exist.");
    Refusal::new(400, "NoSuchResourceException", words)
}

/// The quotas of the service that is asked for. Those of a whole account are told in one region only.
/// <https://docs.aws.amazon.com/servicequotas/latest/userguide/reference_limits.html>
fn of_service(
    core: &Core,
    request: &Request<'_>,
    asked: &Value,
) -> Result<Vec<&'static Limit>, Refusal> {
    let wanted = asked["ServiceCode"].as_str().unwrap_or_default();
    let home = match partition(&core.options.region) {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    };
    let all = TOLD.iter().copied();
    let all: Vec<&Limit> = all.filter(|limit| limit.service == wanted).collect();
    if all.is_empty() || (is_global(wanted) && request.region != home) {
        return Err(missing("service"));
    }
    Ok(all)
}

fn shown(core: &Core, limit: &Limit, applied: bool) -> Value {
    let (region, account) = (&core.options.region, &core.options.account);
    let global = is_global(limit.service);
    let region = if global { "" } else { region };
    // A default is nobody's.
    let account = if applied { account } else { "" };
    let partition = partition(&core.options.region);
    let mut name = SERVICES.iter().filter(|(code, _)| *code == limit.service);
    json!({
        "ServiceCode": limit.service,
        "ServiceName": name.next().map(|(_, name)| name),
        "QuotaArn": format!(
            "arn:{partition}:servicequotas:{region}:{account}:{}/{}", limit.service, limit.code
        ),
        "QuotaCode": limit.code,
        "QuotaName": limit.name,
        "Value": limit.most as f64,
        "Unit": "None",
        "Adjustable": limit.adjustable,
        "GlobalQuota": global,
    })
}
