//! Compiled code on disk, by the content of what was compiled and by everything of the compiler that matters. Compiling a Python
//! plugin takes seconds; mapping its code takes milliseconds.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::file::PluginFile;

/// So many compiled plugins are kept; the oldest go first.
const MOST: usize = 50;

/// The plugin's code: from the cache, or compiled and, where that can be done, kept.
pub(crate) fn component(engine: &Engine, file: &PluginFile) -> wasmtime::Result<Component> {
    let Some(folder) = folder() else { return Component::new(engine, &file.bytes) };
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let path = folder.join(format!("{}-{:016x}.cwasm", file.sha256, hasher.finish()));
    if path.exists()
        && let Some(component) = load(engine, &path)
    {
        return Ok(component);
    }
    let code = engine.precompile_component(&file.bytes)?;
    // A disk that is full or a folder that is closed costs time, and no run.
    if keep(&folder, &path, &code).is_ok()
        && let Some(component) = load(engine, &path)
    {
        return Ok(component);
    }
    Component::new(engine, &file.bytes)
}

#[expect(
    unsafe_code,
    reason = "the file holds machine code: it was written by this program into a folder that only this user can write to"
)]
fn load(engine: &Engine, path: &Path) -> Option<Component> {
    if !is_private(path.parent()?) {
        return None;
    }
    // SAFETY: the folder is this user's own and nobody else may write to it, files in it are put there whole by a rename, and
    // the engine refuses code that another version or configuration made.
    unsafe { Component::deserialize_file(engine, path) }.ok()
}

/// `$PRONY_CACHE`, or `prony` in the user's cache folder. None when there is no home.
fn folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder =
        variable("PRONY_CACHE").or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("prony")));
    let folder = folder.or_else(|| variable("HOME").map(|home| home.join(".cache/prony")))?;
    Some(folder.join("compiled"))
}

#[cfg(unix)]
fn is_private(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = std::fs::metadata(folder) else { return false };
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

#[cfg(not(unix))]
fn is_private(_: &Path) -> bool {
    false
}

fn keep(folder: &Path, path: &Path, code: &[u8]) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    make_room(folder)?;
    // Whole or not at all, whoever else compiles the same at the same time.
    let partial =
        path.with_extension(format!("partial-{}-{:?}", std::process::id(), std::thread::current().id()));
    let written = std::fs::File::create(&partial).and_then(|mut file| file.write_all(code));
    let kept = written.and_then(|()| std::fs::rename(&partial, path));
    if kept.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    kept
}

fn make_room(folder: &Path) -> std::io::Result<()> {
    let mut files: Vec<_> = std::fs::read_dir(folder)?
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    for (_, old) in files.iter().take((files.len() + 1).saturating_sub(MOST)) {
        std::fs::remove_file(old)?;
    }
    Ok(())
}
