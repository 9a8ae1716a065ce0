//! The statements that load a file into the table: as one transaction, and with the same end however often.

use super::names::Platform;
use super::statements::{Cell, Warehouse};
use super::table::{Column, KEY};
use crate::error::Result;

/// What COPY fills before the table sees any of it. It lives within the transaction's session.
const STAGING: &str = "loading";

/// The statements that put the rows of an object into the table, in place of those of the same customers.
/// `columns` are the file's, in its order.
pub fn statements(platform: &Platform, columns: &[String], bucket: &str, key: &str) -> Vec<String> {
    let table = platform.names.table();
    let all = Column::all(platform);
    let described: Vec<String> = all
        .iter()
        .map(|column| format!("{} {} NOT NULL", column.quoted(), column.kind()))
        .collect();
    let described = described.join(", ");
    let names: Vec<String> = all.iter().map(Column::quoted).collect();
    let names = names.join(", ");
    let columns = columns.join(", ");
    vec![
        format!("CREATE TABLE IF NOT EXISTS {table} ({described})"),
        format!("CREATE TEMP TABLE {STAGING} ({described})"),
        format!(
            "COPY {STAGING} ({columns}) FROM 's3://{bucket}/{key}' IAM_ROLE default \
             CSV IGNOREHEADER 1 DATEFORMAT 'YYYY-MM-DD'"
        ),
        // No TRUNCATE: that would commit.
        format!("DELETE FROM {table} WHERE {KEY} IN (SELECT {KEY} FROM {STAGING})"),
        format!("INSERT INTO {table} ({names}) SELECT {names} FROM {STAGING}"),
        format!("DROP TABLE {STAGING}"),
    ]
}

/// How many rows the table holds; none where there is no table.
///
/// # Errors
/// When the warehouse cannot tell.
pub async fn held(warehouse: &Warehouse, platform: &Platform) -> Result<f64> {
    let names = &platform.names;
    let found = warehouse
        .query(
            "SELECT table_name FROM svv_tables WHERE table_schema = :schema AND table_name = :table",
            &[("schema", &names.schema), ("table", &names.table)],
        )
        .await?;
    match found.is_empty() {
        true => Ok(0.0),
        false => count(warehouse, platform).await,
    }
}

/// How many rows the table holds.
///
/// # Errors
/// When the warehouse cannot tell; when there is no table, too.
pub async fn count(warehouse: &Warehouse, platform: &Platform) -> Result<f64> {
    let sql = format!("SELECT COUNT(*) FROM {}", platform.names.table());
    let row = warehouse.row(&sql, &[]).await?;
    Ok(row.first().map_or(0.0, Cell::number))
}

/// The key of a file of that digest.
pub fn key(platform: &Platform, digest: &str) -> String {
    format!("{}/{digest}.csv", platform.names.table)
}

/// Whether SQL takes the bucket's name as it is: those that S3 allows.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
pub fn is_bucket(name: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    (3..=63).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::names::tests::shipped;

    #[test]
    fn a_load_never_commits_halfway() {
        let platform = shipped();
        let columns = ["customer_id".to_owned(), "\"timestamp\"".to_owned()];
        let all = statements(&platform, &columns, "a-bucket", &key(&platform, "ab"));
        assert!(all[0].starts_with(
            "CREATE TABLE IF NOT EXISTS public.raw_data (customer_id BIGINT NOT NULL, age INTEGER NOT NULL, gender VARCHAR(16) NOT NULL"
        ));
        assert_eq!(
            all[2],
            "COPY loading (customer_id, \"timestamp\") FROM 's3://a-bucket/raw_data/ab.csv' IAM_ROLE default \
             CSV IGNOREHEADER 1 DATEFORMAT 'YYYY-MM-DD'"
        );
        assert!(
            all.iter()
                .all(|sql| !sql.starts_with("TRUNCATE") && !sql.contains(';'))
        );
        assert!(is_bucket("a-bucket.1"));
        assert!(!is_bucket("a'bucket") && !is_bucket("A") && !is_bucket("a/b"));
    }
}
