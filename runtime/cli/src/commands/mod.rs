//! The commands: one file each; flags, and the way to an exit code.

mod bridge;
mod check;
mod demo;
mod grpc;
mod http;
mod mqtt;
mod plugin;
mod quick;
mod report;
mod run;
mod schema;
mod serve;
mod tls_flags;
mod ws;

use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use prony_core::Diagnostic;
use prony_scenario::CompileError;

use crate::{exit, show};

/// A load generator for HTTP, gRPC, MQTT and WebSocket services with numbers you can defend.
#[derive(Debug, Parser)]
#[command(
    name = "prony",
    version,
    max_term_width = 110,
    arg_required_else_help = true,
    subcommand_required = true
)]
#[command(
    after_help = "Exit codes: 0 passed, 1 thresholds failed, 2 usage or plan wrong, 3 the run could not be carried out, 4 run invalid, 130 interrupted (results kept)."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Http(http::Http),
    Grpc(Box<grpc::Grpc>),
    Mqtt(Box<mqtt::Mqtt>),
    Ws(Box<ws::Ws>),
    Plugin(plugin::Plugin),
    Check(check::Check),
    Schema(schema::Schema),
    Report(report::Report),
    Demo(demo::Demo),
    Serve(serve::Serve),
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The plan, or what was typed, is wrong.
    Wrong(Diagnostic),
    /// Something outside is missing or wrong.
    Setup(String),
}

impl From<Diagnostic> for Failure {
    fn from(mistake: Diagnostic) -> Self {
        Self::Wrong(mistake)
    }
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::Plan(mistake) => Self::Wrong(mistake),
            CompileError::Names(error) => Self::Setup(error.to_string()),
            CompileError::Setup(error) => Self::Setup(error.to_string()),
        }
    }
}

/// Parses the command line, does what it says, and gives the process's exit code.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Cli::try_parse().unwrap_or_else(|error| refuse(&error)).command {
        Command::Run(command) => command.execute(),
        Command::Http(command) => command.execute(),
        Command::Grpc(command) => command.execute(),
        Command::Mqtt(command) => command.execute(),
        Command::Ws(command) => command.execute(),
        Command::Plugin(command) => command.execute(),
        Command::Check(command) => command.execute(),
        Command::Schema(command) => command.execute(),
        Command::Report(command) => command.execute(),
        Command::Demo(command) => command.execute(),
        Command::Serve(command) => command.execute(),
    };
    ExitCode::from(match done {
        Ok(code) => code,
        Err(Failure::Wrong(mistake)) => {
            anstream::eprint!("{}", show::diagnostic(&mistake));
            exit::USAGE
        }
        Err(Failure::Setup(text)) => {
            anstream::eprintln!("{}", show::trouble(&text));
            exit::FAILED
        }
    })
}

/// Tells what is wrong with the command line and ends the process. A plan where a command should be is a `run` forgotten.
fn refuse(error: &clap::Error) -> ! {
    let first = std::env::args().nth(1).filter(|_| error.kind() == ErrorKind::InvalidSubcommand);
    if let Some(first) = first
        && (first.ends_with(".yaml") || first.ends_with(".yml") || Path::new(&first).is_file())
    {
        let text = format!("`{first}` is no command; did you mean `prony run {first}`?");
        Cli::command().error(ErrorKind::InvalidSubcommand, text).exit()
    }
    error.exit()
}

/// Prints a result on standard output. A reader that has gone away (`prony … | head`) is no error.
pub(crate) fn print(text: &str) {
    use std::io::Write;
    let mut out = anstream::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
