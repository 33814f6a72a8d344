//! The `.proto` text of what a schema holds. Types stand under their full names, so that each can be asked for in turn.

mod comment;
mod types;

use prost_reflect::{DescriptorPool, MethodDescriptor, ServiceDescriptor};

use comment::Comments;

/// The text of what is called `name`.
pub(super) fn describe(pool: &DescriptorPool, name: &str) -> Option<String> {
    let bare = name.trim().trim_start_matches(['/', '.']);
    let mut page = Page::default();
    if let Some(service) = pool.get_service_by_name(bare) {
        page.service(&service);
    } else if let Some(message) = pool.get_message_by_name(bare) {
        page.comments = Comments::of(message.parent_file_descriptor_proto());
        page.message(&message);
    } else if let Some(descriptor) = pool.get_enum_by_name(bare) {
        page.comments = Comments::of(descriptor.parent_file_descriptor_proto());
        page.enumeration(&descriptor);
    } else {
        let (service, method) = bare.rsplit_once('/').or_else(|| bare.rsplit_once('.'))?;
        let method = pool.get_service_by_name(service)?.methods().find(|found| found.name() == method)?;
        page.comments = Comments::of(method.parent_file().file_descriptor_proto());
        page.method(&method);
    }
    // A server's words go to a terminal.
    page.text.retain(|character| character == '\n' || !character.is_control());
    Some(page.text)
}

/// A text that is being written.
#[derive(Default)]
struct Page {
    text: String,
    depth: usize,
    comments: Comments,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.extend(std::iter::repeat_n("  ", self.depth));
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Opens a block, writes what is in it, and closes it.
    fn block(&mut self, head: &str, inside: impl FnOnce(&mut Self)) {
        self.line(&format!("{head} {{"));
        let empty = self.text.len();
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        if self.text.len() == empty {
            self.text.truncate(empty - 1);
            self.text.push_str("}\n");
        } else {
            self.line("}");
        }
    }

    /// The comment that stands before the element at `path` of its file.
    fn comment(&mut self, path: &[i32]) {
        for line in self.comments.before(path) {
            self.line(&format!("//{line}"));
        }
    }

    fn service(&mut self, service: &ServiceDescriptor) {
        self.comments = Comments::of(service.parent_file_descriptor_proto());
        self.comment(service.path());
        self.block(&format!("service {}", service.name()), |page| {
            if service.service_descriptor_proto().options.as_ref().is_some_and(|options| options.deprecated())
            {
                page.line("option deprecated = true;");
            }
            for method in service.methods() {
                page.method(&method);
            }
        });
    }

    fn method(&mut self, method: &MethodDescriptor) {
        self.comment(method.path());
        let stream = |many: bool| if many { "stream " } else { "" };
        let head = format!(
            "rpc {}({}{}) returns ({}{})",
            method.name(),
            stream(method.is_client_streaming()),
            method.input().full_name(),
            stream(method.is_server_streaming()),
            method.output().full_name()
        );
        if method.method_descriptor_proto().options.as_ref().is_some_and(|options| options.deprecated()) {
            self.block(&head, |page| page.line("option deprecated = true;"));
        } else {
            self.line(&format!("{head};"));
        }
    }
}

#[cfg(test)]
mod tests;
