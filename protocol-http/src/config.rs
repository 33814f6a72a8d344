//! The words of HTTP in a plan: `http:` settings, and the protocol itself.

use prony_core::protocol::Wiring;
use prony_core::{Diagnostic, DriverBuilder, Protocol, Shape};

/// HTTP/1.1 and HTTP/2.
#[derive(Debug)]
pub struct Http;

/// HTTP, for the list of protocols.
pub static HTTP: Http = Http;

impl Protocol for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn step_shape(&self) -> Shape {
        Shape::either(vec![Shape::text(), Shape::map()])
    }

    fn settings_shape(&self) -> Shape {
        Shape::map()
    }

    fn reply_fields(&self) -> &'static [&'static str] {
        &["header", "cookie", "trailer"]
    }

    fn driver(&self, wiring: Wiring<'_>) -> Result<Box<dyn DriverBuilder>, Diagnostic> {
        let _ = wiring;
        Err(Diagnostic { message: "not built yet".to_owned(), place: None, label: String::new(), help: None })
    }
}
