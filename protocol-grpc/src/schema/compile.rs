//! `.proto` files, compiled by protox.

use std::path::{Path, PathBuf};

use protox::Compiler;

use super::{Schema, SchemaProblem};

pub(super) fn compile(files: &[PathBuf], imports: &[PathBuf]) -> Result<Schema, SchemaProblem> {
    if files.is_empty() {
        return Err(SchemaProblem::Nothing);
    }
    let mut searched = imports.to_vec();
    let mut names = Vec::with_capacity(files.len());
    for file in files {
        names.push(name_of(file, imports.is_empty(), &mut searched)?);
    }
    let mut compiler = Compiler::new(&searched).map_err(|error| problem(&error, &searched, files))?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(&names).map_err(|error| problem(&error, &searched, files))?;
    Ok(Schema { pool: compiler.descriptor_pool() })
}

/// The file as the compiler knows it: relative to an import path. A file outside of all of them brings its own folder.
fn name_of(file: &Path, own_folder: bool, searched: &mut Vec<PathBuf>) -> Result<PathBuf, SchemaProblem> {
    if !own_folder {
        if searched.iter().any(|import| import.join(file).is_file()) && file.is_relative() {
            return Ok(file.to_owned());
        }
        if let Some(rest) = searched.iter().find_map(|import| file.strip_prefix(import).ok())
            && file.is_file()
        {
            return Ok(rest.to_owned());
        }
    }
    match (file.is_file(), file.file_name()) {
        (true, Some(name)) => {
            let folder = file.parent().unwrap_or(Path::new("")).to_owned();
            if !searched.contains(&folder) {
                searched.push(folder);
            }
            Ok(name.into())
        }
        _ => Err(SchemaProblem::NoFile { file: file.to_owned(), searched: searched.clone() }),
    }
}

/// protox's own words: its `Debug` has file, line and column in front, where it knows them.
fn problem(error: &protox::Error, searched: &[PathBuf], files: &[PathBuf]) -> SchemaProblem {
    let found = format!("{error:?}");
    if error.is_file_not_found() {
        let advice = advice(&error.to_string(), files);
        return SchemaProblem::NoImport { found, searched: searched.to_vec(), advice };
    }
    let advice = if error.is_io() {
        "the file must be readable"
    } else if error.is_parse() {
        "mend the file; it is read as protobuf syntax 2 or 3"
    } else if found.contains("not defined") || found.contains("not imported") || found.contains("not found") {
        "import the file that defines it"
    } else {
        "mend the file"
    };
    SchemaProblem::Proto { found, advice }
}

/// Which folder would have the import: often one above the file itself.
fn advice(text: &str, files: &[PathBuf]) -> String {
    let import = text.split('\'').nth(1).unwrap_or_default();
    let above =
        files.iter().flat_map(|file| file.ancestors().skip(1)).find(|folder| folder.join(import).is_file());
    match above {
        Some(folder) if !import.is_empty() => {
            let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            format!("add the import path {}, which has it", shown.display())
        }
        _ => {
            format!("name the folder that `{import}` is relative to: `imports: [FOLDER]` (`--import FOLDER`)")
        }
    }
}
