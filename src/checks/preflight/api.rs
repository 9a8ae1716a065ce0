//! API Gateway: the role that it writes logs with, of which an account has one a region.

use super::Context;
use crate::checks::Finding;
use crate::cloud::refusal;
use crate::plan::wanted::Wanted;

const CHECK: &str = "api log role";

/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html>
pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let logging = context.all("AWS::ApiGateway::Stage").find(|one| logs(one));
    let giving = context.new_ones("AWS::ApiGateway::Account").next();
    if logging.is_none() && giving.is_none() {
        return vec![];
    }
    let answer = context.cloud.apigateway().get_account().send().await;
    let role = match answer.map_err(|error| refusal("GetAccount", error)) {
        Ok(answer) => answer.cloudwatch_role_arn,
        Err(error) => return vec![Finding::unknown(CHECK, &error)],
    };
    judge(logging, giving, role.as_deref())
        .into_iter()
        .collect()
}

fn judge(logging: Option<&Wanted>, giving: Option<&Wanted>, role: Option<&str>) -> Option<Finding> {
    Some(match (logging, giving, role) {
        (_, Some(one), Some(role)) => Finding::warning(
            CHECK,
            format!("the account has {role}, and every API of this region will use another one"),
        )
        .about(one)
        .hint("leave AWS::ApiGateway::Account out of the template, here by account_log_role = false"),
        (_, Some(_), None) => Finding::ok(CHECK, "the account has none, and the stack gives it one"),
        (Some(_), None, Some(role)) => Finding::ok(CHECK, role),
        (Some(one), None, None) => Finding::failed(
            CHECK,
            "the stage writes logs, and the account has no role for that",
        )
        .about(one)
        .hint("add an AWS::ApiGateway::Account with a CloudWatchRoleArn, here by account_log_role = true"),
        (None, None, _) => return None,
    })
}

/// Whether a stage writes logs that need the role.
fn logs(stage: &Wanted) -> bool {
    let access = stage.properties.get("AccessLogSetting").is_some();
    let methods = stage.properties["MethodSettings"].as_array();
    let level = |one: &serde_json::Value| {
        one["LoggingLevel"]
            .as_str()
            .is_some_and(|level| level != "OFF")
    };
    access || methods.is_some_and(|methods| methods.iter().any(level))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Level;
    use serde_json::json;

    fn stage(properties: serde_json::Value) -> Wanted {
        Wanted {
            stack: "S".to_owned(),
            name: "Stage".to_owned(),
            kind: "AWS::ApiGateway::Stage".to_owned(),
            is_new: true,
            replaces: false,
            properties,
            place: None,
        }
    }

    #[test]
    fn logs_need_a_role() {
        let loud = stage(json!({"MethodSettings": [{"LoggingLevel": "ERROR"}]}));
        let still = stage(json!({"MethodSettings": [{"LoggingLevel": "OFF"}]}));
        assert!(logs(&loud) && !logs(&still) && logs(&stage(json!({"AccessLogSetting": {}}))));
        let level = |logging, giving, role| judge(logging, giving, role).map(|found| found.level);
        assert_eq!(level(Some(&loud), None, None), Some(Level::Failed));
        assert_eq!(level(Some(&loud), None, Some("arn")), Some(Level::Ok));
        assert_eq!(level(Some(&loud), Some(&still), None), Some(Level::Ok));
        assert_eq!(
            level(Some(&loud), Some(&still), Some("arn")),
            Some(Level::Warning)
        );
    }
}
