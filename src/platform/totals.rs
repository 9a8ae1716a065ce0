//! What rows come to: counts and sums by which a file and a table are compared.

use super::names::Platform;
use super::schema::{Field, Held, Kind};
use super::table::{Column, Value};
use std::collections::BTreeMap;

/// Counts and sums by their names. Every figure has a name that says what it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Totals(pub BTreeMap<String, f64>);

/// The name of the count of rows.
pub const ROWS: &str = "rows";
/// The name of the count of rows whose remediation worked.
pub const SUCCESSFUL: &str = "successful";
/// The name of the count of rows that train.
pub const TRAINING: &str = "rows that train";

impl Totals {
    /// Adds one row, whose values are of all columns.
    pub fn add(&mut self, platform: &Platform, row: &[Value]) {
        let mut count = |name: String, by: f64| *self.0.entry(name).or_default() += by;
        count(ROWS.to_owned(), 1.0);
        for value in row {
            match value {
                Value::Key(_) => {}
                Value::Target(worked) => count(SUCCESSFUL.to_owned(), f64::from(u8::from(*worked))),
                Value::Day(day) => {
                    let trains = day.to_string() < platform.names.training_before;
                    count(TRAINING.to_owned(), f64::from(u8::from(trains)));
                }
                Value::Field(at, held) => {
                    let Some(field) = platform.fields.get(*at) else {
                        continue;
                    };
                    match (held, &field.kind) {
                        (Held::Choice(which), Kind::Choice(words)) => {
                            for (at, word) in words.iter().enumerate() {
                                let by = f64::from(u8::from(at == *which));
                                count(chosen(field, word), by);
                            }
                        }
                        (Held::Number(number), _) => count(sum(field), *number),
                        (Held::Choice(_), _) => {}
                    }
                }
            }
        }
    }

    /// A figure; nothing of it is zero.
    pub fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }
}

fn sum(field: &Field) -> String {
    format!("sum of {}", field.name)
}

fn chosen(field: &Field, word: &str) -> String {
    format!("{} {word}", field.name)
}

/// The figures' names, and the SQL that gives them of the table, in that order. Words and bounds come
/// from the schema, which holds plain ones only.
pub fn sql(platform: &Platform) -> (Vec<String>, String) {
    let when =
        |condition: &str| format!("COALESCE(SUM(CASE WHEN {condition} THEN 1 ELSE 0 END), 0)");
    let before = &platform.names.training_before;
    let mut figures = vec![
        (ROWS.to_owned(), "COUNT(*)".to_owned()),
        (SUCCESSFUL.to_owned(), when("successful")),
        (
            TRAINING.to_owned(),
            when(&format!("\"timestamp\" < '{before}'")),
        ),
    ];
    for field in &platform.fields {
        let name = &field.name;
        match &field.kind {
            Kind::Choice(words) => figures.extend(
                words
                    .iter()
                    .map(|word| (chosen(field, word), when(&format!("{name} = '{word}'")))),
            ),
            Kind::Integer { .. } | Kind::Number { .. } => {
                figures.push((sum(field), format!("COALESCE(SUM({name}), 0)")));
            }
        }
    }
    let (names, columns): (Vec<String>, Vec<String>) = figures.into_iter().unzip();
    let table = platform.names.table();
    (names, format!("SELECT {} FROM {table}", columns.join(", ")))
}

/// What is wrong with rows of the table, and the SQL that counts it: customers that stand twice, and
/// rows that are out of the bounds.
pub fn faults(platform: &Platform) -> (Vec<String>, String) {
    let fit: Vec<String> = Column::all(platform)
        .iter()
        .map(|column| match column {
            Column::Key | Column::Target | Column::Day => {
                format!("{} IS NOT NULL", column.quoted())
            }
            Column::Field(_, field) => within(field),
        })
        .collect();
    let sql = format!(
        "SELECT COUNT(*) - COUNT(DISTINCT customer_id), \
         COALESCE(SUM(CASE WHEN {} THEN 0 ELSE 1 END), 0) FROM {}",
        fit.join(" AND "),
        platform.names.table()
    );
    let names = ["customers that stand twice", "rows out of the bounds"];
    (names.map(str::to_owned).to_vec(), sql)
}

fn within(field: &Field) -> String {
    let name = &field.name;
    match &field.kind {
        Kind::Integer { least, most } => format!("{name} BETWEEN {least} AND {most}"),
        Kind::Number { least, most } => format!("{name} BETWEEN {least} AND {most}"),
        Kind::Choice(words) => format!("{name} IN ('{}')", words.join("', '")),
    }
}

/// Where the two differ, beyond what the order of additions does to sums of fractions: the figure's name
/// and both values.
pub fn differences(names: &[String], one: &Totals, other: &Totals) -> Vec<(String, f64, f64)> {
    let differs = |name: &&String| {
        let (a, b) = (one.get(name), other.get(name));
        (a - b).abs() > 1e-9 * a.abs().max(b.abs()).max(1.0)
    };
    names
        .iter()
        .filter(differs)
        .map(|name| (name.clone(), one.get(name), other.get(name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::names::tests::shipped;

    #[test]
    fn the_sql_gives_every_figure_that_rows_do() {
        let platform = shipped();
        let line = "1,38,Male,41820,Home,221750,0.1,58,10,424,Unemployed,Single,Forbearance,9,10,true,2023-01-30";
        let row: Vec<Value> = Column::all(&platform)
            .iter()
            .zip(line.split(','))
            .map(|(column, text)| column.read(text).unwrap())
            .collect();
        let mut totals = Totals::default();
        totals.add(&platform, &row);
        let (names, _) = sql(&platform);
        let mut given: Vec<&String> = totals.0.keys().collect();
        let mut asked: Vec<&String> = names.iter().collect();
        given.sort();
        asked.sort();
        assert_eq!(given, asked);
        assert_eq!(totals.get("gender Male"), 1.0);
        assert_eq!(totals.get(TRAINING), 1.0);
        let mut twice = totals.clone();
        twice.add(&platform, &row);
        assert!(differences(&names, &totals, &totals).is_empty());
        assert_eq!(
            differences(&names, &totals, &twice)[0],
            (ROWS.to_owned(), 1.0, 2.0)
        );
    }
}
