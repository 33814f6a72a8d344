//! A data file larger than what may be kept of it: memory stays small. In a process of its own, so that nothing else is
//! measured.

#[path = "suite/site.rs"]
#[expect(dead_code, reason = "the suite's site has more than one test needs")]
mod site;

use std::io::{BufWriter, Write};

use site::{Plan, Site, each};

/// What the process has in memory now, in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("a Linux process");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
    line.split_whitespace().next().and_then(|kilobytes| kilobytes.parse::<u64>().ok()).expect("a number")
        * 1024
}

#[test]
#[cfg(target_os = "linux")]
fn a_large_file_is_not_loaded() {
    const ROWS: u32 = 400_000;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rows.csv");
    let mut file = BufWriter::new(std::fs::File::create(&path).expect("a file"));
    writeln!(file, "id,text").expect("written");
    for id in 0..ROWS {
        writeln!(file, "{id},\"{id:060}, some text that makes the row longer, {id:060}\"").expect("written");
    }
    file.flush().expect("written");
    let size = std::fs::metadata(&path).expect("a size").len();
    assert!(size > 60_000_000, "{size}");
    let site = Site::open();
    let plan = |order: &str| {
        format!(
            "data: {{rows: {{file: rows.csv, order: {order}}}}}\nsteps: [{{http: 'GET /{{{{rows.id}}}}/{{{{rows.text}}}}'}}]\n"
        )
    };
    // Once beforehand, so that threads, buffers and the allocator have what they want.
    let text = plan("sequential");
    Plan { folder: folder.path(), load: each(2, 20), threads: 2, ..Plan::once(&text) }.run(&site);
    let before = resident();
    for order in ["sequential", "random"] {
        let text = plan(order);
        let done =
            Plan { folder: folder.path(), load: each(4, 200), threads: 2, ..Plan::once(&text) }.run(&site);
        assert_eq!(done.result.totals.steps[0].requests, 800);
        assert_eq!(done.result.totals.steps[0].failed(), 0, "{:?}", done.notices);
    }
    // Two workers keep 4 MiB each.
    let grown = resident().saturating_sub(before);
    assert!(grown < 25_000_000, "{grown} bytes for a file of {size}");
    drop(site);
}
