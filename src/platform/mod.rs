//! The shipped platform's own steps, once its stacks stand: its data, its model, and who may ask it.

pub mod draw;
pub mod file;
pub mod grant;
pub mod line;
pub mod load;
pub mod model;
pub mod names;
pub mod outputs;
pub mod schema;
pub mod seen;
pub mod signal;
pub mod statements;
pub mod table;
pub mod totals;
pub mod transfer;
