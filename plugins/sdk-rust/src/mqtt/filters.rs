//! One topic filter, or several.

/// What [`subscribe`](super::subscribe) and [`unsubscribe`](super::unsubscribe) take: `"a/+/b"`, `["a/#", "b"]`, a list of texts.
///
/// `+` stands for one level of a topic, `#` at the end for any number of them; `$share/GROUP/FILTER` shares its messages with
/// the other subscribers of the group.
pub trait Filters {
    /// The filters, in their order.
    fn list(&self) -> Vec<String>;
}

impl Filters for &str {
    fn list(&self) -> Vec<String> {
        vec![(*self).to_owned()]
    }
}

impl Filters for String {
    fn list(&self) -> Vec<String> {
        vec![self.clone()]
    }
}

impl Filters for &String {
    fn list(&self) -> Vec<String> {
        vec![(*self).clone()]
    }
}

impl<S: AsRef<str>, const N: usize> Filters for [S; N] {
    fn list(&self) -> Vec<String> {
        owned(self)
    }
}

impl<S: AsRef<str>> Filters for &[S] {
    fn list(&self) -> Vec<String> {
        owned(self)
    }
}

impl<S: AsRef<str>> Filters for Vec<S> {
    fn list(&self) -> Vec<String> {
        owned(self)
    }
}

fn owned<S: AsRef<str>>(filters: &[S]) -> Vec<String> {
    filters.iter().map(|filter| filter.as_ref().to_owned()).collect()
}
