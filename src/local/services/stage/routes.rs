//! Which method of an API a request is for.

use super::super::gateway::parts::{Api, Part};
use crate::local::query::decode;
use std::collections::BTreeMap;

/// A method that was found.
#[derive(Debug)]
pub struct Route<'a> {
    /// The path of the resource.
    pub resource: String,
    /// The method.
    pub method: &'a Part<'a>,
    /// What stands in the path for its parameters.
    pub parameters: BTreeMap<String, String>,
}

/// How well a resource's path fits: what stands there itself comes before a parameter, and that
/// before the rest of the path.
type Fit = Vec<u8>;

/// The method for a path within the stage.
pub fn find<'a>(api: &'a Api<'a>, verb: &str, path: &str) -> Option<Route<'a>> {
    let parts: Vec<String> = path
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| decode(part, false))
        .collect();
    let mut fitting: Vec<(Fit, &str, String, BTreeMap<String, String>)> = api
        .resources()
        .into_iter()
        .filter_map(|(id, path)| {
            let (fit, parameters) = fit(&path, &parts)?;
            Some((fit, id, path, parameters))
        })
        .collect();
    fitting.sort();
    // The best resource decides, whether it has the method or not.
    let (_, id, resource, parameters) = fitting.into_iter().next()?;
    let of = |wanted: &str| {
        let mut methods = api.methods(id);
        methods.find(|part| part.text("HttpMethod") == wanted)
    };
    let method = of(verb).or_else(|| of("ANY"))?;
    Some(Route {
        resource,
        method,
        parameters,
    })
}

fn fit(resource: &str, parts: &[String]) -> Option<(Fit, BTreeMap<String, String>)> {
    let own: Vec<&str> = resource
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    let (mut fit, mut parameters) = (Fit::new(), BTreeMap::new());
    for (at, name) in own.iter().enumerate() {
        let given = parts.get(at)?;
        let inner = name
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        match inner {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => {
                    fit.push(2);
                    parameters.insert(name.to_owned(), parts.get(at..)?.join("/"));
                    return Some((fit, parameters));
                }
                None => {
                    fit.push(1);
                    parameters.insert(name.to_owned(), given.clone());
                }
            },
            None if name == given => fit.push(0),
            None => return None,
        }
    }
    (own.len() == parts.len()).then_some((fit, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_there_itself_fits_best() {
        let of = |resource: &str, path: &str| {
            let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
            fit(resource, &parts)
        };
        let (exact, _) = of("/loans/new", "loans/new").unwrap();
        let (named, parameters) = of("/loans/{id}", "loans/new").unwrap();
        assert_eq!(parameters["id"], "new");
        let (rest, parameters) = of("/{all+}", "loans/new").unwrap();
        assert_eq!(parameters["all"], "loans/new");
        assert!(exact < named && named < rest);
        assert_eq!(of("/loans", "loans/new"), None);
        assert_eq!(of("/loans/{id}", "loans"), None);
    }
}
