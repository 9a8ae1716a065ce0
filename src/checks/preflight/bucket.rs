//! The bucket that templates over 51,200 bytes go through.

use super::Context;
use super::names::{Standing, bucket};
use crate::checks::Finding;
use crate::error::Result;

const CHECK: &str = "template bucket";

/// The bucket, and who names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateBucket {
    /// Its name.
    pub name: String,
    /// Whether the manifest names it; else a deploy creates it where it is missing.
    pub given: bool,
}

pub(super) async fn check(context: &Context<'_>) -> Vec<Finding> {
    let Some(wanted) = context.bucket else {
        return vec![];
    };
    vec![judge(wanted, bucket(context.cloud, &wanted.name).await)]
}

fn judge(wanted: &TemplateBucket, standing: Result<Standing>) -> Finding {
    let name = &wanted.name;
    match standing {
        Ok(Standing::Taken) => Finding::ok(CHECK, format!("{name} is there")),
        Ok(Standing::Free) if wanted.given => Finding::failed(
            CHECK,
            format!("there is no bucket {name}, which the manifest names"),
        )
        .hint("create it, or leave template_bucket out of the manifest"),
        Ok(Standing::Free) => Finding::warning(
            CHECK,
            format!("{name} is not there yet, and the deploy creates it"),
        ),
        Ok(Standing::Foreign) => Finding::failed(CHECK, format!("{name} is somebody else's"))
            .hint("name one of your own in the manifest: template_bucket"),
        Err(error) => Finding::unknown(CHECK, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Level;
    use crate::error::Error;

    #[test]
    fn a_bucket_that_is_named_must_be_there() {
        let level = |given, standing| {
            let name = "b".to_owned();
            judge(&TemplateBucket { name, given }, standing).level
        };
        assert_eq!(level(true, Ok(Standing::Taken)), Level::Ok);
        assert_eq!(level(true, Ok(Standing::Free)), Level::Failed);
        assert_eq!(level(false, Ok(Standing::Free)), Level::Warning);
        assert_eq!(level(false, Ok(Standing::Foreign)), Level::Failed);
        assert_eq!(level(false, Err(Error::aws("no."))), Level::Unknown);
    }
}
