//! The stages of REST APIs, served: a request goes by the web ACL, finds its method, and passes the
//! authorizer, the throttle and the validator, in that order, before what stands behind the method is
//! asked. What is served is what the stage's deployment copied.

mod guards;
mod integration;
mod proxy;
mod responses;
mod routes;
mod schema;
mod tokens;
mod visit;

use self::integration::Behind;
use self::responses::Refused;
use self::visit::Stay;
use super::firewall::{Verdict, Visit, judge};
use super::gateway::parts::Api;
use super::gateway::{deployed, stages};
use super::holdings::{Held, Holdings};
use super::lambda::work::Invocation;
use super::{Answer, Request, waf};
use crate::local::core::Core;
use crate::local::ids;
use std::net::{IpAddr, Ipv4Addr};

/// What a path begins with for clients that cannot set the host.
const PREFIX: &str = "/_execute-api/";

/// The most that a body may hold.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
const LONGEST: usize = 10 * 1024 * 1024;

/// The API that a request is for, and its path there, with the stage in front.
fn addressed<'a>(host: &'a str, path: &'a str) -> Option<(&'a str, &'a str)> {
    if let Some(rest) = path.strip_prefix(PREFIX) {
        let end = rest.find('/').unwrap_or(rest.len());
        return Some((&rest[..end], &rest[end..]));
    }
    let (api, rest) = host.split_once(".execute-api.")?;
    rest.contains(".amazonaws.com").then_some((api, path))
}

/// Whether a request is for a stage.
pub fn is_for(host: &str, path: &str) -> bool {
    addressed(host, path).is_some()
}

/// Answers a request to a stage.
pub async fn answer(core: &Core, request: &Request<'_>) -> Answer {
    let (stay, invocation) = match enter(core, request) {
        Entered::Answered(answer) => return answer,
        Entered::Asks(stay, invocation) => (stay, invocation),
    };
    // The function asks the services here in its turn: nothing of the state is held meanwhile.
    let answered = integration::call(core, &stay, &invocation).await;
    answered.unwrap_or_else(|refused| {
        let state = core.store.state();
        let holdings = Holdings::new(core, &state);
        let served = served(&holdings, &stay.api, &stay.stage).map(|(_, served)| served);
        responses::told(served.as_ref(), &stay, &refused)
    })
}

/// What becomes of a request at the guards.
enum Entered<'a> {
    /// It is answered.
    Answered(Answer),
    /// A function has to be asked.
    Asks(Box<Stay<'a>>, Box<Invocation>),
}

fn enter<'a>(core: &Core, request: &'a Request<'_>) -> Entered<'a> {
    let host = request.header("host").unwrap_or_default();
    let (api, path) = addressed(host, request.path).unwrap_or_default();
    let state = core.store.state();
    let holdings = Holdings::new(core, &state);
    let (stage, inner) = match path.trim_start_matches('/').split_once('/') {
        Some((stage, rest)) => (stage, format!("/{rest}")),
        None => (path.trim_start_matches('/'), "/".to_owned()),
    };
    let moment = ids::now();
    let mut stay = Stay {
        visit: Visit {
            method: request.method,
            path,
            query: request.query,
            headers: headers(&holdings, api, request),
            body: request.body,
            // The server listens on loopback only.
            source: IpAddr::V4(Ipv4Addr::LOCALHOST),
            second: ids::seconds(&moment) as u64,
        },
        request: ids::uuid(),
        account: holdings.place.account.clone(),
        api: api.to_owned(),
        stage: stage.to_owned(),
        path: inner,
        resource: String::new(),
        variables: serde_json::Value::Null,
        moment,
    };
    let Some((held, served)) = served(&holdings, api, stage) else {
        return Entered::Answered(responses::told(None, &stay, &responses::FORBIDDEN.into()));
    };
    stay.variables = held.property("Variables").clone();
    let acl = waf::guarding(&holdings, &waf::stage_arn(&holdings, api, stage));
    if let Some(acl) = acl
        && let Verdict::Stop(stop) = judge(&holdings, &core.rates, acl, &stay.visit)
    {
        return Entered::Answered(responses::stopped(Some(&served), &stay, &stop));
    }
    match pass(core, &holdings, held, &served, &mut stay) {
        Ok(Behind::Answer(answer)) => Entered::Answered(answer),
        Ok(Behind::Function(invocation)) => Entered::Asks(Box::new(stay), invocation),
        Err(refused) => Entered::Answered(responses::told(Some(&served), &stay, &refused)),
    }
}

/// The stage, and the API as its deployment copied it.
fn served<'a>(holdings: &Holdings<'a>, api: &str, stage: &str) -> Option<(Held<'a>, Api<'a>)> {
    let mut all = stages(holdings, api).into_iter();
    let held = all.find(|held| held.id() == stage)?;
    let deployment = deployed(holdings, api, held.text("DeploymentId"))?;
    let served = Api::deployed(holdings, api, deployment)?;
    let closed = served.held.property("DisableExecuteApiEndpoint");
    (*closed != true && *closed != "true").then_some((held, served))
}

/// The headers as API Gateway would have got them, whatever the way here.
fn headers(holdings: &Holdings<'_>, api: &str, request: &Request<'_>) -> Vec<(String, String)> {
    let region = &holdings.place.region;
    let pairs = request.headers.iter().filter_map(|(name, value)| {
        let value = match name.as_str() {
            "host" => format!("{api}.execute-api.{region}.amazonaws.com"),
            _ => value.to_str().ok()?.to_owned(),
        };
        Some((name.as_str().to_owned(), value))
    });
    pairs.collect()
}

fn pass(
    core: &Core,
    holdings: &Holdings<'_>,
    stage: Held<'_>,
    api: &Api<'_>,
    stay: &mut Stay<'_>,
) -> Result<Behind, Refused> {
    if stay.visit.body.len() > LONGEST {
        return Err(responses::LONG.into());
    }
    let route = routes::find(api, stay.visit.method, &stay.path);
    let route = route.ok_or(responses::MISSING)?;
    stay.resource.clone_from(&route.resource);
    let claims = guards::authorized(core, holdings, api, &route, stay)?;
    guards::unthrottled(&core.rates, stage, &route, stay)?;
    guards::valid(api, &route, stay)?;
    integration::behind(core, holdings, &route, stay, &claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_stands_in_the_host_or_in_the_path() {
        let host = "abc.execute-api.eu-west-1.amazonaws.com:4566";
        assert_eq!(addressed(host, "/prod/loan"), Some(("abc", "/prod/loan")));
        let local = "127.0.0.1:4566";
        assert_eq!(
            addressed(local, "/_execute-api/abc/prod/loan"),
            Some(("abc", "/prod/loan"))
        );
        assert_eq!(addressed(local, "/_execute-api/abc"), Some(("abc", "")));
        assert_eq!(addressed(local, "/bucket/key"), None);
        assert_eq!(addressed("a.execute-api.example.com", "/"), None);
    }
}
