//! Asking a server for its schema, one request at a time over one bidirectional stream. Moves no bytes itself:
//! [`Reflection`] says what to send next and takes what came.
//!
//! Both versions of the protocol send the same bytes to different paths: try [`V1`], and where the server says
//! `UNIMPLEMENTED`, [`V1ALPHA`] with a new [`Reflection`].

mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use prony_core::diagnostic::did_you_mean;
use prost::Message;
use prost_reflect::DescriptorPool;
use prost_types::FileDescriptorProto;

use super::{Schema, SchemaProblem};
use words::{Answer, Question, Request, Response};

/// The path of version 1.
pub const V1: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
/// The path of its forerunner.
pub const V1ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

/// The most files that a server may name.
const MOST_FILES: usize = 10_000;
/// The most services that a server may list.
const MOST_SERVICES: usize = 10_000;
/// The most bytes of descriptors that are kept.
const MOST_BYTES: usize = 64 << 20;
/// gRPC's status for what is not there.
const NOT_FOUND: i32 = 5;

/// A conversation with a server's reflection service.
///
/// Call [`Self::next_request`] and send what it gives; hand the answer to [`Self::accept`]; repeat until there is no
/// next request; then [`Self::finish`]. Every answer settles its request or ends the conversation, so it always ends.
#[derive(Debug)]
pub struct Reflection {
    /// Whether everything is wanted, so that single failures are passed over.
    everything: bool,
    symbols: VecDeque<String>,
    files_wanted: VecDeque<String>,
    asked: Option<Asked>,
    /// A symbol that the server does not have, while its services are listed for the message.
    lacking: Option<(String, String)>,
    /// All names of files that were asked for or came.
    named: BTreeSet<String>,
    files: BTreeMap<String, FileDescriptorProto>,
    services: Vec<String>,
    unresolved: Vec<String>,
    bytes: usize,
}

/// What the next answer is about.
#[derive(Clone, Debug)]
enum Asked {
    Services,
    Symbol(String),
    File(String),
}

/// What a server has told about itself.
#[derive(Clone, Debug)]
pub struct Reflected {
    /// The schema.
    pub schema: Schema,
    /// The services that the server lists, when they were asked for.
    pub services: Vec<String>,
    /// Listed services that it does not describe, and files it does not give, each with its words.
    pub unresolved: Vec<String>,
}

/// Why a server's reflection yields no schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReflectionProblem {
    /// An answer cannot be read.
    #[error(
        "the server's reflection answered with no reflection message ({0}); give .proto files or a descriptor set instead"
    )]
    Unreadable(String),
    /// An answer fits no question.
    #[error(
        "the server's reflection was asked for {asked} and answered with {answered}; give .proto files or a descriptor set instead"
    )]
    Unasked {
        /// What was asked for.
        asked: String,
        /// What came.
        answered: &'static str,
    },
    /// The server does not have what is wanted.
    #[error("the server's reflection has no `{symbol}` ({reason}){offered}")]
    NotFound {
        /// What is wanted.
        symbol: String,
        /// The server's words.
        reason: String,
        /// What it has.
        offered: String,
    },
    /// It says more than is ever right.
    #[error("the server's reflection gives more than {0}; give .proto files or a descriptor set instead")]
    TooMuch(&'static str),
    /// It stopped before everything was there.
    #[error("the server's reflection ended its stream before it answered about {0}")]
    Unfinished(String),
    /// The files do not fit together.
    #[error(transparent)]
    Schema(#[from] SchemaProblem),
}

impl Reflection {
    /// Asks for what defines `wanted`: full names of services, methods or types; without any, for everything. A method
    /// may be written `shop.v1.Cart/AddItem`.
    pub fn new(wanted: impl IntoIterator<Item = String>) -> Self {
        let symbols: BTreeSet<String> = wanted
            .into_iter()
            .map(|name| {
                let bare = name.trim_start_matches('/');
                bare.split_once('/').map_or(bare, |(service, _)| service).to_owned()
            })
            .collect();
        Self {
            everything: symbols.is_empty(),
            symbols: symbols.into_iter().collect(),
            files_wanted: VecDeque::new(),
            asked: None,
            lacking: None,
            named: BTreeSet::new(),
            files: BTreeMap::new(),
            services: Vec::new(),
            unresolved: Vec::new(),
            bytes: 0,
        }
    }

    /// The bytes of the next request's message; `None` when everything has been said. While an answer is due, it is the
    /// same request again.
    pub fn next_request(&mut self) -> Option<Bytes> {
        if self.asked.is_none() {
            self.asked = self.next_question();
        }
        let question = match self.asked.as_ref()? {
            Asked::Services => Question::ListServices("*".to_owned()),
            Asked::Symbol(symbol) => Question::FileContainingSymbol(symbol.clone()),
            Asked::File(name) => Question::FileByFilename(name.clone()),
        };
        Some(Request { host: String::new(), question: Some(question) }.encode_to_vec().into())
    }

    fn next_question(&mut self) -> Option<Asked> {
        if self.lacking.is_some() || (self.everything && self.services.is_empty()) {
            return Some(Asked::Services);
        }
        while let Some(symbol) = self.symbols.pop_front() {
            if !self.defines(&symbol) {
                return Some(Asked::Symbol(symbol));
            }
        }
        self.files_wanted.pop_front().map(Asked::File)
    }

    /// Whether a file that came defines the service `symbol`: servers give many services in one file.
    fn defines(&self, symbol: &str) -> bool {
        let (package, name) = symbol.rsplit_once('.').unwrap_or(("", symbol));
        self.files.values().any(|file| {
            file.package() == package && file.service.iter().any(|service| service.name() == name)
        })
    }

    /// Takes the answer to the latest request.
    ///
    /// # Errors
    /// When it is no answer, or says that what is wanted is not there. The conversation is then over.
    pub fn accept(&mut self, message: &[u8]) -> Result<(), ReflectionProblem> {
        let response =
            Response::decode(message).map_err(|error| ReflectionProblem::Unreadable(error.to_string()))?;
        let Some(asked) = self.asked.take() else {
            return Err(ReflectionProblem::Unasked {
                asked: "nothing".to_owned(),
                answered: response.answer.as_ref().map_or("nothing", Answer::kind),
            });
        };
        match (asked, response.answer) {
            (Asked::Services, Some(Answer::Services(list))) => {
                self.list(list.service.into_iter().map(|service| service.name).collect())
            }
            (Asked::Symbol(symbol), Some(Answer::Files(files))) => {
                self.add(files.file_descriptor_proto)?;
                self.named_in_files(&symbol)
            }
            (Asked::File(name), Some(Answer::Files(files))) => {
                self.add(files.file_descriptor_proto)?;
                if !self.files.contains_key(&name) {
                    self.unresolved.push(format!("{name}: the server answered with other files"));
                }
                Ok(())
            }
            (asked, Some(Answer::Error(error))) => {
                let reason = if error.error_code == NOT_FOUND && error.error_message.is_empty() {
                    "not found".to_owned()
                } else {
                    let words: String = error.error_message.chars().take(300).collect();
                    format!("status {}: {words}", error.error_code)
                };
                self.failed(asked, reason)
            }
            (asked, answer) => Err(ReflectionProblem::Unasked {
                asked: asked.to_string(),
                answered: answer.as_ref().map_or("nothing", Answer::kind),
            }),
        }
    }

    fn list(&mut self, services: Vec<String>) -> Result<(), ReflectionProblem> {
        if services.len() > MOST_SERVICES {
            return Err(ReflectionProblem::TooMuch("10,000 services"));
        }
        if let Some((symbol, reason)) = self.lacking.take() {
            let meant = did_you_mean(&symbol, services.iter().map(String::as_str));
            let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
            let offered = offered(&services) + &meant;
            return Err(ReflectionProblem::NotFound { symbol, reason, offered });
        }
        if services.is_empty() {
            return Err(ReflectionProblem::NotFound {
                symbol: "*".to_owned(),
                reason: "it lists no service".to_owned(),
                offered: String::new(),
            });
        }
        self.symbols = services.iter().cloned().collect();
        self.services = services;
        Ok(())
    }

    /// A symbol of which the files say nothing would be asked for again and again by whoever retries.
    fn named_in_files(&mut self, symbol: &str) -> Result<(), ReflectionProblem> {
        if self.files.is_empty() {
            return self.failed(Asked::Symbol(symbol.to_owned()), "it answered without a file".to_owned());
        }
        Ok(())
    }

    fn add(&mut self, encoded: Vec<Vec<u8>>) -> Result<(), ReflectionProblem> {
        let known = DescriptorPool::global();
        for bytes in encoded {
            self.bytes = self.bytes.saturating_add(bytes.len());
            if self.bytes > MOST_BYTES {
                return Err(ReflectionProblem::TooMuch("64 MiB of descriptors"));
            }
            let file = FileDescriptorProto::decode(bytes.as_slice())
                .map_err(|error| ReflectionProblem::Unreadable(error.to_string()))?;
            for import in &file.dependency {
                // Everybody has these; many servers leave them out.
                if known.get_file_by_name(import).is_none() && self.named.insert(import.clone()) {
                    self.files_wanted.push_back(import.clone());
                }
            }
            self.named.insert(file.name().to_owned());
            self.files.entry(file.name().to_owned()).or_insert(file);
            if self.named.len() > MOST_FILES {
                return Err(ReflectionProblem::TooMuch("10,000 files"));
            }
        }
        self.files_wanted.retain(|name| !self.files.contains_key(name));
        Ok(())
    }

    fn failed(&mut self, asked: Asked, reason: String) -> Result<(), ReflectionProblem> {
        match asked {
            Asked::Symbol(symbol) if !self.everything => self.lacking = Some((symbol, reason)),
            // It may still be that nothing is used from that file.
            Asked::Symbol(name) | Asked::File(name) => self.unresolved.push(format!("{name}: {reason}")),
            Asked::Services => {
                let (symbol, reason) = self.lacking.take().unwrap_or_else(|| ("*".to_owned(), reason));
                return Err(ReflectionProblem::NotFound { symbol, reason, offered: String::new() });
            }
        }
        Ok(())
    }

    /// What came of it.
    ///
    /// # Errors
    /// When something was not answered, or the files do not fit together.
    pub fn finish(self) -> Result<Reflected, ReflectionProblem> {
        if let Some(asked) = &self.asked {
            return Err(ReflectionProblem::Unfinished(asked.to_string()));
        }
        if let Some((symbol, reason)) = self.lacking {
            return Err(ReflectionProblem::NotFound { symbol, reason, offered: String::new() });
        }
        if let Some(symbol) = self.symbols.front() {
            return Err(ReflectionProblem::Unfinished(Asked::Symbol(symbol.clone()).to_string()));
        }
        if self.everything && self.services.is_empty() {
            return Err(ReflectionProblem::Unfinished(Asked::Services.to_string()));
        }
        let schema = Schema::from_files(self.files.into_values().collect())?;
        Ok(Reflected { schema, services: self.services, unresolved: self.unresolved })
    }
}

impl std::fmt::Display for Asked {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Services => formatter.write_str("its services"),
            Self::Symbol(symbol) => write!(formatter, "`{symbol}`"),
            Self::File(name) => write!(formatter, "the file {name}"),
        }
    }
}

fn offered(services: &[String]) -> String {
    const SHOWN: usize = 12;
    match services {
        [] => "; it lists no service".to_owned(),
        _ if services.len() > SHOWN => {
            format!("; it lists {} and {} more", services[..SHOWN].join(", "), services.len() - SHOWN)
        }
        _ => format!("; it lists {}", services.join(", ")),
    }
}

#[cfg(test)]
mod tests;
