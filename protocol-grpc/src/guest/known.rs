//! What is known of the methods that guests call: their heads, made once a method and worker, and their messages.

use std::collections::HashMap;
use std::sync::Arc;

use prony_core::{Diagnostic, Node, Variables};
use prony_transport::Origin;

use crate::config::Settings;
use crate::driver::Builder;
use crate::metrics::Deliveries;
use crate::schema::{Method, MethodKind, Schema};
use crate::step::{Content, Flow, Head, Keep, Step, framed};
use crate::wire::Compression;

/// What a run's guests know.
#[derive(Debug)]
pub(super) struct Knowledge {
    /// The schema, or why there is none.
    pub(super) schema: Result<Schema, String>,
    pub(super) origins: Vec<Origin>,
    pub(super) settings_node: Option<Node>,
}

/// A method that was called.
#[derive(Debug)]
pub(super) struct Known {
    /// A unary call of it, as a plan would have it: the guest's message and metadata are laid over it. Its head is every call's.
    pub(super) step: Step,
    /// What it looks like, or why that is not known: a sentence.
    pub(super) method: Result<Method, String>,
}

impl Known {
    /// The method's messages.
    ///
    /// # Errors
    /// With a sentence, when they are not known.
    pub(super) fn described(&self) -> Result<&Method, String> {
        self.method.as_ref().map_err(Clone::clone)
    }
}

/// The methods that a worker's guests have called.
pub(super) struct Methods {
    knowledge: Arc<Knowledge>,
    known: HashMap<String, Arc<Known>>,
}

/// How many methods a worker remembers. A guest that makes up more pays for it with its own time.
const MOST_CACHED: usize = 2_000;

impl Methods {
    pub(super) fn new(knowledge: Arc<Knowledge>) -> Self {
        Self { knowledge, known: HashMap::new() }
    }

    /// What is known of the method `name`.
    ///
    /// # Errors
    /// With a sentence, when it is the name of none.
    pub(super) fn get(&mut self, name: &str, settings: &Settings) -> Result<Arc<Known>, String> {
        if let Some(known) = self.known.get(name) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(self.make(name, settings)?);
        if self.known.len() < MOST_CACHED {
            self.known.insert(name.to_owned(), Arc::clone(&made));
        }
        Ok(made)
    }

    fn make(&self, name: &str, settings: &Settings) -> Result<Known, String> {
        let Knowledge { schema, origins, settings_node } = &*self.knowledge;
        let method = match schema {
            Ok(schema) => schema.method(name).map_err(|told| told.to_string()),
            Err(told) => {
                Err(format!("a call with JSON needs the schema of `{}`. {told}", name.escape_debug()))
            }
        };
        let path = match &method {
            Ok(method) => method.path.to_string(),
            Err(told) => path(name).ok_or_else(|| match schema {
                Ok(_) => told.clone(),
                Err(_) => {
                    format!("`{}` names no method: expected `package.Service/Method`", name.escape_debug())
                }
            })?,
        };
        let head = head(&path, origins, settings, settings_node.as_ref()).map_err(|told| told.to_string())?;
        let step = Step {
            kind: MethodKind::Unary,
            output: None,
            head,
            messages: vec![Content::Constant(framed(&[], Compression::Identity), None)],
            flow: Flow { count: Some(1), half_close: true, ..Flow::default() },
            compression: settings.compression,
            timeout: settings.timeout,
            keep: Keep { fields: true, body: true },
            judges_status: false,
            must_serve: false,
            deliveries: Deliveries::default(),
        };
        Ok(Known { step, method })
    }
}

/// The path of a method that no schema describes.
fn path(name: &str) -> Option<String> {
    let (service, method) = name.strip_prefix('/').unwrap_or(name).split_once('/')?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let is_name = |text: &str| !text.is_empty() && text.bytes().all(allowed);
    (is_name(service) && is_name(method)).then(|| format!("/{service}/{method}"))
}

/// The head of calls to `path`, with the settings' metadata. What the server is told of the time is put in call by call.
fn head(
    path: &str,
    origins: &[Origin],
    settings: &Settings,
    settings_node: Option<&Node>,
) -> Result<Head, Diagnostic> {
    let metadata = settings_node.and_then(|node| node.get("metadata"));
    Head::compile(path, origins, settings, [metadata, None], None, &Variables::default())
}

/// Whether the settings' metadata can be had: a plan's variables are out of its reach here.
///
/// # Errors
/// When it cannot, at its place.
pub(super) fn check_metadata(builder: &Builder) -> Result<(), Diagnostic> {
    head("/", &builder.origins, &builder.settings, builder.settings_node.as_ref()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods(schema: Result<Schema, String>) -> Methods {
        let origin = Origin { tls: false, host: "a.test".into(), port: 1 };
        Methods::new(Arc::new(Knowledge { schema, origins: vec![origin], settings_node: None }))
    }

    #[test]
    fn without_a_schema_calls_in_bytes_can_be_made() {
        let settings = Settings::from_plan(None).expect("defaults");
        let mut methods = methods(Err("a.test:1: the server has no reflection".to_owned()));
        let known = methods.get("shop.v1.Cart/AddItem", &settings).expect("a name");
        assert!(known.described().expect_err("no schema").contains("has no reflection"));
        for name in ["", "Cart", "shop.v1.Cart/", "/AddItem", "a/b/c", "a b/c", "a/b?c"] {
            let told = methods.get(name, &settings).expect_err(name);
            assert!(told.contains("expected `package.Service/Method`"), "{told}");
        }
        assert!(Arc::ptr_eq(&known, &methods.get("shop.v1.Cart/AddItem", &settings).expect("known")));
    }

    #[test]
    fn with_a_schema_the_methods_that_there_are_are_told() {
        let settings = Settings::from_plan(None).expect("defaults");
        let mut methods = methods(Ok(crate::schema::health()));
        assert!(methods.get("grpc.health.v1.Health.Check", &settings).expect("dotted").described().is_ok());
        let known = methods.get("grpc.health.v1.Health/Chekc", &settings).expect("a name all the same");
        assert!(known.described().expect_err("no such method").contains("did you mean `Check`?"));
        assert!(methods.get("Health", &settings).expect_err("no method").contains("names no method"));
    }
}
