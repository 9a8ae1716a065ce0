//! Lists a page at a time.

use serde_json::{Map, Value};

/// How an operation calls the parts of its pages.
#[derive(Debug)]
pub struct Paging {
    /// What the answer calls the list.
    pub list: &'static str,
    /// What the answer calls where the next page begins.
    pub next: &'static str,
    /// How many there are on a page unless the request says so.
    pub usual: usize,
    /// How many there are at the most.
    pub most: usize,
}

impl Paging {
    /// The page that begins at the token; nothing if no page ever began there.
    pub fn page(&self, all: &[Value], token: Option<&str>, limit: Option<u64>) -> Option<Value> {
        let from = match token.filter(|token| !token.is_empty()) {
            Some(token) => token.parse().ok().filter(|from| *from <= all.len())?,
            None => 0,
        };
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.unwrap_or(self.usual).clamp(1, self.most);
        let to = (from + limit).min(all.len());
        let mut answer = Map::new();
        answer.insert(
            self.list.to_owned(),
            all.get(from..to).unwrap_or_default().into(),
        );
        if to < all.len() {
            answer.insert(self.next.to_owned(), to.to_string().into());
        }
        Some(Value::Object(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let paging = Paging {
            list: "items",
            next: "position",
            usual: 2,
            most: 3,
        };
        let all: Vec<Value> = (0..5).map(Value::from).collect();
        let page = |token, limit| paging.page(&all, token, limit);
        assert_eq!(
            page(None, None),
            Some(json!({"items": [0, 1], "position": "2"}))
        );
        assert_eq!(page(Some("2"), Some(9)), Some(json!({"items": [2, 3, 4]})));
        assert_eq!(page(Some("6"), None), None);
        assert_eq!(page(Some("x"), None), None);
    }
}
