//! Messages and enums.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, Syntax};

use super::Page;

/// The highest number of a field.
const HIGHEST_FIELD: i64 = (1 << 29) - 1;
/// The number of `value` in `EnumDescriptorProto`.
const VALUE: i32 = 2;

impl Page {
    pub(super) fn message(&mut self, message: &MessageDescriptor) {
        self.comment(message.path());
        self.block(&format!("message {}", message.name()), |page| page.inside(message));
    }

    fn inside(&mut self, message: &MessageDescriptor) {
        let proto = message.descriptor_proto();
        if proto.options.as_ref().is_some_and(|options| options.deprecated()) {
            self.line("option deprecated = true;");
        }
        let ranges = |found: Vec<(u32, u32)>| {
            let shown: Vec<String> = found
                .into_iter()
                .map(|(start, end)| range(i64::from(start)..=i64::from(end) - 1, HIGHEST_FIELD))
                .collect();
            shown.join(", ")
        };
        let reserved: Vec<(u32, u32)> =
            message.reserved_ranges().map(|range| (range.start, range.end)).collect();
        if !reserved.is_empty() {
            self.line(&format!("reserved {};", ranges(reserved)));
        }
        self.reserved_names(message.reserved_names());
        let open: Vec<(u32, u32)> =
            message.extension_ranges().map(|range| (range.start, range.end)).collect();
        if !open.is_empty() {
            self.line(&format!("extensions {};", ranges(open)));
        }
        self.fields(message);
        let groups: BTreeSet<String> =
            message.fields().filter(FieldDescriptor::is_group).filter_map(|field| type_of(&field)).collect();
        for child in message.child_enums() {
            self.enumeration(&child);
        }
        for child in message.child_messages() {
            if !child.is_map_entry() && !groups.contains(child.full_name()) {
                self.message(&child);
            }
        }
    }

    fn reserved_names<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let names: Vec<String> = names.map(quoted).collect();
        if !names.is_empty() {
            self.line(&format!("reserved {};", names.join(", ")));
        }
    }

    /// In the order of their file; members of a oneof stand where its first one does.
    fn fields(&mut self, message: &MessageDescriptor) {
        let mut written = BTreeSet::new();
        let in_file = &message.descriptor_proto().field;
        for field in in_file.iter().filter_map(|field| message.get_field(u32::try_from(field.number()).ok()?))
        {
            match field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
                Some(oneof) if written.insert(oneof.name().to_owned()) => {
                    self.comment(oneof.path());
                    self.block(&format!("oneof {}", oneof.name()), |page| {
                        oneof.fields().for_each(|field| page.field(&field, ""));
                    });
                }
                Some(_) => {}
                None => self.field(&field, label(&field)),
            }
        }
    }

    fn field(&mut self, field: &FieldDescriptor, label: &str) {
        self.comment(field.path());
        if field.is_group()
            && let Kind::Message(group) = field.kind()
        {
            let head = format!("{label}group {} = {}", group.name(), field.number());
            self.block(&head, |page| page.inside(&group));
            return;
        }
        let kind = match map_of(field) {
            Some(map) => map,
            None => format!("{label}{}", type_of(field).unwrap_or_default()),
        };
        self.line(&format!("{kind} {} = {}{};", field.name(), field.number(), options(field)));
    }

    pub(super) fn enumeration(&mut self, descriptor: &EnumDescriptor) {
        self.comment(descriptor.path());
        self.block(&format!("enum {}", descriptor.name()), |page| {
            let options = descriptor.enum_descriptor_proto().options.as_ref();
            if options.is_some_and(|options| options.allow_alias()) {
                page.line("option allow_alias = true;");
            }
            if options.is_some_and(|options| options.deprecated()) {
                page.line("option deprecated = true;");
            }
            let reserved: Vec<String> = descriptor
                .reserved_ranges()
                .map(|reserved| {
                    range(i64::from(*reserved.start())..=i64::from(*reserved.end()), i64::from(i32::MAX))
                })
                .collect();
            if !reserved.is_empty() {
                page.line(&format!("reserved {};", reserved.join(", ")));
            }
            page.reserved_names(descriptor.reserved_names());
            // In the order of the file, which the library sorts by number.
            for (at, value) in descriptor.enum_descriptor_proto().value.iter().enumerate() {
                page.comment(&[descriptor.path(), &[VALUE, i32::try_from(at).unwrap_or(-1)]].concat());
                let deprecated = value.options.as_ref().is_some_and(|options| options.deprecated());
                let mark = if deprecated { " [deprecated = true]" } else { "" };
                page.line(&format!("{} = {}{mark};", value.name(), value.number()));
            }
        });
    }
}

fn range(range: RangeInclusive<i64>, highest: i64) -> String {
    match (*range.start(), *range.end()) {
        (start, end) if end <= start => start.to_string(),
        (start, end) if end >= highest => format!("{start} to max"),
        (start, end) => format!("{start} to {end}"),
    }
}

fn label(field: &FieldDescriptor) -> &'static str {
    if field.is_list() {
        "repeated "
    } else if field.is_map() {
        ""
    } else if field.is_required() {
        "required "
    } else if field.field_descriptor_proto().proto3_optional()
        || field.parent_file().syntax() == Syntax::Proto2
    {
        "optional "
    } else {
        ""
    }
}

fn map_of(field: &FieldDescriptor) -> Option<String> {
    let kind = field.kind();
    let entry = kind.as_message().filter(|_| field.is_map())?;
    let side = |number: u32| entry.get_field(number).and_then(|field| type_of(&field));
    Some(format!("map<{}, {}>", side(1)?, side(2)?))
}

fn type_of(field: &FieldDescriptor) -> Option<String> {
    Some(match field.kind() {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(descriptor) => descriptor.full_name().to_owned(),
        scalar => format!("{scalar:?}"),
    })
}

fn options(field: &FieldDescriptor) -> String {
    let proto = field.field_descriptor_proto();
    let mut written = Vec::new();
    if let Some(value) = &proto.default_value {
        written.push(match field.kind() {
            Kind::String => format!("default = {}", quoted(value)),
            // The descriptor has bytes escaped already.
            Kind::Bytes => format!("default = \"{value}\""),
            _ => format!("default = {value}"),
        });
    }
    if field.json_name() != camel_case(field.name()) {
        written.push(format!("json_name = {}", quoted(field.json_name())));
    }
    if let Some(options) = &proto.options {
        if let Some(packed) = options.packed {
            written.push(format!("packed = {packed}"));
        }
        if options.deprecated() {
            written.push("deprecated = true".to_owned());
        }
    }
    if written.is_empty() { String::new() } else { format!(" [{}]", written.join(", ")) }
}

/// The name in JSON that a field has without an option.
fn camel_case(name: &str) -> String {
    let mut upper = false;
    let mut made = String::with_capacity(name.len());
    for character in name.chars() {
        if character == '_' {
            upper = true;
        } else {
            made.push(if upper { character.to_ascii_uppercase() } else { character });
            upper = false;
        }
    }
    made
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
