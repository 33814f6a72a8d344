//! The messages of reflection. Field numbers are those of `grpc/reflection/v1/reflection.proto`, and of `v1alpha`,
//! which has the same. What Prony does not ask for is left out and skipped when it comes.

/// `ServerReflectionRequest`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub(crate) struct Request {
    /// The host the question is about; servers ignore it.
    #[prost(string, tag = "1")]
    pub(crate) host: String,
    #[prost(oneof = "Question", tags = "3, 4, 7")]
    pub(crate) question: Option<Question>,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Hash, prost::Oneof)]
pub(crate) enum Question {
    #[prost(string, tag = "3")]
    FileByFilename(String),
    #[prost(string, tag = "4")]
    FileContainingSymbol(String),
    #[prost(string, tag = "7")]
    ListServices(String),
}

/// `ServerReflectionResponse`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub(crate) struct Response {
    #[prost(oneof = "Answer", tags = "4, 5, 6, 7")]
    pub(crate) answer: Option<Answer>,
}

/// What is answered.
#[derive(Clone, PartialEq, Eq, Hash, prost::Oneof)]
pub(crate) enum Answer {
    #[prost(message, tag = "4")]
    Files(Files),
    #[prost(message, tag = "5")]
    Extensions(Extensions),
    #[prost(message, tag = "6")]
    Services(Services),
    #[prost(message, tag = "7")]
    Error(Error),
}

impl Answer {
    /// What it is, for messages.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Files(_) => "files",
            Self::Extensions(_) => "extension numbers",
            Self::Services(_) => "a list of services",
            Self::Error(_) => "an error",
        }
    }
}

/// `FileDescriptorResponse`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub(crate) struct Files {
    /// Each an encoded `FileDescriptorProto`.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) file_descriptor_proto: Vec<Vec<u8>>,
}

/// `ExtensionNumberResponse`, which is never asked for.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub(crate) struct Extensions {}

/// `ListServiceResponse`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub(crate) struct Services {
    #[prost(message, repeated, tag = "1")]
    pub(crate) service: Vec<Service>,
}

/// `ServiceResponse`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub(crate) struct Service {
    /// Its full name.
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

/// `ErrorResponse`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub(crate) struct Error {
    /// A status code of gRPC.
    #[prost(int32, tag = "1")]
    pub(crate) error_code: i32,
    #[prost(string, tag = "2")]
    pub(crate) error_message: String,
}
