//! Texts on a screen: how wide they are, cut to fit, wrapped. Widths are columns of a terminal, not bytes or characters.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The columns a text without colours takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text without what could move the cursor or change colours: names and notices may come from a file or a peer.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The text in at most `most` columns, its middle left out if need be: both ends of a path tell it apart.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub(1);
    let front = start_of(text, room.div_ceil(2));
    let mut back = 0;
    let mut at = text.len();
    for (index, c) in text.char_indices().rev() {
        back += c.width().unwrap_or(0);
        if back > room / 2 {
            break;
        }
        at = index;
    }
    format!("{front}…{}", &text[at..])
}

/// The text in at most `most` columns, its end left out if need be.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        text.to_owned()
    } else {
        format!("{}…", start_of(text, most.saturating_sub(1)))
    }
}

/// As much of the beginning as fits into `most` columns.
fn start_of(text: &str, most: usize) -> &str {
    let mut used = 0;
    for (index, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > most {
            return &text[..index];
        }
    }
    text
}

/// The text filled up with spaces to `columns`.
pub(crate) fn left(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The text with spaces before it, up to `columns`.
pub(crate) fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Pieces set one after the other, `between` them, in lines of at most `most` columns. A piece is broken only where it
/// is longer than a line, and then between words.
pub(crate) fn flow(pieces: &[Piece], between: &str, most: usize) -> Vec<String> {
    let mut lines = vec![(String::new(), 0)];
    for piece in pieces {
        for (number, part) in broken(&piece.plain, most).into_iter().enumerate() {
            let columns = width(part);
            let fresh = number > 0;
            let Some((line, used)) = lines.last_mut() else { continue };
            let gap = if *used == 0 { 0 } else { width(between) };
            let shown = if part.len() == piece.plain.len() { piece.shown.as_str() } else { part };
            if fresh || *used + gap + columns > most && *used > 0 {
                lines.push((shown.to_owned(), columns));
            } else {
                line.push_str(if gap > 0 { between } else { "" });
                line.push_str(shown);
                *used += gap + columns;
            }
        }
    }
    lines.into_iter().map(|(line, _)| line).collect()
}

/// The text in parts of at most `most` columns, broken between words where there are any.
fn broken(text: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    // Not the width of all the rest each time: it may be long.
    while start_of(rest, most).len() < rest.len() {
        let fits = start_of(rest, most.max(1));
        let next = rest[fits.len()..].starts_with(' ');
        let end = if next { fits.len() } else { fits.rfind(' ').filter(|at| *at > 0).unwrap_or(fits.len()) };
        // A character wider than the line still takes its place.
        let end = if end == 0 { rest.chars().next().map_or(rest.len(), char::len_utf8) } else { end };
        parts.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    parts.push(rest);
    parts
}

/// A stretch of text, as it is and as it is shown with colours.
pub(crate) struct Piece {
    plain: String,
    shown: String,
}

impl Piece {
    /// A stretch painted by `paint`.
    pub(crate) fn painted(plain: impl Into<String>, paint: impl FnOnce(&str) -> String) -> Self {
        let plain = plain.into();
        Self { shown: paint(&plain), plain }
    }
}

impl<T: Into<String>> From<T> for Piece {
    fn from(text: T) -> Self {
        let plain = text.into();
        Self { shown: plain.clone(), plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_lose_their_middle_and_keep_their_width() {
        assert_eq!(shorten("GET /items", 10), "GET /items");
        assert_eq!(shorten("GET /a/very/long/path/{id}", 13), "GET /a…h/{id}");
        assert_eq!(shorten("取得 /商品/一覧/詳細", 11), "取得 …/詳細");
        for most in 0..20 {
            assert!(width(&shorten("取得 /商品/一覧/詳細/ページ", most)) <= most.max(1), "{most}");
        }
    }

    #[test]
    fn nothing_in_a_text_moves_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
    }

    #[test]
    fn pieces_flow_into_lines() {
        let pieces = ["one two", "three", "four"].map(Piece::from);
        assert_eq!(flow(&pieces, " · ", 15), ["one two · three", "four"]);
        assert_eq!(flow(&["a sentence of words".into()], " · ", 10), ["a sentence", "of words"]);
        assert_eq!(flow(&["unbreakable".into()], " · ", 4), ["unbr", "eaka", "ble"]);
        assert_eq!(flow(&["宽".into()], " ", 1), ["宽", ""]);
    }
}
