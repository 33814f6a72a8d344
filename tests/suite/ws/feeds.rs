//! What servers push: the audit finds exactly what the embedded feed was told to leave out, double and swap.

use super::run;
use crate::binary::Served;

fn plan(query: &str) -> String {
    format!(
        "target: TARGET\nws: {{path: '/feed/x?rate=2000&count=1000&{query}', feed: {{time: json $.at, unit: us, sequence: json $.seq}}}}\nscenarios:\n  main:\n    load: {{users: 3, iterations: 1}}\n    steps:\n      - ws: connect\n      - stay: 3s\n"
    )
}

#[test]
fn a_feeds_losses_doubles_and_swaps_are_counted_exactly() {
    let served = Served::with_websocket();
    // Of 1,000 messages; what is last in a swap has nothing to swap with.
    for (query, lost, duplicated, reordered) in [
        ("", 0.0, 0.0, 0.0),
        ("lose=100", 9.0, 0.0, 0.0),
        ("double=50", 0.0, 20.0, 0.0),
        ("swap=25", 0.0, 0.0, 39.0),
    ] {
        let ran = run(served.ws(), &plan(query));
        let found = ["ws.lost", "ws.duplicated", "ws.reordered"].map(|metric| ran.sum(metric) / 3.0);
        // What is lost at the very end cannot be missed: nothing comes behind it.
        assert_eq!(found, [lost, duplicated, reordered], "{query}\n{}", ran.stdout);
        assert_eq!(ran.sum("ws.untimed"), 0.0, "{}", ran.stdout);
        let push = &ran.main()["deliveries"]["push"]["messages"];
        let expected = 3
            * (1000 - if query.contains("lose") { 10 } else { 0 }
                + if query.contains("double") { 20 } else { 0 });
        assert_eq!(*push, expected, "{query}\n{}", ran.stdout);
        assert_eq!(ran.sum("ws.close_1000"), 3.0, "{}", ran.stdout);
    }
}
