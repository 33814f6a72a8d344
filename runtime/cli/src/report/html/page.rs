//! The page around a report's data: one file that needs no network and lets no script run but its own.
//!
//! Names and texts in the data come from plans, plugins and peers. They are embedded as JSON in which no `<` occurs, in an
//! element that is no script, and the page's script puts them in place as text, never as HTML. Should that fail, the content
//! security policy allows exactly one script and one style, by their digests, and no address at all.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::super::render;
use super::super::words::{self, Sentence};
use super::BEGINNING;
use super::data::Report;

/// The charts' library, as its makers publish it; see `vendor/README.md` there.
const UPLOT: &str = include_str!("../../../assets/report/vendor/uPlot.iife.min.js");
const UPLOT_STYLE: &str = include_str!("../../../assets/report/vendor/uPlot.min.css");
const UPLOT_LICENCE: &str = include_str!("../../../assets/report/vendor/LICENSE");

/// The page's own scripts, each using those before it.
const SCRIPTS: [&str; 8] = [
    include_str!("../../../assets/report/figures.js"),
    include_str!("../../../assets/report/elements.js"),
    include_str!("../../../assets/report/table.js"),
    include_str!("../../../assets/report/chart.js"),
    include_str!("../../../assets/report/heat.js"),
    include_str!("../../../assets/report/charts.js"),
    include_str!("../../../assets/report/sections.js"),
    include_str!("../../../assets/report/report.js"),
];
const STYLE: &str = include_str!("../../../assets/report/report.css");
/// What a run that goes on has beside.
const LIVE: &str = include_str!("../../../assets/report/live.js");
const LIVE_STYLE: &str = include_str!("../../../assets/report/live.css");

/// The width of the summary's text, in columns.
const TEXT_COLUMNS: usize = 110;

/// What the page's script is given.
#[derive(Serialize)]
struct Embedded<'a> {
    #[serde(flatten)]
    report: &'a Report,
    words: Vec<Sentence>,
    guide: Vec<Sentence>,
}

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let summary = &report.run.summary;
    let data = Embedded { report, words: words::sentences(), guide: words::guide() };
    let script = format!("/*\n{UPLOT_LICENCE}*/\n{UPLOT}\n{}", own_script());
    let style = format!("{UPLOT_STYLE}\n{STYLE}");
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        digest(&script),
        digest(&style)
    );
    let title = escaped(&summary.plan);
    let text = escaped(&render(summary, false, TEXT_COLUMNS));
    let mut page = String::with_capacity(script.len() + style.len() + (1 << 20));
    let _ = write!(
        page,
        "{BEGINNING}\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · prony</title>\n\
         <style>{style}</style>\n</head>\n<body>\n<div id=\"report\"></div>\n\
         <section id=\"text\" aria-labelledby=\"text-title\">\n<h2 id=\"text-title\">The same in text</h2>\n\
         <pre tabindex=\"0\">{text}</pre>\n</section>\n\
         <script id=\"data\" type=\"application/json\">{}</script>\n<script>{script}</script>\n</body>\n</html>\n",
        inert(&data)
    );
    page
}

/// The page's own scripts as one, in a scope of their own.
pub(in super::super) fn own_script() -> String {
    format!("((given) => {{\n\"use strict\";\n{}\n}})({{}});\n", SCRIPTS.join("\n"))
}

/// The page of a run that goes on, and the policy that it needs: it may connect to where it came from, and nowhere else.
pub(crate) struct LivePage {
    pub(crate) html: String,
    pub(crate) policy: String,
}

/// The page without any data: its script asks for them.
pub(crate) fn live_page() -> LivePage {
    let script = format!(
        "/*\n{UPLOT_LICENCE}*/\n{UPLOT}\n(() => {{\n\"use strict\";\nconst report = (given) => {{\n{}\nreturn close;\n}};\n{LIVE}\n}})();\n",
        SCRIPTS.join("\n")
    );
    let style = format!("{UPLOT_STYLE}\n{STYLE}\n{LIVE_STYLE}");
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        digest(&script),
        digest(&style)
    );
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>prony</title>\n<style>{style}</style>\n</head>\n<body>\n\
         <div id=\"live\"></div>\n<div id=\"report\"></div>\n<script>{script}</script>\n</body>\n</html>\n"
    );
    LivePage { html, policy }
}

/// A digest as policies name it.
fn digest(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// JSON that ends no element and begins none.
fn inert(data: &impl Serialize) -> String {
    let json = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    // Outside of strings JSON has none of these.
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// A text in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
