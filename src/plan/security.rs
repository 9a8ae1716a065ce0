//! What a change allows that was not allowed before: access by policies and networks, public access,
//! guards that are taken away.

use super::diff;
use super::effects::{Effects, Fate, resources};
use super::resolve::{Scope, readable};
use crate::template::scalar_text;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Something that is allowed and was not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Widening {
    /// The resource's logical id.
    pub resource: String,
    /// What kind of thing it is.
    pub kind: Kind,
    /// What is allowed, in words.
    pub what: String,
    /// Where the resource stands in our files, as file:line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// What kind of thing is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A statement of a policy, a managed policy, a permission to invoke.
    Access,
    /// A rule of a security group or of a network ACL.
    Network,
    /// Something that is open to everybody.
    Public,
    /// A guard that is gone or weaker: an authorizer, a web ACL, encryption.
    Guard,
}

/// What the change widens. A new resource widens by all that it allows.
pub fn widened(before: Option<&Scope<'_>>, after: &Scope<'_>, effects: &Effects) -> Vec<Widening> {
    let (old, new) = (before.map(resources).unwrap_or_default(), resources(after));
    let mut found = BTreeSet::new();
    let concerned = effects.resources.iter();
    for effect in concerned.filter(|effect| effect.action != Fate::Remove) {
        let Some(now) = new.get(&effect.name) else {
            continue;
        };
        let was = old.get(&effect.name).unwrap_or(&Value::Null);
        let mut add = |kind, what: String| {
            found.insert(Widening {
                resource: effect.name.clone(),
                kind,
                what,
                place: effect.place.clone(),
            });
        };
        access(was, now, &mut add);
        network(was, now, &mut add);
        flags(was, now, &mut add);
        firewall(was, now, &mut add);
    }
    gone(&old, effects, &mut found);
    found.into_iter().collect()
}

/// What guards others and goes.
fn gone(old: &Map<String, Value>, effects: &Effects, found: &mut BTreeSet<Widening>) {
    const GUARDS: [&str; 5] = [
        "AWS::WAFv2::WebACLAssociation",
        "AWS::WAFv2::WebACL",
        "AWS::ApiGateway::Authorizer",
        "AWS::ApiGatewayV2::Authorizer",
        "AWS::S3::BucketPolicy",
    ];
    let removed = effects.resources.iter();
    for effect in removed.filter(|effect| effect.action == Fate::Remove) {
        let denies = old
            .get(&effect.name)
            .is_some_and(|entry| !statements(entry, "Deny").is_empty());
        if (GUARDS.contains(&effect.kind.as_str()) && effect.kind != "AWS::S3::BucketPolicy")
            || denies
        {
            found.insert(Widening {
                resource: effect.name.clone(),
                kind: Kind::Guard,
                what: format!("{} goes", effect.kind),
                place: None,
            });
        }
    }
}

// ---- policies -----------------------------------------------------------------------------------

/// One action on one resource for one principal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    principal: String,
    action: String,
    resource: String,
    condition: String,
}

impl Grant {
    fn covers(&self, other: &Self) -> bool {
        matches(&self.principal, &other.principal)
            && matches(&self.action.to_lowercase(), &other.action.to_lowercase())
            && matches(&self.resource, &other.resource)
            && (self.condition.is_empty() || self.condition == other.condition)
    }
}

fn access(was: &Value, now: &Value, add: &mut impl FnMut(Kind, String)) {
    let (before, after) = (statements(was, "Allow"), statements(now, "Allow"));
    let fresh: Vec<&Grant> = after
        .iter()
        .filter(|grant| !before.iter().any(|old| old.covers(grant)))
        .collect();
    // One line for all actions on a resource, and for all resources of the same actions.
    let groups: BTreeSet<(&str, &str, &str)> = fresh.iter().map(|one| one.group()).collect();
    let mut lines: BTreeMap<(&str, &str, Vec<&str>), Vec<&str>> = BTreeMap::new();
    for group in groups {
        let actions = fresh.iter().filter(|one| one.group() == group);
        let actions = actions.map(|one| one.action.as_str()).collect();
        let (principal, resource, condition) = group;
        lines
            .entry((principal, condition, actions))
            .or_default()
            .push(resource);
    }
    for ((principal, condition, actions), resources) in lines {
        let mut what = format!("allows {}", actions.join(", "));
        for (word, value) in [
            ("on", resources.join(", ").as_str()),
            ("for", principal),
            ("if", condition),
        ] {
            if !value.is_empty() {
                what = format!("{what} {word} {value}");
            }
        }
        add(Kind::Access, what);
    }
    let after = statements(now, "Deny");
    for denied in statements(was, "Deny") {
        if !after.iter().any(|new| new.covers(&denied)) {
            let (action, resource) = (&denied.action, &denied.resource);
            add(
                Kind::Access,
                format!("no longer denies {action} on {resource}"),
            );
        }
    }
    let managed = |entry: &Value| texts(&entry["Properties"]["ManagedPolicyArns"]);
    let before = managed(was);
    for arn in managed(now).into_iter().filter(|arn| !before.contains(arn)) {
        add(Kind::Access, format!("is given the policy {arn}"));
    }
    let permission = |entry: &Value| {
        let of = &entry["Properties"];
        (entry["Type"] == "AWS::Lambda::Permission").then(|| {
            let source = text(&of["SourceArn"]);
            let who = text(&of["Principal"]);
            let by = if source.is_empty() {
                String::new()
            } else {
                format!(" by {source}")
            };
            let (action, function) = (text(&of["Action"]), text(&of["FunctionName"]));
            format!("allows {action} on {function} for {who}{by}")
        })
    };
    if let Some(what) = permission(now).filter(|_| permission(was) != permission(now)) {
        add(Kind::Access, what);
    }
}

impl Grant {
    fn group(&self) -> (&str, &str, &str) {
        (&self.principal, &self.resource, &self.condition)
    }
}

/// The grants of every policy document within a resource, wherever a document stands.
fn statements(entry: &Value, effect: &str) -> Vec<Grant> {
    let mut found = Vec::new();
    let mut open = vec![&entry["Properties"]];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                for statement in each(fields.get("Statement").unwrap_or(&Value::Null)) {
                    if statement["Effect"] == effect {
                        grants(statement, &mut found);
                    }
                }
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found.sort();
    found.dedup();
    found
}

fn grants(statement: &Value, found: &mut Vec<Grant>) {
    // All but these, which may be anything.
    let but = |name: &str| match statement.get(format!("Not{name}")) {
        Some(not) => vec![format!("all but {}", texts(not).join(", "))],
        None => texts(&statement[name]),
    };
    let condition = match &statement["Condition"] {
        Value::Null => String::new(),
        condition => readable(condition).to_string(),
    };
    let or_none = |list: Vec<String>| {
        if list.is_empty() {
            vec![String::new()]
        } else {
            list
        }
    };
    let principals = or_none(match statement.get("NotPrincipal") {
        Some(not) => vec![format!("all but {}", readable(not))],
        None => principals(&statement["Principal"]),
    });
    for action in but("Action") {
        for resource in or_none(but("Resource")) {
            for principal in &principals {
                found.push(Grant {
                    principal: principal.clone(),
                    action: action.clone(),
                    resource: resource.clone(),
                    condition: condition.clone(),
                });
            }
        }
    }
}

fn principals(value: &Value) -> Vec<String> {
    match (super::resolve::call(value), value) {
        (None, Value::Object(kinds)) => kinds.values().flat_map(texts).collect(),
        _ => texts(value),
    }
}

/// Whether a pattern with `*` and `?` fits a text.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read, mut star) = (0, 0, None);
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(one) if *one == '?' || *one == text[read] => {
                at += 1;
                read += 1;
            }
            _ => match star {
                Some((behind, from)) => {
                    at = behind + 1;
                    read = from + 1;
                    star = Some((behind, read));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|one| *one == '*')
}

fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => vec![],
        one => vec![one],
    }
}

fn text(value: &Value) -> String {
    let value = readable(value);
    scalar_text(&value).unwrap_or_else(|| match value {
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

fn texts(value: &Value) -> Vec<String> {
    each(value).into_iter().map(text).collect()
}

// ---- networks -----------------------------------------------------------------------------------

/// What a rule lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    inward: bool,
    protocol: String,
    ports: Option<(i64, i64)>,
    peer: String,
}

impl Rule {
    fn read(rule: &Value, inward: bool) -> Self {
        const PEERS: [&str; 8] = [
            "CidrIp",
            "CidrIpv6",
            "CidrBlock",
            "Ipv6CidrBlock",
            "SourceSecurityGroupId",
            "DestinationSecurityGroupId",
            "SourcePrefixListId",
            "DestinationPrefixListId",
        ];
        let port = |name: &str| scalar_text(&rule[name]).and_then(|text| text.parse().ok());
        let peer = PEERS.iter().map(|name| text(&rule[name]));
        Self {
            inward,
            protocol: text(if rule["Protocol"].is_null() {
                &rule["IpProtocol"]
            } else {
                &rule["Protocol"]
            }),
            ports: port("FromPort").zip(port("ToPort")),
            peer: peer
                .filter(|peer| !peer.is_empty())
                .collect::<Vec<_>>()
                .join(" "),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        let ports = match (self.ports, other.ports) {
            _ if self.protocol == "-1" => true,
            (Some((from, to)), Some((low, high))) => from <= low && high <= to,
            (None, _) => true,
            (Some(_), None) => false,
        };
        self.inward == other.inward
            && (self.protocol == "-1" || self.protocol == other.protocol)
            && ports
            && (self.peer == other.peer || contains(&self.peer, &other.peer))
    }

    fn words(&self) -> String {
        let way = if self.inward { "from" } else { "to" };
        let what = match (self.protocol.as_str(), self.ports) {
            ("-1", _) => "all traffic".to_owned(),
            (protocol, Some((from, to))) if from == to => format!("{protocol} {from}"),
            (protocol, Some((from, to))) => format!("{protocol} {from}-{to}"),
            (protocol, None) => protocol.to_owned(),
        };
        format!("lets {what} through {way} {}", self.peer)
    }
}

/// Whether one CIDR block holds the other.
fn contains(outer: &str, inner: &str) -> bool {
    let read = |text: &str| {
        let (address, prefix) = text.split_once('/')?;
        let address: std::net::Ipv4Addr = address.parse().ok()?;
        let prefix: u32 = prefix.parse().ok().filter(|prefix| *prefix <= 32)?;
        Some((u64::from(u32::from(address)), prefix))
    };
    let (Some((outer, width)), Some((inner, narrow))) = (read(outer), read(inner)) else {
        return false;
    };
    width <= narrow && outer >> (32 - width) == inner >> (32 - width)
}

fn rules(entry: &Value) -> Vec<Rule> {
    let of = &entry["Properties"];
    let list = |name: &str, inward| {
        each(&of[name])
            .into_iter()
            .map(move |one| Rule::read(one, inward))
    };
    match entry["Type"].as_str().unwrap_or_default() {
        "AWS::EC2::SecurityGroup" => list("SecurityGroupIngress", true)
            .chain(list("SecurityGroupEgress", false))
            .collect(),
        "AWS::EC2::SecurityGroupIngress" => vec![Rule::read(of, true)],
        "AWS::EC2::SecurityGroupEgress" => vec![Rule::read(of, false)],
        "AWS::EC2::NetworkAclEntry" if of["RuleAction"] == "allow" => {
            let mut rule = of.clone();
            rule["FromPort"] = of["PortRange"]["From"].clone();
            rule["ToPort"] = of["PortRange"]["To"].clone();
            vec![Rule::read(
                &rule,
                scalar_text(&of["Egress"]).as_deref() != Some("true"),
            )]
        }
        _ => vec![],
    }
}

fn network(was: &Value, now: &Value, add: &mut impl FnMut(Kind, String)) {
    let before = rules(was);
    for rule in rules(now) {
        if !before.iter().any(|old| old.covers(&rule)) {
            let open = matches!(rule.peer.as_str(), "0.0.0.0/0" | "::/0") && rule.inward;
            add(
                if open { Kind::Public } else { Kind::Network },
                rule.words(),
            );
        }
    }
    // Without rules outward, a group lets everything out:
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
    let outward = |entry: &Value| !each(&entry["Properties"]["SecurityGroupEgress"]).is_empty();
    if now["Type"] == "AWS::EC2::SecurityGroup" && !outward(now) && (was.is_null() || outward(was))
    {
        add(
            Kind::Network,
            "lets all traffic through to everywhere".to_owned(),
        );
    }
}

// ---- settings that guard ------------------------------------------------------------------------

/// A property at a dotted path, and the values of it that guard; `""` stands for one that is not there.
struct Guard {
    /// The type that has it, or the start of the types that do, to `::`.
    types: &'static str,
    path: &'static str,
    /// What it must be to guard; with `open`, what it may not be.
    safe: &'static [&'static str],
    open: bool,
    kind: Kind,
    what: &'static str,
}

const GUARDS: &[Guard] = &[
    Guard {
        types: "AWS::S3::Bucket",
        path: "PublicAccessBlockConfiguration.BlockPublicAcls",
        safe: &["true"],
        open: false,
        kind: Kind::Public,
        what: "public ACLs are not blocked",
    },
    Guard {
        types: "AWS::S3::Bucket",
        path: "PublicAccessBlockConfiguration.BlockPublicPolicy",
        safe: &["true"],
        open: false,
        kind: Kind::Public,
        what: "public policies are not blocked",
    },
    Guard {
        types: "AWS::S3::Bucket",
        path: "PublicAccessBlockConfiguration.IgnorePublicAcls",
        safe: &["true"],
        open: false,
        kind: Kind::Public,
        what: "public ACLs are not ignored",
    },
    Guard {
        types: "AWS::S3::Bucket",
        path: "PublicAccessBlockConfiguration.RestrictPublicBuckets",
        safe: &["true"],
        open: false,
        kind: Kind::Public,
        what: "public buckets are not restricted",
    },
    Guard {
        types: "AWS::S3::Bucket",
        path: "AccessControl",
        safe: &["PublicRead", "PublicReadWrite", "AuthenticatedRead"],
        open: true,
        kind: Kind::Public,
        what: "its ACL opens it",
    },
    Guard {
        types: "AWS::",
        path: "PubliclyAccessible",
        safe: &["true"],
        open: true,
        kind: Kind::Public,
        what: "is reachable from the internet",
    },
    Guard {
        types: "AWS::EC2::Subnet",
        path: "MapPublicIpOnLaunch",
        safe: &["true"],
        open: true,
        kind: Kind::Public,
        what: "gives public addresses",
    },
    Guard {
        types: "AWS::Lambda::Url",
        path: "AuthType",
        safe: &["NONE"],
        open: true,
        kind: Kind::Public,
        what: "anybody may call the function",
    },
    Guard {
        types: "AWS::ElasticLoadBalancingV2::LoadBalancer",
        path: "Scheme",
        safe: &["internal"],
        open: false,
        kind: Kind::Public,
        what: "faces the internet",
    },
    Guard {
        types: "AWS::RDS::",
        path: "StorageEncrypted",
        safe: &["true"],
        open: false,
        kind: Kind::Guard,
        what: "storage is not encrypted",
    },
    Guard {
        types: "AWS::EFS::FileSystem",
        path: "Encrypted",
        safe: &["true"],
        open: false,
        kind: Kind::Guard,
        what: "is not encrypted",
    },
    Guard {
        types: "AWS::EC2::Volume",
        path: "Encrypted",
        safe: &["true"],
        open: false,
        kind: Kind::Guard,
        what: "is not encrypted",
    },
    Guard {
        types: "AWS::EC2::FlowLog",
        path: "TrafficType",
        safe: &["ALL"],
        open: false,
        kind: Kind::Guard,
        what: "does not log all traffic",
    },
    Guard {
        types: "AWS::RDS::",
        path: "DeletionProtection",
        safe: &["true"],
        open: false,
        kind: Kind::Guard,
        what: "is not protected from deletion",
    },
    Guard {
        types: "AWS::DynamoDB::Table",
        path: "DeletionProtectionEnabled",
        safe: &["true"],
        open: false,
        kind: Kind::Guard,
        what: "is not protected from deletion",
    },
    Guard {
        types: "AWS::Cognito::UserPool",
        path: "DeletionProtection",
        safe: &["ACTIVE"],
        open: false,
        kind: Kind::Guard,
        what: "is not protected from deletion",
    },
    Guard {
        types: "AWS::Cognito::UserPool",
        path: "MfaConfiguration",
        safe: &["ON", "OPTIONAL"],
        open: false,
        kind: Kind::Guard,
        what: "asks for no second factor",
    },
];

fn flags(was: &Value, now: &Value, add: &mut impl FnMut(Kind, String)) {
    let kind = now["Type"].as_str().unwrap_or_default();
    let at = |entry: &Value, path: &str| {
        let mut value = &entry["Properties"];
        for name in path.split('.') {
            value = &value[name];
        }
        text(value)
    };
    let of_kind = |guard: &&Guard| match guard.types.ends_with("::") {
        true => kind.starts_with(guard.types),
        false => kind == guard.types,
    };
    for guard in GUARDS.iter().filter(of_kind) {
        let safe =
            |entry: &Value| guard.safe.contains(&at(entry, guard.path).as_str()) != guard.open;
        // What a new resource lacks was never there; what it opens is told.
        let told = if was.is_null() {
            guard.open || guard.kind == Kind::Public
        } else {
            safe(was)
        };
        if told && !safe(now) {
            add(guard.kind, format!("{} ({})", guard.what, guard.path));
        }
    }
    method(was, now, add);
    let key = |entry: &Value| !text(&entry["Properties"]["KmsKeyId"]).is_empty();
    if key(was) && !key(now) {
        add(
            Kind::Guard,
            "its own key no longer encrypts it (KmsKeyId)".to_owned(),
        );
    }
}

/// An API's method that nothing authorizes. OPTIONS is what browsers ask without credentials.
fn method(was: &Value, now: &Value, add: &mut impl FnMut(Kind, String)) {
    let kind = now["Type"].as_str().unwrap_or_default();
    if !matches!(kind, "AWS::ApiGateway::Method" | "AWS::ApiGatewayV2::Route") {
        return;
    }
    let open = |entry: &Value| {
        let of = text(&entry["Properties"]["AuthorizationType"]);
        let key = text(&entry["Properties"]["ApiKeyRequired"]) == "true";
        matches!(of.as_str(), "" | "NONE") && !key
    };
    let preflight = now["Properties"]["HttpMethod"] == "OPTIONS";
    if open(now) && !preflight && (was.is_null() || !open(was)) {
        add(
            Kind::Guard,
            "anybody may call it (AuthorizationType)".to_owned(),
        );
    }
    let validated = |entry: &Value| !text(&entry["Properties"]["RequestValidatorId"]).is_empty();
    if validated(was) && !validated(now) {
        add(
            Kind::Guard,
            "requests are no longer validated (RequestValidatorId)".to_owned(),
        );
    }
}

// ---- the firewall -------------------------------------------------------------------------------

/// How much an action of a rule stops: 2 blocks, 1 asks, 0 lets through.
fn strength(action: &Value) -> u8 {
    let has = |name: &str| action.get(name).is_some();
    match action {
        _ if has("Block") || has("None") => 2,
        _ if has("Captcha") || has("Challenge") => 1,
        _ => 0,
    }
}

fn firewall(was: &Value, now: &Value, add: &mut impl FnMut(Kind, String)) {
    if now["Type"] != "AWS::WAFv2::WebACL" || was.is_null() {
        return;
    }
    let (old, new) = (&was["Properties"], &now["Properties"]);
    if strength(&new["DefaultAction"]) < strength(&old["DefaultAction"]) {
        add(
            Kind::Guard,
            "lets through what no rule is for (DefaultAction)".to_owned(),
        );
    }
    for rule in each(&old["Rules"]) {
        let name = text(&rule["Name"]);
        let found = each(&new["Rules"])
            .into_iter()
            .find(|new| text(&new["Name"]) == name);
        let Some(found) = found else {
            add(Kind::Guard, format!("the rule {name} goes"));
            continue;
        };
        let of = |rule: &Value| strength(&rule["Action"]).max(strength(&rule["OverrideAction"]));
        if of(found) < of(rule) {
            add(Kind::Guard, format!("the rule {name} only counts"));
        } else if of(rule) > 0 && !diff::equal(&rule["Statement"], &found["Statement"]) {
            let limit = |rule: &Value| {
                scalar_text(&rule["Statement"]["RateBasedStatement"]["Limit"])
                    .and_then(|text| text.parse::<f64>().ok())
            };
            let what = match (limit(rule), limit(found)) {
                (Some(before), Some(after)) if after > before => {
                    format!("the rule {name} stops at {after} requests, not at {before}")
                }
                (Some(_), Some(_)) => continue,
                _ => format!("the rule {name} is for something else; see its Statement"),
            };
            add(Kind::Guard, what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::effects::effects;
    use super::super::resolve::Place;
    use super::*;
    use serde_json::json;

    fn told(kind: &str, before: Option<Value>, after: Value) -> Vec<String> {
        let template = |of: Value| json!({"Resources": {"R": {"Type": kind, "Properties": of}}});
        let (old, new) = (before.map(template), template(after));
        let scope = |body| Scope::new(body, BTreeMap::new(), Place::default());
        let (before, after) = (old.as_ref().map(scope), scope(&new));
        let effects = effects(before.as_ref(), &after, false);
        let found = widened(before.as_ref(), &after, &effects);
        found.into_iter().map(|one| one.what).collect()
    }

    fn policy(statement: Value) -> Value {
        json!({"PolicyDocument": {"Statement": statement}})
    }

    #[test]
    fn a_wider_statement_is_told_and_a_narrower_is_not() {
        let allow = |action: &str, resource: &str| {
            policy(json!([{"Effect": "Allow", "Action": action, "Resource": resource}]))
        };
        let of = |before, after| told("AWS::IAM::Policy", Some(before), after);
        assert_eq!(
            of(allow("s3:GetObject", "a"), allow("s3:*", "a")),
            ["allows s3:* on a"]
        );
        assert_eq!(of(allow("s3:*", "*"), allow("S3:GetObject", "a")), [""; 0]);
        let denied = policy(json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*"}));
        assert_eq!(of(denied, json!({})), ["no longer denies s3:* on *"]);
        let conditional = |condition: Value| {
            policy(json!({"Effect": "Allow", "Action": ["a:B", "a:C"],
            "Resource": {"Fn::GetAtt": ["X", "Arn"]}, "Condition": condition}))
        };
        let own = json!({"StringEquals": {"aws:SourceAccount": "1"}});
        assert_eq!(
            of(conditional(own.clone()), conditional(Value::Null)),
            ["allows a:B, a:C on ${X.Arn}"]
        );
        assert_eq!(of(conditional(Value::Null), conditional(own)), [""; 0]);
    }

    #[test]
    fn principals_and_managed_policies_are_told() {
        let trust = |service: &str| {
            json!({"AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow",
            "Action": "sts:AssumeRole", "Principal": {"Service": service}}]}})
        };
        assert_eq!(
            told("AWS::IAM::Role", Some(trust("a.com")), trust("b.com")),
            ["allows sts:AssumeRole for b.com"]
        );
        let managed = json!({"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]});
        assert_eq!(
            told("AWS::IAM::Role", Some(json!({})), managed),
            ["is given the policy arn:aws:iam::aws:policy/AdministratorAccess"]
        );
    }

    #[test]
    fn rules_of_a_network_are_compared_by_what_they_let_through() {
        let rule = |cidr: &str, from: i64, to: i64| {
            json!({"SecurityGroupEgress": [{"IpProtocol": "-1", "CidrIp": "10.0.0.0/8"}],
            "SecurityGroupIngress": [{"IpProtocol": "tcp", "FromPort": from, "ToPort": to, "CidrIp": cidr}]})
        };
        let of = |before, after| told("AWS::EC2::SecurityGroup", Some(before), after);
        assert_eq!(
            of(rule("10.0.0.0/8", 1, 99), rule("10.2.0.0/16", 22, 22)),
            [""; 0]
        );
        assert_eq!(
            of(rule("10.0.0.0/8", 22, 22), rule("0.0.0.0/0", 22, 23)),
            ["lets tcp 22-23 through from 0.0.0.0/0"]
        );
        assert_eq!(
            told(
                "AWS::EC2::SecurityGroup",
                None,
                json!({"GroupDescription": "x"})
            ),
            ["lets all traffic through to everywhere"]
        );
    }

    #[test]
    fn guards_that_fall_are_told() {
        let bucket = |blocked: bool| {
            json!({"PublicAccessBlockConfiguration": {"BlockPublicAcls": blocked,
            "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true}})
        };
        assert_eq!(
            told("AWS::S3::Bucket", Some(bucket(true)), bucket(false)),
            ["public ACLs are not blocked (PublicAccessBlockConfiguration.BlockPublicAcls)"]
        );
        let method = |of: &str| json!({"HttpMethod": "POST", "AuthorizationType": of});
        let open = "anybody may call it (AuthorizationType)";
        assert_eq!(
            told(
                "AWS::ApiGateway::Method",
                Some(method("AWS_IAM")),
                method("NONE")
            ),
            [open]
        );
        assert_eq!(
            told("AWS::ApiGateway::Method", None, method("NONE")),
            [open]
        );
        let acl = |action: Value, limit: i64| {
            json!({"DefaultAction": {"Allow": {}}, "Rules": [
            {"Name": "Rate", "Action": action, "Statement": {"RateBasedStatement": {"Limit": limit}}}]})
        };
        let block = json!({"Block": {}});
        assert_eq!(
            told(
                "AWS::WAFv2::WebACL",
                Some(acl(block.clone(), 100)),
                acl(json!({"Count": {}}), 100)
            ),
            ["the rule Rate only counts"]
        );
        assert_eq!(
            told(
                "AWS::WAFv2::WebACL",
                Some(acl(block.clone(), 100)),
                acl(block, 200)
            ),
            ["the rule Rate stops at 200 requests, not at 100"]
        );
    }

    #[test]
    fn patterns_match_as_iam_matches() {
        assert!(matches("s3:Get*", "s3:GetObject") && matches("*", "") && matches("a?c*", "abcd"));
        assert!(!matches("s3:Get*", "s3:PutObject") && !matches("", "x"));
    }
}
