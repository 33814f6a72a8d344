//! Plan steps as users live them: plans compiled, run by the engine over real HTTP, and looked at from the server's side.

mod answers;
mod beats;
mod data;
mod flow;
mod repeatable;
mod site;
mod words;
