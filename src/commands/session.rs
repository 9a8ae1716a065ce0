//! What every command that talks to CloudFormation begins with.

use crate::checks::preflight::TemplateBucket;
use crate::cloud::{Cloud, Connection, Deployed, Source};
use crate::error::{Error, Result};
use crate::local::{self, faults};
use crate::manifest::Stack;
use crate::permissions::{Feature, MANY, Need, On, always, given, own_bucket};
use crate::plan::{Action, Current, Plan};
use crate::project::Project;
use crate::settings::Settings;
use crate::template::body::{Body, body};
use crate::ui::Ui;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// What opening a session asks for.
pub(super) const OPEN: &[Need] = &[given(Feature::Account, &["STS GetCallerIdentity"])];

/// What reading what is deployed asks for. All stacks can be described only by who may list them:
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html>
pub(super) const CURRENT: &[Need] = &[
    always(&[
        "CloudFormation DescribeStacks",
        "CloudFormation GetTemplate",
    ]),
    given(Feature::StackPolicy, &["CloudFormation GetStackPolicy"]),
    given(
        Feature::ManyStacks,
        &["CloudFormation DescribeStacks", "CloudFormation ListStacks"],
    )
    .on(On::Everything),
];

/// What reading outputs asks for.
pub(super) const OUTPUTS: &[Need] = &[always(&["CloudFormation DescribeStacks"])];

/// What sending templates asks for. CloudFormation reads them with the caller's rights.
pub(super) const SOURCES: [Need; 3] = [
    given(Feature::LargeTemplate, &["S3 GetObject", "S3 PutObject"]),
    given(
        Feature::OwnBucket,
        &[
            "STS GetCallerIdentity",
            "S3 CreateBucket",
            "S3 PutPublicAccessBlock",
        ],
    ),
    given(Feature::OwnBucket, &["S3 HeadBucket"]).on(On::TemplateBucket),
];

/// A project, and a connection to where it is deployed.
pub struct Session {
    /// The project.
    pub project: Arc<Project>,
    /// The connection.
    pub cloud: Cloud,
    server: Option<local::Server>,
}

/// Where the embedded CloudFormation keeps its state: beside the manifest.
pub fn state_directory(settings: &Settings) -> PathBuf {
    settings
        .manifest
        .parent()
        .map(PathBuf::from)
        .unwrap_or_default()
        .join(".infra")
        .join("local")
}

/// The embedded CloudFormation's options, as the settings ask.
///
/// # Errors
/// A fault that is none.
pub fn local_options(
    settings: &Settings,
    region: Option<String>,
    port: u16,
) -> Result<local::Options> {
    Ok(local::Options {
        directory: state_directory(settings),
        port,
        time_scale: settings.time_scale,
        account: "123456789012".to_owned(),
        region: region.unwrap_or_else(|| "us-east-1".to_owned()),
        search_path: crate::settings::variable("PATH").unwrap_or_default(),
        faults: faults(settings)?,
    })
}

fn faults(settings: &Settings) -> Result<Vec<faults::Rule>> {
    let mut rules = Vec::new();
    for text in &settings.faults {
        rules.push(faults::short(text).map_err(|why| Error::asked(format!("--fault {why}.")))?);
    }
    if let Some(path) = &settings.fault_file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::file(path, "read the faults", &error))?;
        rules.extend(faults::parse(path, &text).map_err(|why| Error::asked(format!("{why}.")))?);
    }
    Ok(rules)
}

impl Session {
    /// Opens a session, works in it, and lets the embedded CloudFormation put its state away, however the work
    /// ends. Its error is answered without values that are never shown.
    ///
    /// # Errors
    /// What opening refuses, and that of the work.
    pub async fn within<T>(
        settings: &Settings,
        work: impl AsyncFnOnce(&Self) -> Result<T>,
    ) -> Result<T> {
        let session = Self::open(settings).await?;
        let result = work(&session).await;
        let project = session.project;
        if let Some(server) = session.server {
            server.shutdown().await;
        }
        project.secrets.clean(result)
    }

    /// Loads the project, starts the embedded CloudFormation if it is asked for, and connects.
    async fn open(settings: &Settings) -> Result<Self> {
        let project = Arc::new(Project::load(settings)?);
        let region = settings
            .region
            .clone()
            .or_else(|| project.manifest.region.clone());
        let server = if settings.local {
            let server = local::start(local_options(settings, region.clone(), 0)?).await;
            Some(server.map_err(|error| {
                Error::asked(format!("the embedded CloudFormation cannot start: {error}"))
            })?)
        } else if settings.faults.is_empty() && settings.fault_file.is_none() {
            None
        } else {
            return Err(
                Error::asked("faults happen in the embedded CloudFormation only.")
                    .hint("give --local, or give the faults to infra local serve"),
            );
        };
        let connection = Connection {
            region: region.or_else(|| settings.local.then(|| "us-east-1".to_owned())),
            profile: settings.profile.clone(),
            endpoint: server.as_ref().map(|server| server.endpoint().to_owned()),
            fixed: settings.fixed_credentials,
            patience: settings.patience,
            log: settings.log_calls.clone(),
        };
        let cloud = Cloud::connect(&connection).await?;
        if let (Some(expected), false) = (&project.manifest.account, settings.local) {
            let account = cloud.account().await?;
            if &account != expected {
                return Err(Error::asked(format!(
                    "these credentials are of account {account}, the environment is of {expected}."
                ))
                .hint("choose another --profile or --env"));
            }
        }
        Ok(Self {
            project,
            cloud,
            server,
        })
    }

    /// Those names, in an order in which each stands after what it needs (reversed: before it).
    pub fn order(&self, names: &[String], reversed: bool) -> Vec<String> {
        let mut order: Vec<String> = self.project.graph.topological_order();
        order.retain(|name| names.contains(name));
        if reversed {
            order.reverse();
        }
        order
    }

    /// What is deployed under those names, and under the names of what they need; read at once.
    pub async fn current(&self, names: &[String]) -> Result<BTreeMap<String, Current>> {
        let mut wanted = names.to_vec();
        for name in names {
            for needed in self.project.graph.dependencies_of(name) {
                if !wanted.contains(&needed) {
                    wanted.push(needed);
                }
            }
        }
        let all = match wanted.len() > MANY {
            true => Some(Arc::new(self.cloud.describe_all().await?)),
            false => None,
        };
        self.read(&wanted, |cloud, stack| {
            let (name, policy) = (stack.deployed_name.clone(), stack.stack_policy.is_some());
            let all = all.clone();
            async move {
                match all {
                    Some(all) => match all.get(&name) {
                        Some(stack) => complete(&cloud, stack.clone(), policy).await,
                        None => Ok(None),
                    },
                    None => read(&cloud, &name, policy).await,
                }
            }
        })
        .await
    }

    /// The outputs of the stacks of those names that are deployed; read at once.
    pub async fn outputs(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
        let described = self
            .read(names, |cloud, stack| {
                let name = stack.deployed_name.clone();
                async move { cloud.describe(&name).await }
            })
            .await?;
        Ok(described
            .into_iter()
            .filter(|(_, stack)| stack.status != "DELETE_COMPLETE")
            .map(|(name, stack)| (name, stack.outputs))
            .collect())
    }

    /// Reads something of each of those stacks, all at once; what is not there is left out.
    async fn read<T, F>(
        &self,
        names: &[String],
        read: impl Fn(Cloud, &Stack) -> F,
    ) -> Result<BTreeMap<String, T>>
    where
        T: Send + 'static,
        F: Future<Output = Result<Option<T>>> + Send + 'static,
    {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let mut reads = JoinSet::new();
        for stack in names.iter().filter_map(|name| self.project.stack(name)) {
            let (name, read) = (stack.name.clone(), read(self.cloud.clone(), stack));
            let turns = turns.clone();
            reads.spawn(async move {
                let _turn = turns.acquire().await;
                (name, read.await)
            });
        }
        let mut found = BTreeMap::new();
        while let Some(joined) = reads.join_next().await {
            let (name, one) =
                joined.map_err(|error| Error::aws(format!("internal error: {error}")))?;
            if let Some(one) = one? {
                found.insert(name, one);
            }
        }
        Ok(found)
    }

    /// Each stack's body: sent with the call, or put into S3 where it is too large for that.
    pub async fn sources(
        &self,
        names: &[String],
        settings: &Settings,
        ui: &Ui,
    ) -> Result<BTreeMap<String, Source>> {
        let mut sources = BTreeMap::new();
        for name in names {
            let Some(ready) = self.project.prepared.get(name) else {
                continue;
            };
            let body = body(&ready.rendered, &ready.template)
                .map_err(|error| Error::asked(format!("{name}: {error}")))?;
            let source = match body {
                Body::Inline(text) => Source::Inline(text),
                Body::Upload(text) => {
                    let bucket = self.bucket(settings, ui).await?;
                    Source::Url(self.cloud.upload(&bucket, &text).await?)
                }
            };
            sources.insert(name.clone(), source);
        }
        Ok(sources)
    }

    /// The bucket that a deploy of the plan puts templates into, where one of them is too large to be sent.
    ///
    /// # Errors
    /// A template that is too large for a bucket as well.
    pub fn template_bucket(&self, plan: &Plan, account: &str) -> Result<Option<TemplateBucket>> {
        for step in plan
            .steps
            .iter()
            .filter(|step| step.action != Action::Nothing)
        {
            let Some(ready) = self.project.prepared.get(&step.stack) else {
                continue;
            };
            let body = body(&ready.rendered, &ready.template)
                .map_err(|error| Error::asked(format!("{}: {error}", step.stack)))?;
            if matches!(body, Body::Upload(_)) {
                let given = self.project.manifest.template_bucket.clone();
                return Ok(Some(TemplateBucket {
                    given: given.is_some(),
                    name: given.unwrap_or_else(|| own_bucket(account, &self.cloud.region)),
                }));
            }
        }
        Ok(None)
    }

    async fn bucket(&self, settings: &Settings, ui: &Ui) -> Result<String> {
        if let Some(bucket) = &self.project.manifest.template_bucket {
            return Ok(bucket.clone());
        }
        let account = self.cloud.account().await?;
        let bucket = own_bucket(&account, &self.cloud.region);
        if self.cloud.has_bucket(&bucket).await {
            return Ok(bucket);
        }
        let instead = "name a bucket in the manifest: template_bucket = \"...\", or give --yes";
        let question = format!(
            "A template is over 51,200 bytes and needs a bucket. Create {bucket}? (yes/no)"
        );
        if settings.yes || ui.ask(&question, &["yes", "y"], instead)? {
            self.cloud.create_bucket(&bucket).await?;
            return Ok(bucket);
        }
        Err(Error::asked("no bucket to put the template into.").hint(instead))
    }
}

/// How many stacks are read at once.
const AT_ONCE: usize = 32;

/// One stack as it is. Deleted stacks are absent.
async fn read(cloud: &Cloud, name: &str, policy: bool) -> Result<Option<Current>> {
    let (stack, template) = tokio::join!(cloud.describe(name), cloud.template(name));
    let Some(stack) = stack?.filter(|stack| stack.status != "DELETE_COMPLETE") else {
        return Ok(None);
    };
    whole(cloud, stack, template, policy).await
}

/// A stack that is described already, with its template and policy.
async fn complete(cloud: &Cloud, stack: Deployed, policy: bool) -> Result<Option<Current>> {
    let template = cloud.template(&stack.id).await;
    whole(cloud, stack, template, policy).await
}

async fn whole(
    cloud: &Cloud,
    stack: Deployed,
    template: Result<String>,
    policy: bool,
) -> Result<Option<Current>> {
    let refused = |error: &Error| error.code.as_deref() == Some("ValidationError");
    // A stack in review has no template to read, and needs none.
    let template = match template {
        Ok(template) => template,
        Err(_) if stack.status == "REVIEW_IN_PROGRESS" => String::new(),
        // It is gone by now.
        Err(error) if stack.status == "DELETE_IN_PROGRESS" && refused(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let policy = if policy {
        cloud.policy(&stack.id).await?
    } else {
        None
    };
    Ok(Some(Current {
        stack,
        template,
        policy,
    }))
}
