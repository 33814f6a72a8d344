//! `--ui web`: the report's page of a run that goes on, and buttons that steer it, on a thread of its own.
//!
//! Figures go to the page as server-sent events. Whoever comes late, or again, gets the run so far first. A second is one text,
//! made once; what a browser does not take in time is not kept for it: when it reads again it gets what there is then. So neither
//! a slow browser nor many of them take memory, and none of them is waited for while the load lasts.

mod guard;
mod server;

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use prony_engine::event::Interval;
use prony_engine::{Control, Ended};
use serde_json::json;
use tokio::sync::watch;

use super::Live;
use crate::report::html::live::{Whole, second, seconds_shown};
use crate::report::{Summary, clean, figures};
use guard::Guard;

/// After the end browsers get so long to take the result.
const LINGER: Duration = Duration::from_secs(5);

/// A page under way.
pub(crate) struct WebView {
    feed: Arc<Feed>,
    news: watch::Sender<u64>,
    thread: Option<JoinHandle<()>>,
}

/// What the page is told.
pub(super) struct Feed {
    live: Arc<Mutex<Live>>,
    plan: String,
    told: Mutex<Told>,
    guard: Guard,
    control: Control,
}

/// What was made of events.
#[derive(Default)]
struct Told {
    /// Seconds in JSON, with their numbers; as many as a page shows.
    seconds: VecDeque<(u64, Arc<str>)>,
    next: u64,
    /// The result as the page wants it, when there is one.
    ended: Option<Arc<str>>,
}

impl WebView {
    /// Begins to serve at `address`. The second text is the page's address, with the token in it.
    ///
    /// # Errors
    /// When nothing can be served there.
    pub(crate) fn start(
        address: SocketAddr,
        live: &Arc<Mutex<Live>>,
        plan: String,
        control: &Control,
    ) -> std::io::Result<(Self, String)> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let guard = Guard::new(address.port())?;
        let url = guard.url(address);
        let feed = Arc::new(Feed {
            live: Arc::clone(live),
            plan,
            told: Mutex::default(),
            guard,
            control: control.clone(),
        });
        let (news, heard) = watch::channel(0);
        let serving = Arc::clone(&feed);
        let thread = std::thread::Builder::new()
            .name("web".to_owned())
            .spawn(move || server::serve(listener, &serving, &heard))?;
        Ok((Self { feed, news, thread: Some(thread) }, url))
    }

    /// Takes in a second; whatever else is new is in the live state already.
    pub(crate) fn event(&self, interval: Option<&Interval>) {
        if let Some(interval) = interval {
            let about = self.feed.live().about.clone();
            let text: Arc<str> = second(interval, &about).into();
            let mut told = self.feed.told();
            let number = told.next;
            told.next += 1;
            while told.seconds.len() >= seconds_shown(about.scenarios.len()) {
                told.seconds.pop_front();
            }
            told.seconds.push_back((number, text));
        }
        self.news.send_modify(|news| *news += 1);
    }

    /// Tells the result, and waits until the browsers that are there have it, for a short time at most.
    pub(crate) fn finish(mut self, whole: &Whole) {
        let text = serde_json::to_string(whole).unwrap_or_default();
        self.feed.told().ended = Some(text.into());
        self.news.send_modify(|news| *news += 1);
        self.close();
    }

    /// The server ends when nobody can tell it anything any more.
    fn close(&mut self) {
        let (gone, _) = watch::channel(0);
        drop(std::mem::replace(&mut self.news, gone));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for WebView {
    fn drop(&mut self) {
        self.close();
    }
}

impl Feed {
    pub(super) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message for somebody who has had the seconds before number `from`, or nothing at all. Also the number that comes next,
    /// and whether that was the last message.
    pub(super) fn message(&self, from: Option<u64>) -> (String, u64, bool) {
        let (summary, state): (Summary, _) = {
            let live = self.live();
            (live.summary(), self.state(&live))
        };
        let told = self.told();
        let seconds: Vec<Arc<str>> = told
            .seconds
            .iter()
            .filter(|(number, _)| from.is_none_or(|from| *number >= from))
            .map(|(_, text)| Arc::clone(text))
            .collect();
        let (next, ended) = (told.next, told.ended.clone());
        drop(told);
        let mut state = state;
        state["ended"] = ended.is_some().into();
        let body = match (&ended, from) {
            (Some(whole), _) => format!("\"whole\":{whole}"),
            (None, None) => {
                let whole = Whole::of(summary, &self.plan);
                format!("\"whole\":{}", serde_json::to_string(&whole).unwrap_or_default())
            }
            (None, Some(_)) => {
                format!("\"summary\":{}", serde_json::to_string(&summary).unwrap_or_default())
            }
        };
        let text = format!("{{\"state\":{state},\"seconds\":[{}],{body}}}", seconds.join(","));
        (text, next, ended.is_some())
    }

    /// How the run stands, for the page's head.
    fn state(&self, live: &Live) -> serde_json::Value {
        let at = live.course.plan_at(live.lasted());
        let at = figures::time((at.as_secs_f64() * 1e6).floor());
        let planned =
            live.planned().map(|length| format!("{at} of {}", prony_core::units::show_duration(length)));
        json!({
            "at": planned.unwrap_or(at),
            "paused": live.is_paused(),
            "percent": live.course.percent(),
            "takes_percent": live.takes_percent(),
            "stopping": live.stopping.as_ref().is_some_and(|ended| *ended != Ended::Finished),
            "most_seconds": seconds_shown(live.about.scenarios.len()),
            "log": live.log.back().map(|(_, text)| clean(text)),
        })
    }
}
