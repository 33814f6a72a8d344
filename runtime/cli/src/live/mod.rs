//! What can be seen of a run while it goes on, and how it is steered: lines of progress, a view on the terminal, a page in a
//! browser. They look at one [`Live`] state, which events fill, and steer by the engine's `Control`, as an interrupt does.

mod state;
mod terminal;
mod ui;
mod web;

pub(crate) use state::Live;
pub(crate) use terminal::restore as restore_terminal;
pub(crate) use ui::Ui;

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};

use prony_engine::{Control, Event};

use crate::commands::Failure;
use crate::report::html::live::Whole;
use crate::report::{About, Progress};
use crate::show;
use terminal::TerminalView;
use web::WebView;

/// What shows a run while it goes on.
pub(crate) struct Views {
    progress: Option<Progress>,
    live: Option<Arc<Mutex<Live>>>,
    terminal: Option<TerminalView>,
    web: Option<WebView>,
}

impl Views {
    /// Opens what `ui` names; `quiet` leaves lines of progress out. `plan` is the plan as it is run.
    ///
    /// # Errors
    /// When it cannot be had.
    pub(crate) fn open(
        ui: &Ui,
        quiet: bool,
        about: &About,
        plan: impl FnOnce() -> String,
        control: &Control,
    ) -> Result<Self, Failure> {
        let mut views = Self { progress: None, live: None, terminal: None, web: None };
        match ui {
            Ui::Plain => {}
            Ui::Web(address) => {
                let live = Arc::new(Mutex::new(Live::new(about)));
                let (view, url) = WebView::start(*address, &live, plan(), control).map_err(|error| {
                    Failure::Setup(format!(
                        "--ui web={address}: nothing can be served there: {error}; name another address, or none"
                    ))
                })?;
                anstream::eprintln!("live: {url}");
                (views.web, views.live) = (Some(view), Some(live));
            }
            Ui::Terminal if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => {
                let live = Arc::new(Mutex::new(Live::new(about)));
                let view = TerminalView::start(&live, control).map_err(|error| {
                    Failure::Setup(format!(
                        "--ui terminal: the terminal cannot be taken: {error}; use --ui plain"
                    ))
                })?;
                (views.terminal, views.live) = (Some(view), Some(live));
                return Ok(views);
            }
            Ui::Terminal => {
                let instead =
                    if quiet { "with --quiet nothing is shown" } else { "progress is told in lines" };
                anstream::eprintln!(
                    "note: --ui terminal needs a terminal at standard input and standard error; {instead}"
                );
            }
        }
        views.progress = (!quiet).then(|| Progress::new(about, show::standard_error_is_terminal()));
        Ok(views)
    }

    /// Shows what an event tells.
    pub(crate) fn event(&mut self, event: &Event) {
        if let Some(progress) = &mut self.progress {
            progress.event(event);
        }
        if let Some(live) = &self.live {
            live.lock().unwrap_or_else(PoisonError::into_inner).event(event);
        }
        if let Some(web) = &self.web {
            web.event(match event {
                Event::Interval(interval) => Some(interval),
                _ => None,
            });
        }
    }

    /// Shows something that went wrong beside the load.
    pub(crate) fn trouble(&mut self, trouble: &str) {
        if let (Some(_), Some(live)) = (&self.terminal, &self.live) {
            live.lock().unwrap_or_else(PoisonError::into_inner).note(trouble.to_owned());
            return;
        }
        // The next drawing would go over the message.
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        anstream::eprintln!("{}", show::trouble(trouble));
    }

    /// The load is over: the terminal is the summary's.
    pub(crate) fn load_is_over(&mut self) {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        self.terminal = None;
    }

    /// Whether somebody will want the result as a page has it.
    pub(crate) fn want_the_whole(&self) -> bool {
        self.web.is_some()
    }

    /// Hands the result to those who look at the page.
    pub(crate) fn finish(self, whole: Option<Whole>) {
        if let (Some(web), Some(whole)) = (self.web, whole) {
            web.finish(&whole);
        }
    }
}
