//! Topic names and filters (sections 4.7 and 4.8 of the standard).

/// The most bytes of a topic or a filter.
pub(crate) const LONGEST: usize = 65_535;

/// Why `topic` is none that messages can be published to.
pub(crate) fn topic_mistake(topic: &str) -> Option<&'static str> {
    match topic {
        "" => Some("a topic has at least one character"),
        _ if topic.len() > LONGEST => Some("a topic has at most 65,535 bytes"),
        _ if topic.contains(['+', '#']) => Some("`+` and `#` belong to filters, not to topics"),
        _ if topic.contains('\0') => Some("a topic has no null character"),
        _ => None,
    }
}

/// Why `filter` is none that can be subscribed to.
pub(crate) fn filter_mistake(filter: &str) -> Option<&'static str> {
    if filter.len() > LONGEST {
        return Some("a filter has at most 65,535 bytes");
    }
    if filter.contains('\0') {
        return Some("a filter has no null character");
    }
    let inner = match filter.strip_prefix("$share/") {
        None => filter,
        Some(shared) => match shared.split_once('/') {
            Some((group, inner)) if !group.is_empty() && !group.contains(['+', '#']) => inner,
            _ => return Some("a shared subscription is `$share/GROUP/FILTER`"),
        },
    };
    if inner.is_empty() {
        return Some("a filter has at least one character");
    }
    let mut levels = inner.split('/').peekable();
    while let Some(level) = levels.next() {
        if level == "#" && levels.peek().is_some() {
            return Some("`#` stands at the end of a filter only");
        }
        if level.len() > 1 && level.contains(['+', '#']) {
            return Some("`+` and `#` stand for whole levels, alone between two `/`");
        }
    }
    None
}

/// A filter's group and inner filter, when it is a shared subscription.
pub(crate) fn shared(filter: &str) -> Option<(&str, &str)> {
    filter.strip_prefix("$share/")?.split_once('/')
}

/// Whether messages on `topic` are for subscriptions to `filter` (section 4.7.2: wildcards do not match topics that begin
/// with `$`).
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut topics = topic.split('/');
    for level in filter.split('/') {
        if level == "#" {
            return true;
        }
        match topics.next() {
            Some(name) if level == "+" || level == name => {}
            _ => return false,
        }
    }
    topics.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_the_standard_says() {
        for (filter, topic) in [
            ("sport/tennis/player1/#", "sport/tennis/player1"),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking"),
            ("#", "a/b"),
            ("+/+", "/finance"),
            ("/+", "/finance"),
            ("a/+/c", "a//c"),
            ("$SYS/#", "$SYS/x"),
            ("ü/+", "ü/ö"),
        ] {
            assert!(matches(filter, topic), "{filter} {topic}");
        }
        for (filter, topic) in [
            ("+", "/finance"),
            ("sport/+", "sport"),
            ("#", "$SYS/x"),
            ("+/x", "$SYS/x"),
            ("a/b", "a"),
            ("a", "a/b"),
        ] {
            assert!(!matches(filter, topic), "{filter} {topic}");
        }
    }

    #[test]
    fn mistakes_are_found_before_a_broker_closes_the_connection_for_them() {
        for filter in ["a", "#", "+", "a/+/b/#", "$share/g/a/#", "/", "a//b"] {
            assert_eq!(filter_mistake(filter), None, "{filter}");
        }
        for filter in ["", "a/#/b", "a+", "a/b#", "$share/g", "$share//a", "$share/+/a", "$share/g/", "a\0"] {
            assert!(filter_mistake(filter).is_some(), "{filter}");
        }
        for topic in ["", "a/+", "#", "a\0"] {
            assert!(topic_mistake(topic).is_some(), "{topic}");
        }
    }
}
