//! A real Chromium without a window, driven over its debugging pipe: no port, no library, no Node.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

/// The longest that the browser may take to answer: it is a large program on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a page is looked at with.
#[derive(Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
}

/// A desk's.
pub(crate) const DESK: Screen = Screen { width: 1280, height: 900, dark: false };

/// A browser with one page. It ends with this value.
pub(crate) struct Browser {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Json>,
    session: String,
    calls: u64,
    /// Everything that the page told beside answers.
    events: Vec<Json>,
    _profile: tempfile::TempDir,
}

/// Where Chromium is; `None` when it is not here.
pub(crate) fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
}

impl Browser {
    /// Starts one.
    pub(crate) fn start(program: &Path) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        // The debugging pipe is file 3 to the browser and file 4 from it; what it prints goes nowhere.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null"])
            .arg(program)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ])
            .args(["--disable-background-networking", "--disable-component-update", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(["--remote-debugging-pipe", "about:blank"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Chromium starts");
        let input = child.stdin.take().expect("a pipe");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                message.pop();
                let Ok(json) = serde_json::from_slice(&message) else { return };
                if sender.send(json).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let mut browser = Self {
            child,
            input,
            messages,
            session: String::new(),
            calls: 0,
            events: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = attached["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        // A page behind another one is not painted.
        browser.call("Page.bringToFront", json!({}));
        browser
    }

    /// Calls a method of the protocol; its result.
    #[expect(clippy::needless_pass_by_value, reason = "callers make it for the call")]
    pub(crate) fn call(&mut self, method: &str, parameters: Json) -> Json {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.as_str().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.input.write_all(&bytes).expect("the browser listens");
        loop {
            let message = self.messages.recv_timeout(PATIENCE).expect("the browser answers");
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    /// Opens a file and waits until the page has built itself.
    pub(crate) fn open(&mut self, file: &Path, screen: Screen) {
        let path = file.canonicalize().expect("the file is there");
        self.visit(&format!("file://{}", path.display()), screen);
    }

    /// Opens an address and waits until the page has built itself.
    pub(crate) fn visit(&mut self, address: &str, screen: Screen) {
        self.look_at(screen);
        self.call("Page.navigate", json!({"url": address}));
        // As many looks as a very busy machine needs.
        let look = format!(
            "new Promise((done) => setTimeout(() => done(location.href === {} && document.readyState === 'complete' \
             && document.documentElement?.dataset.ready === 'true'), 50))",
            json!(address)
        );
        let ready = (0..1_200).any(|_| self.evaluate(&look) == true);
        assert!(ready, "the page did not build itself: {:#?}", self.complaints());
    }

    /// Changes what the page is looked at with.
    pub(crate) fn look_at(&mut self, screen: Screen) {
        let Screen { width, height, dark } = screen;
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", features);
    }

    /// The value of an expression, or of what it promises.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Json {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", parameters);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {:#}", result["exceptionDetails"]);
        result["result"]["value"].clone()
    }

    /// Presses a key, whose code is that of the DOM.
    pub(crate) fn press(&mut self, key: &str, code: u32, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// What the console, the page's own errors and its security policy have said so far.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        // An answer comes behind all that was said before it.
        self.call("Runtime.evaluate", json!({"expression": "0"}));
        let said = self.events.iter().filter(|event| {
            let method = event["method"].as_str().unwrap_or_default();
            ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"].contains(&method)
        });
        said.map(|event| event["params"].to_string()).collect()
    }

    /// What the page has fetched beside itself.
    pub(crate) fn fetched(&self) -> Vec<String> {
        let sent = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        let urls = sent.filter_map(|event| event["params"]["request"]["url"].as_str());
        urls.filter(|url| !url.starts_with("file://") && *url != "about:blank").map(str::to_owned).collect()
    }

    /// The whole page as a picture. Written where PRONY_TESTS_PICTURES says, for people to look at.
    pub(crate) fn picture(&mut self, name: &str) -> Vec<u8> {
        let parameters = json!({"format": "png", "captureBeyondViewport": true});
        let result = self.call("Page.captureScreenshot", parameters);
        let png = STANDARD.decode(result["data"].as_str().expect("a picture")).expect("base64");
        keep(&format!("{name}.png"), &png);
        png
    }

    /// The page as it prints, as a PDF.
    pub(crate) fn print(&mut self, name: &str) -> Vec<u8> {
        let result = self.call("Page.printToPDF", json!({"printBackground": false}));
        let pdf = STANDARD.decode(result["data"].as_str().expect("a document")).expect("base64");
        keep(&format!("{name}.pdf"), &pdf);
        pdf
    }
}

fn keep(name: &str, bytes: &[u8]) {
    if let Some(folder) = std::env::var_os("PRONY_TESTS_PICTURES") {
        std::fs::write(Path::new(&folder).join(name), bytes).expect("the folder is there");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its children end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
