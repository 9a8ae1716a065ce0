//! Encoded authorization failures, read by who may read them.

use super::session::Cloud;

/// What was denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The action.
    pub action: String,
    /// The resource's ARN.
    pub resource: String,
    /// The ARN of who asked.
    pub principal: String,
    /// Whether a statement denies it; else none allows it.
    pub explicit: bool,
}

impl Cloud {
    /// What an encoded authorization failure says, where the caller may know.
    pub async fn decode(&self, encoded: &str) -> Option<Denial> {
        let answer = self
            .sts()
            .decode_authorization_message()
            .encoded_message(encoded)
            .send()
            .await
            .ok()?;
        read(&answer.decoded_message?)
    }
}

/// The message is a JSON document:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html>
fn read(decoded: &str) -> Option<Denial> {
    let decoded: serde_json::Value = serde_json::from_str(decoded).ok()?;
    let context = &decoded["context"];
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    Some(Denial {
        action: text(&context["action"])?,
        resource: text(&context["resource"])?,
        principal: text(&context["principal"]["arn"])?,
        explicit: decoded["explicitDeny"] == true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoded_message_is_read() {
        let text = r#"{"allowed":false,"explicitDeny":false,"matchedStatements":{"items":[]},"failures":{"items":[]},
            "context":{"principal":{"id":"A","name":"me","arn":"arn:aws:iam::1:user/me"},"action":"ec2:RunInstances",
            "resource":"arn:aws:ec2:eu-west-1:1:instance/*","conditions":{"items":[]}}}"#;
        let denial = read(text).unwrap();
        assert_eq!(denial.action, "ec2:RunInstances");
        assert_eq!(denial.principal, "arn:aws:iam::1:user/me");
        assert!(!denial.explicit);
        assert_eq!(read("{}"), None);
    }
}
