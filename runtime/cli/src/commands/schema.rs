//! `prony schema`.

use clap::Args;

use crate::commands::{Failure, print};
use crate::{exit, plan};

/// Prints the JSON Schema of plans, for completion and checks in editors.
#[derive(Debug, Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        print(&format!("{:#}\n", plan::schema()));
        Ok(exit::PASSED)
    }
}
