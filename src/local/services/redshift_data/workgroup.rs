//! Workgroups and their databases, as the stacks hold them.

use super::database::Database;
use super::{Asked, models, validation};
use crate::local::ids;
use crate::local::refusal::Refusal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Where a database is.
#[derive(Debug, Clone)]
pub struct Place {
    /// The workgroup.
    pub workgroup: String,
    /// The database that was asked for.
    pub database: String,
    /// The one that the namespace has.
    has: String,
    folder: PathBuf,
    namespace: String,
}

/// The place that a request names.
///
/// # Errors
/// A workgroup that no stack holds.
pub fn find(asked: &Asked<'_>) -> Result<Place, Refusal> {
    if asked.text("ClusterIdentifier").is_some() {
        return Err(validation(
            "Redshift endpoint doesn't exist in this region.",
        ));
    }
    let named = asked.required("WorkgroupName")?;
    let state = asked.core.store.state();
    let absent = || validation("Redshift endpoint doesn't exist in this region.");
    let (_, workgroup) = state
        .resources("AWS::RedshiftServerless::Workgroup")
        .find(|(_, held)| {
            let arn = held.attributes.values().any(|value| value == named);
            arn || held.properties["WorkgroupName"] == named
        })
        .ok_or_else(absent)?;
    let namespace = &workgroup.properties["NamespaceName"];
    let (stack, held) = state
        .resources("AWS::RedshiftServerless::Namespace")
        .find(|(_, held)| held.properties["NamespaceName"] == *namespace)
        .ok_or_else(absent)?;
    let name = namespace.as_str().unwrap_or_default().to_owned();
    let has = held.properties["DbName"]
        .as_str()
        .unwrap_or("dev")
        .to_owned();
    let database = asked.text("Database").unwrap_or("dev").to_owned();
    Ok(Place {
        workgroup: named.to_owned(),
        database,
        has,
        folder: asked
            .core
            .store
            .directory()
            .join("warehouse")
            .join(ids::stable(&name).get(..16).unwrap_or_default()),
        // A namespace of the same name in another stack is another one.
        namespace: format!("{} {}", stack.id, held.logical_id),
    })
}

impl Place {
    /// Opens the database; what a namespace that is gone left is gone with it.
    ///
    /// # Errors
    /// A database that is not there, and what the system says.
    pub fn open(
        &self,
        core: &Arc<crate::local::core::Core>,
    ) -> Result<Arc<Mutex<Database>>, String> {
        if self.database != self.has {
            return Err(format!(
                "FATAL: database \"{}\" does not exist",
                self.database
            ));
        }
        let mut open = core
            .warehouses
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if read(&self.folder).as_deref() != Some(&self.namespace) {
            open.remove(&self.folder);
            begin(&self.folder, &self.namespace).map_err(|error| error.to_string())?;
        }
        let database = match open.get(&self.folder) {
            Some(database) => database.clone(),
            None => {
                let database = Arc::new(Mutex::new(Database::open(&self.folder)?));
                open.insert(self.folder.clone(), database.clone());
                database
            }
        };
        drop(open);
        models::attend(core, &database);
        Ok(database)
    }
}

fn read(folder: &Path) -> Option<String> {
    std::fs::read_to_string(folder.join("namespace")).ok()
}

fn begin(folder: &Path, namespace: &str) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("namespace"), namespace)
}
