//! The state on disk: read once, each file written whole, held by one process at a time.

use super::faults::Faults;
use super::model::{Stack, State};
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another server works in the same directory.
    #[error("another process holds {0}; end it, or wait until it has ended")]
    Held(PathBuf),
    /// The state file is not one of ours.
    #[error("{path} cannot be read as the embedded CloudFormation's state: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file could not be used.
    #[error("{path}: {reason}")]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The address could not be bound.
    #[error("127.0.0.1:{port} cannot be listened on: {reason}")]
    Listen {
        /// The port.
        port: u16,
        /// What the system says.
        reason: io::Error,
    },
}

/// The state, in memory and on disk: one file a stack, one for what belongs to no stack.
#[derive(Debug)]
pub struct Store {
    state: Mutex<State>,
    directory: PathBuf,
    faults: Arc<Faults>,
    // Held for as long as the store is: the system lets go of it with the file.
    _lock: File,
}

impl Store {
    /// Takes the directory for this process and reads what is there.
    pub fn open(directory: &Path, faults: Arc<Faults>) -> Result<Self, StartError> {
        std::fs::create_dir_all(directory).map_err(|reason| file(directory, reason))?;
        let lock = hold(&directory.join("lock"))?;
        let state = State {
            stacks: read_stacks(&directory.join("stacks"))?
                .into_iter()
                .collect(),
            account: read(&directory.join("account.json"))?.unwrap_or_default(),
        };
        Ok(Self {
            state: Mutex::new(state),
            directory: directory.to_owned(),
            faults,
            _lock: lock,
        })
    }

    /// The state. The guard must not be held across an await.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The directory that everything is in.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether anything is to be written.
    pub fn differs(&self) -> bool {
        let state = self.state();
        state.account.changed || state.stacks.iter().any(|stack| stack.changed)
    }

    /// Writes what was changed since it was last written. What was answered before is on disk then. One at a time:
    /// an older write that ends last would undo a newer one.
    pub fn save(&self) -> io::Result<()> {
        let files = changed(&mut self.state())?;
        let write = |(name, content): &(String, Vec<u8>)| {
            self.faults.of_write();
            write_atomically(&self.directory.join(name), content)
        };
        let written = files.iter().try_for_each(write);
        if written.is_err() {
            // Nothing is known to be on disk: all of it is written again.
            let mut state = self.state();
            state.account.changed = true;
            state
                .stacks
                .iter_mut()
                .for_each(|stack| stack.changed = true);
        }
        written
    }
}

/// What differs from its file: the files' names and what they are to hold.
fn changed(state: &mut State) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    if std::mem::take(&mut state.account.changed) {
        let text = serde_json::to_vec(&state.account)?;
        files.push(("account.json".to_owned(), text));
    }
    for stack in state.stacks.iter_mut().filter(|stack| stack.changed) {
        stack.changed = false;
        let unique = stack.id.rsplit('/').next().unwrap_or_default();
        files.push((format!("stacks/{unique}.json"), serde_json::to_vec(stack)?));
    }
    Ok(files)
}

/// Writes a file so that it is there whole, or as it was before, whenever the process ends.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn read_stacks(directory: &Path) -> Result<Vec<Stack>, StartError> {
    let mut stacks = Vec::new();
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(stacks),
        Err(reason) => return Err(file(directory, reason)),
    };
    for entry in entries {
        let path = entry.map_err(|reason| file(directory, reason))?.path();
        // Whatever else lies there was being written when the process ended.
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            stacks.extend(read::<Stack>(&path)?);
        }
    }
    stacks.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
    Ok(stacks)
}

fn hold(path: &Path) -> Result<File, StartError> {
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|reason| file(path, reason))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StartError::Held(path.to_owned())),
        Err(TryLockError::Error(reason)) => Err(file(path, reason)),
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StartError> {
    match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|reason| StartError::Damaged {
                path: path.to_owned(),
                reason: reason.to_string(),
            }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(reason) => Err(file(path, reason)),
    }
}

fn file(path: &Path, reason: io::Error) -> StartError {
    StartError::File {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_holds_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), Arc::default()).unwrap();
        let second = Store::open(directory.path(), Arc::default()).unwrap_err();
        assert!(
            second.to_string().starts_with("another process holds"),
            "{second}"
        );
        store.save().unwrap();
        drop(store);
        assert!(Store::open(directory.path(), Arc::default()).is_ok());
    }

    #[test]
    fn a_damaged_state_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("account.json"), "{").unwrap();
        assert!(matches!(
            Store::open(directory.path(), Arc::default()),
            Err(StartError::Damaged { .. })
        ));
    }
}
