//! Headers as they came: all of them in one text, so that keeping thirty costs little more than keeping one.

/// Names (in lower case) and values, in order.
#[derive(Debug, Default)]
pub(crate) struct FieldList {
    text: String,
    /// By field: where its name and its value end.
    ends: Vec<(u32, u32)>,
}

impl FieldList {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// Adds a field; bytes that are no UTF-8 become replacement characters.
    pub(crate) fn push(&mut self, name: &str, value: &[u8]) {
        if self.ends.is_empty() {
            self.text.reserve(256);
            self.ends.reserve(8);
        }
        self.text.extend(name.chars().map(|character| character.to_ascii_lowercase()));
        let name_end = self.text.len();
        match std::str::from_utf8(value) {
            Ok(value) => self.text.push_str(value),
            Err(_) => self.text.push_str(&String::from_utf8_lossy(value)),
        }
        // Heads are limited to far less than 4 GiB.
        self.ends.push((name_end as u32, self.text.len() as u32));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.ends.iter().map(move |(name_end, end)| {
            let name = &self.text[start..*name_end as usize];
            start = *end as usize;
            (name, &self.text[*name_end as usize..start])
        })
    }

    /// The first value of that name, in any case.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_lose_their_case() {
        let mut list = FieldList::default();
        list.push("Content-Type", b"text/plain");
        list.push("x-empty", b"");
        list.push("X-Odd", b"a\xffb");
        let all: Vec<_> = list.iter().collect();
        assert_eq!(all, [("content-type", "text/plain"), ("x-empty", ""), ("x-odd", "a\u{fffd}b")]);
        assert_eq!(list.find("CONTENT-type"), Some("text/plain"));
        assert_eq!(list.find("nothing"), None);
    }
}
