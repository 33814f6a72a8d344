//! What keys do.

use prony_engine::Action;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::Live;
use super::draw::View;

/// Keys and what they do, for people.
pub(super) const HELP: [(&str, &str); 11] = [
    ("p, space", "pause; again: go on. Iterations under way go on to their end"),
    ("+, -", "a tenth of the planned load more or less, where the load allows it"),
    ("=", "the planned load again"),
    ("q", "stop the run; asks first. What was measured is kept"),
    ("s, S", "sort the steps by the next, the previous column"),
    ("r", "sort the other way round"),
    ("up, down, j, k", "scroll the steps"),
    ("page up, page down", "scroll the log"),
    ("home, end", "the first, the last step"),
    ("?, h", "this help; any key closes it"),
    ("Ctrl-C", "stop the run at once; a second time: end without a summary"),
];

/// What somebody wants to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Change(Action),
    Interrupt,
    EndAtOnce,
}

/// What stands before the view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Before {
    #[default]
    Nothing,
    Help,
    /// The question whether to stop.
    Question,
}

/// Keys and what was pressed before.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) before: Before,
    interrupted: bool,
}

impl Keys {
    /// What a key asks for; what only the view needs is done.
    pub(super) fn press(&mut self, key: KeyEvent, live: &Live, view: &mut View) -> Option<Asked> {
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Some(if std::mem::replace(&mut self.interrupted, true) {
                Asked::EndAtOnce
            } else {
                Asked::Interrupt
            });
        }
        match (std::mem::take(&mut self.before), key.code) {
            (Before::Question, KeyCode::Char('y' | 'Y') | KeyCode::Enter) => {
                return Some(Asked::Change(Action::Stop));
            }
            (Before::Question | Before::Help, _) => return None,
            (Before::Nothing, _) => {}
        }
        match key.code {
            KeyCode::Char('p' | ' ') if live.is_paused() => return Some(Asked::Change(Action::Resume)),
            KeyCode::Char('p' | ' ') => return Some(Asked::Change(Action::Pause)),
            KeyCode::Char('+') => return Some(Asked::Change(live.percent_after(1))),
            KeyCode::Char('-') => return Some(Asked::Change(live.percent_after(-1))),
            KeyCode::Char('=') => return Some(Asked::Change(Action::Load(100))),
            KeyCode::Char('q') if live.stopping.is_none() => self.before = Before::Question,
            KeyCode::Char('?' | 'h') => self.before = Before::Help,
            KeyCode::Char('s') => view.sort_by(1),
            KeyCode::Char('S') => view.sort_by(-1),
            KeyCode::Char('r') => view.turn_round(),
            KeyCode::Up | KeyCode::Char('k') => view.scroll(-1),
            KeyCode::Down | KeyCode::Char('j') => view.scroll(1),
            KeyCode::Home => view.scroll(isize::MIN),
            KeyCode::End => view.scroll(isize::MAX),
            KeyCode::PageUp => view.scroll_log(5),
            KeyCode::PageDown => view.scroll_log(-5),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;
    use std::time::Duration;

    fn pressed(keys: &mut Keys, live: &Live, code: KeyCode) -> Option<Asked> {
        keys.press(KeyEvent::new(code, KeyModifiers::NONE), live, &mut View::default())
    }

    #[test]
    fn keys_ask_for_what_the_help_says() {
        let mut live = Live::new(&samples::shop().about);
        let mut keys = Keys::default();
        let of = |keys: &mut Keys, live: &Live, letter| pressed(keys, live, KeyCode::Char(letter));
        assert_eq!(of(&mut keys, &live, 'p'), Some(Asked::Change(Action::Pause)));
        assert!(live.course.turn(Duration::ZERO, Action::Pause).is_ok());
        assert_eq!(of(&mut keys, &live, ' '), Some(Asked::Change(Action::Resume)));
        assert_eq!(of(&mut keys, &live, '+'), Some(Asked::Change(Action::Load(110))));
        assert_eq!(of(&mut keys, &live, '-'), Some(Asked::Change(Action::Load(90))));
        assert_eq!(of(&mut keys, &live, '='), Some(Asked::Change(Action::Load(100))));
        assert_eq!(of(&mut keys, &live, 's'), None);
        assert_eq!(of(&mut keys, &live, 'x'), None);
    }

    #[test]
    fn a_stop_is_asked_about() {
        let live = Live::new(&samples::shop().about);
        let mut keys = Keys::default();
        for (answer, expected) in [
            (KeyCode::Char('n'), None),
            (KeyCode::Esc, None),
            (KeyCode::Char('p'), None),
            (KeyCode::Char('y'), Some(Asked::Change(Action::Stop))),
        ] {
            assert_eq!(pressed(&mut keys, &live, KeyCode::Char('q')), None);
            assert_eq!(keys.before, Before::Question);
            assert_eq!(pressed(&mut keys, &live, answer), expected);
            assert_eq!(keys.before, Before::Nothing);
        }
    }

    #[test]
    fn a_second_interrupt_ends_at_once() {
        let live = Live::new(&samples::shop().about);
        let mut keys = Keys::default();
        let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(keys.press(key, &live, &mut View::default()), Some(Asked::Interrupt));
        assert_eq!(keys.press(key, &live, &mut View::default()), Some(Asked::EndAtOnce));
    }
}
