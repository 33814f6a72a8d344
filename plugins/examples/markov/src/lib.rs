//! Visitors who wander from page to page by chance, as a Markov chain: where one goes next depends on where one is.

mod site;

use prony_plugin::prelude::*;

use site::{Site, SiteFile};

/// A visit ends after so many pages, whatever the weights say.
const MOST_PAGES: usize = 50;

static PAGES: Trend = Trend::new("pages_per_visit", "pages");

struct Visit {
    site: Site,
}

impl Scenario for Visit {
    type Config = SiteFile;

    fn configure(config: SiteFile) -> Result<Self, Problem> {
        Ok(Self { site: config.check()? })
    }

    async fn journey(&self, _user: &User) -> Result {
        let mut at = Some(self.site.start);
        let mut seen = 0_u32;
        for _ in 0..MOST_PAGES {
            let Some(page) = at.map(|number| &self.site.pages[number]) else { break };
            let reply = http::get(&page.path).name(&page.name).await?;
            reply.check("status is 200", reply.status() == 200);
            seen += 1;
            if !page.think.is_zero() {
                sleep(page.think).await;
            }
            at = random::weighted(&page.next).copied().flatten();
        }
        PAGES.record(seen.into());
        Ok(())
    }
}

prony_plugin::scenario!(Visit);

#[cfg(test)]
mod tests {
    use super::*;
    use prony_plugin::testing::{Answer, Host};
    use serde_json::Value;

    fn config() -> Value {
        json!({
            "start": "home",
            "pages": {
                "home": {"path": "/", "next": {"list": 3, "leave": 1}},
                "list": {"path": "/items", "next": {"list": 1, "item": 2, "leave": 1}, "think_ms": 500},
                "item": {"path": "/items/1", "next": {"home": 1, "leave": 1}},
            },
        })
    }

    fn problem(pointer: &str, value: Value) -> String {
        let mut config = config();
        *config.pointer_mut(pointer).unwrap() = value;
        Host::new().configure::<Visit>(config).err().unwrap().to_string()
    }

    #[test]
    fn visitors_go_by_the_weights() {
        let mut host = Host::new();
        host.on("GET", "*", Answer::status(200));
        let visit = host.configure::<Visit>(config()).unwrap();
        for user in 0..2000 {
            host.user(user).iterate(&visit).unwrap();
        }
        let visits = host.trend("pages_per_visit");
        assert_eq!(visits.len(), 2000);
        // home → list → … : the mean follows from the weights.
        let mean = visits.iter().sum::<f64>() / 2000.0;
        assert!((3.0..3.5).contains(&mean), "{mean}");
        let count = |name: &str| host.requests().iter().filter(|request| request.name == name).count();
        assert!(count("list") > count("item"));
        assert!(host.failed_requests().is_empty());
    }

    #[test]
    fn the_same_seed_goes_the_same_way() {
        let walk = |seed: u64| {
            let mut host = Host::new();
            host.seed(seed).on("GET", "*", Answer::status(200));
            host.run::<Visit>(config()).unwrap();
            host.requests().iter().map(|request| request.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(walk(3), walk(3));
        assert!((0..10).any(|seed| walk(seed) != walk(3)));
    }

    #[test]
    fn a_visit_without_an_end_has_fifty_pages() {
        let mut host = Host::new();
        host.on("GET", "/", Answer::status(200));
        host.run::<Visit>(json!({"start": "home", "pages": {"home": {"path": "/", "next": {"home": 1}}}}))
            .unwrap();
        assert_eq!(host.requests().len(), 50);
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        assert_eq!(
            problem("/start", json!("hom")),
            "start: there is no page `hom` (the pages are home, list, item)"
        );
        assert_eq!(
            problem("/pages/home/next", json!({"lst": 1})),
            "pages.home.next.lst: there is no page `lst` (the pages are home, list, item; `leave` ends the visit)"
        );
        assert_eq!(
            problem("/pages/list/next/item", json!(-2)),
            "pages.list.next.item: a weight is a number above zero, and this is -2"
        );
        assert_eq!(
            problem("/pages/list/next", json!({})),
            "pages.list.next: nothing comes after this page (`leave: 1` ends the visit)"
        );
        assert_eq!(
            problem("/pages/item/path", json!(7)),
            "pages.item.path: invalid type: integer `7`, expected a string"
        );
    }
}
