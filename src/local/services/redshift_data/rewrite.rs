//! SQL as SQLite takes it, and the types of what a query answers.

use super::types::Type;
use sqlparser::ast::{
    BinaryOperator, Expr, ObjectName, ObjectNamePart, Query, Select, SelectItem, SetExpr,
    TableFactor, UnaryOperator, Value, VisitMut, visit_expressions_mut, visit_relations_mut,
};
use sqlparser::dialect::RedshiftSqlDialect;
use sqlparser::parser::Parser;
use std::ops::ControlFlow;

/// Rewrites casts and functions that SQLite has otherwise, and the names of system tables.
///
/// # Errors
/// What it has not.
pub fn rewrite(statement: &mut impl VisitMut) -> Result<(), String> {
    let names = visit_relations_mut(statement, |name| match relation(name) {
        Ok(()) => ControlFlow::Continue(()),
        Err(why) => ControlFlow::Break(why),
    });
    if let ControlFlow::Break(why) = names {
        return Err(why);
    }
    match visit_expressions_mut(statement, |expr| match expression(expr) {
        Ok(()) => ControlFlow::Continue(()),
        Err(why) => ControlFlow::Break(why),
    }) {
        ControlFlow::Break(why) => Err(why),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The last part of a name that is ours; ours are those of no schema, of public and of the catalog.
///
/// # Errors
/// A schema that is not here.
pub fn plain(name: &ObjectName) -> Result<String, String> {
    let parts: Vec<String> = name
        .0
        .iter()
        .filter_map(ObjectNamePart::as_ident)
        .map(|part| part.value.to_lowercase())
        .collect();
    match parts.as_slice() {
        [only] => Ok(only.clone()),
        [schema, last] if schema == "public" || schema == "pg_catalog" => Ok(last.clone()),
        [schema, _] => Err(format!("schema \"{schema}\" does not exist")),
        _ => Err(format!(
            "cross-database reference to {name} is not supported"
        )),
    }
}

// What is ours begins with an underscore and is reached by nobody.
fn relation(name: &mut ObjectName) -> Result<(), String> {
    let last = plain(name)?;
    if last.starts_with('_') || last.starts_with("sqlite_") || last.starts_with("pragma_") {
        return Err(format!("relation \"{last}\" does not exist"));
    }
    if name.0.len() == 2 && name.to_string().to_lowercase().starts_with("pg_catalog.") {
        name.0.remove(0);
    }
    Ok(())
}

fn expression(expr: &mut Expr) -> Result<(), String> {
    match expr {
        Expr::Cast {
            expr: inner,
            data_type,
            ..
        } => {
            let kind = Type::of(data_type)
                .ok_or_else(|| format!("type \"{data_type}\" does not exist"))?;
            *expr = reread(&format!("_cast('{}', {inner})", kind.declared()))?;
        }
        Expr::Function(function) => {
            let name = plain(&function.name)?;
            let known = match name.as_str() {
                "nvl" => "coalesce",
                "len" => "length",
                "getdate" | "sysdate" => "_now",
                own if own.starts_with('_') && !matches!(own, "_cast" | "_now") => {
                    return Err(format!("function {own} does not exist"));
                }
                other => other,
            };
            function.name = ObjectName::from(vec![sqlparser::ast::Ident::new(known)]);
        }
        _ => {}
    }
    Ok(())
}

fn reread(text: &str) -> Result<Expr, String> {
    Parser::new(&RedshiftSqlDialect {})
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_expr())
        .map_err(|error| error.to_string())
}

/// The names of the functions that are called.
pub fn functions(statement: &impl sqlparser::ast::Visit) -> Vec<String> {
    let mut found = Vec::new();
    let _ = sqlparser::ast::visit_expressions(statement, |expr: &Expr| {
        if let Expr::Function(function) = expr {
            found.extend(plain(&function.name));
        }
        ControlFlow::<()>::Continue(())
    });
    found
}

/// The names of the tables that are read or written.
pub fn relations(statement: &impl sqlparser::ast::Visit) -> Vec<String> {
    let mut found = Vec::new();
    let _ = sqlparser::ast::visit_relations(statement, |name: &ObjectName| {
        found.extend(plain(name));
        ControlFlow::<()>::Continue(())
    });
    found
}

/// The types of what a query answers, as far as its expressions tell, by place. `function` knows the
/// types of functions that models made.
pub fn types(query: &Query, function: &impl Fn(&str) -> Option<Type>) -> Vec<Option<Type>> {
    let Some(select) = select(&query.body) else {
        return Vec::new();
    };
    let mut types = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                types.push(kind(expr, select, function));
            }
            // From here on the places are not known.
            _ => break,
        }
    }
    types
}

fn select(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query) => select_of(query),
        SetExpr::SetOperation { left, .. } => select(left),
        _ => None,
    }
}

fn select_of(query: &Query) -> Option<&Select> {
    select(&query.body)
}

fn kind(expr: &Expr, within: &Select, function: &impl Fn(&str) -> Option<Type>) -> Option<Type> {
    match expr {
        Expr::Nested(inner) => kind(inner, within, function),
        Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::In { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::Exists { .. }
        | Expr::UnaryOp {
            op: UnaryOperator::Not,
            ..
        } => Some(Type::Bool),
        Expr::BinaryOp {
            op:
                BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
                | BinaryOperator::And
                | BinaryOperator::Or,
            ..
        } => Some(Type::Bool),
        Expr::Value(value) if matches!(value.value, Value::Boolean(_)) => Some(Type::Bool),
        Expr::Case { conditions, .. } => conditions
            .first()
            .and_then(|case| kind(&case.result, within, function)),
        Expr::Function(called) => {
            let name = plain(&called.name).ok()?;
            match name.as_str() {
                "count" => Some(Type::Int(8)),
                "_cast" => cast(expr),
                "_now" => Some(Type::Timestamp),
                "explain_model" => Some(Type::Super),
                other => function(other),
            }
        }
        Expr::Identifier(column) => derived(&column.value, within, function),
        Expr::CompoundIdentifier(parts) => derived(&parts.last()?.value, within, function),
        _ => None,
    }
}

fn cast(expr: &Expr) -> Option<Type> {
    let text = expr.to_string();
    Type::read(text.strip_prefix("_cast('")?.split_once('\'')?.0)
}

/// The type of a column that a subquery of the FROM clause makes.
fn derived(name: &str, within: &Select, function: &impl Fn(&str) -> Option<Type>) -> Option<Type> {
    let relations = within.from.iter().flat_map(|from| {
        std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
    });
    relations
        .filter_map(|relation| match relation {
            TableFactor::Derived { subquery, .. } => select_of(subquery),
            _ => None,
        })
        .find_map(|select| {
            select.projection.iter().find_map(|item| match item {
                SelectItem::ExprWithAlias { expr, alias }
                    if alias.value.eq_ignore_ascii_case(name) =>
                {
                    kind(expr, select, function)
                }
                _ => None,
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::services::redshift_data::parse::{Sql, parse};

    fn rewritten(sql: &str) -> Result<(String, Vec<Option<Type>>), String> {
        let Sql::Query(mut query) = parse(sql)? else {
            panic!()
        };
        rewrite(&mut query)?;
        let types = types(&query, &|name| (name == "f").then_some(Type::Bool));
        Ok((query.to_string(), types))
    }

    #[test]
    fn casts_and_names_are_sqlites() {
        let (sql, types) = rewritten(
            "SELECT '2023-01-31'::date, public.f(:a), COUNT(*), x > 1, NVL(a, 1) FROM pg_catalog.pg_user",
        )
        .unwrap();
        assert_eq!(
            sql,
            "SELECT _cast('date', '2023-01-31'), f(:a), count(*), x > 1, coalesce(a, 1) FROM pg_user"
        );
        assert_eq!(
            types,
            [
                Some(Type::Date),
                Some(Type::Bool),
                Some(Type::Int(8)),
                Some(Type::Bool),
                None
            ]
        );
        let (_, types) = rewritten("SELECT p FROM (SELECT f(a) AS p FROM t) AS x").unwrap();
        assert_eq!(types, [Some(Type::Bool)]);
    }

    #[test]
    fn what_is_ours_is_reached_by_nobody() {
        assert!(rewritten("SELECT * FROM _models").is_err());
        assert!(rewritten("SELECT * FROM sqlite_master").is_err());
        assert!(rewritten("SELECT _predict(1)").is_err());
        assert_eq!(
            rewritten("SELECT * FROM other.t").unwrap_err(),
            "schema \"other\" does not exist"
        );
    }
}
