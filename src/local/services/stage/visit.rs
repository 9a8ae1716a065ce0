//! A request while it stays with a stage: what is known of it besides what it says.

use super::super::firewall::Visit;
use crate::local::ids;
use serde_json::Value;

/// A request to a stage.
#[derive(Debug)]
pub struct Stay<'a> {
    /// The request.
    pub visit: Visit<'a>,
    /// Its id.
    pub request: String,
    /// The account.
    pub account: String,
    /// The API's id.
    pub api: String,
    /// The stage's name.
    pub stage: String,
    /// The path within the stage, still escaped.
    pub path: String,
    /// The resource's path, once it is found.
    pub resource: String,
    /// The stage's variables.
    pub variables: Value,
    /// When it came.
    pub moment: String,
}

impl Stay<'_> {
    /// The id that API Gateway gives a request beside the other one.
    pub fn extended(&self) -> String {
        format!("{}=", &ids::stable(&self.request)[..15])
    }

    /// A variable of the context; empty where it has no value here.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html>
    pub fn context(&self, name: &str) -> String {
        let visit = &self.visit;
        match name {
            "accountId" => self.account.clone(),
            "apiId" => self.api.clone(),
            "domainName" => visit.header("host").unwrap_or_default().to_owned(),
            "extendedRequestId" => self.extended(),
            "httpMethod" => visit.method.to_owned(),
            "identity.sourceIp" => visit.source.to_string(),
            "identity.userAgent" => visit.header("user-agent").unwrap_or_default().to_owned(),
            "path" => format!("/{}{}", self.stage, self.path),
            "protocol" => "HTTP/1.1".to_owned(),
            "requestId" => self.request.clone(),
            "requestTime" => self.moment.clone(),
            "requestTimeEpoch" => format!("{:.0}", ids::seconds(&self.moment) * 1000.0),
            "resourcePath" => self.resource.clone(),
            "stage" => self.stage.clone(),
            _ => String::new(),
        }
    }
}
