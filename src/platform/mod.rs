//! The shipped platform's own steps, once its stacks stand: its data, its model, who may ask it, signing in and
//! asking.

pub mod batch;
pub mod draw;
pub mod file;
pub mod grant;
pub mod line;
pub mod load;
pub mod model;
pub mod names;
pub mod outputs;
pub mod predict;
pub mod request;
pub mod rows;
pub mod schema;
pub mod seen;
pub mod signal;
pub mod signin;
pub mod statements;
pub mod table;
pub mod totals;
pub mod transfer;
pub mod users;
pub mod web;
