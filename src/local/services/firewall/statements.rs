//! Whether a statement of a rule holds of a visit.
//! <https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statements-list.html>

use super::patterns;
use super::visit::{Visit, transformed};
use super::{Labels, Trial};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::bytes::Regex;
use serde_json::Value;
use std::net::IpAddr;

/// Whether it holds. What cannot be known on a loopback (a country, a network's number) does not.
pub fn holds(trial: &Trial<'_>, labels: &Labels, rule: &str, statement: &Value) -> bool {
    let Some((kind, inner)) = statement
        .as_object()
        .and_then(|fields| fields.iter().next())
    else {
        return false;
    };
    let nested = || inner["Statements"].as_array().into_iter().flatten();
    let inner_holds = |statement: &Value| holds(trial, labels, rule, statement);
    let visit = trial.visit;
    match kind.as_str() {
        "AndStatement" => nested().all(inner_holds),
        "OrStatement" => nested().any(inner_holds),
        "NotStatement" => !inner_holds(&inner["Statement"]),
        "ByteMatchStatement" => bytes(visit, inner),
        "RegexMatchStatement" => {
            let pattern = inner["RegexString"].as_str();
            pattern.is_some_and(|pattern| matches(visit, inner, pattern))
        }
        "RegexPatternSetReferenceStatement" => {
            let set = trial.set("AWS::WAFv2::RegexPatternSet", arn(inner));
            let patterns = set.map(|set| &set["RegularExpressionList"]);
            let patterns = patterns.and_then(Value::as_array).into_iter().flatten();
            patterns
                .filter_map(Value::as_str)
                .any(|pattern| matches(visit, inner, pattern))
        }
        "SizeConstraintStatement" => size(visit, inner),
        "SqliMatchStatement" => looked_at(visit, inner)
            .iter()
            .any(|text| patterns::is_sql(text)),
        "XssMatchStatement" => looked_at(visit, inner)
            .iter()
            .any(|text| patterns::is_script(text)),
        "IPSetReferenceStatement" => {
            let set = trial.set("AWS::WAFv2::IPSet", arn(inner));
            let blocks = set.map(|set| &set["Addresses"]).and_then(Value::as_array);
            let mut blocks = blocks.into_iter().flatten().filter_map(Value::as_str);
            let source = source(visit, &inner["IPSetForwardedIPConfig"]);
            source.is_some_and(|source| blocks.any(|block| contains(block, source)))
        }
        "LabelMatchStatement" => labelled(labels, inner),
        "RateBasedStatement" => {
            let down = &inner["ScopeDownStatement"];
            (down.is_null() || inner_holds(down)) && too_often(trial, rule, inner)
        }
        _ => false,
    }
}

/// The ARN of what a statement refers to.
pub fn arn(inner: &Value) -> &str {
    inner["Arn"].as_str().unwrap_or_default()
}

fn looked_at(visit: &Visit<'_>, inner: &Value) -> Vec<String> {
    let parts = visit.parts(&inner["FieldToMatch"]).into_iter();
    let parts = parts.map(|part| transformed(part, &inner["TextTransformations"]));
    parts.collect()
}

fn bytes(visit: &Visit<'_>, inner: &Value) -> bool {
    let wanted = match (&inner["SearchString"], &inner["SearchStringBase64"]) {
        (Value::String(text), _) => Some(text.clone().into_bytes()),
        (_, Value::String(encoded)) => STANDARD.decode(encoded).ok(),
        _ => None,
    };
    let Some(wanted) = wanted else { return false };
    let wanted = String::from_utf8_lossy(&wanted).into_owned();
    let word = |text: &str| {
        let is_part =
            |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        text.match_indices(&wanted).any(|(at, found)| {
            let before = at.checked_sub(1).and_then(|at| text.as_bytes().get(at));
            let after = text.as_bytes().get(at + found.len());
            !is_part(before.copied()) && !is_part(after.copied())
        })
    };
    let fits = |text: &String| match inner["PositionalConstraint"].as_str() {
        Some("EXACTLY") => *text == wanted,
        Some("STARTS_WITH") => text.starts_with(&wanted),
        Some("ENDS_WITH") => text.ends_with(&wanted),
        Some("CONTAINS_WORD") => word(text),
        _ => text.contains(&wanted),
    };
    looked_at(visit, inner).iter().any(fits)
}

fn matches(visit: &Visit<'_>, inner: &Value, pattern: &str) -> bool {
    let Ok(pattern) = Regex::new(pattern) else {
        return false;
    };
    let texts = looked_at(visit, inner);
    texts.iter().any(|text| pattern.is_match(text.as_bytes()))
}

fn size(visit: &Visit<'_>, inner: &Value) -> bool {
    let Some(wanted) = inner["Size"].as_u64() else {
        return false;
    };
    let is = |size: u64| match inner["ComparisonOperator"].as_str() {
        Some("EQ") => size == wanted,
        Some("NE") => size != wanted,
        Some("LE") => size <= wanted,
        Some("LT") => size < wanted,
        Some("GE") => size >= wanted,
        Some("GT") => size > wanted,
        _ => false,
    };
    // Of a body the size is known, however much of it is looked at.
    if inner["FieldToMatch"].get("Body").is_some() {
        return is(visit.body.len() as u64);
    }
    looked_at(visit, inner)
        .iter()
        .any(|text| is(text.len() as u64))
}

/// Whom a request comes from, where a header may say so.
fn source(visit: &Visit<'_>, forwarded: &Value) -> Option<IpAddr> {
    let Some(header) = forwarded["HeaderName"].as_str() else {
        return Some(visit.source);
    };
    let mut listed = visit.header(header)?.split(',').map(str::trim);
    let one = match forwarded["Position"].as_str() {
        Some("LAST") => listed.next_back(),
        _ => listed.next(),
    };
    one?.parse().ok()
}

/// Whether an address is within a block.
fn contains(block: &str, address: IpAddr) -> bool {
    let (base, length) = match block.split_once('/') {
        Some((base, length)) => (base, length.parse::<u32>().ok()),
        None => (block, None),
    };
    let wide = |address: IpAddr| match address {
        IpAddr::V4(four) => (u128::from(u32::from(four)) << 96, 32),
        IpAddr::V6(six) => (u128::from(six), 128),
    };
    let Ok(base) = base.parse::<IpAddr>() else {
        return false;
    };
    let ((base, most), (address, other)) = (wide(base), wide(address));
    let length = length.unwrap_or(most);
    let mask = u128::MAX
        .checked_shl(128 - length.min(128))
        .unwrap_or_default();
    most == other && length <= most && base & mask == address & mask
}

fn labelled(labels: &Labels, inner: &Value) -> bool {
    let key = inner["Key"].as_str().unwrap_or_default();
    match inner["Scope"].as_str() {
        Some("NAMESPACE") => labels.iter().any(|label| label.starts_with(key)),
        // Of a label of the same web ACL the namespace may be left out.
        _ => labels
            .iter()
            .any(|label| label == key || label.ends_with(&format!(":{key}"))),
    }
}

/// <https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based.html>
fn too_often(trial: &Trial<'_>, rule: &str, inner: &Value) -> bool {
    let (Some(limit), visit) = (inner["Limit"].as_u64(), trial.visit) else {
        return false;
    };
    let window = inner["EvaluationWindowSec"].as_u64().unwrap_or(300);
    let by = match inner["AggregateKeyType"].as_str() {
        Some("FORWARDED_IP") => source(visit, &inner["ForwardedIPConfig"]).map(|ip| ip.to_string()),
        Some("CONSTANT") => Some(String::new()),
        Some("CUSTOM_KEYS") => Some(custom(visit, &inner["CustomKeys"])),
        _ => Some(visit.source.to_string()),
    };
    let Some(by) = by else { return false };
    let key = format!("{}/{rule}/{by}", trial.acl);
    trial.rates.hit(&key, visit.second, window) > limit
}

fn custom(visit: &Visit<'_>, keys: &Value) -> String {
    let each = keys.as_array().into_iter().flatten().map(|key| {
        let Some((kind, how)) = key.as_object().and_then(|key| key.iter().next()) else {
            return String::new();
        };
        let field = match kind.as_str() {
            "IP" => return visit.source.to_string(),
            "ForwardedIP" => {
                return visit
                    .header("x-forwarded-for")
                    .unwrap_or_default()
                    .to_owned();
            }
            "Header" => "SingleHeader",
            "QueryArgument" => "SingleQueryArgument",
            "HTTPMethod" => "Method",
            "Cookie" => {
                let all = visit.cookies().into_iter();
                let mut own = all.filter(|(name, _)| how["Name"] == *name);
                return own.next().map(|(_, value)| value).unwrap_or_default();
            }
            other => other,
        };
        let parts = visit.parts(&serde_json::json!({ field: how })).into_iter();
        let parts = parts.map(|part| transformed(part, &how["TextTransformations"]));
        parts.collect::<Vec<_>>().join(",")
    });
    each.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_their_addresses() {
        let holds = |block: &str, address: &str| contains(block, address.parse().unwrap());
        assert!(holds("127.0.0.0/8", "127.0.0.1"));
        assert!(!holds("128.0.0.0/8", "127.0.0.1"));
        assert!(holds("0.0.0.0/0", "127.0.0.1"));
        assert!(holds("127.0.0.1", "127.0.0.1"));
        assert!(!holds("::/0", "127.0.0.1") && holds("::/0", "::1"));
        assert!(!holds("127.0.0.0/64", "127.0.0.1") && !holds("x", "127.0.0.1"));
    }
}
