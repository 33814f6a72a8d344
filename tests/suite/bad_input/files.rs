//! Files that a plan names, and plan files themselves, which are missing, wrong or meant to hurt.

use super::{LONGEST, assert_refused, load, step, top};
use crate::binary::{Plan, Prony};

#[test]
fn files_that_are_missing_or_wrong() {
    let made = |name: &str| rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
    let (one, two) = (made("one"), made("two"));
    let tls = |keys: &str| top(&format!("tls: {{{keys}}}"));
    let data = |source: &str| {
        format!(
            "target: http://127.0.0.1:9\ndata: {{u: {source}}}\nscenarios:\n  main:\n    load: {{users: 1, iterations: 9}}\n    \
             steps: [{{http: 'GET /{{{{u.name}}}}'}}]\n"
        )
    };
    let missing = "No such file or directory";
    for (text, file, code, told) in [
        (tls("ca: nosuch.pem"), "", 2, &["plan.yaml:1:11", "nosuch.pem", missing, "expected a PEM file"][..]),
        (tls("ca: file"), "hello", 2, &["plan.yaml:1:11", "found no certificate", "expected a PEM file"]),
        (
            tls("ca: file"),
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            2,
            &["plan.yaml:1:11", "file", "certificate that cannot be trusted"],
        ),
        (tls("certificate: nosuch.pem, key: two.pem"), "", 2, &["plan.yaml:1:20", "nosuch.pem", missing]),
        (
            tls("certificate: file, key: nosuch.pem"),
            &one.cert.pem(),
            2,
            &["plan.yaml:1:31", "nosuch.pem", missing, "expected a PEM file with a private key"],
        ),
        (
            tls("certificate: file, key: file"),
            &one.cert.pem(),
            2,
            &["plan.yaml:1:31", "found no private key"],
        ),
        (
            tls("certificate: file, key: two.pem"),
            &one.cert.pem(),
            2,
            &[
                "plan.yaml:1:31",
                "two.pem",
                "is not the key of the certificate",
                "expected the certificate's own key",
            ],
        ),
        (data("nosuch.csv"), "", 2, &["plan.yaml:2:11", "nosuch.csv", missing, "relative paths start"]),
        (data("."), "", 2, &["plan.yaml:2:11", "Is a directory"]),
        (
            data("file"),
            "",
            2,
            &["plan.yaml:2:11", "the file is empty; expected a line with the columns' names"],
        ),
        (data("file"), "name\n", 2, &["plan.yaml:2:11", "has no rows; expected at least one"]),
        (
            data("file"),
            "nam,x\na,b\n",
            2,
            &["plan.yaml:6:26: undefined variable `u.name`", "did you mean `u.nam`?"],
        ),
        (
            data("file"),
            "name,x\na,b\nc\n",
            2,
            &["plan.yaml:2:11", "line 3 has 1 field", "expected 2 as in the header"],
        ),
        (
            data("{file: file, delimiter: ab}"),
            "name\na\n",
            2,
            &["plan.yaml:2:", "`delimiter` is not a single ASCII character"],
        ),
        (
            data("{file: file, order: sideways}"),
            "name\na\n",
            2,
            &["found `sideways`", "expected `sequential`"],
        ),
        (
            data("{file: file, format: jsonl}"),
            "{\"name\": \"a\"}\nnot json\n",
            2,
            &["plan.yaml:2:", "line 2 is no JSON object", "expected one object a line"],
        ),
        (data("{file: file, format: jsonl}"), "[1]\n", 2, &["plan.yaml:2:", "line 1 is no JSON object"]),
        (
            step("{http: {post: /, file: nosuch.bin}}"),
            "",
            2,
            &["plan.yaml:6:32: body file", "nosuch.bin", missing, "expected a readable file"],
        ),
        (
            step("{http: {post: /, multipart: [{name: a, file: nosuch.bin}]}}"),
            "",
            2,
            &["plan.yaml:6:54: body file", "nosuch.bin", missing, "relative paths start"],
        ),
        (
            load("{replay: nosuch.txt}"),
            "",
            2,
            &["plan.yaml:4:20: replay file", "nosuch.txt", missing, "expected a readable file"],
        ),
        (
            load("{replay: file}"),
            "",
            2,
            &["plan.yaml:4:20: replay file", "is empty; expected one timestamp a line"],
        ),
        (
            load("{replay: file}"),
            "1\n2\nx\n",
            2,
            &["plan.yaml:4:20: replay file", "timestamp 3: found `x`", "expected seconds"],
        ),
        (load("{replay: file}"), "1\n2\n1\n", 2, &["timestamp 3", "expected ascending times"]),
        (
            top("include: nosuch.yaml"),
            "",
            2,
            &["plan.yaml:1:10", "nosuch.yaml", missing, "relative to the file that names them"],
        ),
        (
            top("include: plan.yaml"),
            "",
            2,
            &["plan.yaml:1:10", "includes itself", "take one `include` out of it"],
        ),
        (
            top("include: file"),
            "include: plan.yaml\n",
            2,
            &["file:1:10", "plan.yaml: the file includes itself"],
        ),
        (top("include: file"), "name: x\nhttp: {timeot: 1s}\n", 2, &["file:2:8: unknown key `timeot`"]),
        (top("include: file"), "- 1\n", 2, &["file:1:1: found a list", "expected a map"]),
    ] {
        let plan =
            Plan::new(&text).with_file("file", file).with_file("two.pem", two.signing_key.serialize_pem());
        assert_refused(&text, &Prony::run(&plan).finish_within(LONGEST), code, told);
    }
}

#[test]
fn data_that_goes_bad_while_the_run_is_on_ends_it_and_keeps_what_was_measured() {
    let plan = |at_end: &str| {
        Plan::new(&format!(
            "target: http://127.0.0.1:9\ndata: {{u: {{file: u.csv, at_end: {at_end}}}}}\nscenarios:\n  main:\n    \
             load: {{users: 1, iterations: 9}}\n    steps: [{{http: 'GET /{{{{u.name}}}}'}}]\n"
        ))
    };
    let two_rows = |at_end: &str| plan(at_end).with_file("u.csv", "name\na\nb\n");
    let (fail, stop) = (two_rows("fail"), two_rows("stop"));
    let used_up = Prony::run(&fail).finish_within(LONGEST);
    assert_eq!(used_up.exit_code(), 3, "{}", used_up.stderr);
    assert!(
        used_up.stderr.contains("the data source `u` has 2 rows and they are used up"),
        "{}",
        used_up.stderr
    );
    let summary = used_up.summary();
    assert_eq!(summary["ended"], "failed");
    assert_eq!(summary["scenarios"]["main"]["requests"], 2, "two rows, two requests");
    let stopped = Prony::run(&stop).finish_within(LONGEST);
    assert_eq!(stopped.summary()["scenarios"]["main"]["requests"], 2);
    assert_eq!(stopped.summary()["ended"], "finished", "the plan says so");
}

#[test]
fn plan_files_that_are_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let is_path_right = "is the path right?";
    // The same every time, and not UTF-8.
    let junk: Vec<u8> =
        (0..5_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80).collect();
    std::fs::write(at("junk"), junk).expect("written");
    std::fs::write(at("latin"), b"name: a\nvars: {\xfc: x}\n").expect("written");
    let wide =
        |order: fn(u16) -> [u8; 2]| "\u{feff}name: a\n".encode_utf16().flat_map(order).collect::<Vec<u8>>();
    std::fs::write(at("utf16"), wide(u16::to_le_bytes)).expect("written");
    std::fs::write(at("utf16be"), &wide(u16::to_be_bytes)[2..]).expect("written");
    std::fs::write(at("large"), format!("name: {}\n", "x".repeat(50_000_000))).expect("written");
    for (path, told) in [
        (
            at("nosuch.yaml"),
            &["nosuch.yaml: No such file or directory", "expected a readable plan file", is_path_right][..],
        ),
        (at(""), &["Is a directory", "name the plan file in this folder"]),
        (at("junk"), &["junk: line 1, byte 0 of the file, is not UTF-8 text", "save the file as UTF-8"]),
        (at("latin"), &["latin: line 2, byte 15 of the file, is not UTF-8", "iconv -f LATIN1"]),
        (at("utf16"), &["utf16: UTF-16 text", "iconv -f UTF-16"]),
        (at("utf16be"), &["utf16be: UTF-16 text", "iconv -f UTF-16"]),
        (at("large"), &["large: larger than a plan", "of 10 MB at most"]),
        ("/dev/zero".to_owned(), &["/dev/zero: larger than a plan"]),
    ] {
        let run = Prony::with(&["run", &path]).finish_within(LONGEST);
        assert_refused(&path, &run, 2, told);
    }
}

#[test]
fn plans_that_are_meant_to_hurt() {
    let laughs: String = (1..12)
        .map(|level| {
            let row = vec![format!("*a{}", level - 1); 10].join(", ");
            format!("a{level}: &a{level} [{row}]\n")
        })
        .collect();
    for (name, text, told) in [
        ("lists without end", "name: ".to_owned() + &"[".repeat(10_000), "recursion limit exceeded"),
        (
            "lists",
            "name: ".to_owned() + &"[".repeat(10_000) + &"]".repeat(10_000),
            "recursion limit exceeded",
        ),
        ("maps", "name: ".to_owned() + &"{a: ".repeat(10_000), "at most 64 levels"),
        ("dashes", "- ".repeat(10_000) + "a", "at most 64 levels"),
        ("blocks", (0..3_000).map(|level| " ".repeat(level) + "a:\n").collect(), "at most 64 levels"),
        (
            "laughs",
            "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned() + &laughs,
            "aliases make the plan too large",
        ),
        ("one long line", "name: [".to_owned() + &"x,".repeat(4_500_000) + "]", "200000 values"),
        ("keys", (0..700_000).map(|number| format!("k{number}: x\n")).collect(), "200000 values"),
        ("quotes", "name: \"".to_owned() + &"\\n".repeat(4_500_000) + "\"", "`scenarios` is missing"),
        ("a long word", load(&format!("{{users: {}, for: 1s}}", "9".repeat(9_000_000))), "of 9000000 bytes"),
        (
            "a long template",
            step(&("http: GET /".to_owned() + &"{{user.id}}".repeat(100_000) + "{{")),
            "without `}}`",
        ),
        (
            "a long expression",
            step(&format!("{{http: GET /, check: 'body matches /{}/'}}", "(a{9}){9}".repeat(99_999))),
            "regular expression",
        ),
        (
            "a deep expression",
            step(&format!("{{http: GET /, check: 'body matches /{}/'}}", "(".repeat(99_999))),
            "regular expression",
        ),
        (
            "a deep path",
            step(&format!("{{http: GET /, check: 'json ${} == 1'}}", "[?@".repeat(9_999))),
            "at most 16 filters",
        ),
    ] {
        let run = Prony::run(&Plan::new(&text)).finish_within(LONGEST);
        assert_refused(name, &run, 2, &["plan.yaml:", told]);
        assert!(run.stderr.len() < 5_000, "{name}: {} bytes of message", run.stderr.len());
    }
}
