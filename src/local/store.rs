//! The state file: read once, written whole and atomically, held by one process at a time.

use super::model::State;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// The state, in memory and on disk.
#[derive(Debug)]
pub struct Store {
    state: Mutex<State>,
    writing: Mutex<()>,
    directory: PathBuf,
    // Held for as long as the store is: the system lets go of it with the file.
    _lock: File,
}

impl Store {
    /// Takes the directory for this process and reads what is there.
    pub fn open(directory: &Path) -> Result<Self, StartError> {
        std::fs::create_dir_all(directory).map_err(|reason| file(directory, reason))?;
        let lock = hold(&directory.join("lock"))?;
        let state = read(&directory.join("state.json"))?;
        Ok(Self {
            state: Mutex::new(state),
            writing: Mutex::new(()),
            directory: directory.to_owned(),
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

    /// Writes the state to disk.
    pub fn save(&self) -> io::Result<()> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let text = serde_json::to_vec(&*self.state())?;
        write_atomically(&self.directory.join("state.json"), &text)
    }
}

/// Writes a file so that it is there whole, or as it was before.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_directory(directory)
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
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

fn read(path: &Path) -> Result<State, StartError> {
    match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|reason| StartError::Damaged {
            path: path.to_owned(),
            reason: reason.to_string(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::default()),
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
        let store = Store::open(directory.path()).unwrap();
        let second = Store::open(directory.path()).unwrap_err();
        assert!(
            second.to_string().starts_with("another process holds"),
            "{second}"
        );
        store.save().unwrap();
        drop(store);
        assert!(Store::open(directory.path()).is_ok());
    }

    #[test]
    fn a_damaged_state_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("state.json"), "{").unwrap();
        assert!(matches!(
            Store::open(directory.path()),
            Err(StartError::Damaged { .. })
        ));
    }
}
