//! Lambda: functions, who may call them, what they may use, and their code at work.

mod policy;
mod prepared;
mod told;
pub mod work;
mod worker;

use self::policy::policy;
use self::told::{concurrency, configuration, function, reserved};
use self::work::Invocation;
use super::holdings::{Held, Holdings};
use super::pages::Paging;
use super::rest::{self, Call};
use super::{Answer, Request};
use crate::local::core::Core;
use crate::local::life;
use crate::local::refusal::Refusal;
use serde_json::{Value, json};

const FUNCTIONS: &str = "AWS::Lambda::Function";
const ALIASES: &str = "AWS::Lambda::Alias";

/// Bytes that an account's functions may take, and one function's, unpacked and packed.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const SIZES: (u64, u64, u64) = (80_530_636_800, 262_144_000, 52_428_800);

/// Answers a request.
pub async fn answer(core: &Core, request: &Request<'_>) -> Answer {
    let call = Call::new(request);
    let invoked = {
        let state = core.store.state();
        let holdings = Holdings::new(core, &state);
        match invoke(core, &holdings, &call, request.body) {
            Some(Ok(invoked)) => invoked,
            Some(Err(refused)) => return rest::told(Err(refused)),
            None => return rest::told(route(&holdings, &call)),
        }
    };
    called(core, invoked).await
}

/// The call of the function that an ARN names, for another service; none where it is not there.
pub fn call_of(
    core: &Core,
    holdings: &Holdings<'_>,
    arn: &str,
    event: Value,
) -> Option<Invocation> {
    let named = wanted(holdings, arn, None).ok()?;
    Some(prepared::invocation(core, holdings, &named, event))
}

/// Whether API Gateway may call the function that an ARN names.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html>
pub fn lets_gateway_in(holdings: &Holdings<'_>, arn: &str) -> bool {
    let name = arn.rsplit_once("function:").map_or(arn, |(_, name)| name);
    let name = name.split(':').next().unwrap_or_default();
    let mut all = holdings.all("AWS::Lambda::Permission").into_iter();
    all.any(|held| {
        is_of(held.text("FunctionName"), name)
            && held.text("Principal") == "apigateway.amazonaws.com"
    })
}

fn route(holdings: &Holdings<'_>, call: &Call<'_>) -> Result<(u16, Value), Refusal> {
    let good = |value: Value| Ok((200, value));
    let of = |name: &str| wanted(holdings, name, call.query.text("Qualifier"));
    match (call.method(), &call.parts()[..]) {
        ("GET", ["2016-08-19", "account-settings"]) => good(account(holdings)),
        ("GET", ["2015-03-31", "functions"]) => good(list(holdings, call)?),
        ("GET", ["2015-03-31", "functions", name]) => good(function(holdings, &of(name)?)),
        ("GET", ["2015-03-31", "functions", name, "configuration"]) => {
            good(configuration(holdings, &of(name)?))
        }
        ("GET", ["2015-03-31", "functions", name, "policy"]) => good(policy(holdings, &of(name)?)?),
        ("GET", ["2019-09-30", "functions", name, "concurrency"]) => {
            good(concurrency(&of(name)?.held).unwrap_or_else(|| json!({})))
        }
        _ => Err(call.unknown()),
    }
}

/// A function, and the alias that it is called by.
struct Named<'a> {
    held: Held<'a>,
    arn: String,
    alias: Option<Held<'a>>,
}

impl Named<'_> {
    fn qualified(&self) -> String {
        match self.alias {
            Some(alias) => format!("{}:{}", self.arn, alias.text("Name")),
            None => self.arn.clone(),
        }
    }

    fn version(&self) -> &str {
        let version = self.alias.map(|alias| alias.text("FunctionVersion"));
        version.unwrap_or("$LATEST")
    }
}

/// The function of a name, an ARN or a part of one, with an alias behind a colon or beside it.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html>
fn wanted<'a>(
    holdings: &Holdings<'a>,
    asked: &str,
    qualifier: Option<&str>,
) -> Result<Named<'a>, Refusal> {
    let name = asked
        .rsplit_once("function:")
        .map_or(asked, |(_, name)| name);
    let (name, behind) = match name.split_once(':') {
        Some((name, behind)) => (name, Some(behind)),
        None => (name, None),
    };
    let qualifier = behind.or(qualifier).filter(|text| *text != "$LATEST");
    let arn = holdings.arn("lambda", &format!("function:{name}"));
    let missing = || {
        let qualifier = qualifier.map_or_else(String::new, |text| format!(":{text}"));
        let message = format!("Function not found: {arn}{qualifier}");
        Refusal::new(404, "ResourceNotFoundException", message)
    };
    let held = holdings.find(FUNCTIONS, name).ok_or_else(missing)?;
    let alias = match qualifier {
        None => None,
        Some(qualifier) => {
            let mut aliases = holdings.all(ALIASES).into_iter();
            let found = aliases.find(|alias| {
                alias.text("Name") == qualifier && is_of(alias.text("FunctionName"), name)
            });
            Some(found.ok_or_else(missing)?)
        }
    };
    Ok(Named { held, arn, alias })
}

/// Whether a name, an ARN or a part of one names the function.
fn is_of(given: &str, name: &str) -> bool {
    let given = given
        .rsplit_once("function:")
        .map_or(given, |(_, rest)| rest);
    given.split(':').next() == Some(name)
}

fn list(holdings: &Holdings<'_>, call: &Call<'_>) -> Result<Value, Refusal> {
    let paging = Paging {
        list: "Functions",
        next: "NextMarker",
        usual: 50,
        most: 50,
    };
    let all: Vec<Value> = holdings
        .all(FUNCTIONS)
        .into_iter()
        .map(|held| {
            let arn = holdings.arn("lambda", &format!("function:{}", held.id()));
            let alias = None;
            let mut told = configuration(holdings, &Named { held, arn, alias });
            // A list does not say how a function is.
            if let Some(fields) = told.as_object_mut() {
                for name in [
                    "State",
                    "StateReason",
                    "StateReasonCode",
                    "LastUpdateStatus",
                ] {
                    fields.remove(name);
                }
            }
            told
        })
        .collect();
    let limit = call
        .query
        .text("MaxItems")
        .and_then(|text| text.parse().ok());
    let page = paging.page(&all, call.query.text("Marker"), limit);
    page.ok_or_else(|| {
        let message = "Invalid pagination token";
        Refusal::new(400, "InvalidParameterValueException", message)
    })
}

fn account(holdings: &Holdings<'_>) -> Value {
    let functions = holdings.all(FUNCTIONS);
    let reserved: u64 = functions.iter().filter_map(reserved).sum();
    let concurrent = life::CONCURRENCY.0 as u64;
    json!({
        "AccountLimit": {
            "TotalCodeSize": SIZES.0,
            "CodeSizeUnzipped": SIZES.1,
            "CodeSizeZipped": SIZES.2,
            "ConcurrentExecutions": concurrent,
            "UnreservedConcurrentExecutions": concurrent.saturating_sub(reserved),
        },
        "AccountUsage": { "TotalCodeSize": 0, "FunctionCount": functions.len() },
    })
}

/// What an invocation asks for.
enum Invoked {
    /// Whether it might be called.
    Dry,
    /// An answer.
    Now(Box<Invocation>),
    /// No answer.
    Later(Box<Invocation>),
}

/// What is to be called, if that is what a request asks.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
fn invoke(
    core: &Core,
    holdings: &Holdings<'_>,
    call: &Call<'_>,
    body: &[u8],
) -> Option<Result<Invoked, Refusal>> {
    let parts = call.parts();
    let ("POST", ["2015-03-31", "functions", name, "invocations"]) = (call.method(), &parts[..])
    else {
        return None;
    };
    let kind = call
        .header("x-amz-invocation-type")
        .unwrap_or("RequestResponse");
    let prepare = || -> Result<Box<Invocation>, Refusal> {
        let named = wanted(holdings, name, call.query.text("Qualifier"))?;
        let text = if body.is_empty() { b"{}" } else { body };
        let event = serde_json::from_slice(text).map_err(|error| {
            let message = format!("Could not parse request body into json: {error}");
            Refusal::new(400, "InvalidRequestContentException", message)
        })?;
        Ok(Box::new(prepared::invocation(
            core, holdings, &named, event,
        )))
    };
    Some(match kind {
        "DryRun" => prepare().map(|_| Invoked::Dry),
        "RequestResponse" => prepare().map(Invoked::Now),
        "Event" => prepare().map(Invoked::Later),
        other => Err(Refusal::new(
            400,
            "InvalidParameterValueException",
            format!("Value '{other}' at 'invocationType' failed to satisfy constraint"),
        )),
    })
}

async fn called(core: &Core, invoked: Invoked) -> Answer {
    let invocation = match invoked {
        Invoked::Dry => return rest::told(Ok((204, Value::Null))),
        Invoked::Now(invocation) => invocation,
        // Nobody waits for it; here it has ended when it is taken.
        Invoked::Later(invocation) => {
            let _ = work::invoke(core, &invocation).await;
            return rest::told(Ok((202, Value::Null)));
        }
    };
    let (body, failed) = match work::invoke(core, &invocation).await {
        Ok(answer) => (answer, false),
        Err(failed) => (failed.told.to_string(), true),
    };
    let answer = Answer::new(200, "application/json", body.into_bytes())
        .with("x-amzn-requestid", crate::local::ids::uuid())
        .with("x-amz-executed-version", "$LATEST".to_owned());
    match failed {
        true => answer.with("x-amz-function-error", "Unhandled".to_owned()),
        false => answer,
    }
}
