//! The events of stacks.

use super::refusals::refusal;
use super::session::Cloud;
use crate::error::Result;
use aws_sdk_cloudformation::primitives::DateTimeFormat;
use aws_sdk_cloudformation::types;

/// One event of a stack.
#[derive(Debug, Clone, Default)]
pub struct StackEvent {
    /// Identifies the event.
    pub id: String,
    /// When (RFC 3339).
    pub time: String,
    /// The logical id; the stack's name for its own events.
    pub resource: String,
    /// The physical id, once there is one.
    pub physical_id: String,
    /// The resource type.
    pub resource_type: String,
    /// The resource status.
    pub status: String,
    /// Why, where the service says so.
    pub reason: Option<String>,
    /// The token of the operation that it belongs to.
    pub token: Option<String>,
}

/// What is new of a stack.
#[derive(Debug, Default)]
pub struct News {
    /// The events, oldest first.
    pub events: Vec<StackEvent>,
    /// Whether another operation on the stack has begun after the one that is asked for.
    pub overtaken: bool,
}

impl From<types::StackEvent> for StackEvent {
    fn from(event: types::StackEvent) -> Self {
        let time = event.timestamp;
        Self {
            id: event.event_id.unwrap_or_default(),
            time: time
                .and_then(|t| t.fmt(DateTimeFormat::DateTime).ok())
                .unwrap_or_default(),
            resource: event.logical_resource_id.unwrap_or_default(),
            physical_id: event.physical_resource_id.unwrap_or_default(),
            resource_type: event.resource_type.unwrap_or_default(),
            status: event
                .resource_status
                .map(|s| s.as_str().to_owned())
                .unwrap_or_default(),
            reason: event.resource_status_reason,
            token: event.client_request_token,
        }
    }
}

impl Cloud {
    /// Events of the stack: those that come after `seen`, or all of them. With a token, only those of its
    /// operation.
    pub async fn events_since(
        &self,
        id: &str,
        seen: Option<&str>,
        operation: Option<&str>,
    ) -> Result<News> {
        let (mut news, mut next) = (News::default(), None);
        loop {
            let (page, token) = self.events_page(id, next).await?;
            let page = page.into_iter().map(StackEvent::from);
            if news.take(id, page, seen, operation) {
                break;
            }
            next = token;
            if next.is_none() {
                break;
            }
        }
        news.events.reverse();
        Ok(news)
    }

    /// A page of a stack's events, newest first, and the token of the next.
    async fn events_page(
        &self,
        id: &str,
        token: Option<String>,
    ) -> Result<(Vec<types::StackEvent>, Option<String>)> {
        let page = self
            .formation()
            .describe_stack_events()
            .stack_name(id)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| refusal("DescribeStackEvents", error))?;
        Ok((page.stack_events.unwrap_or_default(), page.next_token))
    }

    /// What identifies the newest event of a stack.
    pub async fn newest_event(&self, id: &str) -> Result<Option<String>> {
        let (page, _) = self.events_page(id, None).await?;
        Ok(page.into_iter().next().and_then(|event| event.event_id))
    }

    /// The stack's ARN, if the operation that its newest events are of has that token: a call whose
    /// answer was lost, or that was made twice, took effect.
    pub async fn began(&self, name: &str, token: &str) -> Result<Option<String>> {
        let page = match self.events_page(name, None).await {
            Ok((page, _)) => page,
            Err(error) if error.code.as_deref() == Some("ValidationError") => return Ok(None),
            Err(error) => return Err(error),
        };
        let newest = page.into_iter().next();
        Ok(newest
            .filter(|event| event.client_request_token.as_deref() == Some(token))
            .and_then(|event| event.stack_id))
    }
}

impl News {
    /// Takes what is new of a page, newest first, and says whether no more is to come.
    fn take(
        &mut self,
        stack: &str,
        page: impl Iterator<Item = StackEvent>,
        seen: Option<&str>,
        operation: Option<&str>,
    ) -> bool {
        for event in page {
            if Some(event.id.as_str()) == seen {
                return true;
            }
            if operation.is_some() && event.token.as_deref() != operation {
                // Before an operation's first event stands another's last one.
                if !self.events.is_empty() {
                    return true;
                }
                self.overtaken |= event.physical_id == stack && begins(&event);
                continue;
            }
            self.events.push(event);
        }
        // An operation that is on the first page not yet is on none.
        operation.is_some() && seen.is_none() && self.events.is_empty()
    }
}

/// Whether an event of the stack itself is of another operation that goes on. One without a token may be part of
/// ours: a rollback that somebody's cancellation began, or whatever an emulator tells.
fn begins(event: &StackEvent) -> bool {
    event.status.ends_with("_IN_PROGRESS") && event.token.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event((id, status, token): &(&str, &str, &str)) -> StackEvent {
        StackEvent {
            id: (*id).to_owned(),
            physical_id: "arn".to_owned(),
            status: (*status).to_owned(),
            token: Some((*token).to_owned()).filter(|token| !token.is_empty()),
            ..StackEvent::default()
        }
    }

    fn taken(pages: &[&[(&str, &str, &str)]], seen: Option<&str>) -> (Vec<String>, bool, usize) {
        let (mut news, mut read) = (News::default(), 0);
        for one in pages {
            read += 1;
            if news.take("arn", one.iter().map(event), seen, Some("ours")) {
                break;
            }
        }
        let ids = news.events.into_iter().map(|event| event.id).collect();
        (ids, news.overtaken, read)
    }

    #[test]
    fn an_operation_ends_where_the_one_before_it_begins() {
        let pages: [&[_]; 2] = [
            &[
                ("3", "UPDATE_COMPLETE", "ours"),
                ("2", "UPDATE_IN_PROGRESS", "ours"),
            ],
            &[
                ("1", "CREATE_COMPLETE", "before"),
                ("0", "CREATE_IN_PROGRESS", "ours"),
            ],
        ];
        assert_eq!(
            taken(&pages, None),
            (vec!["3".to_owned(), "2".to_owned()], false, 2)
        );
        assert_eq!(taken(&pages, Some("2")), (vec!["3".to_owned()], false, 1));
    }

    #[test]
    fn what_began_after_an_operation_is_passed_over() {
        let pages: [&[_]; 2] = [
            &[
                ("4", "UPDATE_IN_PROGRESS", "theirs"),
                ("3", "UPDATE_COMPLETE", "ours"),
            ],
            &[
                ("2", "UPDATE_IN_PROGRESS", "ours"),
                ("1", "CREATE_COMPLETE", "before"),
            ],
        ];
        assert_eq!(
            taken(&pages, None),
            (vec!["3".to_owned(), "2".to_owned()], true, 2)
        );
    }

    #[test]
    fn what_has_no_token_overtakes_nothing() {
        let pages: [&[_]; 1] = [&[
            ("2", "UPDATE_ROLLBACK_IN_PROGRESS", ""),
            ("1", "UPDATE_IN_PROGRESS", ""),
        ]];
        assert_eq!(taken(&pages, None), (vec![], false, 1));
    }

    #[test]
    fn what_does_not_show_yet_is_not_looked_for_in_the_past() {
        let pages: [&[_]; 2] = [
            &[("1", "CREATE_COMPLETE", "before")],
            &[("0", "CREATE_IN_PROGRESS", "before")],
        ];
        assert_eq!(taken(&pages, None), (vec![], false, 1));
    }
}
