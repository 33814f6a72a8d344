//! What stands on the terminal: the run in a line, two charts, the steps, the thresholds, the log, the keys.

use std::cmp::Ordering;
use std::time::Duration;

use prony_core::units::show_duration;
use prony_engine::Ended;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{
    Axis, Block, Cell, Chart, Clear, Dataset, GraphType, Paragraph, Row, Table, TableState,
};

use super::super::Live;
use super::super::state::Second;
use super::keys::{Before, HELP, Keys};
use crate::report::{clean, figures, threshold, threshold_value};

/// Lower than this, charts would say nothing.
const CHARTS: u16 = 10;

/// What the viewer has chosen.
#[derive(Default)]
pub(super) struct View {
    /// The column that the steps are sorted by; the plan's order before anybody chooses one.
    sorted: Option<usize>,
    /// From small to large, where that is not the column's own way.
    turned: bool,
    table: TableState,
    steps: usize,
    /// So many lines of the log from its end.
    log: usize,
}

/// A step's line.
struct Step<'a> {
    scenario: &'a str,
    name: &'a str,
    requests: u64,
    failed: f64,
    /// Response times in microseconds: p50, p95, p99, most.
    times: [Option<f64>; 4],
}

const COLUMNS: [&str; 8] = ["step", "scenario", "requests", "failed", "p50", "p95", "p99", "max"];

impl View {
    /// Sorts by another column, so many to the right.
    pub(super) fn sort_by(&mut self, right: isize) {
        let count = COLUMNS.len() as isize;
        let now = self.sorted.map_or(if right > 0 { -1 } else { 0 }, |column| column as isize);
        self.sorted = Some((now + right).rem_euclid(count) as usize);
        self.turned = false;
    }

    pub(super) fn turn_round(&mut self) {
        self.turned = !self.turned;
    }

    pub(super) fn scroll(&mut self, lines: isize) {
        let last = self.steps.saturating_sub(1);
        let now = self.table.selected().unwrap_or(0);
        self.table.select(Some(now.saturating_add_signed(lines).min(last)));
    }

    pub(super) fn scroll_log(&mut self, lines: isize) {
        self.log = self.log.saturating_add_signed(lines);
    }

    /// Draws everything.
    pub(super) fn draw(&mut self, frame: &mut Frame<'_>, live: &Live, keys: &Keys) {
        let area = frame.area();
        let steps = live.steps().count() as u16 + 3;
        let thresholds = live.thresholds().len() as u16;
        let thresholds = if thresholds == 0 { 0 } else { (thresholds + 2).min(area.height / 4) };
        let charts = if area.height >= CHARTS + 14 { (area.height / 3).clamp(CHARTS, 16) } else { 0 };
        let [head, chart, table, bounds, log, foot] = Layout::vertical([
            Constraint::Length(2),
            Constraint::Length(charts),
            Constraint::Max(steps),
            Constraint::Length(thresholds),
            Constraint::Min(3),
            Constraint::Length(1),
        ])
        .areas(area);
        frame.render_widget(Paragraph::new(heading(live)), head);
        if charts > 0 {
            let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(chart);
            rates(frame, left, live);
            times(frame, right, live);
        }
        self.steps(frame, table, live);
        if thresholds > 0 {
            frame.render_widget(bounds_of(live), bounds);
        }
        self.log(frame, log, live);
        let load = if live.takes_percent() { "  + - load" } else { "" };
        let keys_line = format!("p pause/go on{load}  s sort  ↑↓ scroll  q stop  ? help");
        frame.render_widget(Paragraph::new(keys_line).style(Style::new().add_modifier(Modifier::DIM)), foot);
        match keys.before {
            Before::Nothing => {}
            Before::Help => help(frame, area),
            Before::Question => question(frame, area),
        }
    }

    fn steps(&mut self, frame: &mut Frame<'_>, area: Rect, live: &Live) {
        let mut steps: Vec<Step<'_>> =
            live.steps().map(|(scenario, name, stats)| Step::new(scenario, name, stats)).collect();
        self.steps = steps.len();
        if let Some(column) = self.sorted {
            // Names from a on, figures from the largest on.
            let falls = (column > 1) != self.turned;
            steps.sort_by(|one, other| {
                let order = one.compare(other, column);
                if falls { order.reverse() } else { order }
            });
        } else if self.turned {
            steps.reverse();
        }
        let heads = COLUMNS.iter().enumerate().map(|(number, title)| {
            let mark = if self.sorted == Some(number) {
                if (number > 1) != self.turned { " ▼" } else { " ▲" }
            } else {
                ""
            };
            let line = Line::from(format!("{title}{mark}"));
            Cell::from(if number > 1 { line.alignment(Alignment::Right) } else { line })
        });
        let head = Row::new(heads).style(Style::new().add_modifier(Modifier::BOLD));
        let widths = [
            Constraint::Fill(3),
            Constraint::Fill(1),
            Constraint::Length(13),
            Constraint::Length(9),
            Constraint::Length(8),
            Constraint::Length(8),
            Constraint::Length(8),
            Constraint::Length(8),
        ];
        let chosen = Style::new().add_modifier(Modifier::REVERSED);
        let table = Table::new(steps.iter().map(Step::row), widths)
            .header(head)
            .row_highlight_style(chosen)
            .block(Block::bordered().title(" steps so far · response time "));
        frame.render_stateful_widget(table, area, &mut self.table);
    }

    fn log(&mut self, frame: &mut Frame<'_>, area: Rect, live: &Live) {
        let room = usize::from(area.height.saturating_sub(2));
        self.log = self.log.min(live.log.len().saturating_sub(room));
        let end = live.log.len() - self.log;
        let lines = live.log.iter().take(end).skip(end.saturating_sub(room));
        let lines: Vec<Line<'_>> =
            lines.map(|(at, text)| Line::from(format!("{:>8}  {}", moment(*at), clean(text)))).collect();
        frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" log ")), area);
    }
}

impl<'a> Step<'a> {
    fn new(scenario: &'a str, name: &'a str, stats: &prony_engine::stats::StepStats) -> Self {
        let time = |quantile| stats.response.quantile(quantile).map(|nanos| nanos as f64 / 1e3);
        let failed = if stats.requests > 0 { stats.failed() as f64 / stats.requests as f64 } else { 0.0 };
        let most = stats.response.max().map(|nanos| nanos as f64 / 1e3);
        Self {
            scenario,
            name,
            requests: stats.requests,
            failed,
            times: [time(0.5), time(0.95), time(0.99), most],
        }
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        match column {
            0 => self.name.cmp(other.name),
            1 => self.scenario.cmp(other.scenario),
            2 => self.requests.cmp(&other.requests),
            3 => self.failed.total_cmp(&other.failed),
            _ => {
                let time = |step: &Self| step.times[column - 4].unwrap_or(-1.0);
                time(self).total_cmp(&time(other))
            }
        }
    }

    fn row(&self) -> Row<'static> {
        let right = |text: String| Cell::from(Line::from(text).alignment(Alignment::Right));
        let failed = right(figures::share(self.failed));
        let failed = if self.failed > 0.0 { failed.style(Style::new().fg(Color::Red)) } else { failed };
        let times = self.times.map(|time| right(time.map_or("–".to_owned(), figures::time)));
        let cells = [
            Cell::from(clean(self.name)),
            Cell::from(clean(self.scenario)),
            right(figures::count(self.requests)),
            failed,
        ];
        Row::new(cells.into_iter().chain(times))
    }
}

/// The run in two lines.
fn heading(live: &Live) -> Vec<Line<'static>> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let lasted = live.lasted();
    let (word, style) = match &live.stopping {
        Some(Ended::Finished) | None if live.is_paused() => ("paused", bold.fg(Color::Yellow)),
        Some(_) => ("stopping", bold.fg(Color::Yellow)),
        None if lasted.is_zero() => ("starting", bold),
        None => ("running", bold.fg(Color::Green)),
    };
    let at = live.course.plan_at(lasted);
    let plan = match live.planned() {
        Some(length) => format!("{} of {}", moment(at.min(length)), show_duration(length)),
        None => moment(at),
    };
    let mut first = vec![
        Span::styled(clean(&live.about.plan), bold),
        Span::raw(" · "),
        Span::styled(word, style),
        Span::raw(format!(" · {plan}")),
    ];
    if live.course.percent() != 100 {
        first.push(Span::styled(format!(" · load {} %", live.course.percent()), bold.fg(Color::Yellow)));
    }
    first.extend(live.about.targets.iter().take(2).map(|target| Span::raw(format!(" · {}", clean(target)))));
    let second = live.seconds.back().map_or_else(String::new, |second| {
        let failed = if second.failed > 0.0 {
            format!(" · {} failed/s", figures::rate(second.failed))
        } else {
            String::new()
        };
        format!(
            "{} requests/s · p50 {} · p99 {}{failed} · {}",
            figures::rate(second.requests),
            second.p50.map_or("–".to_owned(), figures::time),
            second.p99.map_or("–".to_owned(), figures::time),
            figures::plural(second.users, "user", "users"),
        )
    });
    vec![Line::from(first), Line::from(second)]
}

fn moment(at: Duration) -> String {
    let seconds = at.as_secs();
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

fn rates(frame: &mut Frame<'_>, area: Rect, live: &Live) {
    let column = |pick: fn(&Second) -> f64| -> Vec<(f64, f64)> {
        live.seconds.iter().map(|second| (second.at, pick(second))).collect()
    };
    let (asked, made, failed) =
        (column(|second| second.asked), column(|second| second.made), column(|second| second.failed));
    let mut series: Vec<Curve<'_>> = vec![("made", &made, Color::Green)];
    if asked.iter().any(|(_, rate)| *rate > 0.0) {
        series.insert(0, ("asked", &asked, Color::Gray));
    }
    if failed.iter().any(|(_, rate)| *rate > 0.0) {
        series.push(("failed requests", &failed, Color::Red));
    }
    draw_chart(frame, area, " starts a second ", &series, figures::rate, live);
}

fn times(frame: &mut Frame<'_>, area: Rect, live: &Live) {
    let column = |pick: fn(&Second) -> Option<f64>| -> Vec<(f64, f64)> {
        live.seconds.iter().filter_map(|second| Some((second.at, pick(second)?))).collect()
    };
    let (p50, p95, p99) = (column(|one| one.p50), column(|one| one.p95), column(|one| one.p99));
    let series: [Curve<'_>; 3] =
        [("p50", &p50, Color::Cyan), ("p95", &p95, Color::Blue), ("p99", &p99, Color::Magenta)];
    draw_chart(frame, area, " response time ", &series, figures::time, live);
}

/// A curve of a chart: its name, its points, its colour.
type Curve<'a> = (&'static str, &'a [(f64, f64)], Color);

fn draw_chart(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &'static str,
    series: &[Curve<'_>],
    show: fn(f64) -> String,
    live: &Live,
) {
    let first = live.seconds.front().map_or(0.0, |second| second.at - 1.0);
    let last = live.seconds.back().map_or(1.0, |second| second.at).max(first + 10.0);
    let most =
        series.iter().flat_map(|(_, values, _)| values.iter()).map(|(_, value)| *value).fold(0.0, f64::max);
    let most = if most > 0.0 { most * 1.05 } else { 1.0 };
    let dim = Style::new().add_modifier(Modifier::DIM);
    let sets = series.iter().map(|(name, values, colour)| {
        let set = Dataset::default().name(*name).data(values).marker(Marker::Braille);
        set.graph_type(GraphType::Line).style(Style::new().fg(*colour))
    });
    let seconds = |at: f64| moment(Duration::from_secs_f64(at.max(0.0)));
    let chart = Chart::new(sets.collect())
        .block(Block::bordered().title(title))
        .x_axis(Axis::default().style(dim).bounds([first, last]).labels([seconds(first), seconds(last)]))
        .y_axis(Axis::default().style(dim).bounds([0.0, most]).labels([
            "0".to_owned(),
            show(most / 2.0),
            show(most),
        ]))
        .hidden_legend_constraints((Constraint::Ratio(1, 2), Constraint::Ratio(2, 3)));
    frame.render_widget(chart, area);
}

fn bounds_of(live: &Live) -> Table<'static> {
    let rows = live.thresholds().iter().map(|result| {
        let shown = threshold(result, live.catalog());
        let (mark, colour) = if shown.passed { ("ok", Color::Green) } else { ("FAIL", Color::Red) };
        Row::new([
            Cell::from(mark).style(Style::new().fg(colour)),
            Cell::from(clean(&shown.expression)),
            Cell::from(clean(&shown.scope)),
            Cell::from(Line::from(threshold_value(&shown)).alignment(Alignment::Right)),
        ])
    });
    let widths = [Constraint::Length(4), Constraint::Fill(2), Constraint::Fill(1), Constraint::Length(14)];
    Table::new(rows, widths).block(Block::bordered().title(" thresholds as they stand "))
}

/// The middle of an area.
fn middle(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

fn help(frame: &mut Frame<'_>, area: Rect) {
    let lines: Vec<Line<'_>> =
        HELP.iter().map(|(key, does)| Line::from(format!(" {key:<19} {does} "))).collect();
    let area = middle(area, 94, lines.len() as u16 + 2);
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" keys ")), area);
}

fn question(frame: &mut Frame<'_>, area: Rect) {
    let lines = [" Stop the run? What was measured is kept. ", " y stops it, any other key does not. "];
    let area = middle(area, 46, 4);
    frame.render_widget(Clear, area);
    let lines: Vec<Line<'_>> = lines.into_iter().map(Line::from).collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" stop ")), area);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;
    use crate::report::samples;

    struct Stage {
        terminal: Terminal<TestBackend>,
        live: Live,
        view: View,
        keys: Keys,
    }

    impl Stage {
        fn new(sample: &samples::Sample, width: u16, height: u16) -> Self {
            let mut live = Live::new(&sample.about);
            samples::events(sample).for_each(|event| live.event(&event));
            live.event(&prony_engine::Event::Standing(sample.result.thresholds.clone().into()));
            let terminal = Terminal::new(TestBackend::new(width, height)).expect("in memory");
            Self { terminal, live, view: View::default(), keys: Keys::default() }
        }

        fn press(&mut self, code: KeyCode) {
            let key = KeyEvent::new(code, KeyModifiers::NONE);
            assert_eq!(self.keys.press(key, &self.live, &mut self.view), None);
        }

        fn shown(&mut self) -> String {
            let Self { terminal, live, view, keys } = self;
            terminal.draw(|frame| view.draw(frame, live, keys)).expect("in memory");
            terminal.backend().to_string()
        }
    }

    #[test]
    fn a_run_is_seen_at_a_glance() {
        insta::assert_snapshot!("terminal", Stage::new(&samples::shop(), 110, 42).shown());
    }

    #[test]
    fn a_steered_run_says_so() {
        let shown = Stage::new(&samples::steered(), 100, 40).shown();
        for told in ["load 150 %", "by hand: paused (terminal)", "by hand: stopped (terminal)"] {
            assert!(shown.contains(told), "{told}\n{shown}");
        }
    }

    #[test]
    fn steps_are_sorted_and_scrolled_by_keys() {
        let mut stage = Stage::new(&samples::shop(), 110, 42);
        let order = |stage: &mut Stage| -> Vec<usize> {
            let shown = stage.shown();
            ["GET /products", "POST /cart"].iter().filter_map(|name| shown.find(name)).collect()
        };
        assert!(order(&mut stage).is_sorted());
        stage.press(KeyCode::Char('s'));
        assert!(stage.shown().contains("step ▲"));
        assert!(order(&mut stage).is_sorted());
        stage.press(KeyCode::Char('r'));
        assert!(stage.shown().contains("step ▼"));
        assert!(!order(&mut stage).is_sorted());
        stage.press(KeyCode::Char('S'));
        assert!(stage.shown().contains("max ▼"));
        stage.press(KeyCode::Down);
        assert_eq!(stage.view.table.selected(), Some(1));
        stage.press(KeyCode::End);
        assert_eq!(stage.view.table.selected(), Some(stage.view.steps - 1));
        stage.press(KeyCode::Home);
        assert_eq!(stage.view.table.selected(), Some(0));
    }

    #[test]
    fn help_and_questions_stand_before_it() {
        let mut stage = Stage::new(&samples::shop(), 100, 40);
        stage.press(KeyCode::Char('?'));
        let shown = stage.shown();
        for (key, does) in HELP {
            assert!(shown.contains(key) && shown.contains(does), "{key}: {does}\n{shown}");
        }
        stage.press(KeyCode::Esc);
        assert!(!stage.shown().contains(" keys "));
        stage.press(KeyCode::Char('q'));
        assert!(stage.shown().contains("Stop the run?"));
    }

    #[test]
    fn any_size_is_drawn_and_nothing_hostile_gets_through() {
        let mut sample = samples::shop();
        sample.about.plan = "a\x1b[2Jb\nc".to_owned();
        for (width, height) in [(1, 1), (10, 3), (40, 10), (80, 24), (300, 100)] {
            let mut stage = Stage::new(&sample, width, height);
            stage.live.note("x\x1b]0;title\x07 \u{202e}y".to_owned());
            stage.press(KeyCode::Char('?'));
            stage.shown();
            stage.press(KeyCode::Esc);
            let shown = stage.shown();
            assert!(!shown.contains('\x1b') && !shown.contains('\x07'), "{shown:?}");
        }
    }
}
