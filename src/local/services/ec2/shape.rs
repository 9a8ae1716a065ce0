//! Resources in the shape of EC2's answers.

use crate::local::ids;
use crate::local::services::holdings::{Held, Holdings, Progress, Shape, camel};
use serde_json::{Value, json};

/// A table of properties that EC2 tells, by their names in a template.
pub(super) const fn shape(
    kind: &'static str,
    properties: &'static [&'static str],
    renamed: &'static [(&'static str, &'static str)],
) -> Shape {
    Shape {
        kind,
        naming: camel,
        properties,
        renamed,
    }
}

/// A resource: what is given of it, or else the defaults; whose it is, its tags, and more.
pub(super) fn item(
    view: &Holdings<'_>,
    held: Held<'_>,
    shape: &Shape,
    defaults: &Value,
    more: &Value,
) -> Value {
    let mut own = json!({ "ownerId": view.place.account, "tagSet": tags(held) });
    if let (Some(own), Some(more)) = (own.as_object_mut(), more.as_object()) {
        own.extend(more.clone());
    }
    shape.with(defaults, held.properties(), &own)
}

/// Its tags as EC2 tells them.
pub(super) fn tags(held: Held<'_>) -> Value {
    let tags = held.tags().into_iter();
    tags.map(|(key, value)| json!({ "key": key, "value": value }))
        .collect()
}

/// Where a resource stands, in EC2's words.
pub(super) fn state(held: Held<'_>) -> &'static str {
    match held.progress() {
        Progress::Making => "pending",
        Progress::Removing => "deleting",
        Progress::Changing | Progress::Settled => "available",
    }
}

/// An id of EC2 for something that a resource has and no template names.
pub(super) fn id(prefix: &str, of: &str) -> String {
    format!(
        "{prefix}-0{}",
        &ids::stable(&format!("{prefix}/{of}"))[..16]
    )
}
