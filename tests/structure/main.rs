//! The shape of the repository, held by tests: who imports whom, what a source file may hold, whose code comes in,
//! and that every link in a document leads somewhere.

mod guarantees;
mod imports;
mod licences;
mod links;
mod metadata;
mod sources;
mod tree;
