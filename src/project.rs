//! What is asked for: the manifest with every template rendered, read and checked. Pure of the
//! network; every mistake of manifest and templates is found here, all in one run.

use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::manifest::{self, Manifest, ParameterFacts, Problem, Stack, TemplateFacts};
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::template::{Template, render};
use std::collections::BTreeMap;

/// A stack's rendered template, and what it holds.
#[derive(Debug)]
pub struct Prepared {
    /// The rendered text and where its lines came from.
    pub rendered: render::Rendered,
    /// What the text holds.
    pub template: Template,
}

impl Prepared {
    /// Where a line of the rendered text comes from, as file:line.
    pub fn place(&self, line: usize) -> Option<String> {
        let source = self.rendered.source_line(line)?;
        Some(format!("{}:{}", source.file.display(), source.line))
    }
}

/// The manifest and its prepared templates.
#[derive(Debug)]
pub struct Project {
    /// The manifest.
    pub manifest: Manifest,
    /// A prepared template a stack.
    pub prepared: BTreeMap<String, Prepared>,
    /// What depends on what.
    pub graph: Graph,
    /// Values that are never shown.
    pub secrets: Secrets,
}

impl Project {
    /// The stack whose template gives an output of that name; the first of several.
    pub fn giver(&self, output: &str) -> Option<&Stack> {
        let gives = |ready: &Prepared| {
            let mut outputs = ready.template.outputs.iter();
            outputs.any(|given| given.name == output)
        };
        let mut stacks = self.manifest.stacks.iter();
        stacks.find(|stack| self.prepared.get(&stack.name).is_some_and(gives))
    }

    /// Reads the manifest, renders and reads all templates, and checks one against the other.
    ///
    /// # Errors
    /// Every mistake, in one error.
    pub fn load(settings: &Settings) -> Result<Self> {
        let path = &settings.manifest;
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::file(path, "read the manifest", &error)
                .hint("run this where stacks.toml is, or name it with --manifest")
        })?;
        let loaded = manifest::load(
            path,
            &text,
            settings.environment.as_deref(),
            &crate::settings::variable,
        );
        let (manifest, mut problems) = (loaded.manifest, loaded.problems);
        let mut prepared = BTreeMap::new();
        for stack in &manifest.stacks {
            match prepare(stack) {
                Ok(Some(ready)) => {
                    prepared.insert(stack.name.clone(), ready);
                }
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        let facts = prepared
            .iter()
            .map(|(name, ready)| (name.clone(), facts(&ready.template)))
            .collect();
        problems.extend(manifest::check_against_templates(&manifest, &facts));
        if !problems.is_empty() {
            return Err(refuse(problems));
        }
        let graph = manifest.graph();
        let secrets = secrets(&manifest, &prepared);
        Ok(Self {
            manifest,
            prepared,
            graph,
            secrets,
        })
    }

    /// The stack's entry in the manifest.
    pub fn stack(&self, name: &str) -> Option<&Stack> {
        self.manifest.stacks.iter().find(|stack| stack.name == name)
    }

    /// Where in our own files a resource stands, or a property of it as far as the path leads, as
    /// file:line.
    pub fn locate(&self, stack: &str, resource: &str, property: &[&str]) -> Option<String> {
        let ready = self.prepared.get(stack)?;
        let whole = [&["Resources", resource, "Properties"], property].concat();
        let depths = (4..=whole.len()).rev().chain([2]);
        let mut places = depths.filter_map(|depth| ready.template.position_of(whole.get(..depth)?));
        ready.place(places.next()?.line)
    }

    /// Where a section's entry stands in our own files, as far as the path leads, as file:line.
    pub fn find(&self, stack: &str, path: &[&str]) -> Option<String> {
        let ready = self.prepared.get(stack)?;
        let mut places = (1..=path.len())
            .rev()
            .filter_map(|depth| ready.template.position_of(path.get(..depth)?));
        ready.place(places.next()?.line)
    }

    /// A place in the manifest, as file:line.
    pub fn in_manifest(&self, at: manifest::Place) -> String {
        format!("{}:{}", self.manifest.path.display(), at.line)
    }

    /// The names of those of the stack's parameters whose values are never shown.
    pub fn masked(&self, stack: &str) -> impl Iterator<Item = &str> {
        let declared = self.prepared.get(stack).map(|ready| &ready.template);
        let parameters = declared
            .into_iter()
            .flat_map(|template| &template.parameters);
        parameters
            .filter(|one| one.no_echo)
            .map(|one| one.name.as_str())
    }

    /// The named stacks, or all; unknown names are an error with a suggestion.
    pub fn select(&self, names: &[String], all: bool) -> Result<Vec<String>> {
        let known: Vec<&str> = self
            .manifest
            .stacks
            .iter()
            .map(|s| s.name.as_str())
            .collect();
        if all || names.is_empty() {
            return Ok(known.into_iter().map(str::to_owned).collect());
        }
        let mut unknown = Error {
            messages: vec![],
            ..Error::asked("")
        };
        for name in names {
            if !known.contains(&name.as_str()) {
                unknown
                    .messages
                    .push(format!("there is no stack {name} in the manifest."));
                let near = known.iter().max_by(|a, b| {
                    strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name))
                });
                unknown
                    .hints
                    .extend(near.map(|near| format!("did you mean {near}?")));
            }
        }
        if unknown.messages.is_empty() {
            Ok(names.to_vec())
        } else {
            Err(unknown)
        }
    }
}

/// The values of parameters that their templates mask: those that the manifest gives, and defaults.
fn secrets(manifest: &Manifest, prepared: &BTreeMap<String, Prepared>) -> Secrets {
    let values = manifest.stacks.iter().flat_map(|stack| {
        let declared = prepared
            .get(&stack.name)
            .map(|ready| &ready.template.parameters);
        let masked = declared.into_iter().flatten().filter(|one| one.no_echo);
        masked.flat_map(|one| {
            let given = stack.parameters.iter().find(|given| given.name == one.name);
            let given = given.and_then(|given| match &given.value {
                manifest::Value::Literal(text) => Some(text.clone()),
                manifest::Value::Output { .. } => None,
            });
            given.into_iter().chain(one.default.clone())
        })
    });
    Secrets::new(values)
}

fn prepare(stack: &Stack) -> std::result::Result<Option<Prepared>, Problem> {
    // A missing file is the manifest's own problem, and named there.
    let Ok(source) = std::fs::read_to_string(&stack.template) else {
        return Ok(None);
    };
    let rendered =
        render::render(&stack.template, &source, &stack.settings).map_err(|error| Problem {
            message: error.message,
            file: error.file,
            line: error.line,
            column: error.column,
            hint: None,
        })?;
    let template = Template::parse(&rendered.text).map_err(|error| {
        let source = rendered.source_line(error.at.line);
        Problem {
            message: error.message,
            file: source
                .as_ref()
                .map_or_else(|| stack.template.clone(), |s| s.file.clone()),
            line: source.map_or(error.at.line, |s| s.line),
            column: error.at.column,
            hint: None,
        }
    })?;
    Ok(Some(Prepared { rendered, template }))
}

fn facts(template: &Template) -> TemplateFacts {
    TemplateFacts {
        parameters: template
            .parameters
            .iter()
            .map(|p| ParameterFacts {
                name: p.name.clone(),
                has_default: p.default.is_some(),
                allowed_values: p.allowed_values.clone(),
                secret: p.no_echo,
            })
            .collect(),
        outputs: template.outputs.iter().map(|o| o.name.clone()).collect(),
    }
}

fn refuse(mut problems: Vec<Problem>) -> Error {
    manifest::sort(&mut problems);
    let messages = problems
        .iter()
        .map(|p| {
            let place = format!(
                "{}:{}:{}: {}",
                p.file.display(),
                p.line,
                p.column,
                p.message
            );
            p.hint
                .as_ref()
                .map_or(place.clone(), |hint| format!("{place}\n  hint: {hint}"))
        })
        .collect();
    Error {
        messages,
        ..Error::asked("")
    }
}
