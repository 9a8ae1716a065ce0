//! What each stack status means for a deploy and for a destroy: the one table of statuses.
//!
//! No arm here is a wildcard: a status that is added to [`Status`] does not compile until somebody
//! has decided what to do with it.

use crate::settings::command;
use std::fmt;
use std::str::FromStr;

/// Writes the enum and its two directions from one list, so that they cannot disagree.
macro_rules! statuses {
    ($($variant:ident = $name:literal, $doc:literal;)*) => {
        /// The status of a stack: the 23 that CloudFormation knows, and `Absent`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Status {
            $(#[doc = $doc] $variant,)*
        }

        impl Status {
            /// Every status, in the order of the enum.
            pub const ALL: &'static [Status] = &[$(Status::$variant),*];

            /// The status by CloudFormation's own name; `ABSENT` for a stack that is not there.
            ///
            /// # Errors
            /// A name that is not in the table: it is refused by its name, never guessed.
            pub fn parse(name: &str) -> Result<Status, UnknownStatus> {
                match name {
                    $($name => Ok(Status::$variant),)*
                    other => Err(UnknownStatus(other.to_owned())),
                }
            }

            /// CloudFormation's own name of the status.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Status::$variant => $name,)*
                }
            }
        }
    };
}

statuses! {
    Absent = "ABSENT", "There is no stack of this name.";
    ReviewInProgress = "REVIEW_IN_PROGRESS", "A change set was made for it, nothing was created.";
    CreateInProgress = "CREATE_IN_PROGRESS", "Being created.";
    CreateComplete = "CREATE_COMPLETE", "Created.";
    CreateFailed = "CREATE_FAILED", "Creation failed with rollback off.";
    RollbackInProgress = "ROLLBACK_IN_PROGRESS", "Creation failed, what it made is being removed.";
    RollbackComplete = "ROLLBACK_COMPLETE", "Creation failed, what it made is gone.";
    RollbackFailed = "ROLLBACK_FAILED", "Creation failed, and so did its removal.";
    DeleteInProgress = "DELETE_IN_PROGRESS", "Being deleted.";
    DeleteComplete = "DELETE_COMPLETE", "Deleted.";
    DeleteFailed = "DELETE_FAILED", "Deletion failed: something holds a resource.";
    UpdateInProgress = "UPDATE_IN_PROGRESS", "Being updated.";
    UpdateCompleteCleanupInProgress = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "Updated, and what was replaced is being removed.";
    UpdateComplete = "UPDATE_COMPLETE", "Updated.";
    UpdateFailed = "UPDATE_FAILED", "An update failed with rollback off.";
    UpdateRollbackInProgress = "UPDATE_ROLLBACK_IN_PROGRESS",
        "An update failed and is being undone.";
    UpdateRollbackFailed = "UPDATE_ROLLBACK_FAILED", "An update failed, and so did its undoing.";
    UpdateRollbackCompleteCleanupInProgress = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "An update was undone, and what it had made is being removed.";
    UpdateRollbackComplete = "UPDATE_ROLLBACK_COMPLETE", "An update failed and was undone.";
    ImportInProgress = "IMPORT_IN_PROGRESS", "Resources are being imported.";
    ImportComplete = "IMPORT_COMPLETE", "Resources were imported.";
    ImportRollbackInProgress = "IMPORT_ROLLBACK_IN_PROGRESS",
        "An import failed and is being undone.";
    ImportRollbackFailed = "IMPORT_ROLLBACK_FAILED", "An import failed, and so did its undoing.";
    ImportRollbackComplete = "IMPORT_ROLLBACK_COMPLETE", "An import failed and was undone.";
}

/// A status that this table does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("CloudFormation answered the stack status `{0}`, which this version does not know")]
pub struct UnknownStatus(pub String);

/// What a deploy does with a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeployAction {
    /// Create it.
    Create,
    /// Delete the shell that a change set left behind (it never had resources), then create it.
    ClearThenCreate,
    /// Update it if it differs from what is wanted, else nothing.
    UpdateIfDifferent,
    /// Nothing in it ever worked: say so, delete it, create it. Never when it is protected against
    /// termination.
    DeleteThenCreate,
    /// It stopped half way with rollback off. With `--no-rollback` go on from there, by an update
    /// that does not roll back either; without it roll the stack back first, then decide again.
    ContinueFromFailure,
    /// Continue the rollback of its last update, then update it if it differs.
    ContinueRollbackThenUpdate,
    /// Somebody's operation is running: follow it to its end, then decide again.
    Adopt,
    /// Nothing can be done for it from here.
    Refuse(Stuck),
}

/// What a destroy does with a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestroyAction {
    /// There is nothing to delete.
    Nothing,
    /// Delete it.
    Delete,
    /// Somebody's operation is running: follow it to its end, then delete what is left.
    FollowThenDelete,
}

/// What keeps a deploy from a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stuck {
    /// An import that failed, and could not be undone.
    Import,
    /// A deletion that failed.
    Delete,
}

impl Stuck {
    /// Why, and what to do.
    #[must_use]
    pub fn words(self, stack: &str) -> String {
        match self {
            Self::Import => "an import failed and could not be undone: put right what its events \
                name, then finish the rollback in the CloudFormation console, and deploy again"
                .to_owned(),
            Self::Delete => format!(
                "a deletion failed: `{}` says what held it; run `{}`, with `--retain RESOURCE` for \
                 what shall stay behind, and then deploy",
                command(&format!("events {stack}")),
                command(&format!("destroy {stack}"))
            ),
        }
    }
}

/// What a deploy does with a stack of this status.
#[must_use]
pub const fn on_deploy(status: Status) -> DeployAction {
    match status {
        Status::Absent | Status::DeleteComplete => DeployAction::Create,
        Status::ReviewInProgress => DeployAction::ClearThenCreate,
        Status::CreateComplete
        | Status::UpdateComplete
        | Status::UpdateRollbackComplete
        | Status::ImportComplete
        | Status::ImportRollbackComplete => DeployAction::UpdateIfDifferent,
        Status::RollbackComplete | Status::RollbackFailed => DeployAction::DeleteThenCreate,
        Status::CreateFailed | Status::UpdateFailed => DeployAction::ContinueFromFailure,
        Status::UpdateRollbackFailed => DeployAction::ContinueRollbackThenUpdate,
        Status::ImportRollbackFailed => DeployAction::Refuse(Stuck::Import),
        Status::DeleteFailed => DeployAction::Refuse(Stuck::Delete),
        Status::CreateInProgress
        | Status::RollbackInProgress
        | Status::DeleteInProgress
        | Status::UpdateInProgress
        | Status::UpdateCompleteCleanupInProgress
        | Status::UpdateRollbackInProgress
        | Status::UpdateRollbackCompleteCleanupInProgress
        | Status::ImportInProgress
        | Status::ImportRollbackInProgress => DeployAction::Adopt,
    }
}

/// What a destroy does with a stack of this status.
#[must_use]
pub const fn on_destroy(status: Status) -> DestroyAction {
    match status {
        Status::Absent | Status::DeleteComplete => DestroyAction::Nothing,
        Status::ReviewInProgress
        | Status::CreateComplete
        | Status::CreateFailed
        | Status::RollbackComplete
        | Status::RollbackFailed
        | Status::DeleteFailed
        | Status::UpdateComplete
        | Status::UpdateFailed
        | Status::UpdateRollbackFailed
        | Status::UpdateRollbackComplete
        | Status::ImportComplete
        | Status::ImportRollbackFailed
        | Status::ImportRollbackComplete => DestroyAction::Delete,
        Status::CreateInProgress
        | Status::RollbackInProgress
        | Status::DeleteInProgress
        | Status::UpdateInProgress
        | Status::UpdateCompleteCleanupInProgress
        | Status::UpdateRollbackInProgress
        | Status::UpdateRollbackCompleteCleanupInProgress
        | Status::ImportInProgress
        | Status::ImportRollbackInProgress => DestroyAction::FollowThenDelete,
    }
}

impl Status {
    /// Whether an operation is running on the stack. A stack under review has none: it waits for a
    /// change set that may never be executed.
    #[must_use]
    pub const fn in_progress(self) -> bool {
        matches!(on_deploy(self), DeployAction::Adopt)
    }

    /// Whether some of what the stack's template names may be gone, or may never have been.
    #[must_use]
    pub const fn in_part(self) -> bool {
        matches!(
            self,
            Self::CreateFailed | Self::RollbackComplete | Self::RollbackFailed | Self::DeleteFailed
        )
    }

    /// Whether the last operation ended other than asked: it failed, or it was rolled back.
    #[must_use]
    pub const fn failed(self) -> bool {
        match self {
            Status::CreateFailed
            | Status::RollbackComplete
            | Status::RollbackFailed
            | Status::DeleteFailed
            | Status::UpdateFailed
            | Status::UpdateRollbackFailed
            | Status::UpdateRollbackComplete
            | Status::ImportRollbackFailed
            | Status::ImportRollbackComplete => true,
            Status::Absent
            | Status::ReviewInProgress
            | Status::CreateInProgress
            | Status::CreateComplete
            | Status::RollbackInProgress
            | Status::DeleteInProgress
            | Status::DeleteComplete
            | Status::UpdateInProgress
            | Status::UpdateCompleteCleanupInProgress
            | Status::UpdateComplete
            | Status::UpdateRollbackInProgress
            | Status::UpdateRollbackCompleteCleanupInProgress
            | Status::ImportInProgress
            | Status::ImportComplete
            | Status::ImportRollbackInProgress => false,
        }
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(name: &str) -> Result<Status, UnknownStatus> {
        Status::parse(name)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{DeployAction as D, DestroyAction as X, *};

    /// One test a row of the table: its deploy cell and its destroy cell.
    macro_rules! row {
        ($($test:ident: $name:literal, $deploy:pat, $destroy:pat, $moving:literal, $failed:literal;)*) => {
            const ROWS: &[&str] = &[$($name),*];
            $(mod $test {
                use super::*;

                #[test]
                fn deploy() {
                    let found = on_deploy(Status::parse($name).unwrap());
                    assert!(matches!(found, $deploy), "{found:?}");
                }

                #[test]
                fn destroy() {
                    let found = on_destroy(Status::parse($name).unwrap());
                    assert!(matches!(found, $destroy), "{found:?}");
                }

                #[test]
                fn predicates() {
                    let status = Status::parse($name).unwrap();
                    assert_eq!(status.as_str(), $name);
                    assert_eq!((status.in_progress(), status.failed()), ($moving, $failed));
                }
            })*
        };
    }

    row! {
        absent: "ABSENT", D::Create, X::Nothing, false, false;
        delete_complete: "DELETE_COMPLETE", D::Create, X::Nothing, false, false;
        review: "REVIEW_IN_PROGRESS", D::ClearThenCreate, X::Delete, false, false;
        create_complete: "CREATE_COMPLETE", D::UpdateIfDifferent, X::Delete, false, false;
        update_complete: "UPDATE_COMPLETE", D::UpdateIfDifferent, X::Delete, false, false;
        update_rollback_complete: "UPDATE_ROLLBACK_COMPLETE", D::UpdateIfDifferent, X::Delete, false, true;
        import_complete: "IMPORT_COMPLETE", D::UpdateIfDifferent, X::Delete, false, false;
        import_rollback_complete: "IMPORT_ROLLBACK_COMPLETE", D::UpdateIfDifferent, X::Delete, false, true;
        rollback_complete: "ROLLBACK_COMPLETE", D::DeleteThenCreate, X::Delete, false, true;
        rollback_failed: "ROLLBACK_FAILED", D::DeleteThenCreate, X::Delete, false, true;
        create_failed: "CREATE_FAILED", D::ContinueFromFailure, X::Delete, false, true;
        update_failed: "UPDATE_FAILED", D::ContinueFromFailure, X::Delete, false, true;
        update_rollback_failed: "UPDATE_ROLLBACK_FAILED", D::ContinueRollbackThenUpdate, X::Delete, false, true;
        import_rollback_failed: "IMPORT_ROLLBACK_FAILED", D::Refuse(Stuck::Import), X::Delete, false, true;
        delete_failed: "DELETE_FAILED", D::Refuse(Stuck::Delete), X::Delete, false, true;
        create_in_progress: "CREATE_IN_PROGRESS", D::Adopt, X::FollowThenDelete, true, false;
        rollback_in_progress: "ROLLBACK_IN_PROGRESS", D::Adopt, X::FollowThenDelete, true, false;
        delete_in_progress: "DELETE_IN_PROGRESS", D::Adopt, X::FollowThenDelete, true, false;
        update_in_progress: "UPDATE_IN_PROGRESS", D::Adopt, X::FollowThenDelete, true, false;
        update_cleanup: "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", D::Adopt, X::FollowThenDelete, true, false;
        update_rollback: "UPDATE_ROLLBACK_IN_PROGRESS", D::Adopt, X::FollowThenDelete, true, false;
        update_rollback_cleanup: "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", D::Adopt, X::FollowThenDelete, true, false;
        import_in_progress: "IMPORT_IN_PROGRESS", D::Adopt, X::FollowThenDelete, true, false;
        import_rollback: "IMPORT_ROLLBACK_IN_PROGRESS", D::Adopt, X::FollowThenDelete, true, false;
    }

    #[test]
    fn every_status_has_its_row() {
        let mut all: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
        let mut rows = ROWS.to_vec();
        all.sort_unstable();
        rows.sort_unstable();
        assert_eq!((all.len(), all), (24, rows));
    }

    #[test]
    fn statuses_are_those_of_the_sdk() {
        let mut sdk = aws_sdk_cloudformation::types::StackStatus::values().to_vec();
        sdk.push("ABSENT");
        sdk.sort_unstable();
        let mut ours = ROWS.to_vec();
        ours.sort_unstable();
        assert_eq!(ours, sdk);
    }

    #[test]
    fn an_unknown_status_is_refused_by_its_name() {
        let refused = Status::parse("PONDERING").unwrap_err();
        assert!(refused.to_string().contains("`PONDERING`"));
    }
}
