//! Where a policy applies: what the manifest and the flags tell of it, and what is left to be filled in.

use super::{On, When};
use crate::project::Project;
use crate::template::body::{Body, body};
use serde_json::Value;
use std::collections::BTreeSet;

/// Something of a project that asks for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// The environment names its account.
    Account,
    /// There are so many stacks that they are listed instead of each being described.
    ManyStacks,
    /// A stack has a policy.
    StackPolicy,
    /// A stack has stacks within.
    Nested,
    /// A stack says whether it is termination protected.
    Protection,
    /// A stack has tags.
    Tags,
    /// A stack has a service role.
    ServiceRole,
    /// A template is too large to be sent with a call.
    LargeTemplate,
    /// The same, and the manifest names no bucket for it.
    OwnBucket,
}

impl Feature {
    const ALL: [Self; 9] = [
        Self::Account,
        Self::ManyStacks,
        Self::StackPolicy,
        Self::Nested,
        Self::Protection,
        Self::Tags,
        Self::ServiceRole,
        Self::LargeTemplate,
        Self::OwnBucket,
    ];

    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Account => "where the environment names an account",
            Self::ManyStacks => "with more than 50 stacks",
            Self::StackPolicy => "with a stack policy",
            Self::Nested => "with nested stacks",
            Self::Protection => "with termination protection",
            Self::Tags => "with tags",
            Self::ServiceRole => "with a service role",
            Self::LargeTemplate => "with a template over 51,200 bytes",
            Self::OwnBucket => "with a template over 51,200 bytes and no template bucket",
        }
    }
}

/// What stands in ARNs.
#[derive(Debug, Clone)]
pub struct Scope {
    partition: String,
    region: String,
    account: String,
    stacks: Vec<String>,
    template_bucket: String,
    named_buckets: Vec<String>,
    service_roles: Vec<String>,
    features: BTreeSet<Feature>,
}

/// What stands for an account that is not known.
pub const ACCOUNT: &str = "ACCOUNT";

/// The bucket for templates where the manifest names none.
pub fn own_bucket(account: &str, region: &str) -> String {
    format!("infra-templates-{account}-{region}")
}

impl Scope {
    /// Of no project: words in capitals stand for what is to be filled in, and everything is come to.
    pub fn any() -> Self {
        Self {
            partition: "aws".to_owned(),
            region: "REGION".to_owned(),
            account: ACCOUNT.to_owned(),
            stacks: vec!["STACK".to_owned()],
            template_bucket: "TEMPLATE-BUCKET".to_owned(),
            named_buckets: vec!["BUCKET".to_owned()],
            service_roles: vec![format!("arn:aws:iam::{ACCOUNT}:role/SERVICE-ROLE")],
            features: Feature::ALL.into(),
        }
    }

    /// Of a project in that account and region, with a service role where a flag names one.
    pub fn new(project: &Project, account: Option<&str>, region: &str, role: Option<&str>) -> Self {
        let manifest = &project.manifest;
        let stacks = || manifest.stacks.iter();
        let account = account.or(manifest.account.as_deref()).unwrap_or(ACCOUNT);
        let bucket = manifest.template_bucket.clone();
        let roles: BTreeSet<String> = stacks()
            .filter_map(|stack| stack.role_arn.clone())
            .chain(role.map(str::to_owned))
            .collect();
        let named = named_buckets(project);
        let large = project.prepared.values().any(|ready| {
            let body = body(&ready.rendered, &ready.template);
            matches!(body, Ok(Body::Upload(_)))
        });
        let told = [
            (Feature::Account, manifest.account.is_some()),
            (Feature::ManyStacks, manifest.stacks.len() > MANY),
            (
                Feature::StackPolicy,
                stacks().any(|stack| stack.stack_policy.is_some()),
            ),
            (
                Feature::Nested,
                holds(project, "AWS::CloudFormation::Stack")
                    .next()
                    .is_some(),
            ),
            (
                Feature::Protection,
                stacks().any(|stack| stack.termination_protection.is_some()),
            ),
            (Feature::Tags, stacks().any(|stack| !stack.tags.is_empty())),
            (Feature::ServiceRole, !roles.is_empty()),
            (Feature::LargeTemplate, large),
            (Feature::OwnBucket, large && bucket.is_none()),
        ];
        Self {
            partition: crate::plan::resolve::partition(region).0,
            region: region.to_owned(),
            account: account.to_owned(),
            stacks: stacks().map(|stack| stack.deployed_name.clone()).collect(),
            template_bucket: bucket.unwrap_or_else(|| own_bucket(account, region)),
            named_buckets: named.into_iter().collect(),
            service_roles: roles.into_iter().collect(),
            features: told
                .into_iter()
                .filter_map(|(feature, is)| is.then_some(feature))
                .collect(),
        }
    }

    /// The same for those stacks only, by their names in CloudFormation.
    #[must_use]
    pub fn only(mut self, stacks: &[String]) -> Self {
        self.stacks = stacks.to_vec();
        self
    }

    /// Whether it can come to that.
    pub fn comes_to(&self, when: When) -> bool {
        match when {
            When::Given(feature) | When::GivenIf(feature, _) => self.features.contains(&feature),
            When::Always | When::If(_) | When::Check => true,
        }
    }

    /// Whether something is left to be filled in.
    pub fn is_open(&self) -> bool {
        self.account == ACCOUNT
    }

    /// The ARNs of what an action is on, sorted.
    pub fn arns(&self, on: On) -> Vec<String> {
        let partition = &self.partition;
        let mut arns: Vec<String> = match on {
            On::Everything => vec!["*".to_owned()],
            On::Stacks => self.named("/*"),
            // CloudFormation names a nested stack by the one around it.
            On::NestedStacks => self.named("-*/*"),
            On::TemplateBucket => vec![format!("arn:{partition}:s3:::{}", self.template_bucket)],
            On::Templates => vec![format!(
                "arn:{partition}:s3:::{}/infra/*",
                self.template_bucket
            )],
            On::NamedBuckets => {
                let buckets = self.named_buckets.iter();
                buckets
                    .map(|bucket| format!("arn:{partition}:s3:::{bucket}"))
                    .collect()
            }
            On::ServiceRoles => self.service_roles.clone(),
            On::Arns(patterns) => patterns.iter().map(|one| self.filled(one)).collect(),
        };
        arns.sort();
        arns.dedup();
        arns
    }

    fn named(&self, end: &str) -> Vec<String> {
        let begin = self.filled("arn:{partition}:cloudformation:{region}:{account}:stack/");
        let stacks = self.stacks.iter();
        stacks.map(|stack| format!("{begin}{stack}{end}")).collect()
    }

    fn filled(&self, pattern: &str) -> String {
        pattern
            .replace("{partition}", &self.partition)
            .replace("{region}", &self.region)
            .replace("{account}", &self.account)
    }
}

/// From so many stacks on, all of the account are listed instead of each being described.
pub const MANY: usize = 50;

/// The names of the buckets that templates name; `*` for one whose name is made on the way.
fn named_buckets(project: &Project) -> BTreeSet<String> {
    let buckets = holds(project, "AWS::S3::Bucket");
    let names = buckets.filter_map(|one| one["Properties"].get("BucketName"));
    names
        .map(|name| name.as_str().unwrap_or("*").to_owned())
        .collect()
}

/// The resources of a type that the templates hold.
fn holds<'a>(project: &'a Project, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let templates = project.prepared.values();
    let resources = templates.filter_map(|ready| ready.template.body["Resources"].as_object());
    resources
        .flat_map(|all| all.values())
        .filter(move |one| one["Type"] == kind)
}
