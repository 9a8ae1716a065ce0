//! API Gateway: what a stage serves, and how.
//!
//! A stage serves a copy of its API that a deployment made. A method that was changed afterwards is not
//! what is served, and a stage that was pointed elsewhere serves something else.

use super::Context;
use super::api::path_of;
use super::asked::Asked;
use super::comparison::{Comparison, is_missing};
use crate::checks::Finding;
use crate::cloud::{Cloud, refusal};
use crate::error::Result;
use aws_sdk_apigateway::operation::get_deployment::GetDeploymentOutput;
use aws_sdk_apigateway::operation::get_stage::GetStageOutput;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tokio::task::JoinSet;

const CHECK: &str = "stage";
const REDEPLOY: &str =
    "redeploy: give the AWS::ApiGateway::Deployment another logical id, and deploy";

/// A stage that a resource makes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Served<'a> {
    /// The resource: the stage, or a deployment that makes one.
    pub(super) by: &'a Asked,
    /// The API.
    pub(super) api: String,
    /// The stage's name.
    pub(super) stage: String,
    /// The deployment, where it can be told.
    deployment: Option<String>,
}

/// The stages of all stacks.
pub(super) fn served<'a>(context: &Context<'a>) -> Vec<Served<'a>> {
    let stages = context.all("AWS::ApiGateway::Stage").filter_map(|by| {
        Some(Served {
            by,
            api: by.text("RestApiId")?,
            stage: by.text("StageName").unwrap_or_else(|| by.id.clone()),
            deployment: by.text("DeploymentId"),
        })
    });
    // A deployment may make a stage on its way.
    let deployments = context.all("AWS::ApiGateway::Deployment");
    let named = deployments.filter_map(|by| {
        Some(Served {
            by,
            api: by.text("RestApiId")?,
            stage: by.text("StageName")?,
            deployment: Some(by.id.clone()),
        })
    });
    stages.chain(named).collect()
}

struct Live {
    stage: Result<GetStageOutput>,
    deployment: Result<GetDeploymentOutput>,
}

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let served = served(context);
    let mut reads = JoinSet::new();
    for (at, one) in served.iter().enumerate() {
        let cloud = context.cloud.clone();
        let names = (one.api.clone(), one.stage.clone(), one.deployment.clone());
        reads.spawn(async move { (at, read(&cloud, names).await) });
    }
    let live: BTreeMap<usize, Live> = reads.join_all().await.into_iter().collect();
    let pairs = served.iter().zip(live.values());
    pairs
        .flat_map(|(one, live)| stage(context, one, live))
        .collect()
}

async fn read(cloud: &Cloud, names: (String, String, Option<String>)) -> Live {
    let (api, stage, deployment) = names;
    let client = cloud.apigateway();
    let read = async |id: &str| {
        let request = client.get_deployment().rest_api_id(&api).deployment_id(id);
        let answer = request.embed("apisummary").send().await;
        answer.map_err(|error| refusal("GetDeployment", error))
    };
    let of_stage = async {
        let request = client.get_stage().rest_api_id(&api).stage_name(&stage);
        let answer = request.send().await;
        answer.map_err(|error| refusal("GetStage", error))
    };
    match &deployment {
        Some(id) => {
            let (stage, deployment) = tokio::join!(of_stage, read(id));
            Live { stage, deployment }
        }
        None => {
            let stage = of_stage.await;
            let id = stage.as_ref().ok().and_then(|own| own.deployment_id());
            let deployment = read(id.unwrap_or_default()).await;
            Live { stage, deployment }
        }
    }
}

fn stage(context: &Context<'_>, one: &Served<'_>, live: &Live) -> Vec<Finding> {
    let mut comparison = Comparison::new(context, CHECK, one.by);
    let stage = match &live.stage {
        Ok(stage) => stage,
        Err(error) if is_missing(error) => {
            comparison.wrong("", format!("the stage {} is gone", one.stage));
            return comparison.end("");
        }
        Err(error) => return comparison.unread(error),
    };
    let serves = stage.deployment_id().unwrap_or("nothing");
    if let Some(own) = one.deployment.as_deref().filter(|own| *own != serves) {
        let says = format!("the stage serves deployment {serves}, the stack's is {own}");
        comparison.wrong_but(
            "DeploymentId",
            says,
            format!("{REDEPLOY}; or point the stage back"),
        );
    }
    settings(&mut comparison, one.by, stage);
    let says = format!("{} serves deployment {serves}", one.stage);
    let mut found = comparison.end(says);
    found.extend(copy(context, one, live));
    found
}

/// Whether the deployment is there, and has copied each method as it is asked for.
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetDeployment.html>
fn copy(context: &Context<'_>, one: &Served<'_>, live: &Live) -> Vec<Finding> {
    const CHECK: &str = "deployment";
    let mut comparison = Comparison::new(context, CHECK, one.by);
    let id = one.deployment.as_deref().unwrap_or("of the stage");
    let deployment = match &live.deployment {
        Ok(deployment) => deployment,
        Err(error) if is_missing(error) => {
            let says = format!("the deployment {id} is gone");
            comparison.wrong_but("DeploymentId", says, REDEPLOY);
            return comparison.end("");
        }
        Err(error) => return comparison.unread(error),
    };
    // Not every service tells what it copied.
    let copied = deployment.api_summary();
    let methods = context.all("AWS::ApiGateway::Method");
    let own = methods.filter(|method| method.text("RestApiId").as_ref() == Some(&one.api));
    for (copied, method) in copied
        .into_iter()
        .flat_map(|all| own.clone().map(move |one| (all, one)))
    {
        let path = method.at("ResourceId").and_then(|id| path_of(context, id));
        let (Some(path), Some(verb)) = (path, method.text("HttpMethod")) else {
            continue;
        };
        let asked = method.text("AuthorizationType");
        let asked = asked.unwrap_or_else(|| "NONE".to_owned());
        match copied.get(&path).and_then(|all| all.get(&verb)) {
            None => comparison.wrong_but(
                "DeploymentId",
                format!(
                    "the deployment {id} does not have {verb} {path}: it was made without {}",
                    method.name
                ),
                REDEPLOY,
            ),
            Some(copy) => {
                let live = copy.authorization_type().unwrap_or("NONE");
                if live != asked {
                    let says = format!(
                        "the deployment {id} has {verb} {path} with the authorization {live}, {} asks {asked}",
                        method.name
                    );
                    comparison.wrong_but("DeploymentId", says, REDEPLOY);
                }
            }
        }
    }
    comparison.end(format!("deployment {id} has every method as asked"))
}

fn settings(comparison: &mut Comparison<'_>, one: &Asked, live: &GetStageOutput) {
    if one.kind != "AWS::ApiGateway::Stage" {
        return;
    }
    comparison.same_or(
        "TracingEnabled",
        json!(false),
        &json!(live.tracing_enabled()),
    );
    comparison.same("Variables", &json!(live.variables()));
    let log = live.access_log_settings();
    let destination = log
        .and_then(|log| log.destination_arn())
        .unwrap_or_default();
    if let Some(asked) = one.text("AccessLogSetting.DestinationArn")
        && asked.trim_end_matches(":*") != destination.trim_end_matches(":*")
    {
        let says = match destination {
            "" => format!("nobody's access is logged, its stack asks {asked}"),
            live => format!("access is logged to {live}, its stack asks {asked}"),
        };
        comparison.wrong("AccessLogSetting.DestinationArn", says);
    }
    if let Some(log) = log {
        comparison.same("AccessLogSetting.Format", &json!(log.format()));
    }
    let live: Map<String, Value> = live
        .method_settings()
        .into_iter()
        .flatten()
        .map(|(key, own)| {
            let told = json!({
                "CachingEnabled": own.caching_enabled(),
                "DataTraceEnabled": own.data_trace_enabled(),
                "LoggingLevel": own.logging_level(),
                "MetricsEnabled": own.metrics_enabled(),
                "ThrottlingBurstLimit": own.throttling_burst_limit(),
                "ThrottlingRateLimit": own.throttling_rate_limit(),
            });
            (plain(key), told)
        })
        .collect();
    methods(comparison, one, live);
}

/// The settings of methods: a path and a method, `*/*` for all of them.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-apigateway-stage-methodsetting.html>
fn methods(comparison: &mut Comparison<'_>, one: &Asked, mut live: Map<String, Value>) {
    const COMPARED: &[&str] = &[
        "CachingEnabled",
        "DataTraceEnabled",
        "LoggingLevel",
        "MetricsEnabled",
        "ThrottlingBurstLimit",
        "ThrottlingRateLimit",
    ];
    let asked = one.at("MethodSettings").and_then(Value::as_array);
    for at in 0..asked.map(Vec::len).unwrap_or_default() {
        let text = |name: &str| one.text(&format!("MethodSettings.{at}.{name}"));
        let (path, verb) = (text("ResourcePath"), text("HttpMethod"));
        let key = plain(&format!(
            "{}/{}",
            path.as_deref().unwrap_or("/*"),
            verb.as_deref().unwrap_or("*")
        ));
        let Some(own) = live.remove(&key) else {
            let says = format!("the settings of {key} are gone");
            comparison.wrong(&format!("MethodSettings.{at}"), says);
            continue;
        };
        for name in COMPARED {
            comparison.same(&format!("MethodSettings.{at}.{name}"), &own[*name]);
        }
    }
    for key in live.keys() {
        comparison.careful(
            format!("{key} has settings of its own, which its stack does not ask for"),
            "they hold instead of those of the template",
        );
    }
}

/// A key of settings as it is written without escapes.
fn plain(key: &str) -> String {
    key.replace("~1", "/").trim_start_matches('/').to_owned()
}
