//! temporary
pub mod graph;
pub mod template;
pub mod walk;
