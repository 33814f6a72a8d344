//! The comments of a `.proto` file, as its compiler has kept them.

use std::collections::BTreeMap;

use prost_types::FileDescriptorProto;

/// Comments by the path of what they stand before.
#[derive(Default)]
pub(super) struct Comments(BTreeMap<Vec<i32>, Vec<String>>);

impl Comments {
    /// Those of one file; servers mostly leave them out.
    pub(super) fn of(file: &FileDescriptorProto) -> Self {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        Self(
            locations
                .filter_map(|location| {
                    let text =
                        location.leading_comments.as_deref().or(location.trailing_comments.as_deref())?;
                    let lines = text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect();
                    Some((location.path.clone(), lines))
                })
                .collect(),
        )
    }

    pub(super) fn before(&self, path: &[i32]) -> Vec<String> {
        self.0.get(path).cloned().unwrap_or_default()
    }
}
