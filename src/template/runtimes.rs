//! When Lambda's runtimes end.

/// Runtimes, the day from which no function is created with it, and that from which none is updated.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>
const RUNTIMES: &[(&str, &str, &str)] = &[
    ("dotnet10", "2028-12-14", "2029-01-15"),
    ("dotnet6", "2027-02-01", "2027-03-03"),
    ("dotnet8", "2027-02-01", "2027-03-03"),
    ("dotnetcore1.0", "2019-06-30", "2019-07-30"),
    ("dotnetcore2.0", "2019-04-30", "2019-05-30"),
    ("dotnetcore2.1", "2022-01-05", "2022-04-13"),
    ("dotnetcore3.1", "2023-04-03", "2023-05-03"),
    ("go1.x", "2024-02-08", "2027-03-03"),
    ("java11", "2027-07-31", "2027-08-31"),
    ("java17", "2027-07-31", "2027-08-31"),
    ("java21", "2029-07-31", "2029-08-31"),
    ("java25", "2029-07-31", "2029-08-31"),
    ("java8", "2024-02-08", "2027-03-03"),
    ("java8.al2", "2027-07-31", "2027-08-31"),
    ("nodejs", "2016-09-30", "2016-10-31"),
    ("nodejs10.x", "2021-07-30", "2022-02-14"),
    ("nodejs12.x", "2023-03-31", "2023-04-30"),
    ("nodejs14.x", "2024-01-09", "2027-03-03"),
    ("nodejs16.x", "2027-02-01", "2027-03-03"),
    ("nodejs18.x", "2027-02-01", "2027-03-03"),
    ("nodejs20.x", "2027-02-01", "2027-03-03"),
    ("nodejs22.x", "2027-06-01", "2027-07-01"),
    ("nodejs24.x", "2028-06-01", "2028-07-01"),
    ("nodejs4.3", "2020-02-03", "2020-03-05"),
    ("nodejs4.3-edge", "2019-03-31", "2019-04-30"),
    ("nodejs6.10", "2019-07-12", "2019-08-12"),
    ("nodejs8.10", "2020-02-04", "2020-03-06"),
    ("provided", "2024-02-08", "2027-03-03"),
    ("provided.al2", "2027-02-01", "2027-03-03"),
    ("provided.al2023", "2029-07-31", "2029-08-31"),
    ("python2.7", "2021-07-15", "2022-05-30"),
    ("python3.10", "2027-02-01", "2027-03-03"),
    ("python3.11", "2027-07-31", "2027-08-31"),
    ("python3.12", "2028-11-30", "2029-01-10"),
    ("python3.13", "2029-07-31", "2029-08-31"),
    ("python3.14", "2029-07-31", "2029-08-31"),
    ("python3.6", "2022-07-18", "2022-08-29"),
    ("python3.7", "2024-01-09", "2027-03-03"),
    ("python3.8", "2027-02-01", "2027-03-03"),
    ("python3.9", "2027-02-01", "2027-03-03"),
    ("ruby2.5", "2021-07-30", "2022-03-31"),
    ("ruby2.7", "2024-01-09", "2027-03-03"),
    ("ruby3.2", "2027-02-01", "2027-03-03"),
    ("ruby3.3", "2027-04-30", "2027-05-31"),
    ("ruby3.4", "2028-04-30", "2028-05-31"),
    ("ruby4.0", "2029-04-30", "2029-05-31"),
];

/// Whether no function can be created with the runtime on that day.
pub fn ended(runtime: &str, today: &str) -> bool {
    let row = RUNTIMES.iter().find(|(name, _, _)| *name == runtime);
    row.is_some_and(|(_, create, _)| *create <= today)
}

/// Whether no function with the runtime can be updated on that day.
pub fn frozen(runtime: &str, today: &str) -> bool {
    let row = RUNTIMES.iter().find(|(name, _, _)| *name == runtime);
    row.is_some_and(|(_, _, update)| *update <= today)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_ends_on_its_day() {
        assert!(!ended("java8", "2024-02-07"));
        assert!(ended("java8", "2024-02-08") && !frozen("java8", "2024-02-08"));
        assert!(frozen("java8", "2027-03-03"));
        assert!(!ended("python3.99", "2100-01-01"));
    }
}
