//! temporary
pub mod graph;
pub mod manifest;
pub mod template;
pub mod walk;
