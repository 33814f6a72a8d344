//! From the name of a method, as people write it, to the method.

use prost_reflect::{DescriptorPool, ServiceDescriptor};

use super::Method;
use prony_core::diagnostic::did_you_mean;

/// The most names that a message lists.
const SHOWN: usize = 12;

/// There is no such method.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMethod {
    /// The name has no service and method in it.
    #[error("`{0}` names no method: expected `package.Service/Method`{1}")]
    Malformed(
        /// The name as it was given.
        String,
        /// What there is.
        String,
    ),
    /// The service is unknown.
    #[error("no service `{service}`{advice}")]
    Service {
        /// Its name as it was given.
        service: String,
        /// What there is.
        advice: String,
    },
    /// The service has no such method.
    #[error("service `{service}` has no method `{method}`{advice}")]
    Method {
        /// The service.
        service: String,
        /// The method's name as it was given.
        method: String,
        /// What there is.
        advice: String,
    },
}

pub(super) fn method(pool: &DescriptorPool, name: &str) -> Result<Method, NoMethod> {
    let bare = name.trim().trim_start_matches(['/', '.']);
    let Some((service, method)) = bare.rsplit_once('/').or_else(|| bare.rsplit_once('.')) else {
        return Err(NoMethod::Malformed(name.to_owned(), services_advice(pool, bare)));
    };
    if let Some(found) = pool.get_service_by_name(service) {
        return found
            .methods()
            .find(|candidate| candidate.name() == method)
            .map(|found| Method::from(&found))
            .ok_or_else(|| NoMethod::Method {
                service: service.to_owned(),
                method: method.to_owned(),
                advice: methods_advice(&found, method),
            });
    }
    if let Some(found) = pool.get_service_by_name(bare) {
        return Err(NoMethod::Malformed(
            name.to_owned(),
            format!("; `{bare}` is a service{}", methods_advice(&found, "")),
        ));
    }
    Err(NoMethod::Service { service: service.to_owned(), advice: services_advice(pool, service) })
}

fn services_advice(pool: &DescriptorPool, wanted: &str) -> String {
    let names: Vec<String> = pool.services().map(|service| service.full_name().to_owned()).collect();
    // People leave the package away, or get it wrong.
    let same_end = names.iter().find(|name| {
        let last = |text: &str| text.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        !wanted.is_empty() && last(name) == last(wanted)
    });
    let close =
        same_end.map(String::as_str).or_else(|| did_you_mean(wanted, names.iter().map(String::as_str)));
    advice(close, &names, "services")
}

fn methods_advice(service: &ServiceDescriptor, wanted: &str) -> String {
    let names: Vec<String> = service.methods().map(|method| method.name().to_owned()).collect();
    let same = names.iter().find(|name| name.eq_ignore_ascii_case(wanted));
    let close = same.map(String::as_str).or_else(|| did_you_mean(wanted, names.iter().map(String::as_str)));
    advice(close, &names, "methods")
}

fn advice(close: Option<&str>, names: &[String], what: &str) -> String {
    if let Some(close) = close {
        return format!("; did you mean `{close}`?");
    }
    match names {
        [] => format!("; the schema has no {what}"),
        _ if names.len() > SHOWN => {
            format!("; {what}: {} and {} more", names[..SHOWN].join(", "), names.len() - SHOWN)
        }
        _ => format!("; {what}: {}", names.join(", ")),
    }
}
