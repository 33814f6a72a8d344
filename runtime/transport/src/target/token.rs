//! The tokens that a login to one target gives and every other target knows.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The user's name and a sum over it. It guards nothing: it only lets any thread of any target tell whether a token
/// is one that a login would give.
#[must_use]
pub fn make(user: &str) -> String {
    // FNV-1a, 64 bits.
    let sum = user
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{}.{sum:016x}", BASE64_URL_SAFE_NO_PAD.encode(user))
}

/// Whose token it is; nobody's when no login would give it.
#[must_use]
pub fn user(word: &str) -> Option<String> {
    let (name, _) = word.split_once('.')?;
    let user = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(name).ok()?).ok()?;
    (make(&user) == word).then_some(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_user_and_no_other_does() {
        let word = make("ada@example.org");
        assert_eq!(user(&word), Some("ada@example.org".to_owned()));
        assert_eq!(user(&word.replace('.', ".0")), None);
        assert_eq!(user("made up"), None);
    }
}
