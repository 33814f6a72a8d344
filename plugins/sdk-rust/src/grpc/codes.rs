//! The status codes that are no failure, as a plan writes them: `NOT_FOUND`, `5`, several after commas.

/// What [`Call::expect`](super::Call::expect) takes: `5`, `"NOT_FOUND"`, `[0, 5]`, `"OK, NOT_FOUND"`.
pub trait Codes {
    /// The codes in the words of a plan.
    fn words(&self) -> String;
}

impl Codes for u16 {
    fn words(&self) -> String {
        self.to_string()
    }
}

impl Codes for &str {
    fn words(&self) -> String {
        (*self).to_owned()
    }
}

impl<C: Codes, const N: usize> Codes for [C; N] {
    fn words(&self) -> String {
        self.each_ref().map(Codes::words).join(",")
    }
}
