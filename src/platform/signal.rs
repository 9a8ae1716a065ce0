//! The synthetic data: rows within the schema's bounds, and whether the remediation worked by a signal
//! that docs/data.md states. What is drawn is invented; nothing of it is of any person.

use super::draw::Draw;
use super::names::Platform;
use super::schema::{Field, Held, Kind};
use super::table::Column;
use std::fmt::Write as _;
use time::{Date, Duration, Month};

/// How strongly the signal shows: with more of it, less is chance.
const CONTRAST: f64 = 1.5;
/// Days that rows are spread over. Those from the end of the training on are for checking it.
const DAYS: u64 = 455;

/// Draws rows.
#[derive(Debug)]
pub struct Rows<'a> {
    platform: &'a Platform,
    draw: Draw,
    signal: Signal,
    first_day: Date,
    next: u64,
}

/// A drawn row: its text, and how likely it was to work.
#[derive(Debug)]
pub struct Row {
    /// A line of CSV.
    pub line: String,
    /// The probability that the signal gave it.
    pub likely: f64,
    /// What was drawn by it.
    pub worked: bool,
}

impl<'a> Rows<'a> {
    /// Rows of that seed. The first rows of a longer file are those of a shorter one.
    ///
    /// # Errors
    /// When the schema lacks a field that the signal is made of.
    pub fn new(platform: &'a Platform, seed: u64) -> Result<Self, String> {
        let first_day = Date::from_calendar_date(2022, Month::January, 1);
        Ok(Self {
            platform,
            draw: Draw::new(seed),
            signal: Signal::of(&platform.fields)?,
            first_day: first_day.map_err(|error| error.to_string())?,
            next: 1,
        })
    }

    /// The header.
    pub fn header(&self) -> String {
        let columns = Column::all(self.platform);
        let names: Vec<&str> = columns.iter().map(Column::name).collect();
        names.join(",")
    }

    /// The next row.
    pub fn draw(&mut self) -> Row {
        let (mut line, mut held) = (self.next.to_string(), Vec::new());
        self.next += 1;
        for field in &self.platform.fields {
            line.push(',');
            held.push(value(&mut self.draw, field, &mut line));
        }
        let likely = self.signal.likely(&held);
        let worked = self.draw.unit() < likely;
        let days = i64::try_from(self.draw.below(DAYS)).unwrap_or_default();
        let day = self.first_day.saturating_add(Duration::days(days));
        let _ = write!(line, ",{worked},{day}");
        Row {
            line,
            likely,
            worked,
        }
    }
}

fn value(draw: &mut Draw, field: &Field, line: &mut String) -> Held {
    match &field.kind {
        Kind::Integer { least, most } => {
            let drawn = draw.whole(*least, *most);
            let _ = write!(line, "{drawn}");
            Held::Number(drawn as f64)
        }
        // In ten-thousandths, so that the text is short and is the value.
        Kind::Number { least, most } => {
            let scaled = |bound: f64| (bound * 10_000.0).round() as i64;
            let drawn = draw.whole(scaled(*least), scaled(*most)) as f64 / 10_000.0;
            let _ = write!(line, "{drawn}");
            Held::Number(drawn)
        }
        Kind::Choice(words) => {
            let drawn = draw.below(words.len() as u64) as usize;
            line.push_str(words.get(drawn).map_or("", String::as_str));
            Held::Choice(drawn)
        }
    }
}

/// Where the fields stand that the signal is made of.
#[derive(Debug)]
struct Signal {
    income: usize,
    loan_amount: usize,
    loan_interest_rate: usize,
    credit_score: usize,
    missed_payments: usize,
    missed_payments_duration: usize,
    employment: (usize, Vec<String>),
    strategy: (usize, Vec<String>),
}

impl Signal {
    fn of(fields: &[Field]) -> Result<Self, String> {
        let place = |name: &str| {
            let at = fields.iter().position(|field| field.name == name);
            at.ok_or_else(|| format!("the signal is made of {name}, which is no field"))
        };
        let words = |name: &str| match fields.iter().find(|field| field.name == name) {
            Some(Field {
                kind: Kind::Choice(words),
                ..
            }) => Ok((place(name)?, words.clone())),
            _ => Err(format!("the signal is made of {name}, which is no choice")),
        };
        Ok(Self {
            income: place("income")?,
            loan_amount: place("loan_amount")?,
            loan_interest_rate: place("loan_interest_rate")?,
            credit_score: place("credit_score")?,
            missed_payments: place("missed_payments")?,
            missed_payments_duration: place("missed_payments_duration")?,
            employment: words("employment_status")?,
            strategy: words("remediation_strategy")?,
        })
    }

    /// The probability that the remediation works. docs/data.md says this in words.
    fn likely(&self, row: &[Held]) -> f64 {
        let number = |at: usize| match row.get(at) {
            Some(Held::Number(number)) => *number,
            _ => 0.0,
        };
        let word = |(at, words): &'_ (usize, Vec<String>)| match row.get(*at) {
            Some(Held::Choice(which)) => words.get(*which).cloned().unwrap_or_default(),
            _ => String::new(),
        };
        let credit = number(self.credit_score);
        let missed = number(self.missed_payments);
        let burden = number(self.loan_amount) / number(self.income).max(1.0);
        let employment = word(&self.employment);
        let held = match employment.as_str() {
            "Employed" => 0.8,
            "Self-employed" => 0.2,
            _ => -1.0,
        };
        let (fits, good, bad) = match word(&self.strategy).as_str() {
            "Payment Reminder" => (missed <= 3.0, 2.4, -1.2),
            "Loan Restructuring" => (burden > 3.0, 1.2, -0.6),
            "Debt Consolidation" => (credit >= 600.0, 1.2, -1.2),
            "Forbearance" => (employment == "Unemployed", 2.4, -1.0),
            "Deferment" => (number(self.missed_payments_duration) <= 4.0, 1.6, -1.2),
            _ => (number(self.loan_interest_rate) > 12.0, 1.6, -1.2),
        };
        let fit = if fits { good } else { bad };
        let standing = 0.9 * (credit - 575.0) / 100.0 - 0.9 * (missed - 6.0) / 2.5;
        let odds = CONTRAST * (standing + held + fit);
        1.0 / (1.0 + (-odds).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::file;
    use crate::platform::names::tests::shipped;
    use crate::platform::totals::{ROWS, TRAINING};
    use proptest::prelude::*;

    fn text(seed: u64, rows: usize) -> String {
        let platform = shipped();
        let mut drawn = Rows::new(&platform, seed).unwrap();
        let mut text = drawn.header() + "\n";
        for _ in 0..rows {
            text.push_str(&drawn.draw().line);
            text.push('\n');
        }
        text
    }

    #[test]
    fn the_shipped_file_is_drawn_anew() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/raw_data.csv");
        assert!(text(1, 1000) == std::fs::read_to_string(path).unwrap());
    }

    #[test]
    fn the_page_states_the_figures_that_are_drawn() {
        let platform = shipped();
        let mut rows = Rows::new(&platform, 7).unwrap();
        let (count, mut best, mut worked) = (200_000, 0.0, 0.0);
        for _ in 0..count {
            let row = rows.draw();
            best += row.likely.max(1.0 - row.likely);
            worked += f64::from(u8::from(row.worked));
        }
        let share = |part: f64| (100.0 * part / f64::from(count)).round();
        let majority = share(worked.max(f64::from(count) - worked));
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/data.md");
        let page = std::fs::read_to_string(page).unwrap();
        for stated in [
            format!("| the best that anybody can do | {} % |", share(best)),
            format!("| the majority class | {majority} % |"),
        ] {
            assert!(page.contains(&stated), "docs/data.md lacks {stated}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn every_seed_draws_fit_rows(seed: u64) {
            let text = text(seed, 50);
            let contents = file::read(&shipped(), &mut text.as_bytes(), |line, why| panic!("{line}: {why}"));
            let totals = contents.unwrap().totals;
            prop_assert_eq!(totals.get(ROWS), 50.0);
            prop_assert!(totals.get(TRAINING) > 0.0);
        }
    }
}
