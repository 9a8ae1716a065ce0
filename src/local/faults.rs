//! Faults on demand: what is to go wrong, so that a failure can be rehearsed.

use serde::Deserialize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One thing that is to go wrong, as a fault file writes it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// The logical id of a resource.
    pub resource: Option<String>,
    /// The type of a resource.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The stack of the resource; any when it is not given.
    pub stack: Option<String>,
    /// What goes wrong with the resource; anything when it is not given.
    pub on: Option<Verb>,
    /// The name of a call's action, `*` for all.
    pub call: Option<String>,
    /// The service of the call, as requests are signed for it; any when it is not given.
    pub service: Option<String>,
    /// The number of a write to disk, counted from 1.
    pub write: Option<u64>,
    /// What happens.
    #[serde(rename = "do")]
    pub deed: Deed,
    /// The status reason of a resource that fails.
    pub reason: Option<String>,
    /// The HTTP status of an error.
    pub status: Option<u16>,
    /// The error code.
    pub code: Option<String>,
    /// The error message.
    pub message: Option<String>,
    /// How many times as long a slow resource takes.
    pub factor: Option<f64>,
    /// By how many milliseconds a call is slower, or behind.
    pub millis: Option<u64>,
    /// How many calls a second are let through.
    pub per_second: Option<f64>,
    /// How often; always when it is not given.
    pub times: Option<u64>,
    /// How many matches are let through first.
    pub after: u64,
    /// The one match that is meant, counted from 1.
    pub at: Option<u64>,
    /// Whether it happens before the call has any effect, or after.
    pub when: When,
}

/// What goes wrong with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Creating it.
    Create,
    /// Updating it, or replacing it.
    Update,
    /// Deleting it.
    Delete,
    /// Bringing it back after a failed update.
    Rollback,
}

/// What happens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A resource fails.
    #[default]
    Fail,
    /// A resource never comes to its end; a call is never answered.
    Hang,
    /// A resource takes `factor` times as long, a call `millis` longer.
    Slow,
    /// A call is refused for its rate.
    Throttle,
    /// A call fails in the service.
    Error,
    /// A call's connection is cut before it has any effect.
    Reset,
    /// A call takes effect, and its answer is lost.
    Lost,
    /// A call takes effect, and its answer is no answer.
    Garbage,
    /// A call's credentials have expired.
    Expired,
    /// The process ends as if it were killed.
    Kill,
    /// Calls beyond `per_second` are refused for their rate.
    Limit,
    /// A call tells what was true before the operations of the last `millis`.
    Lag,
}

/// On which side of a call's effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Before it.
    #[default]
    Before,
    /// After it is on disk.
    After,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fault: Vec<Rule>,
}

/// Reads a fault file.
///
/// # Errors
/// What is wrong with it, and where.
pub fn parse(path: &Path, text: &str) -> Result<Vec<Rule>, String> {
    let file: File = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let message = error.message();
        format!("{}:{line}:{column}: {message}", path.display())
    })?;
    for (at, rule) in file.fault.iter().enumerate() {
        check(rule).map_err(|why| format!("{}: fault {}: {why}", path.display(), at + 1))?;
    }
    Ok(file.fault)
}

/// Reads a rule as it is given in an argument: `Queue:create:fail[:REASON]` or
/// `call:DescribeStacks:throttle[:times=3]`.
///
/// # Errors
/// What is wrong with it.
pub fn short(text: &str) -> Result<Rule, String> {
    let parts: Vec<&str> = text.splitn(4, ':').collect();
    let (mut rule, deed, rest) = match parts[..] {
        ["call", action, deed, ref rest @ ..] => {
            let rule = Rule {
                call: Some(action.to_owned()),
                ..Rule::default()
            };
            (rule, deed, rest)
        }
        [resource, verb, deed, ref rest @ ..] => {
            let rule = Rule {
                resource: Some(resource.to_owned()),
                on: Some(word(verb)?),
                ..Rule::default()
            };
            (rule, deed, rest)
        }
        _ => {
            return Err(format!(
                "{text} is no fault: write RESOURCE:create:fail or call:ACTION:throttle"
            ));
        }
    };
    rule.deed = word(deed)?;
    for part in rest.iter().flat_map(|rest| rest.split(',')) {
        let number = |value: &str| {
            let wrong = |_| format!("{value} is no number");
            value.parse::<u64>().map_err(wrong)
        };
        match part.split_once('=') {
            Some(("times", value)) => rule.times = Some(number(value)?),
            Some(("after", value)) => rule.after = number(value)?,
            Some(("at", value)) => rule.at = Some(number(value)?),
            Some(("millis", value)) => rule.millis = Some(number(value)?),
            Some(("factor", value)) => rule.factor = Some(number(value)? as f64),
            Some(("per_second", value)) => rule.per_second = Some(number(value)? as f64),
            Some(("when", value)) => rule.when = word(value)?,
            Some(("status", value)) => {
                let wrong = |_| format!("{value} is no HTTP status");
                rule.status = Some(value.parse().map_err(wrong)?);
            }
            Some(("code", value)) => rule.code = Some(value.to_owned()),
            Some(("message", value)) => rule.message = Some(value.to_owned()),
            Some(("service", value)) => rule.service = Some(value.to_owned()),
            _ if rule.call.is_some() => return Err(format!("{text}: {part} is no key of a fault")),
            // A reason may have commas of its own.
            _ => {
                rule.reason = Some(match rule.reason.take() {
                    Some(before) => format!("{before},{part}"),
                    None => part.to_owned(),
                });
            }
        }
    }
    check(&rule).map_err(|why| format!("{text}: {why}"))?;
    Ok(rule)
}

/// A word of one of the enums, by the names that a file has for it.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|error| error.to_string())
}

/// The calls that may tell what was true before.
const LAGGING: [&str; 4] = ["*", "DescribeStacks", "ListStacks", "DescribeStackEvents"];

fn check(rule: &Rule) -> Result<(), String> {
    use Deed::{
        Error, Expired, Fail, Garbage, Hang, Kill, Lag, Limit, Lost, Reset, Slow, Throttle,
    };
    let of_resource = rule.resource.is_some() || rule.kind.is_some();
    let subjects = [of_resource, rule.call.is_some(), rule.write.is_some()];
    if subjects.iter().filter(|given| **given).count() != 1 {
        return Err("it names one of a resource (or type), a call and a write".to_owned());
    }
    let fits: &[Deed] = if of_resource {
        &[Fail, Hang, Slow]
    } else if rule.call.is_some() {
        &[
            Hang, Slow, Throttle, Error, Reset, Lost, Garbage, Expired, Kill, Limit, Lag,
        ]
    } else {
        &[Kill]
    };
    if !fits.contains(&rule.deed) {
        return Err(format!("{:?} does not happen to that", rule.deed).to_lowercase());
    }
    let call = rule.call.as_deref().unwrap_or_default();
    if rule.deed == Lag && !LAGGING.contains(&call) {
        return Err(format!(
            "{call} does not lag; {} do",
            LAGGING[1..].join(", ")
        ));
    }
    let needs = match rule.deed {
        Limit if rule.per_second.is_none_or(|rate| rate <= 0.0) => Some("per_second"),
        Slow | Lag if rule.call.is_some() && rule.millis.is_none() => Some("millis"),
        _ => None,
    };
    needs.map_or(Ok(()), |name| Err(format!("it needs {name}")))
}

/// The rules, and how often each was met.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<Rule>,
    met: Mutex<Met>,
}

#[derive(Debug, Default)]
struct Met {
    counts: Vec<u64>,
    writes: u64,
    /// What is left of each rate, and since when.
    allowances: Vec<Option<(f64, Instant)>>,
}

impl Faults {
    /// Faults by these rules.
    pub fn new(rules: Vec<Rule>) -> Self {
        let met = Met {
            counts: vec![0; rules.len()],
            writes: 0,
            allowances: vec![None; rules.len()],
        };
        Self {
            rules,
            met: Mutex::new(met),
        }
    }

    /// What is to go wrong with work on a resource.
    pub fn of_resource(&self, stack: &str, name: &str, kind: &str, verb: Verb) -> Option<&Rule> {
        self.first(|rule| {
            let named =
                |given: &Option<String>, is: &str| given.as_deref().is_none_or(|one| one == is);
            (rule.resource.is_some() || rule.kind.is_some())
                && named(&rule.resource, name)
                && named(&rule.kind, kind)
                && named(&rule.stack, stack)
                && rule.on.is_none_or(|on| on == verb)
        })
    }

    /// What is to go wrong with a call.
    pub fn of_call(&self, service: &str, action: &str) -> Option<&Rule> {
        self.first(|rule| rule.deed != Deed::Lag && rule.is_of(service, action))
    }

    /// How far behind a call's answer is to be.
    pub fn lag(&self, action: &str) -> Option<Duration> {
        let is = |rule: &Rule| rule.deed == Deed::Lag && rule.is_of("cloudformation", action);
        self.first(is).map(Rule::delay)
    }

    /// The furthest that any answer is to be behind.
    pub fn longest_lag(&self) -> Option<Duration> {
        let lags = self.rules.iter().filter(|rule| rule.deed == Deed::Lag);
        lags.map(Rule::delay).max()
    }

    /// Ends the process if this is the write that is meant.
    pub fn of_write(&self) {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.writes += 1;
        if self.rules.iter().any(|rule| rule.write == Some(met.writes)) {
            die();
        }
    }

    /// The first rule that fits and whose turn it is.
    fn first(&self, fits: impl Fn(&Rule) -> bool) -> Option<&Rule> {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = self.rules.iter().enumerate().filter(|(_, rule)| fits(rule));
        for (at, rule) in fitting {
            let count = met.counts.get_mut(at)?;
            *count += 1;
            let count = *count;
            let due = match rule.at {
                Some(wanted) => wanted == count,
                None => {
                    count > rule.after && rule.times.is_none_or(|times| count - rule.after <= times)
                }
            };
            if due && (rule.deed != Deed::Limit || met.exceeds(at, rule)) {
                return Some(rule);
            }
        }
        None
    }
}

impl Met {
    /// Takes from a rate, and says whether nothing was left of it.
    fn exceeds(&mut self, at: usize, rule: &Rule) -> bool {
        let rate = rule.per_second.unwrap_or(1.0);
        let now = Instant::now();
        let Some(slot) = self.allowances.get_mut(at) else {
            return false;
        };
        let (left, since) = slot.unwrap_or((rate, now));
        let grown = (left + now.duration_since(since).as_secs_f64() * rate).min(rate);
        let over = grown < 1.0;
        *slot = Some((if over { grown } else { grown - 1.0 }, now));
        over
    }
}

impl Rule {
    /// The status reason of a resource that fails.
    pub fn words(&self) -> String {
        self.reason.clone().unwrap_or_else(|| {
            "Resource handler returned message: \"Internal failure\" (RequestToken: \
             00000000-0000-0000-0000-000000000000, HandlerErrorCode: InternalFailure)"
                .to_owned()
        })
    }

    /// Whether it is for such a call.
    fn is_of(&self, service: &str, action: &str) -> bool {
        let call = self.call.as_deref();
        call.is_some_and(|call| call == "*" || call == action)
            && self.service.as_deref().is_none_or(|one| one == service)
    }

    /// How much slower a call is, or behind.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.millis.unwrap_or_default())
    }
}

/// Ends the process as if it were killed: nothing is put away.
pub fn die() -> ! {
    std::process::exit(137)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_met_in_their_turn() {
        let faults = Faults::new(vec![
            short("call:DescribeStacks:throttle:times=2,after=1").unwrap(),
            short("Queue:create:fail:no more").unwrap(),
        ]);
        let met: Vec<bool> = (0..5)
            .map(|_| faults.of_call("cloudformation", "DescribeStacks").is_some())
            .collect();
        assert_eq!(met, [false, true, true, false, false]);
        let fault = faults.of_resource("S", "Queue", "AWS::SQS::Queue", Verb::Create);
        assert_eq!(fault.unwrap().words(), "no more");
        assert!(
            faults
                .of_resource("S", "Queue", "AWS::SQS::Queue", Verb::Delete)
                .is_none()
        );
        assert!(faults.of_call("cloudformation", "ListStacks").is_none());
    }

    #[test]
    fn the_short_form_says_the_same() {
        let rule =
            short("call:DescribeVpcs:error:status=403,code=Unauthorized,service=ec2").unwrap();
        assert_eq!(
            (rule.status, rule.code.as_deref()),
            (Some(403), Some("Unauthorized"))
        );
        assert_eq!(rule.service.as_deref(), Some("ec2"));
        assert_eq!(
            short("call:DescribeVpcs:error:stauts=403").unwrap_err(),
            "call:DescribeVpcs:error:stauts=403: stauts=403 is no key of a fault"
        );
        let rule = short("Queue:create:fail:no more, no less").unwrap();
        assert_eq!(rule.words(), "no more, no less");
    }

    #[test]
    fn only_what_tells_of_stacks_lags() {
        let faults = Faults::new(vec![
            short("call:DescribeStacks:lag:millis=800,times=1").unwrap(),
            short("call:*:lag:millis=50").unwrap(),
        ]);
        let asked = |action: &str| faults.lag(action).map(|lag| lag.as_millis());
        assert_eq!(asked("DescribeStacks"), Some(800));
        assert_eq!(asked("DescribeStacks"), Some(50));
        assert_eq!(asked("ListStacks"), Some(50));
        assert_eq!(faults.longest_lag(), Some(Duration::from_millis(800)));
        // It is no fault of the call itself.
        assert!(faults.of_call("cloudformation", "DescribeStacks").is_none());
        assert_eq!(Faults::default().longest_lag(), None);
        assert_eq!(
            short("call:DeleteStack:lag:millis=1").unwrap_err(),
            "call:DeleteStack:lag:millis=1: DeleteStack does not lag; DescribeStacks, ListStacks, \
             DescribeStackEvents do"
        );
        assert_eq!(
            short("call:ListStacks:lag").unwrap_err(),
            "call:ListStacks:lag: it needs millis"
        );
        assert!(short("Queue:create:lag").is_err());
    }

    #[test]
    fn a_file_is_read_strictly() {
        let of = |text: &str| parse(Path::new("f.toml"), text);
        let good = "[[fault]]\ntype = \"AWS::SQS::Queue\"\non = \"update\"\ndo = \"slow\"\nfactor = 3\n\n[[fault]]\ncall = \"*\"\ndo = \"limit\"\nper_second = 10\n";
        assert_eq!(of(good).unwrap().len(), 2);
        let wrong = of("[[fault]]\ncal = \"X\"\ndo = \"reset\"\n").unwrap_err();
        assert!(
            wrong.starts_with("f.toml:2:1: unknown field `cal`"),
            "{wrong}"
        );
        let mixed = of("[[fault]]\ncall = \"X\"\nresource = \"Y\"\ndo = \"reset\"\n").unwrap_err();
        assert_eq!(
            mixed,
            "f.toml: fault 1: it names one of a resource (or type), a call and a write"
        );
        assert!(short("Queue:create:throttle").is_err() && short("Queue").is_err());
        assert!(
            short("Queue:crate:fail")
                .unwrap_err()
                .contains("unknown variant `crate`")
        );
    }

    #[test]
    fn a_rate_lets_some_through() {
        let faults = Faults::new(vec![short("call:*:limit:per_second=5").unwrap()]);
        let refused = (0..20)
            .filter(|_| faults.of_call("", "A").is_some())
            .count();
        assert!((14..=15).contains(&refused), "{refused}");
    }
}
