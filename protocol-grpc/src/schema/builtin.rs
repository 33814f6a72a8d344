//! The schema that every gRPC server may have: health's. Its text is part of the program and is compiled when first asked for.

use std::sync::LazyLock;

use protox::Compiler;
use protox::file::{File, FileResolver, GoogleFileResolver};

use super::Schema;

static HEALTH: LazyLock<Schema> =
    LazyLock::new(|| compiled("grpc/health/v1/health.proto", include_str!("protos/health.proto")));

/// `grpc.health.v1.Health`, see <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>.
#[must_use]
pub fn health() -> Schema {
    HEALTH.clone()
}

/// A text of our own always compiles, as a test says; were it not to, the schema would be empty.
pub(super) fn compiled(name: &'static str, text: &'static str) -> Schema {
    let mut compiler = Compiler::with_file_resolver(Own { name, text });
    let pool = compiler.open_file(name).map(|compiler| compiler.descriptor_pool()).unwrap_or_default();
    Schema { pool }
}

/// Finds one text, and the well-known ones.
struct Own {
    name: &'static str,
    text: &'static str,
}

impl FileResolver for Own {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == self.name {
            File::from_source(name, self.text)
        } else {
            GoogleFileResolver::new().open_file(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::MethodKind;

    #[test]
    fn our_own_texts_compile() {
        let kind = |schema: Schema, name: &str| schema.method(name).map(|method| method.kind);
        assert_eq!(kind(health(), "grpc.health.v1.Health/Check"), Ok(MethodKind::Unary));
        assert_eq!(kind(health(), "grpc.health.v1.Health/Watch"), Ok(MethodKind::ServerStream));
    }
}
