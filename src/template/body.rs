//! How a body travels: as it is, minified, or through S3.

use super::Template;
use super::render::Rendered;

/// Bytes that a call can carry.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
pub const INLINE_LIMIT: usize = 51_200;
/// Bytes of a template in S3. Same source.
pub const UPLOAD_LIMIT: usize = 1_000_000;

/// A body that is ready to travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Sent with the call.
    Inline(String),
    /// To be put into S3.
    Upload(String),
}

/// A template that CloudFormation takes on no way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the template has {bytes} bytes minified, and CloudFormation takes {UPLOAD_LIMIT} at the most: \
     split the stack"
)]
pub struct TooLarge {
    /// Bytes of the minified body.
    pub bytes: usize,
}

/// The text as it is where it fits; minified where that fits; else through S3.
///
/// # Errors
/// When even the minified body is too large for S3.
pub fn body(rendered: &Rendered, template: &Template) -> Result<Body, TooLarge> {
    if rendered.text.len() <= INLINE_LIMIT {
        return Ok(Body::Inline(rendered.text.clone()));
    }
    let minified = template.minified();
    match minified.len() {
        bytes if bytes <= INLINE_LIMIT => Ok(Body::Inline(minified)),
        bytes if bytes <= UPLOAD_LIMIT => Ok(Body::Upload(minified)),
        bytes => Err(TooLarge { bytes }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn body_of(text: &str) -> Result<Body, TooLarge> {
        let none = serde_json::json!({});
        let rendered = super::super::render::render(Path::new("t.yaml"), text, &none).unwrap();
        body(&rendered, &Template::parse(text).unwrap())
    }

    #[test]
    fn size_decides_the_way() {
        let with = |comment: usize, value: usize| {
            format!(
                "# {}\nResources:\n  A:\n    Type: A::B::C\n    Metadata: {}\n",
                "x".repeat(comment),
                "y".repeat(value)
            )
        };
        assert!(matches!(body_of(&with(10, 10)), Ok(Body::Inline(text)) if text.starts_with('#')));
        assert!(matches!(body_of(&with(60_000, 1)), Ok(Body::Inline(t)) if t.starts_with('{')));
        assert!(matches!(body_of(&with(1, 60_000)), Ok(Body::Upload(_))));
        assert!(body_of(&with(1, 1_000_001)).is_err());
    }
}
