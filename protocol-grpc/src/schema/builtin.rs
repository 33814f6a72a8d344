//! Schemas that every gRPC server may have: health and reflection. Their texts are part of the program and are
//! compiled when first asked for.

use std::sync::LazyLock;

use protox::Compiler;
use protox::file::{File, FileResolver, GoogleFileResolver};

use super::Schema;

static HEALTH: LazyLock<Schema> =
    LazyLock::new(|| compiled("grpc/health/v1/health.proto", include_str!("protos/health.proto")));
static REFLECTION_V1: LazyLock<Schema> = LazyLock::new(|| {
    compiled("grpc/reflection/v1/reflection.proto", include_str!("protos/reflection_v1.proto"))
});
static REFLECTION_V1ALPHA: LazyLock<Schema> = LazyLock::new(|| {
    compiled("grpc/reflection/v1alpha/reflection.proto", include_str!("protos/reflection_v1alpha.proto"))
});

/// `grpc.health.v1.Health`, see <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>.
#[must_use]
pub fn health() -> Schema {
    HEALTH.clone()
}

/// `grpc.reflection.v1.ServerReflection`, see <https://github.com/grpc/grpc/blob/master/doc/server-reflection.md>.
#[must_use]
pub fn reflection_v1() -> Schema {
    REFLECTION_V1.clone()
}

/// `grpc.reflection.v1alpha.ServerReflection`, the same under its older name.
#[must_use]
pub fn reflection_v1alpha() -> Schema {
    REFLECTION_V1ALPHA.clone()
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
        for (schema, name) in [
            (reflection_v1(), "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
            (reflection_v1alpha(), "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
        ] {
            assert_eq!(kind(schema, name), Ok(MethodKind::Bidirectional));
        }
    }
}
