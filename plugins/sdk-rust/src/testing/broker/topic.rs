//! Topics and the filters that match them.

/// Whether a filter matches a topic: `+` is one level, `#` any number of them, and neither is one that begins with `$`.
pub(in crate::testing) fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(asked), Some(level)) if asked == level => {}
            _ => return false,
        }
    }
}

/// The group and the filter of a shared subscription.
pub(super) fn shared(filter: &str) -> Option<(&str, &str)> {
    filter.strip_prefix("$share/")?.split_once('/')
}

/// What is wrong with a filter, if anything is.
pub(in crate::testing) fn mistake(filter: &str) -> Option<String> {
    let (_, plain) = shared(filter).unwrap_or(("", filter));
    let levels: Vec<_> = plain.split('/').collect();
    let wrong = |(at, level): (usize, &&str)| match *level {
        "+" => false,
        "#" => at + 1 < levels.len(),
        other => other.contains(['+', '#']),
    };
    let bad = plain.is_empty() || levels.iter().enumerate().any(wrong);
    bad.then(|| {
        format!(
            "`{filter}` is no topic filter: `+` stands for a whole level, and `#` at the end for all others"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_the_standard_says() {
        for (filter, topic) in [
            ("a/b", "a/b"),
            ("a/+", "a/b"),
            ("a/#", "a"),
            ("a/#", "a/b/c"),
            ("#", "a/b"),
            ("+/+", "/a"),
            ("$SYS/#", "$SYS/x"),
        ] {
            assert!(matches(filter, topic), "{filter} {topic}");
        }
        for (filter, topic) in
            [("a/+", "a"), ("a/+", "a/b/c"), ("a", "a/b"), ("#", "$SYS/x"), ("+/x", "$SYS/x")]
        {
            assert!(!matches(filter, topic), "{filter} {topic}");
        }
    }

    #[test]
    fn wrong_filters_are_told() {
        for filter in ["", "a/#/b", "a#", "a+/b", "$share/group/a#"] {
            assert!(mistake(filter).is_some(), "{filter}");
        }
        for filter in ["#", "+", "a/+/b/#", "$share/group/a/+"] {
            assert_eq!(mistake(filter), None);
        }
    }
}
