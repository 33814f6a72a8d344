//! What a service's methods and messages look like: from `.proto` files, descriptor sets, or a server's reflection.
//!
//! Files are read here, and nothing else is: whoever asks a server over the network moves the bytes that
//! [`reflection`] makes and takes.

mod builtin;
mod compile;
mod describe;
mod example;
mod lookup;
mod problem;
pub mod reflection;
mod set;

use std::path::{Path, PathBuf};

use prost_reflect::{DescriptorPool, MessageDescriptor, MethodDescriptor, ServiceDescriptor};
use prost_types::FileDescriptorProto;

pub use builtin::health;
pub use lookup::NoMethod;
pub use problem::SchemaProblem;

/// Services and messages that belong together. Cheap to clone.
#[derive(Clone, Default)]
pub struct Schema {
    pool: DescriptorPool,
}

/// One method of a service.
#[derive(Clone)]
pub struct Method {
    /// Its path in HTTP/2: `/shop.v1.Cart/AddItem`.
    pub path: Box<str>,
    /// What is sent.
    pub input: MessageDescriptor,
    /// What comes back.
    pub output: MessageDescriptor,
    /// How many of each.
    pub kind: MethodKind,
}

/// How many messages a call sends and receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// One each way.
    Unary,
    /// One request, many answers.
    ServerStream,
    /// Many requests, one answer.
    ClientStream,
    /// Many each way.
    Bidirectional,
}

impl Schema {
    /// Compiles `.proto` files. A file is given by its path, or by its name under one of the `imports`; without any,
    /// each file's own folder is one. Well-known types are always there.
    ///
    /// # Errors
    /// When a file or an import is missing, or does not compile.
    pub fn from_protos(files: &[PathBuf], imports: &[PathBuf]) -> Result<Self, SchemaProblem> {
        compile::compile(files, imports)
    }

    /// Reads a file that holds a `FileDescriptorSet`, as `protoc -o` and `buf build` write it.
    ///
    /// # Errors
    /// When it cannot be read, or is something else.
    pub fn from_set_file(path: &Path) -> Result<Self, SchemaProblem> {
        let bytes = std::fs::read(path).map_err(|error| SchemaProblem::Unreadable {
            file: path.to_owned(),
            reason: error.to_string(),
        })?;
        Self::from_set(&path.display().to_string(), &bytes)
    }

    /// Reads the bytes of a `FileDescriptorSet`; `name` is what people know them by.
    ///
    /// # Errors
    /// When they are something else.
    pub fn from_set(name: &str, bytes: &[u8]) -> Result<Self, SchemaProblem> {
        set::from_bytes(name, bytes)
    }

    /// Puts together what a server's reflection yields: files in any order. Well-known types that are left out are
    /// filled in; other imports that are left out matter only when something is used from them.
    ///
    /// # Errors
    /// When the files do not fit together.
    pub fn from_files(files: Vec<FileDescriptorProto>) -> Result<Self, SchemaProblem> {
        set::from_files("what the server's reflection said", files)
    }

    /// The method `name`: `shop.v1.Cart/AddItem`, with or without a `/` in front, or `shop.v1.Cart.AddItem`.
    ///
    /// # Errors
    /// When there is none; says which there are.
    pub fn method(&self, name: &str) -> Result<Method, NoMethod> {
        lookup::method(&self.pool, name)
    }

    /// Its services, in the order of its files.
    pub fn services(&self) -> impl ExactSizeIterator<Item = ServiceDescriptor> + '_ {
        self.pool.services()
    }

    /// The message type of this full name.
    #[must_use]
    pub fn message(&self, name: &str) -> Option<MessageDescriptor> {
        self.pool.get_message_by_name(name.trim_start_matches('.'))
    }

    /// The `.proto` text of a service, method, message or enum, by its full name.
    #[must_use]
    pub fn describe(&self, name: &str) -> Option<String> {
        describe::describe(&self.pool, name)
    }

    /// A message to start from: every field once, of each oneof the first member, and an end to recursion. It can be
    /// sent as it is.
    #[must_use]
    pub fn example(&self, message: &MessageDescriptor) -> serde_json::Value {
        example::of(message)
    }

    /// The descriptors themselves.
    #[cfg(test)]
    pub(crate) const fn pool(&self) -> &DescriptorPool {
        &self.pool
    }
}

impl Method {
    /// Its name without the `/` in front: `shop.v1.Cart/AddItem`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.trim_start_matches('/')
    }
}

// The library's own `Debug` of descriptors follows types into themselves until the stack ends, so nothing here uses it.
impl std::fmt::Debug for Schema {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Schema ")?;
        formatter.debug_list().entries(self.services().map(|service| service.full_name().to_owned())).finish()
    }
}

impl std::fmt::Debug for Method {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Method {} ({})", self.path, self.kind)
    }
}

impl From<&MethodDescriptor> for Method {
    fn from(method: &MethodDescriptor) -> Self {
        Self {
            path: format!("/{}/{}", method.parent_service().full_name(), method.name()).into(),
            input: method.input(),
            output: method.output(),
            kind: match (method.is_client_streaming(), method.is_server_streaming()) {
                (false, false) => MethodKind::Unary,
                (false, true) => MethodKind::ServerStream,
                (true, false) => MethodKind::ClientStream,
                (true, true) => MethodKind::Bidirectional,
            },
        }
    }
}

impl MethodKind {
    /// Whether a call may send more than one message.
    #[must_use]
    pub const fn sends_many(self) -> bool {
        matches!(self, Self::ClientStream | Self::Bidirectional)
    }

    /// Whether a call may receive more than one message.
    #[must_use]
    pub const fn receives_many(self) -> bool {
        matches!(self, Self::ServerStream | Self::Bidirectional)
    }
}

impl std::fmt::Display for MethodKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Unary => "unary",
            Self::ServerStream => "server stream",
            Self::ClientStream => "client stream",
            Self::Bidirectional => "bidirectional stream",
        })
    }
}

/// A schema with everything in it that protobuf has.
#[cfg(test)]
pub(crate) fn sample() -> Schema {
    // One for all tests: descriptors of two compilations are never equal.
    static SAMPLE: std::sync::LazyLock<Schema> =
        std::sync::LazyLock::new(|| builtin::compiled("sample.proto", include_str!("protos/sample.proto")));
    SAMPLE.clone()
}

#[cfg(test)]
mod tests;
