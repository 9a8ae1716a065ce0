//! What the commands about data and model begin with: the platform's facts, and the warehouse that its
//! stacks hold.

use super::session::Session;
use crate::error::{Error, Result};
use crate::permissions::{Need, always};
use crate::platform::names::Platform;
use crate::platform::outputs::{self, Outputs};
use crate::platform::statements::Warehouse;
use crate::settings::{Settings, command};
use std::path::PathBuf;

/// What asking the warehouse asks for.
pub(super) const ASK: &[Need] = &[always(&[
    "Redshift Data ExecuteStatement",
    "Redshift Data DescribeStatement",
    "Redshift Data GetStatementResult",
    "Redshift Data CancelStatement",
])];

/// A session, with what it knows of the platform.
pub struct Opened<'a> {
    /// The session.
    pub session: &'a Session,
    /// The platform's facts.
    pub platform: Platform,
    /// What the stacks give.
    pub outputs: Outputs,
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

/// Opens a session, and works with what it knows of the platform.
///
/// # Errors
/// What a session or the facts refuse, and that of the work.
pub async fn within(
    settings: &Settings,
    work: impl AsyncFnOnce(&Opened<'_>) -> Result<()>,
) -> Result<()> {
    let platform = platform(settings)?;
    Session::within(settings, async |session| {
        work(&Opened::of(session, platform).await?).await
    })
    .await
}

impl<'a> Opened<'a> {
    /// Reads what the stacks give.
    ///
    /// # Errors
    /// When CloudFormation refuses.
    pub async fn of(session: &'a Session, platform: Platform) -> Result<Self> {
        let names = session.project.select(&[], true)?;
        Ok(Self {
            session,
            platform,
            outputs: session.outputs(&names).await?,
        })
    }

    /// What a stack gives under that name.
    ///
    /// # Errors
    /// When no stack does, with the one that would.
    pub fn output(&self, name: &str) -> Result<&str> {
        let found = outputs::find(&self.outputs, name);
        found.map_err(|error| match self.session.project.giver(name) {
            Some(stack) if !self.outputs.contains_key(&stack.name) => {
                let stack = &stack.name;
                Error::asked(format!("{stack} is not deployed: it gives {name}."))
                    .hint(command(&format!("deploy {stack}")))
            }
            _ => error,
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
