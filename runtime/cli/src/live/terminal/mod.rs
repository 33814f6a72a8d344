//! `--ui terminal`: the run on the whole terminal while it lasts, on a thread of its own that draws at most four times a second.
//!
//! It draws on standard error, as progress does, so standard output stays the summary's. However it ends (the run is over, a
//! panic, a second interrupt) the terminal is given back as it was.

mod draw;
mod keys;

use std::io::{Stderr, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use prony_engine::Control;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use super::Live;
use draw::View;
use keys::{Asked, Keys};

/// A drawing comes so long after the one before at the earliest.
const FRAME: Duration = Duration::from_millis(250);

/// Whether the terminal is ours now.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A view on the terminal. It ends with this value.
pub(crate) struct TerminalView {
    thread: Option<JoinHandle<()>>,
    over: Arc<AtomicBool>,
}

impl TerminalView {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When it cannot be taken; it is as it was then.
    pub(crate) fn start(live: &Arc<Mutex<Live>>, control: &Control) -> std::io::Result<Self> {
        restore_on_panic();
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let terminal = execute!(stderr(), EnterAlternateScreen, Hide)
            .and_then(|()| Terminal::new(CrosstermBackend::new(stderr())));
        let terminal = terminal.inspect_err(|_| restore())?;
        let over = Arc::new(AtomicBool::new(false));
        let watching = Watching {
            terminal,
            live: Arc::clone(live),
            control: control.clone(),
            over: Arc::clone(&over),
            view: View::default(),
            keys: Keys::default(),
        };
        let thread = std::thread::Builder::new().name("terminal".to_owned()).spawn(move || watching.watch());
        let thread = thread.inspect_err(|_| restore())?;
        Ok(Self { thread: Some(thread), over })
    }
}

impl Drop for TerminalView {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        restore();
    }
}

/// Gives the terminal back, if it was taken. For whoever ends the process at once.
pub(crate) fn restore() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(stderr(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// What a panic says must stand on the terminal as it was.
fn restore_on_panic() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}

/// The thread's own.
struct Watching {
    terminal: Terminal<CrosstermBackend<Stderr>>,
    live: Arc<Mutex<Live>>,
    control: Control,
    over: Arc<AtomicBool>,
    view: View,
    keys: Keys,
}

impl Watching {
    fn watch(mut self) {
        let mut drawn = None;
        while !self.over.load(Ordering::SeqCst) {
            let version = self.live().version;
            if drawn != Some(version) {
                drawn = Some(version);
                if self.draw().is_err() {
                    // A terminal that is gone is no reason to end a run.
                    return;
                }
            }
            match event::poll(FRAME) {
                Ok(false) => {}
                Ok(true) => match event::read() {
                    Ok(event) => {
                        self.take(&event);
                        drawn = None;
                        // Keys are looked at as they come; a held key must not make frames without end.
                        while event::poll(Duration::ZERO).unwrap_or(false) {
                            match event::read() {
                                Ok(event) => self.take(&event),
                                Err(_) => return,
                            }
                        }
                    }
                    Err(_) => return,
                },
                Err(_) => return,
            }
        }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&mut self) -> std::io::Result<()> {
        let Self { terminal, live, view, keys, .. } = self;
        // What is drawn is made under the lock, in memory; what is written, without it.
        terminal.draw(|frame| {
            let live = live.lock().unwrap_or_else(PoisonError::into_inner);
            view.draw(frame, &live, keys);
        })?;
        Ok(())
    }

    fn take(&mut self, event: &Event) {
        let Event::Key(key) = event else { return };
        if key.kind == KeyEventKind::Release {
            return;
        }
        let asked = {
            let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
            self.keys.press(*key, &live, &mut self.view)
        };
        match asked {
            None => {}
            Some(Asked::Change(action)) => self.control.steer(action, prony_engine::Origin::Terminal),
            Some(Asked::Interrupt) => self.control.interrupt(),
            Some(Asked::EndAtOnce) => {
                restore();
                std::process::exit(i32::from(crate::exit::INTERRUPTED));
            }
        }
    }
}
