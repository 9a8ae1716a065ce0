//! API Gateway's REST APIs.

use super::Call;
use super::words::{No, no};
use serde_json::Value;

/// A deployment copies what there is: at least a method, and an integration behind each.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-deployment.html>
pub(super) fn without_methods(call: &Call<'_>) -> Option<No> {
    let id = call.text("RestApiId");
    let api = call.world.find("AWS::ApiGateway::RestApi", id)?;
    let imported = ["Body", "BodyS3Location", "CloneFrom"];
    let api = api.resource.actual();
    if imported.iter().any(|name| api.get(*name).is_some()) {
        return None;
    }
    let methods = call.others("AWS::ApiGateway::Method");
    let mut methods = methods.filter(|held| held.text("RestApiId") == id && call.comes_first(held));
    let Some(first) = methods.next() else {
        return Some(no("ApiGateway", "The REST API doesn't contain any methods"));
    };
    let mut all = std::iter::once(first).chain(methods);
    all.find(|held| held.resource.actual().get("Integration").is_none())?;
    Some(no("ApiGateway", "No integration defined for method"))
}

/// A stage that logs needs the account's role for that.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html>
pub(super) fn without_log_role(call: &Call<'_>) -> Option<No> {
    if !logs(call.properties()) {
        return None;
    }
    // The setting is the account's, and outlives the stack that made it.
    let mut settings = call.others("AWS::ApiGateway::Account");
    let is_set =
        settings.any(|held| !held.text("CloudWatchRoleArn").is_empty() && call.comes_first(&held));
    (!is_set).then(|| {
        let words = "CloudWatch Logs role ARN must be set in account settings to enable logging";
        no("ApiGateway", words)
    })
}

fn logs(stage: &Value) -> bool {
    let settings = stage["MethodSettings"].as_array().into_iter().flatten();
    let mut levels = settings.filter_map(|setting| setting["LoggingLevel"].as_str());
    stage["AccessLogSetting"]["DestinationArn"].is_string() || levels.any(|level| level != "OFF")
}
