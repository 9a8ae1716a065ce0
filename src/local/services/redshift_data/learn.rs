//! The stand-in for what Amazon SageMaker trains: a random forest of smartcore's, over numbers as they are
//! and words as one column each.

use super::types::text;
use rusqlite::types::Value as Stored;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smartcore::ensemble::random_forest_classifier::{
    RandomForestClassifier, RandomForestClassifierParameters,
};
use smartcore::linalg::basic::matrix::DenseMatrix;
use std::collections::BTreeSet;

/// Rows that are trained on at the most: enough for a stand-in, and a matter of seconds.
const MOST: usize = 2000;
/// Classes at the most; a target of more is a quantity, and those are not predicted here.
const CLASSES: usize = 50;

/// A column that is learnt from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// Its words, if it is not of numbers.
    words: Option<Vec<String>>,
}

/// What a training reads.
#[derive(Debug, Serialize, Deserialize)]
pub struct Training {
    features: Vec<Feature>,
    rows: Vec<Vec<f64>>,
    labels: Vec<u32>,
    classes: Vec<String>,
}

type Forest = RandomForestClassifier<f64, u32, DenseMatrix<f64>, Vec<u32>>;

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Learnt {
    features: Vec<Feature>,
    classes: Vec<String>,
    forest: Forest,
    /// How well it did on a fifth of the rows that it had not seen.
    pub score: f64,
    /// How often another value of a feature changes the answer, by feature.
    weights: Vec<f64>,
}

impl Training {
    /// Takes in rows, whose columns are the features and, last, the target.
    ///
    /// # Errors
    /// What cannot be learnt from.
    pub fn new(names: &[String], rows: &[Vec<Stored>], cells: u64) -> Result<Self, String> {
        let wanted = usize::try_from(cells).unwrap_or(MOST) / (names.len() + 1).max(1);
        let rows = sample(rows, wanted.clamp(1, MOST));
        if rows.len() < 10 {
            return Err(format!("{} rows are too few to train on", rows.len()));
        }
        let features: Vec<Feature> = names
            .iter()
            .enumerate()
            .map(|(at, name)| Feature {
                name: name.clone(),
                words: words(&rows, at),
            })
            .collect();
        let classes: BTreeSet<String> = rows.iter().filter_map(|row| text(row.last()?)).collect();
        let classes: Vec<String> = classes.into_iter().collect();
        if !(2..=CLASSES).contains(&classes.len()) {
            return Err(format!(
                "the target has {} different values: the embedded warehouse trains classifiers of 2 to {CLASSES}",
                classes.len()
            ));
        }
        let mut training = Self {
            features,
            rows: Vec::new(),
            labels: Vec::new(),
            classes,
        };
        for row in rows {
            let label = row.last().and_then(text);
            let label =
                label.and_then(|label| training.classes.iter().position(|class| *class == label));
            // A row with something missing teaches nothing here.
            if let (Some(encoded), Some(label)) = (encode(&training.features, row), label) {
                training.rows.push(encoded);
                training
                    .labels
                    .push(u32::try_from(label).unwrap_or_default());
            }
        }
        Ok(training)
    }

    /// Trains.
    ///
    /// # Errors
    /// What the library refuses.
    pub fn learn(self) -> Result<Learnt, String> {
        let seen = self.rows.len() * 4 / 5;
        let first = fit(
            self.rows.get(..seen).unwrap_or_default(),
            self.labels.get(..seen).unwrap_or_default(),
        )?;
        let rest = matrix(self.rows.get(seen..).unwrap_or_default())?;
        let said = first.predict(&rest).map_err(|error| error.to_string())?;
        let score = f1(&said, self.labels.get(seen..).unwrap_or_default());
        let forest = fit(&self.rows, &self.labels)?;
        let weights = weights(&forest, &self.features, &self.rows)?;
        Ok(Learnt {
            features: self.features,
            classes: self.classes,
            forest,
            score,
            weights,
        })
    }
}

impl Learnt {
    /// The class of a row; nothing where something of it is missing.
    ///
    /// # Errors
    /// A number of arguments that is not that of the features.
    pub fn predict(&self, row: &[Stored]) -> Result<Option<&str>, String> {
        if row.len() != self.features.len() {
            return Err(format!(
                "{} arguments are given instead of {}",
                row.len(),
                self.features.len()
            ));
        }
        let Some(encoded) = encode(&self.features, row) else {
            return Ok(None);
        };
        let said = self
            .forest
            .predict(&matrix(&[encoded])?)
            .map_err(|error| error.to_string())?;
        let class = said
            .first()
            .and_then(|class| self.classes.get(*class as usize));
        Ok(class.map(String::as_str))
    }

    /// The report of EXPLAIN_MODEL. Its figures are no Shapley values, and say how often another value of
    /// the feature changes the answer.
    pub fn report(&self) -> Value {
        let named = self.weights.iter().enumerate();
        let values: serde_json::Map<String, Value> = named
            .map(|(at, weight)| (format!("x{at}"), json!(weight)))
            .collect();
        json!({
            "version": "1.0",
            "explanations": { "kernel_shap": { "label0": { "global_shap_values": values } } },
        })
    }
}

/// As many of the rows, in an order that has nothing to do with theirs, and is always the same.
fn sample(rows: &[Vec<Stored>], wanted: usize) -> Vec<&Vec<Stored>> {
    let mut all: Vec<(u64, &Vec<Stored>)> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| (mixed(at as u64), row))
        .collect();
    all.sort_by_key(|(key, _)| *key);
    all.into_iter().take(wanted).map(|(_, row)| row).collect()
}

/// The finalizer of SplitMix64: <https://prng.di.unimi.it/splitmix64.c>
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn words(rows: &[&Vec<Stored>], at: usize) -> Option<Vec<String>> {
    let mut found = BTreeSet::new();
    for row in rows {
        if let Some(Stored::Text(word)) = row.get(at) {
            found.insert(word.clone());
        }
    }
    (!found.is_empty()).then(|| found.into_iter().collect())
}

fn encode(features: &[Feature], row: &[Stored]) -> Option<Vec<f64>> {
    let mut encoded = Vec::new();
    for (feature, value) in features.iter().zip(row) {
        match &feature.words {
            Some(words) => {
                let word = text(value)?;
                encoded.extend(
                    words
                        .iter()
                        .map(|known| f64::from(u8::from(*known == word))),
                );
            }
            None => encoded.push(match value {
                Stored::Integer(number) => *number as f64,
                Stored::Real(number) => *number,
                // Parameters come as text.
                Stored::Text(text) => text.trim().parse().ok()?,
                Stored::Null | Stored::Blob(_) => return None,
            }),
        }
    }
    Some(encoded)
}

fn matrix(rows: &[Vec<f64>]) -> Result<DenseMatrix<f64>, String> {
    DenseMatrix::from_2d_vec(&rows.to_vec()).map_err(|error| error.to_string())
}

fn fit(rows: &[Vec<f64>], labels: &[u32]) -> Result<Forest, String> {
    let width = rows.first().map_or(1, Vec::len);
    let parameters = RandomForestClassifierParameters::default()
        .with_n_trees(40)
        .with_max_depth(12)
        .with_min_samples_leaf(3)
        .with_m(width.div_ceil(2))
        .with_seed(1);
    Forest::fit(&matrix(rows)?, &labels.to_vec(), parameters).map_err(|error| error.to_string())
}

/// F1 of the class that sorts last: that which is true.
fn f1(said: &[u32], right: &[u32]) -> f64 {
    let positive = right.iter().max().copied().unwrap_or_default();
    let count = |wanted: fn(bool, bool) -> bool| {
        let pairs = said.iter().zip(right);
        pairs
            .filter(|(a, b)| wanted(**a == positive, **b == positive))
            .count() as f64
    };
    let hits = count(|a, b| a && b);
    2.0 * hits / (2.0 * hits + count(|a, b| a != b)).max(1.0)
}

fn weights(forest: &Forest, features: &[Feature], rows: &[Vec<f64>]) -> Result<Vec<f64>, String> {
    let rows: Vec<Vec<f64>> = rows
        .iter()
        .step_by(rows.len().div_ceil(200).max(1))
        .cloned()
        .collect();
    let predict = |rows: &[Vec<f64>]| {
        forest
            .predict(&matrix(rows)?)
            .map_err(|error| error.to_string())
    };
    let before = predict(&rows)?;
    let (mut weights, mut begin) = (Vec::new(), 0);
    for feature in features {
        let end = begin + feature.words.as_ref().map_or(1, Vec::len);
        let mut changed = rows.clone();
        for (at, row) in changed.iter_mut().enumerate() {
            // The feature of another row, half the rows away.
            let other = rows.get((at + rows.len() / 2) % rows.len());
            let values = other.and_then(|other| other.get(begin..end));
            if let (Some(part), Some(values)) = (row.get_mut(begin..end), values) {
                part.copy_from_slice(values);
            }
        }
        let after = predict(&changed)?;
        let moved = before.iter().zip(&after).filter(|(a, b)| a != b).count();
        weights.push(moved as f64 / rows.len().max(1) as f64);
        begin = end;
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_is_learnt_and_weighs_most() {
        let rows: Vec<Vec<Stored>> = (0..200)
            .map(|at| {
                let word = if at % 3 == 0 { "yes" } else { "no" };
                let truth = i64::from(at % 3 == 0);
                vec![
                    Stored::Integer(at),
                    Stored::Text(word.to_owned()),
                    Stored::Integer(truth),
                ]
            })
            .collect();
        let names = ["noise".to_owned(), "word".to_owned()];
        let learnt = Training::new(&names, &rows, 1_000_000)
            .unwrap()
            .learn()
            .unwrap();
        let row = |word: &str| [Stored::Text("7".to_owned()), Stored::Text(word.to_owned())];
        assert_eq!(learnt.predict(&row("yes")), Ok(Some("1")));
        assert_eq!(learnt.predict(&row("no")), Ok(Some("0")));
        assert_eq!(learnt.predict(&[Stored::Null, Stored::Null]), Ok(None));
        assert!(learnt.predict(&[]).is_err());
        assert!(learnt.weights[1] > learnt.weights[0] && learnt.score > 0.9);
        let kept = serde_json::to_string(&learnt).unwrap();
        let again: Learnt = serde_json::from_str(&kept).unwrap();
        assert_eq!(again.predict(&row("yes")), Ok(Some("1")));
    }

    #[test]
    fn a_sample_has_nothing_to_do_with_the_order() {
        let rows: Vec<Vec<Stored>> = (0..10_000)
            .map(|at| vec![Stored::Integer(at % 2)])
            .collect();
        let sample = sample(&rows, 1000);
        let odd = sample
            .iter()
            .filter(|row| row[0] == Stored::Integer(1))
            .count();
        assert!(sample.len() == 1000 && (400..600).contains(&odd), "{odd}");
    }

    #[test]
    fn what_cannot_be_learnt_is_said() {
        let rows = |count: i64| -> Vec<Vec<Stored>> {
            (0..count)
                .map(|at| vec![Stored::Integer(at), Stored::Integer(at)])
                .collect()
        };
        let names = ["a".to_owned()];
        assert!(
            Training::new(&names, &rows(3), 99)
                .unwrap_err()
                .contains("too few")
        );
        assert!(
            Training::new(&names, &rows(200), 1000)
                .unwrap_err()
                .contains("classifiers")
        );
    }
}
