//! The stored run: a folder with the plan, the summary, a timeline and the histograms of every second.
//!
//! What has happened is on its way to the disk within a second, so a run that is killed leaves all but its last second.
//! A disk that is full must not end a run that is otherwise fine: the first error is told once, and the run goes on.

mod csv;
mod intervals;
mod outputs;
mod stream;
mod timeline;
mod written;

pub(crate) use outputs::{OutputFlags, Outputs};
pub(crate) use stream::shape as streams_shape;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use prony_core::Diagnostic;
use prony_engine::Event;

use crate::report::{About, Summary};
use intervals::Intervals;
pub(crate) use intervals::Tags;
use timeline::Timeline;
pub(crate) use timeline::{ScenarioLine, scenario_lines};

/// The names of the files in a stored run.
pub(crate) mod files {
    /// The plan.
    pub(crate) const PLAN: &str = "plan.yaml";
    /// The summary, as `docs/summary.schema.json` has it.
    pub(crate) const SUMMARY: &str = "summary.json";
    /// One JSON object a scenario and second.
    pub(crate) const TIMELINE: &str = "timeline.jsonl";
    /// The histograms of every second, in the HdrHistogram log format.
    pub(crate) const INTERVALS: &str = "intervals.hlog";
    /// All of the others as a page to look at.
    pub(crate) const REPORT: &str = "report.html";
    /// All of them.
    pub(crate) const ALL: [&str; 5] = [PLAN, SUMMARY, TIMELINE, INTERVALS, REPORT];
}

/// A run on its way into its folder.
pub struct Store {
    folder: PathBuf,
    timeline: Timeline<BufWriter<File>>,
    intervals: Intervals<BufWriter<File>>,
    broken: bool,
    /// Whether there is anything worth keeping.
    used: bool,
    made_folder: bool,
}

impl Store {
    /// Makes `folder` with all above it, and the files in it. A folder that holds a run, or a file of a run's names, is
    /// left alone: no result is ever overwritten.
    ///
    /// # Errors
    /// When there is such a file already, or one cannot be made.
    pub fn create(folder: &Path, plan_yaml: &str, about: &About) -> Result<Self, Diagnostic> {
        if let Some(file) = files::ALL.into_iter().find(|file| folder.join(file).exists()) {
            let message =
                format!("{} already holds a {file}, and a stored run is never overwritten", folder.display());
            return Err(problem(message, "choose another folder or remove this one"));
        }
        let unwritable = |path: &Path, error: &io::Error| {
            let message = format!("{} cannot be made: {error}", path.display());
            problem(message, "choose a folder for `--out` that this user may write to")
        };
        let made_folder = !folder.exists();
        std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
        let new = |name: &str| {
            let path = folder.join(name);
            let file = OpenOptions::new().write(true).create_new(true).open(&path);
            file.map_err(|error| unwritable(&path, &error))
        };
        let plan = new(files::PLAN)?.write_all(plan_yaml.as_bytes());
        plan.map_err(|error| unwritable(&folder.join(files::PLAN), &error))?;
        Ok(Self {
            folder: folder.to_owned(),
            timeline: Timeline::new(BufWriter::new(new(files::TIMELINE)?)),
            intervals: Intervals::new(BufWriter::new(new(files::INTERVALS)?), about),
            broken: false,
            used: false,
            made_folder,
        })
    }

    /// Stores what an event tells. After an error nothing more is stored and no further error is told.
    ///
    /// # Errors
    /// The first time that something cannot be written.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        if self.broken {
            return Ok(());
        }
        let stored = match event {
            Event::Interval(interval) => {
                self.used = true;
                self.timeline.write(interval).and_then(|()| self.intervals.write(interval))
            }
            Event::Changed(change) => self.timeline.change(change),
            Event::Notice { .. } | Event::Stopping(_) | Event::Standing(_) | Event::Refused { .. } => Ok(()),
        };
        self.broken = stored.is_err();
        stored
    }

    /// Writes the summary: all of it or none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.used = true;
        let partial = self.folder.join(format!("{}.partial", files::SUMMARY));
        let mut file = BufWriter::new(File::create(&partial)?);
        serde_json::to_writer_pretty(&mut file, summary)?;
        file.write_all(b"\n")?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&partial, self.folder.join(files::SUMMARY))
    }
}

impl Drop for Store {
    /// A run that could not begin leaves nothing behind that would refuse the next attempt.
    fn drop(&mut self) {
        if self.used {
            return;
        }
        remove_files(&self.folder);
        if self.made_folder {
            let _ = std::fs::remove_dir(&self.folder);
        }
    }
}

/// Removes a stored run: its files, and the folder when nothing else is in it.
pub(crate) fn remove(folder: &Path) {
    remove_files(folder);
    let _ = std::fs::remove_dir(folder);
}

fn remove_files(folder: &Path) {
    for file in files::ALL {
        let _ = std::fs::remove_file(folder.join(file));
    }
}

fn problem(message: String, help: &str) -> Diagnostic {
    Diagnostic { message, place: None, label: String::new(), help: Some(help.to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    use serde_json::Value;

    use super::*;
    use crate::report::{load, render, samples, samples_of_devices, samples_of_guests};

    fn stored(sample: &samples::Sample) -> (tempfile::TempDir, Summary) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store =
            Store::create(&folder.path().join("run"), "name: shop\n", &sample.about).expect("a store");
        for event in samples::events(sample) {
            store.event(&event).expect("room on the disk");
        }
        let summary = Summary::new(&sample.about, &sample.result);
        store.finish(&summary).expect("room on the disk");
        (folder, summary)
    }

    #[test]
    fn a_stored_run_reads_as_the_run_did() {
        let others = [samples_of_guests::sensors(), samples_of_devices::fleet()];
        for sample in [samples::shop(), samples::starved()].into_iter().chain(others) {
            let (folder, summary) = stored(&sample);
            let again = load(&folder.path().join("run")).expect("a stored run");
            assert_eq!(again, summary);
            assert_eq!(render(&again, true, 100), render(&summary, true, 100));
        }
    }

    #[test]
    fn a_run_stored_before_there_were_plugins_is_read() {
        fn strip(value: &mut Value) {
            if let Some(object) = value.as_object_mut() {
                for key in [
                    "plugins",
                    "metrics",
                    "guests",
                    "help",
                    "worker_scenarios",
                    "guest_time_us",
                    "guest_cpu_share",
                    "deliveries",
                    "changes",
                ] {
                    object.shift_remove(key);
                }
                object.values_mut().for_each(strip);
            }
            value.as_array_mut().into_iter().flatten().for_each(strip);
        }
        let (folder, summary) = stored(&samples::shop());
        let path = folder.path().join("run/summary.json");
        let mut old: Value =
            serde_json::from_str(&std::fs::read_to_string(&path).expect("text")).expect("JSON");
        strip(&mut old);
        std::fs::write(&path, old.to_string()).expect("a file");
        let again = load(&folder.path().join("run")).expect("a stored run");
        assert_eq!(render(&again, false, 100), render(&summary, false, 100));
    }

    #[test]
    fn the_largest_seed_survives() {
        let mut sample = samples::shop();
        sample.about.seed = u64::MAX;
        let (folder, _) = stored(&sample);
        assert_eq!(load(&folder.path().join("run")).expect("a stored run").seed, u64::MAX);
    }

    #[test]
    fn only_the_named_files_are_left() {
        let (folder, _) = stored(&samples::shop());
        let files = std::fs::read_dir(folder.path().join("run")).expect("a folder");
        let mut names: Vec<_> = files.map(|file| file.expect("a file").file_name()).collect();
        names.sort();
        // The report is made of the others, when they are whole.
        let mut expected: Vec<_> = files::ALL.into_iter().filter(|file| *file != files::REPORT).collect();
        expected.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!(
            std::fs::read_to_string(folder.path().join("run/plan.yaml")).expect("text"),
            "name: shop\n"
        );
    }

    #[test]
    fn the_interval_log_adds_up_to_the_summary() {
        let sample = samples::shop();
        let (folder, summary) = stored(&sample);
        let log = std::fs::read(folder.path().join("run/intervals.hlog")).expect("a log");
        let mut counts: HashMap<String, u64> = HashMap::new();
        let mut browse = hdrhistogram::Histogram::<u64>::new(3).expect("3 digits");
        let mut times = (0, 0);
        for entry in IntervalLogIterator::new(&log) {
            match entry.expect("a readable line") {
                LogEntry::StartTime(time) => times.0 = time.as_secs(),
                LogEntry::BaseTime(time) => times.1 = time.as_secs(),
                LogEntry::Interval(interval) => {
                    let tag = interval.tag().expect("a tag").as_str().to_owned();
                    assert!(interval.start_timestamp().as_secs() < 10, "relative to the base time");
                    let bytes = base64_of(interval.encoded_histogram());
                    let histogram = Deserializer::new()
                        .deserialize::<u64, _>(&mut std::io::Cursor::new(bytes))
                        .expect("a histogram");
                    if tag == "browse/GET_/products:response" {
                        browse.add(&histogram).expect("the same range");
                    }
                    *counts.entry(tag).or_default() += histogram.len();
                }
            }
        }
        assert!(times.0 > 1_700_000_000 && times.0 == times.1, "{times:?}");
        for (name, scenario) in &summary.scenarios {
            for (step, figures) in &scenario.steps {
                let tag = |what: &str| format!("{name}/{}:{what}", step.replace(' ', "_"));
                assert_eq!(counts[&tag("response")], figures.measured.response_time_us.count);
                assert_eq!(counts[&tag("service")], figures.measured.service_time_us.count);
            }
            assert_eq!(counts[&format!("{name}/journey:group")], scenario.groups["journey"].count);
            assert_eq!(counts[&format!("{name}:lag")], scenario.lag_us.count);
            assert_eq!(counts[&format!("{name}:iteration")], scenario.iteration_time_us.count);
        }
        assert_eq!(counts["generator:wakeup"], summary.generator.wakeup_lag_us.count);
        let first = &summary.scenarios["browse"].steps["GET /products"].measured.response_time_us;
        let p99 = first.p99.expect("requests") * 1e3;
        assert!(
            (browse.value_at_quantile(0.99) as f64 - p99).abs() <= p99 * 0.001,
            "nanoseconds, to three digits"
        );
    }

    /// Decodes base64 by hand: nothing else of this crate needs it.
    fn base64_of(text: &str) -> Vec<u8> {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut bytes = Vec::new();
        let (mut buffer, mut bits) = (0_u32, 0);
        for letter in text.bytes().filter(|letter| *letter != b'=') {
            let value = alphabet.iter().position(|known| *known == letter).expect("base64");
            buffer = (buffer << 6) | value as u32;
            bits += 6;
            if bits >= 8 {
                bits -= 8;
                bytes.push((buffer >> bits) as u8);
                buffer &= (1 << bits) - 1;
            }
        }
        bytes
    }

    #[test]
    fn the_timeline_has_a_line_a_scenario_and_second_and_adds_up() {
        let sample = samples::shop();
        let (folder, summary) = stored(&sample);
        let text = std::fs::read_to_string(folder.path().join("run/timeline.jsonl")).expect("text");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 10 * 3);
        for (name, scenario) in &summary.scenarios {
            let own = || lines.iter().filter(|line| line["scenario"] == name.as_str());
            let sum = |key: &str| own().filter_map(|line| line[key].as_u64()).sum::<u64>();
            assert_eq!(sum("requests"), scenario.measured.requests);
            assert_eq!(sum("failures"), scenario.measured.failures.total);
            assert_eq!(sum("started"), scenario.iterations.started);
            assert!(own().all(|line| line["response_time_us"]["p99"].is_f64()));
        }
        let generator: Vec<_> = lines.iter().filter(|line| line["scenario"].is_null()).collect();
        assert_eq!(generator.len(), 10);
        assert_eq!(generator[3]["from_us"], 3_000_000.0);
        assert_eq!(generator[3]["cpu_us"], 600_000.0);
    }

    #[test]
    fn changes_by_hand_have_lines_of_their_own() {
        let sample = samples::steered();
        let (folder, summary) = stored(&sample);
        let text = std::fs::read_to_string(folder.path().join("run/timeline.jsonl")).expect("text");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let changes: Vec<Value> = lines.into_iter().filter(|line| !line["change"].is_null()).collect();
        assert_eq!(Value::from(changes), serde_json::to_value(&summary.changes).expect("JSON"));
        assert_eq!(summary.changes.len(), 4);
    }

    #[test]
    fn names_that_come_up_while_running_are_stored_from_then_on() {
        let sample = samples_of_guests::sensors();
        let (folder, summary) = stored(&sample);
        let text = std::fs::read_to_string(folder.path().join("run/timeline.jsonl")).expect("text");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let own: Vec<&Value> = lines.iter().filter(|line| line["scenario"] == "sensors").collect();
        let sensors = &summary.scenarios["sensors"];
        let sum = |pointer: &str| own.iter().filter_map(|line| line.pointer(pointer)?.as_f64()).sum::<f64>();
        assert_eq!(Some(sum("/metrics/orders/sum")), sensors.metrics["orders"].sum);
        assert_eq!(sum("/checks/passed"), 195.0);
        assert_eq!(sum("/guests/ended"), 6.0);
        assert_eq!(sum("/requests"), 200.0);
        assert!(own[0]["metrics"].as_object().is_some_and(serde_json::Map::is_empty), "{}", own[0]);
        assert_eq!(own[9]["metrics"]["queue"]["last"], 20.0);
        assert!(lines.iter().filter(|line| line["scenario"] == "shop").all(|line| line["guests"].is_null()));
        let log = std::fs::read_to_string(folder.path().join("run/intervals.hlog")).expect("text");
        let tagged = |tag: &str| log.lines().filter(|line| line.starts_with(&format!("Tag={tag},"))).count();
        assert_eq!(tagged("sensors/publish:response"), 5);
        assert_eq!(tagged("sensors:guest"), 5);
        assert_eq!(tagged("shop:guest"), 0);
    }

    #[test]
    fn messages_that_came_have_series_of_their_own() {
        let sample = samples_of_devices::fleet();
        let (folder, summary) = stored(&sample);
        let text = std::fs::read_to_string(folder.path().join("run/timeline.jsonl")).expect("text");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let own: Vec<&Value> = lines.iter().filter(|line| line["scenario"] == "fleet").collect();
        let sum = |pointer: &str| own.iter().filter_map(|line| line.pointer(pointer)?.as_u64()).sum::<u64>();
        let came = &summary.scenarios["fleet"].deliveries["deliver commands/#"];
        assert_eq!(sum("/deliveries/deliver commands~1#/messages"), came.messages);
        assert_eq!(sum("/requests"), summary.scenarios["fleet"].measured.requests);
        assert_eq!(own[9]["metrics"]["mqtt.lost"]["sum"], 3.0);
        let log = std::fs::read_to_string(folder.path().join("run/intervals.hlog")).expect("text");
        let tagged = |tag: &str| log.lines().filter(|line| line.starts_with(&format!("Tag={tag},"))).count();
        assert_eq!(tagged("fleet/deliver_commands/#:delivery_response"), 10);
        assert_eq!(tagged("fleet/deliver_commands/#:delivery_service"), 10);
        assert_eq!(tagged("fleet/deliver_commands/#:response"), 0);
        assert_eq!(tagged("fleet/publish:response"), 10);
    }

    #[test]
    fn a_second_is_on_the_disk_before_the_run_has_ended() {
        let sample = samples::shop();
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Store::create(folder.path(), "", &sample.about).expect("an empty folder is fine");
        store.event(&samples::events(&sample).next().expect("a second")).expect("room on the disk");
        let lines = |name| std::fs::read_to_string(folder.path().join(name)).expect("text").lines().count();
        assert_eq!(lines(files::TIMELINE), 3);
        assert!(lines(files::INTERVALS) > 10);
        drop(store);
    }

    #[test]
    fn a_run_is_never_overwritten() {
        let sample = samples::shop();
        for file in files::ALL {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::write(folder.path().join(file), "precious").expect("a file");
            let told = Store::create(folder.path(), "", &sample.about).err().expect("refused").to_string();
            assert!(told.contains(file) && told.contains("choose another folder"), "{told}");
            assert_eq!(std::fs::read_to_string(folder.path().join(file)).expect("text"), "precious");
            assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told_before_the_run() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let told =
            Store::create(&file.path().join("run"), "", &samples::shop().about).err().expect("refused");
        assert!(told.message.contains("cannot be made"), "{told}");
    }

    #[test]
    fn a_run_that_could_not_begin_leaves_nothing() {
        let sample = samples::shop();
        let folder = tempfile::tempdir().expect("a folder");
        let (new, old) = (folder.path().join("new"), folder.path().join("old"));
        std::fs::create_dir(&old).expect("a folder");
        std::fs::write(old.join("notes.txt"), "mine").expect("a file");
        drop(Store::create(&new, "", &sample.about).expect("a store"));
        drop(Store::create(&old, "", &sample.about).expect("a store beside other files"));
        assert!(!new.exists());
        assert_eq!(std::fs::read_dir(&old).expect("a folder").count(), 1);
    }

    #[test]
    fn a_full_disk_is_told_once() {
        let sample = samples::shop();
        let folder = tempfile::tempdir().expect("a folder");
        let full = || BufWriter::new(OpenOptions::new().write(true).open("/dev/full").expect("Linux has it"));
        let mut store = Store {
            folder: folder.path().to_owned(),
            timeline: Timeline::new(full()),
            intervals: Intervals::new(full(), &sample.about),
            broken: false,
            used: false,
            made_folder: false,
        };
        let told: Vec<bool> = samples::events(&sample).map(|event| store.event(&event).is_err()).collect();
        assert_eq!(told.iter().filter(|failed| **failed).count(), 1);
        assert!(told[0]);
        store.finish(&Summary::new(&sample.about, &sample.result)).expect("the summary has room of its own");
        assert!(load(folder.path()).is_ok());
    }
}
