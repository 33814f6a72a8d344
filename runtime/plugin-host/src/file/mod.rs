//! A plugin file: what it is, judged before any of it runs.

mod read;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use semver::Version;
use sha2::{Digest, Sha256};

use crate::engine::Kind;

/// The interface this program speaks.
pub const INTERFACE: Version = Version::new(0, 1, 1);
/// The package of the interface.
pub(crate) const PACKAGE: &str = "prony:plugin/";

/// A file that is a plugin of a version and a world that this program knows.
#[derive(Clone, Debug)]
pub struct PluginFile {
    /// Where it is.
    pub path: PathBuf,
    /// All of it.
    pub bytes: Arc<[u8]>,
    /// The SHA-256 of it, in hexadecimal digits.
    pub sha256: String,
    /// Its world.
    pub kind: Kind,
    /// The version of the interface it was built for.
    pub interface: Version,
    /// The interfaces it imports.
    pub imports: Vec<String>,
    /// Those it exports.
    pub exports: Vec<String>,
    /// What it says about itself.
    pub metadata: Metadata,
}

/// What a plugin says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Its name; without one, the file's.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Who made it.
    pub authors: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The language it is written in, with its version.
    pub language: Option<String>,
    /// The SDK it was built with, with its version.
    pub sdk: Option<String>,
}

/// Why a file is no plugin to use here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found}; {help}")]
pub struct FileProblem {
    /// What was found.
    pub found: String,
    /// What to do.
    pub help: String,
}

impl FileProblem {
    pub(crate) fn new(found: impl Into<String>, help: impl Into<String>) -> Self {
        Self { found: found.into(), help: help.into() }
    }
}

/// The largest file taken for a plugin, in bytes.
const LARGEST: u64 = 512 << 20;

impl PluginFile {
    /// Reads a file and judges it.
    ///
    /// # Errors
    /// When it cannot be read, is no component, or is none that this program can run.
    pub fn open(path: &Path) -> Result<Self, FileProblem> {
        let unreadable = |error: &std::io::Error| {
            FileProblem::new(
                format!("{}: {error}", path.display()),
                "is the path right? A relative one starts from the plan's folder; `prony plugin build` makes the file",
            )
        };
        let length = std::fs::metadata(path).map_err(|error| unreadable(&error))?.len();
        if length > LARGEST {
            let found = format!("{} has {length} bytes", path.display());
            return Err(FileProblem::new(found, "no plugin is that large: is it the right file?"));
        }
        let bytes = std::fs::read(path).map_err(|error| unreadable(&error))?;
        Self::from_bytes(path, bytes)
    }

    /// Judges the bytes of a file.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, FileProblem> {
        let shown = path.display();
        let found = read::read(&bytes).map_err(|mut problem| {
            problem.found = format!("{shown} {}", problem.found);
            problem
        })?;
        let (kind, interface) = world(&found.exports).map_err(|mut problem| {
            problem.found = format!("{shown} {}", problem.found);
            problem
        })?;
        for import in &found.imports {
            known_import(import, kind).map_err(|mut problem| {
                problem.found = format!("{shown} {}", problem.found);
                problem
            })?;
        }
        let mut metadata = found.metadata;
        if metadata.name.is_empty() {
            metadata.name =
                path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        }
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            path: path.to_owned(),
            bytes: bytes.into(),
            sha256,
            kind,
            interface,
            imports: found.imports,
            exports: found.exports,
            metadata,
        })
    }
}

/// The version at the end of `prony:plugin/journey@0.1.0`.
fn version_of(name: &str, interface: &str) -> Option<Result<Version, String>> {
    let rest = name.strip_prefix(PACKAGE)?.strip_prefix(interface)?;
    match rest.strip_prefix('@') {
        Some(version) => Some(Version::parse(version).map_err(|_| version.to_owned())),
        None => rest.is_empty().then(|| Err("none".to_owned())),
    }
}

/// The world by what is exported, and the version it is of.
fn world(exports: &[String]) -> Result<(Kind, Version), FileProblem> {
    let exported = |interface: &str| exports.iter().find_map(|name| version_of(name, interface));
    let (kind, version) = match (exported("journey"), exported("functions")) {
        (Some(version), None) => (Kind::Scenario, version),
        (None, Some(version)) => (Kind::Request, version),
        (Some(_), Some(_)) => {
            return Err(FileProblem::new(
                "exports both `journey` and `functions`",
                "a plugin is of one world: `scenario` or `request`; build two plugins",
            ));
        }
        (None, None) => {
            let exports = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
            return Err(FileProblem::new(
                format!("is a component, but no Prony plugin: it exports {exports}"),
                "a plugin exports `prony:plugin/journey` (world scenario) or `prony:plugin/functions` (world request); start one by `prony plugin new`",
            ));
        }
    };
    let fits = |version: &Version| {
        (version.major, version.minor) == (INTERFACE.major, INTERFACE.minor) && *version <= INTERFACE
    };
    match version {
        Ok(version) if fits(&version) => Ok((kind, version)),
        Ok(version) if version > INTERFACE => Err(FileProblem::new(
            format!(
                "was built for version {version} of the plugin interface, and this Prony speaks {INTERFACE}"
            ),
            format!(
                "update Prony, or build the plugin with an SDK for {}.{}",
                INTERFACE.major, INTERFACE.minor
            ),
        )),
        Ok(version) => Err(FileProblem::new(
            format!(
                "was built for version {version} of the plugin interface, and this Prony speaks {INTERFACE}"
            ),
            "build it again with this version's SDK: `prony plugin new` writes it",
        )),
        Err(version) => Err(FileProblem::new(
            format!(
                "names no version of the plugin interface that can be read: `{}`",
                version.escape_debug()
            ),
            format!("this Prony speaks {INTERFACE}; build the plugin with its SDK"),
        )),
    }
}

/// What each world may import of Prony.
const COMMON: [&str; 10] =
    ["types", "exchange", "user", "check", "metric", "data", "random", "clock", "log", "vars"];
const OF_SCENARIOS: [&str; 6] = ["http", "mqtt", "grpc", "ws", "group", "timer"];

fn known_import(import: &str, kind: Kind) -> Result<(), FileProblem> {
    let name = import.split('@').next().unwrap_or_default();
    if let Some(interface) = name.strip_prefix(PACKAGE) {
        let of_scenarios = OF_SCENARIOS.contains(&interface);
        if COMMON.contains(&interface) || of_scenarios && kind == Kind::Scenario {
            return Ok(());
        }
        let help = if of_scenarios {
            "functions of steps send nothing and never wait: make it a plugin of the world scenario"
        } else {
            "was it built for a newer Prony? Update Prony, or build it with this version's SDK"
        };
        return Err(FileProblem::new(
            format!("imports `{import}`, which the world {} does not have", kind.name()),
            help,
        ));
    }
    if name.starts_with("wasi:") {
        let known =
            ["wasi:io/", "wasi:cli/", "wasi:clocks/", "wasi:random/", "wasi:filesystem/", "wasi:sockets/"];
        let of_two = import.split('@').nth(1).is_none_or(|version| version.starts_with("0.2."));
        if of_two && known.iter().any(|package| name.starts_with(package)) {
            return Ok(());
        }
        return Err(FileProblem::new(
            format!("imports `{import}`"),
            "Prony gives its plugins WASI 0.2 without HTTP; for requests use the SDK's `http`, and build for wasm32-wasip2",
        ));
    }
    Err(FileProblem::new(
        format!("imports `{import}`, which Prony does not have"),
        "plugins import interfaces of Prony and WASI 0.2; compose the component with whatever gives it that one",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worlds_and_versions_are_told_apart() {
        let judge = |exports: &[&str]| {
            let exports: Vec<String> = exports.iter().map(|name| (*name).to_owned()).collect();
            world(&exports)
                .map(|(kind, version)| (kind, version.to_string()))
                .map_err(|problem| problem.to_string())
        };
        assert_eq!(judge(&["prony:plugin/journey@0.1.0"]), Ok((Kind::Scenario, "0.1.0".to_owned())));
        assert_eq!(judge(&["prony:plugin/functions@0.1.0"]), Ok((Kind::Request, "0.1.0".to_owned())));
        for (exports, told) in [
            (
                &["prony:plugin/journey@0.2.0"][..],
                "built for version 0.2.0 of the plugin interface, and this Prony speaks 0.1.1; update Prony",
            ),
            (&["prony:plugin/journey@0.1.7"], "update Prony"),
            (&["prony:plugin/journey@0.0.9"], "build it again"),
            (&["prony:plugin/journey@new"], "names no version"),
            (&["prony:plugin/journey"], "names no version"),
            (&["wasi:http/incoming-handler@0.2.0"], "it exports wasi:http/incoming-handler@0.2.0"),
            (&[], "it exports nothing"),
            (&["prony:plugin/journey@0.1.0", "prony:plugin/functions@0.1.0"], "exports both"),
        ] {
            let problem = judge(exports).expect_err(told);
            assert!(problem.contains(told), "{problem}");
        }
    }

    #[test]
    fn imports_that_nobody_gives_are_told() {
        for (import, kind, told) in [
            ("prony:plugin/http@0.1.0", Kind::Request, "send nothing"),
            ("prony:plugin/smtp@0.1.0", Kind::Scenario, "newer Prony"),
            ("wasi:http/types@0.2.0", Kind::Scenario, "without HTTP"),
            ("wasi:clocks/wall-clock@0.3.0", Kind::Scenario, "WASI 0.2"),
            ("shop:pricing/rules", Kind::Scenario, "compose the component"),
        ] {
            let problem = known_import(import, kind).expect_err(import).to_string();
            assert!(problem.contains(told), "{problem}");
        }
        assert_eq!(known_import("prony:plugin/http@0.1.0", Kind::Scenario), Ok(()));
        assert_eq!(known_import("wasi:io/streams@0.2.6", Kind::Request), Ok(()));
    }
}
