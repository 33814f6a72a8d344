//! Progress while a run lasts, on standard error.
//!
//! On a terminal: a few lines, a scenario each, drawn again over themselves once a second in a single write, so that
//! nothing scrolls or flickers. Elsewhere: one plain line a scenario every ten seconds.

use std::io::Write;
use std::time::Duration;

use prony_core::catalog::StepKind;
use prony_core::units::show_duration;
use prony_core::{Catalog, ScenarioId};
use prony_engine::event::{GeneratorStats, Interval, WorkerStats};
use prony_engine::stats::{Latency, ScenarioStats, StepStats};
use prony_engine::{ClosedLoad, Course, Ended, Event, Load, Statistics};

use super::figures;
use super::screen::{Paint, clean, cut, left, right};
use super::{About, AboutScenario, ChangeSummary, scenario_deliveries, scenario_steps, total};

/// Not on a terminal, a scenario is told of this often.
const EVERY: Duration = Duration::from_secs(10);
/// What a terminal has when it does not say.
const ROWS_AND_COLUMNS: (usize, usize) = (24, 80);

/// Progress of one run.
pub struct Progress {
    out: Box<dyn Write + Send>,
    about: About,
    terminal: bool,
    paint: Paint,
    seen: Vec<Seen>,
    /// Lines on the terminal that the next drawing goes over.
    drawn: usize,
    /// What they were, to draw them again under a notice.
    lines: Vec<String>,
    next_plain: Duration,
    stopping: bool,
    course: Course,
}

/// What a scenario has done so far.
#[derive(Clone, Default)]
struct Seen {
    failures: u64,
    dropped: u64,
    ended_iterations: u64,
}

/// A scenario's second.
struct Second<'a> {
    scenario: &'a AboutScenario,
    name: &'a str,
    /// In the plan's time.
    at: Duration,
    paused: bool,
    wall: Duration,
    stats: &'a ScenarioStats,
    steps: StepStats,
    /// Messages that came; `None` where none can come.
    messages: Option<StepStats>,
    seen: &'a Seen,
}

impl Progress {
    /// Progress on standard error; `terminal` says whether that is one that can move its cursor.
    #[must_use]
    pub fn new(about: &About, terminal: bool) -> Self {
        let capable = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let coloured = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self::to(Box::new(std::io::stderr()), about, terminal && capable, coloured)
    }

    fn to(out: Box<dyn Write + Send>, about: &About, terminal: bool, coloured: bool) -> Self {
        Self {
            out,
            about: about.clone(),
            terminal,
            paint: Paint { coloured: coloured && terminal },
            seen: vec![Seen::default(); about.scenarios.len()],
            drawn: 0,
            lines: Vec::new(),
            next_plain: EVERY,
            stopping: false,
            course: Course::default(),
        }
    }

    /// Shows what an event tells.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Interval(interval) => self.interval(interval),
            Event::Notice { scenario, text } => {
                let name =
                    self.about.catalog.scenarios.get(usize::from(scenario.0)).map_or("", String::as_str);
                let line = format!("{}: {}", clean(name), clean(text));
                self.above(&self.paint.doubtful(&line));
            }
            Event::Changed(change) => {
                // What the engine has taken up is no mistake here.
                let _ = self.course.turn(change.at, change.action);
                let change = ChangeSummary::from(change);
                let at = figures::time(change.at_us);
                self.above(&format!("by hand: {} at {at} ({})", change.in_words(), change.origin));
            }
            Event::Standing(_) => {}
            Event::Refused { why, .. } => {
                self.above(&format!("by hand: nothing changed, for {}", clean(why)));
            }
            Event::Stopping(ended) => {
                self.stopping = true;
                let why = match ended {
                    Ended::Finished => "all load is done".to_owned(),
                    Ended::Aborted(expression) => format!("the threshold {} says abort", clean(expression)),
                    Ended::Interrupted => "interrupted".to_owned(),
                    Ended::Failed(text) => clean(text),
                };
                let again = match ended {
                    Ended::Interrupted => " (a second Ctrl-C ends at once, without a summary)",
                    _ => "",
                };
                self.above(&format!("stopping: {why}; iterations under way have two seconds to end{again}"));
            }
        }
    }

    /// Takes the lines off the terminal, for whoever wants to write there next.
    pub fn clear(&mut self) {
        let text = self.erased();
        self.lines.clear();
        self.write(&text);
    }

    fn interval(&mut self, interval: &Interval) {
        let mut lines = Vec::new();
        for number in 0..self.about.scenarios.len() {
            let Some(stats) = interval.statistics.scenarios.get(number) else { continue };
            let id = ScenarioId(number as u16);
            let steps = total(scenario_steps(&interval.catalog, &interval.statistics, id));
            let messages = messages(&interval.catalog, &interval.statistics, id);
            let seen = &mut self.seen[number];
            seen.failures += steps.failed();
            seen.dropped += stats.dropped.total();
            seen.ended_iterations += stats.iterations.completed + stats.iterations.failed;
            let second = Second {
                scenario: &self.about.scenarios[number],
                name: self.about.catalog.scenarios.get(number).map_or("", String::as_str),
                at: self.course.plan_at(interval.to),
                paused: self.course.is_paused() && self.course.plan_at(interval.to) < interval.to,
                wall: interval.to.saturating_sub(interval.from),
                stats,
                steps,
                messages,
                seen,
            };
            // A file need not be told again and again that a scenario is done.
            if self.terminal || !second.done() {
                lines.push(second.cells(self.stopping));
            }
        }
        let trouble = trouble(&interval.generator, &interval.statistics.scenarios);
        if self.terminal {
            let (rows, columns) = size();
            self.lines = aligned(&lines, columns.saturating_sub(1), self.paint);
            if let Some(trouble) = trouble {
                let line = cut(&format!("generator  {trouble}"), columns.saturating_sub(1));
                self.lines.push(self.paint.doubtful(&line));
            }
            self.lines.truncate(rows.saturating_sub(1).max(1));
            let text = format!("{}{}", self.erased(), self.drawing());
            self.write(&text);
        } else if interval.to >= self.next_plain {
            while self.next_plain <= interval.to {
                self.next_plain += EVERY;
            }
            let mut text: String = lines.iter().map(|cells| format!("{}\n", plain(cells))).collect();
            if let Some(trouble) = trouble {
                text.push_str(&format!("generator  {trouble}\n"));
            }
            self.write(&text);
        }
    }

    /// Puts a line above the ones that are drawn again and again.
    fn above(&mut self, line: &str) {
        let text = format!("{}{line}\n{}", self.erased(), self.drawing());
        self.write(&text);
    }

    /// What takes the drawn lines away: up to the first, and everything below it erased.
    fn erased(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\r\x1b[J"),
        }
    }

    fn drawing(&mut self) -> String {
        self.drawn = self.lines.len();
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn write(&mut self, text: &str) {
        // Progress that cannot be shown is no reason to end a run.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

/// A cell of a scenario's line.
struct Cell {
    text: String,
    tone: Tone,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Bold,
    Doubtful,
    Bad,
}

impl Cell {
    fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl Second<'_> {
    fn cells(&self, stopping: bool) -> Vec<Cell> {
        let stats = self.stats;
        let mut cells =
            vec![Cell::new(clean(self.name), Tone::Bold), Cell::new(self.clock(stopping), Tone::Plain)];
        cells.push(self.rate());
        let recent = self.steps.failed();
        let failed = match (self.seen.failures, recent) {
            (0, _) => Cell::new("0 failed", Tone::Plain),
            (all, 0) => Cell::new(format!("{} failed", figures::count(all)), Tone::Plain),
            (all, new) => {
                Cell::new(format!("{} failed (+{})", figures::count(all), figures::count(new)), Tone::Bad)
            }
        };
        cells.push(failed);
        let dropped = match self.seen.dropped {
            0 => String::new(),
            dropped => format!("{} dropped", figures::count(dropped)),
        };
        cells.push(Cell::new(dropped, Tone::Doubtful));
        cells.push(Cell::new(percentiles(&self.steps.response), Tone::Plain));
        cells.push(Cell::new(self.messages(), Tone::Plain));
        cells.push(Cell::new(figures::plural(stats.users_now, "user", "users"), Tone::Plain));
        cells
    }

    /// Messages that came a second, and how long they took.
    fn messages(&self) -> String {
        let seconds = self.wall.as_secs_f64();
        let Some(messages) = self.messages.as_ref().filter(|_| seconds > 0.0) else { return String::new() };
        let rate = figures::rate(messages.requests as f64 / seconds);
        match messages.response.quantile(0.99) {
            Some(time) => format!("{rate} messages/s p99 {}", figures::time(time as f64 / 1e3)),
            None => format!("{rate} messages/s"),
        }
    }

    /// Whether its load is done and no user of it is busy.
    fn done(&self) -> bool {
        let length = self.scenario.load.duration();
        let over = length.is_some_and(|length| self.at >= self.scenario.start_after + length);
        over && self.stats.users_now == 0
    }

    /// Where in its time the scenario is.
    fn clock(&self, stopping: bool) -> String {
        let scenario = self.scenario;
        let begin = scenario.start_after;
        if self.at < begin {
            return format!("begins in {}", clock(begin - self.at));
        }
        let elapsed = self.at - begin;
        if stopping {
            return format!("{} stopping", clock(elapsed));
        }
        if self.paused && !self.done() {
            return format!("paused at {}", clock(elapsed));
        }
        if let Load::Closed(closed) = &scenario.load
            && let Some(wanted) = iterations(closed)
        {
            let done = self.seen.ended_iterations;
            return format!("{} {} of {}", clock(elapsed), figures::count(done), figures::count(wanted));
        }
        match scenario.load.duration() {
            None => clock(elapsed),
            Some(length) if elapsed < scenario.warmup => {
                format!("{} of {}, warming up", clock(elapsed), clock(length))
            }
            Some(length) if elapsed < length => {
                format!("{} left of {}", clock(length - elapsed), clock(length))
            }
            Some(_) if self.done() => "done".to_owned(),
            Some(_) => "load done, ending".to_owned(),
        }
    }

    /// Starts made a second; of an open load beside the starts asked for.
    fn rate(&self) -> Cell {
        let seconds = self.wall.as_secs_f64();
        if seconds <= 0.0 {
            return Cell::new("", Tone::Plain);
        }
        let made = self.stats.iterations.started as f64 / seconds;
        match self.scenario.load {
            Load::Closed(_) => Cell::new(format!("{}/s", figures::rate(made)), Tone::Plain),
            Load::Open(_) => {
                let asked = self.stats.due as f64 / seconds;
                let tone =
                    if self.stats.iterations.started < self.stats.due { Tone::Doubtful } else { Tone::Plain };
                Cell::new(format!("{} of {}/s", figures::rate(made), figures::rate(asked)), tone)
            }
        }
    }
}

/// All messages that came to a scenario in a second, if any may come.
fn messages(catalog: &Catalog, statistics: &Statistics, id: ScenarioId) -> Option<StepStats> {
    let of = |kind: StepKind| {
        let all = scenario_deliveries(catalog, statistics, id);
        all.filter(move |(entry, _)| entry.kind == kind).map(|(_, step)| step)
    };
    let mut came = of(StepKind::Delivery).peekable();
    if came.peek().is_some() {
        return Some(total(came));
    }
    // Nobody knows how old they were: what is timed of the most of them stands for them.
    of(StepKind::Timing).max_by_key(|step| step.requests).cloned()
}

/// How many iterations a load asks for, if it counts them.
fn iterations(load: &ClosedLoad) -> Option<u64> {
    match load {
        ClosedLoad::IterationsEach { users, iterations, .. } => Some(u64::from(*users) * iterations),
        ClosedLoad::SharedIterations { iterations, .. } => Some(*iterations),
        ClosedLoad::Users { .. } | ClosedLoad::Stages(_) => None,
    }
}

fn percentiles(response: &Latency) -> String {
    let time =
        |quantile| response.quantile(quantile).map(|nanoseconds| figures::time(nanoseconds as f64 / 1e3));
    match (time(0.5), time(0.99)) {
        (Some(p50), Some(p99)) => format!("p50 {p50} p99 {p99}"),
        _ => "no answers".to_owned(),
    }
}

/// What a person should know at once about the generator, while there is time to do something about it.
fn trouble(generator: &GeneratorStats, scenarios: &[ScenarioStats]) -> Option<String> {
    let wall = generator.wall.as_secs_f64();
    if wall < 0.5 {
        return None;
    }
    let largest = |time: fn(&WorkerStats) -> Duration| {
        generator.workers.iter().map(time).max().map_or(0.0, |time| time.as_secs_f64() / wall)
    };
    let mut parts = Vec::new();
    let (busy, waiting) = (largest(|worker| worker.cpu), largest(|worker| worker.waiting));
    if busy > 0.9 {
        parts.push(format!("a thread uses {:.0} % of a core", busy * 100.0));
    }
    if waiting > 0.05 {
        parts.push(format!("a thread waits {:.0} % of its time for a core", waiting * 100.0));
    }
    let late = scenarios.iter().filter_map(|scenario| scenario.lag.quantile(0.99));
    let late = late.chain(generator.wakeup_lag().quantile(0.99)).max().unwrap_or(0);
    if late > 1_000_000 {
        parts.push(format!("one start in a hundred comes {} late or more", figures::time(late as f64 / 1e3)));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Whole seconds: `42s`, `1m 30s`.
fn clock(duration: Duration) -> String {
    match duration.as_secs_f64().round() {
        seconds if seconds < 1.0 => "0s".to_owned(),
        seconds => show_duration(Duration::from_secs(seconds as u64)),
    }
}

fn plain(cells: &[Cell]) -> String {
    let texts = cells.iter().map(|cell| cell.text.as_str()).filter(|text| !text.is_empty());
    texts.collect::<Vec<_>>().join("  ")
}

/// Lines of cells, each column as wide as its widest, cut to `most` columns.
fn aligned(lines: &[Vec<Cell>], most: usize, paint: Paint) -> Vec<String> {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| super::screen::width(&cell.text)).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| widest(column).unwrap_or(0)).collect();
    lines
        .iter()
        .map(|line| {
            let mut text = String::new();
            let mut room = most;
            for (column, cell) in line.iter().enumerate() {
                let gap = if column == 0 { 0 } else { 2 };
                if widths[column] == 0 || room <= gap {
                    continue;
                }
                // Figures are shown whole or not at all.
                if column > 1 && widths[column] + gap > room {
                    break;
                }
                let width = widths[column].min(room - gap);
                let cell_text = cut(&cell.text, width);
                // Rates stand to the right, so that their ends do not dance.
                let placed = if column == 2 { right(&cell_text, width) } else { left(&cell_text, width) };
                text.push_str(&" ".repeat(gap));
                text.push_str(&match cell.tone {
                    Tone::Plain => placed,
                    Tone::Bold => paint.bold(&placed),
                    Tone::Doubtful => paint.doubtful(&placed),
                    Tone::Bad => paint.bad(&placed),
                });
                room -= gap + width;
            }
            text.trim_end().to_owned()
        })
        .collect()
}

/// Rows and columns of the terminal at standard error.
fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(std::io::stderr()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => {
            (usize::from(size.ws_row), usize::from(size.ws_col))
        }
        _ => ROWS_AND_COLUMNS,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use prony_engine::Arrivals;

    use super::super::samples::{self, Steps};
    use super::*;

    /// What was written, shared with the test.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("one thread").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("one thread").clone()).expect("UTF-8")
        }

        /// What a terminal shows of it: lines, cursor up, erase below.
        fn screen(&self) -> Vec<String> {
            let mut lines: Vec<String> = Vec::new();
            let text = self.text();
            let mut rest = text.as_str();
            while let Some(at) = rest.find(['\n', '\x1b']) {
                let (before, after) = rest.split_at(at);
                if let Some(line) = after.strip_prefix('\n') {
                    lines.push(before.trim_start_matches('\r').to_owned());
                    rest = line;
                    continue;
                }
                assert_eq!(before, "", "colours are off, so sequences stand alone");
                let (up, after) = after[2..].split_once("A\r\x1b[J").expect("up and erase");
                lines.truncate(lines.len() - up.parse::<usize>().expect("a number"));
                rest = after;
            }
            lines
        }
    }

    fn long_run() -> samples::Sample {
        let steps = Steps { names: &["GET /"], median_us: 900.0, a_second: 40, one_in_fails: 40 };
        let few = Steps { names: &["POST /cart"], median_us: 9_000.0, a_second: 5, one_in_fails: 0 };
        let open = samples::constant(40.0, 25, Arrivals::Uniform);
        samples::run(25, &[("browse", open, steps), ("checkout", samples::ramped_users(12), few)])
    }

    #[test]
    fn a_file_gets_a_line_a_scenario_every_ten_seconds() {
        let sample = long_run();
        let written = Written::default();
        let mut progress = Progress::to(Box::new(written.clone()), &sample.about, false, true);
        samples::events(&sample).for_each(|event| progress.event(&event));
        progress.clear();
        insta::assert_snapshot!("progress_in_a_file", written.text());
    }

    #[test]
    fn a_terminal_shows_one_line_a_scenario_and_notices_above_them() {
        let sample = long_run();
        let written = Written::default();
        let mut progress = Progress::to(Box::new(written.clone()), &sample.about, true, false);
        for (second, event) in samples::events(&sample).enumerate() {
            progress.event(&event);
            if second == 3 {
                let text = "no answer\x1b[2J within 1s".to_owned();
                progress.event(&Event::Notice { scenario: ScenarioId(0), text });
            }
            if second == 20 {
                progress.event(&Event::Stopping(Ended::Interrupted));
            }
        }
        let screen = written.screen();
        insta::assert_snapshot!("progress_on_a_terminal", screen.join("\n"));
        assert_eq!(screen.len(), 2 + sample.about.scenarios.len(), "{screen:#?}");
        progress.clear();
        assert_eq!(written.screen().len(), 2, "only the notices stay");
    }

    #[test]
    fn lines_are_cut_to_the_terminal() {
        let cells = || vec![Cell::new("a long name", Tone::Bold), Cell::new("10s of 1m", Tone::Plain)];
        let lines = aligned(&[cells(), cells()], 16, Paint { coloured: false });
        assert_eq!(lines, ["a long name  10…", "a long name  10…"]);
    }

    #[test]
    fn a_generator_in_trouble_says_so() {
        let mut generator = GeneratorStats { wall: Duration::from_secs(1), ..GeneratorStats::default() };
        assert_eq!(trouble(&generator, &[]), None);
        let worker = |cpu| WorkerStats { cpu: Duration::from_millis(cpu), ..WorkerStats::default() };
        generator.workers = vec![worker(100), worker(970)];
        generator.workers[0].wakeup_lag.record(12_000_000);
        let told = trouble(&generator, &[]).expect("trouble");
        assert_eq!(told, "a thread uses 97 % of a core, one start in a hundred comes 12.0ms late or more");
    }
}
