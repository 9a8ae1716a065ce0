//! What the commands about data and model begin with: the platform's facts, and the warehouse that its
//! stacks hold.

use super::session::Session;
use crate::error::{Error, Result};
use crate::permissions::{Need, always};
use crate::platform::names::Platform;
use crate::platform::outputs::{self, Outputs};
use crate::platform::statements::Warehouse;
use crate::settings::Settings;
use std::path::PathBuf;

/// What asking the warehouse asks for.
pub(super) const ASK: &[Need] = &[always(&[
    "Redshift Data ExecuteStatement",
    "Redshift Data DescribeStatement",
    "Redshift Data GetStatementResult",
    "Redshift Data CancelStatement",
])];

/// A session, with what it knows of the platform.
pub struct Opened {
    /// The session.
    pub session: Session,
    /// The platform's facts.
    pub platform: Platform,
    outputs: Outputs,
}

/// Where the manifest is.
pub fn beside(settings: &Settings) -> PathBuf {
    let parent = settings.manifest.parent();
    parent.map(PathBuf::from).unwrap_or_default()
}

/// The platform's facts, beside the manifest.
///
/// # Errors
/// When they are not there: then the project is another one.
pub fn platform(settings: &Settings) -> Result<Platform> {
    Platform::read(&beside(settings).join("templates"))
}

impl Opened {
    /// Connects, and reads what the stacks give.
    ///
    /// # Errors
    /// What a session or the facts refuse.
    pub async fn open(settings: &Settings) -> Result<Self> {
        let platform = platform(settings)?;
        let session = Session::open(settings).await?;
        let names = session.project.select(&[], true)?;
        match session.outputs(&names).await {
            Ok(outputs) => Ok(Self {
                session,
                platform,
                outputs,
            }),
            Err(error) => session.end(Err(error)).await,
        }
    }

    /// What a stack gives under that name.
    ///
    /// # Errors
    /// When no stack does, with the one that would.
    pub fn output(&self, name: &str) -> Result<&str> {
        let found = outputs::find(&self.outputs, name);
        found.map_err(|error| {
            let gives = |(_, ready): &(&String, &crate::project::Prepared)| {
                let mut outputs = ready.template.outputs.iter();
                outputs.any(|output| output.name == name)
            };
            let prepared = &self.session.project.prepared;
            match prepared.iter().find(gives) {
                Some((stack, _)) if !self.outputs.contains_key(stack) => {
                    Error::asked(format!("{stack} is not deployed: it gives {name}.")).hint(
                        format!("infra deploy {stack}, with the same --local, --env and --region"),
                    )
                }
                _ => error,
            }
        })
    }

    /// The warehouse.
    ///
    /// # Errors
    /// When the stack that holds it is not deployed.
    pub fn warehouse(&self) -> Result<Warehouse> {
        let (workgroup, database) = (self.output("WorkgroupName")?, self.output("DatabaseName")?);
        Ok(Warehouse::new(&self.session.cloud, workgroup, database))
    }
}
