//! SQL read: what SQLite can be given, and what is Redshift's own.

use sqlparser::ast::{
    CopyLegacyOption, CopySource, CopyTarget, CreateTable, ObjectName, ObjectType, Query, Statement,
};
use sqlparser::dialect::RedshiftSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

/// A statement that is understood.
#[derive(Debug, Clone)]
pub enum Sql {
    /// It answers rows.
    Query(Box<Query>),
    /// INSERT, UPDATE or DELETE.
    Change(Box<Statement>),
    /// CREATE TABLE.
    CreateTable(Box<CreateTable>),
    /// DROP TABLE.
    DropTable(ObjectName, bool),
    /// COPY of an object into a table.
    Copy(Copy),
    /// CREATE MODEL.
    CreateModel(Box<CreateModel>),
    /// DROP MODEL, and whether it need not be there.
    DropModel(ObjectName, bool),
    /// SHOW MODEL of one, or of all.
    ShowModel(Option<ObjectName>),
    /// CREATE USER.
    CreateUser(String),
    /// CREATE ROLE.
    CreateRole(String),
    /// GRANT EXECUTE ON MODEL.
    GrantModel(ObjectName, Grantee),
    /// GRANT ROLE.
    GrantRole(String, Grantee),
}

/// COPY table (columns) FROM 's3://...'.
#[derive(Debug, Clone, PartialEq)]
pub struct Copy {
    /// The table.
    pub table: ObjectName,
    /// The columns in the file's order; all of the table's when none is named.
    pub columns: Vec<String>,
    /// Where from.
    pub from: String,
    /// Lines that are passed over.
    pub skipped: u64,
}

/// CREATE MODEL.
#[derive(Debug, Clone)]
pub struct CreateModel {
    /// Its name.
    pub name: ObjectName,
    /// The rows it learns from.
    pub query: Box<Query>,
    /// The column that it predicts.
    pub target: String,
    /// Its SQL function.
    pub function: String,
    /// The bucket that Redshift hands the rows over in.
    pub bucket: String,
    /// Seconds that it may take.
    pub max_runtime: u64,
    /// Cells that it may read.
    pub max_cells: u64,
}

/// To whom.
#[derive(Debug, Clone, PartialEq)]
pub enum Grantee {
    /// A user.
    User(String),
    /// A role.
    Role(String),
    /// Everybody.
    Public,
}

/// Reads one statement.
///
/// # Errors
/// What is not understood, in the words of Redshift where they are known.
pub fn parse(text: &str) -> Result<Sql, String> {
    let mut parser = Parser::new(&RedshiftSqlDialect {})
        .try_with_sql(text)
        .map_err(|error| syntax(&error))?;
    let sql = own(&mut parser)?;
    while parser.consume_token(&Token::SemiColon) {}
    match parser.peek_token().token {
        Token::EOF => Ok(sql),
        _ => Err("cannot insert multiple commands into a prepared statement".to_owned()),
    }
}

fn syntax(error: &dyn std::fmt::Display) -> String {
    let said = error.to_string();
    let said = said.trim_start_matches("sql parser error: ");
    format!("syntax error: {said}")
}

fn own(parser: &mut Parser<'_>) -> Result<Sql, String> {
    if words(parser, &["CREATE", "MODEL"]) {
        return create_model(parser).map(|model| Sql::CreateModel(Box::new(model)));
    }
    if words(parser, &["DROP", "MODEL"]) {
        let lenient = words(parser, &["IF", "EXISTS"]);
        return Ok(Sql::DropModel(name(parser)?, lenient));
    }
    if words(parser, &["SHOW", "MODEL"]) {
        let all = words(parser, &["ALL"]);
        return Ok(Sql::ShowModel(if all { None } else { Some(name(parser)?) }));
    }
    if words(parser, &["CREATE", "USER"]) {
        let user = word(parser)?;
        let _ = words(parser, &["WITH"]);
        return match words(parser, &["PASSWORD", "DISABLE"]) {
            true => Ok(Sql::CreateUser(user)),
            false => Err("users without PASSWORD DISABLE are not kept here".to_owned()),
        };
    }
    if words(parser, &["CREATE", "ROLE"]) {
        return word(parser).map(Sql::CreateRole);
    }
    if words(parser, &["GRANT", "EXECUTE", "ON", "MODEL"]) {
        let model = name(parser)?;
        return Ok(Sql::GrantModel(model, grantee(parser)?));
    }
    if words(parser, &["GRANT", "ROLE"]) {
        let role = word(parser)?;
        return Ok(Sql::GrantRole(role, grantee(parser)?));
    }
    common(parser.parse_statement().map_err(|error| syntax(&error))?)
}

fn common(statement: Statement) -> Result<Sql, String> {
    match statement {
        Statement::Query(query) => Ok(Sql::Query(query)),
        Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) => {
            Ok(Sql::Change(Box::new(statement)))
        }
        Statement::CreateTable(table) => Ok(Sql::CreateTable(Box::new(table))),
        Statement::Drop {
            object_type: ObjectType::Table,
            if_exists,
            mut names,
            ..
        } if names.len() == 1 => Ok(Sql::DropTable(names.remove(0), if_exists)),
        Statement::Copy {
            source:
                CopySource::Table {
                    table_name,
                    columns,
                },
            to: false,
            target: CopyTarget::File { filename },
            legacy_options,
            ..
        } => copy(table_name, columns, filename, &legacy_options).map(Sql::Copy),
        other => {
            let text = other.to_string();
            let verb: Vec<&str> = text.split_whitespace().take(2).collect();
            Err(format!(
                "the embedded warehouse does not know {}",
                verb.join(" ")
            ))
        }
    }
}

fn copy(
    table: ObjectName,
    columns: Vec<sqlparser::ast::Ident>,
    from: String,
    options: &[CopyLegacyOption],
) -> Result<Copy, String> {
    let (mut skipped, mut csv, mut role) = (0, false, false);
    for option in options {
        match option {
            CopyLegacyOption::IgnoreHeader(lines) => skipped = *lines,
            CopyLegacyOption::Csv(quote) if quote.is_empty() => csv = true,
            CopyLegacyOption::IamRole(_) => role = true,
            CopyLegacyOption::DateFormat(format)
                if format
                    .as_deref()
                    .is_none_or(|format| matches!(format, "auto" | "YYYY-MM-DD")) => {}
            CopyLegacyOption::Region(_) => {}
            other => {
                return Err(format!(
                    "the embedded warehouse does not know COPY with {other}"
                ));
            }
        }
    }
    match (csv, role) {
        (true, true) => Ok(Copy {
            table,
            columns: columns
                .into_iter()
                .map(|column| column.value.to_lowercase())
                .collect(),
            from,
            skipped,
        }),
        (false, _) => Err("the embedded warehouse knows COPY of CSV only".to_owned()),
        (_, false) => Err("COPY needs IAM_ROLE".to_owned()),
    }
}

fn create_model(parser: &mut Parser<'_>) -> Result<CreateModel, String> {
    let model = name(parser)?;
    expect(parser, "FROM")?;
    let query = match parser.consume_token(&Token::LParen) {
        true => {
            let query = parser.parse_query().map_err(|error| syntax(&error))?;
            parser
                .expect_token(&Token::RParen)
                .map_err(|error| syntax(&error))?;
            query
        }
        false => {
            let table = name(parser)?;
            let Sql::Query(query) = parse(&format!("SELECT * FROM {table}"))? else {
                return Err("syntax error".to_owned());
            };
            query
        }
    };
    expect(parser, "TARGET")?;
    let target = word(parser)?.to_lowercase();
    expect(parser, "FUNCTION")?;
    let function = word(parser)?.to_lowercase();
    expect(parser, "IAM_ROLE")?;
    let _ = parser.next_token();
    let _ = words(parser, &["AUTO", "ON"]);
    expect(parser, "SETTINGS")?;
    parser
        .expect_token(&Token::LParen)
        .map_err(|error| syntax(&error))?;
    let mut model = CreateModel {
        name: model,
        query,
        target,
        function,
        bucket: String::new(),
        max_runtime: 5400,
        max_cells: 1_000_000,
    };
    loop {
        let setting = word(parser)?.to_uppercase();
        let number =
            |parser: &mut Parser<'_>| parser.parse_literal_uint().map_err(|error| syntax(&error));
        match setting.as_str() {
            "S3_BUCKET" => {
                model.bucket = parser
                    .parse_literal_string()
                    .map_err(|error| syntax(&error))?
            }
            "MAX_RUNTIME" => model.max_runtime = number(parser)?,
            "MAX_CELLS" => model.max_cells = number(parser)?,
            other => {
                return Err(format!(
                    "the embedded warehouse does not know the setting {other}"
                ));
            }
        }
        if !parser.consume_token(&Token::Comma) {
            break;
        }
    }
    parser
        .expect_token(&Token::RParen)
        .map_err(|error| syntax(&error))?;
    match model.bucket.is_empty() {
        true => Err("S3_BUCKET is required".to_owned()),
        false => Ok(model),
    }
}

/// Takes these words, if they are all next; none of them otherwise.
fn words(parser: &mut Parser<'_>, words: &[&str]) -> bool {
    let next = |(at, wanted): (usize, &&str)| match parser.peek_nth_token(at).token {
        Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted),
        _ => false,
    };
    let all = words.iter().enumerate().all(next);
    if all {
        words.iter().for_each(|_| drop(parser.next_token()));
    }
    all
}

fn expect(parser: &mut Parser<'_>, wanted: &str) -> Result<(), String> {
    match words(parser, &[wanted]) {
        true => Ok(()),
        false => Err(format!(
            "syntax error: expected {wanted}, found {}",
            parser.peek_token()
        )),
    }
}

fn word(parser: &mut Parser<'_>) -> Result<String, String> {
    let word = parser.parse_identifier().map_err(|error| syntax(&error))?;
    // What is quoted keeps its case; that of a user's name, always.
    Ok(match word.quote_style {
        Some(_) => word.value,
        None => word.value.to_lowercase(),
    })
}

fn name(parser: &mut Parser<'_>) -> Result<ObjectName, String> {
    parser
        .parse_object_name(false)
        .map_err(|error| syntax(&error))
}

fn grantee(parser: &mut Parser<'_>) -> Result<Grantee, String> {
    expect(parser, "TO")?;
    if words(parser, &["PUBLIC"]) {
        return Ok(Grantee::Public);
    }
    Ok(match words(parser, &["ROLE"]) {
        true => Grantee::Role(word(parser)?),
        false => Grantee::User(word(parser)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redshifts_own_statements_are_read() {
        let sql = "CREATE MODEL public.m FROM (SELECT a, b FROM t WHERE \"timestamp\" < '2023-01-31') TARGET b \
                   FUNCTION f IAM_ROLE default SETTINGS (S3_BUCKET 'x', MAX_RUNTIME 60, MAX_CELLS 5);";
        let Sql::CreateModel(model) = parse(sql).unwrap() else {
            panic!()
        };
        assert_eq!(
            (model.target.as_str(), model.max_runtime, model.max_cells),
            ("b", 60, 5)
        );
        let sql = "COPY t (a, \"timestamp\") FROM 's3://b/k' IAM_ROLE default CSV IGNOREHEADER 1 DATEFORMAT 'YYYY-MM-DD'";
        let Sql::Copy(copy) = parse(sql).unwrap() else {
            panic!()
        };
        assert_eq!(
            (copy.from.as_str(), copy.skipped, copy.columns.len()),
            ("s3://b/k", 1, 2)
        );
        assert!(
            matches!(parse("grant role r to \"IAMR:Aa\"").unwrap(), Sql::GrantRole(_, Grantee::User(user)) if user == "IAMR:Aa")
        );
        assert!(matches!(
            parse("show model all").unwrap(),
            Sql::ShowModel(None)
        ));
    }

    #[test]
    fn what_could_reach_beyond_the_tables_is_refused() {
        for sql in [
            "ATTACH DATABASE 'x' AS y",
            "PRAGMA writable_schema = 1",
            "SELECT 1; DROP TABLE t",
            "VACUUM INTO 'x'",
            "COPY t TO 's3://b/k' CSV",
            "CREATE MODEL m FROM t TARGET b FUNCTION f IAM_ROLE default SETTINGS (S3_BUCKET 'x'); DROP MODEL m",
            "",
        ] {
            assert!(parse(sql).is_err(), "{sql}");
        }
    }
}
