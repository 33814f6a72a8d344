"""The bench's part about WebSocket: what a round trip costs beside clients of the npm package ws and of Python's websockets, what a
connection holds that only stays open, and what a pushed message costs to receive and time.

The server is Prony's own target on the server's core. Round trips are of a text of a hundred letters on 64 connections, closed.
"""

import pathlib
import resource
import shutil
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parents[1] / "target"
LETTERS = 100
CONNECTIONS = 64


class Target:
    """prony serve, with WebSocket."""

    def __init__(self, bench, free_port, pinned):
        self.port = free_port()
        command = [bench.prony, "serve", "--http", "127.0.0.1:0", "--ws", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=pinned(bench.cores.server))
        for line in self.process.stdout:
            if line.startswith("serving"):
                return
        sys.exit("the WebSocket target does not start")

    def at(self, path):
        return f"ws://127.0.0.1:{self.port}{path}"

    def stop(self):
        self.process.terminate()
        self.process.wait()


def peers():
    """Clients of other makers that are installed, by tests/run: how each is called."""
    found = {}
    if shutil.which("node") and (TESTS / "tests-node/node_modules/ws").is_dir():
        modules = f"NODE_PATH={TESTS / 'tests-node/node_modules'}"
        found["npm ws"] = ["env", modules, "node", str(HERE / "peers/echo.js")]
    python = TESTS / "tests-python/bin/python"
    if python.exists() and subprocess.run([python, "-c", "import websockets"], capture_output=True, check=False).returncode == 0:
        found["Python websockets"] = [str(python), str(HERE / "peers/echo.py")]
    return found


def echo(bench, note, measured, free_port, pinned):
    """Round trips, 64 connections, closed."""
    target = Target(bench, free_port, pinned)

    def peer(command):
        text, took = bench.run([*command, target.at("/echo"), str(CONNECTIONS), str(bench.seconds), str(LETTERS)])
        trips, p99 = map(int, text.split())
        return measured(took, trips, trips / bench.seconds, p99)

    def prony():
        flags = ["--message", "x" * LETTERS, "--users", str(CONNECTIONS), "--for", f"{bench.seconds}s"]
        _, scenario, took = bench.run_prony(["ws", target.at("/echo"), *flags])
        trips = scenario["steps"]["request"]
        good = trips["requests"] - trips["failures"]["total"]
        return measured(took, good, good / bench.seconds, trips["response_time_us"]["p99"])

    tools = {"prony": prony}
    for name, command in peers().items():
        tools[name] = lambda command=command: peer(command)
    bench.compare(f"WebSocket echo, {CONNECTIONS} connections, closed", "prony", tools)
    target.stop()


def idle(bench, table, note, free_port, pinned):
    """Connections that only stay open: memory of each."""
    target = Target(bench, free_port, pinned)
    # Two hundred files are the process's own.
    many = 5_000 if bench.options.quick else min(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 200)
    each = []
    for _ in range(1 if bench.options.quick else 3):
        peaks = {}
        for users in (10, many):
            plan = bench.plan(
                f"target: {target.at('')}\nws: {{path: /sink}}\ngraceful_stop: 5s\nscenarios:\n  main:\n"
                f"    load: {{stages: [{{users: {users}, over: 10s}}, {{users: {users}, over: 5s}}]}}\n"
                "    steps: [{ws: connect}, {stay: true}]\n"
            )
            _, scenario, took = bench.run_prony(["run", plan])
            failed = scenario["failures"]["total"]
            if failed:
                note(f"  {users} connections: {failed} failed")
            peaks[users] = took["rss"]
        each.append((peaks[many] - peaks[10]) / (many - 10))
        note(f"  {many} connections: {each[-1]:.0f} bytes each")
    table(
        f"{many:,} WebSocket connections that stay open",
        ["", "bytes a connection", "least to most"],
        [["prony", f"{statistics.median(each):,.0f}", f"{min(each):,.0f} to {max(each):,.0f}"]],
    )
    target.stop()


def feed(bench, table, note, free_port, pinned):
    """Feeds on ten connections, received on one core, each message timed and its number looked at."""
    target = Target(bench, free_port, pinned)
    rows = []
    for rate in (50_000, 100_000, 200_000):
        each = rate // 10
        for title, words in (("counted", "true"), ("timed and audited", "{time: json $.at, unit: us, sequence: json $.seq}")):
            plan = bench.plan(
                f"target: {target.at('')}\nws: {{path: '/feed/x?rate={each}', feed: {words}}}\nscenarios:\n  main:\n"
                f"    load: {{users: 10, for: {bench.seconds}s}}\n    steps: [{{ws: connect}}, {{stay: true}}]\n"
            )
            summary, scenario, took = bench.run_prony(["run", plan])
            got = scenario["metrics"]["ws.received_text"]["sum"]
            # What still comes while connections close is counted as well, so the planned time would not do.
            rate_seen = got / (summary["lasted_us"] / 1e6)
            timed = scenario["deliveries"].get("push") or scenario["deliveries"]["push interval"]
            lost = scenario["metrics"].get("ws.lost", {}).get("sum", 0)
            rows.append(
                [
                    f"{rate:,}/s, {title}",
                    f"{rate_seen:,.0f}",
                    f"{took['cpu'] * 1e6 / max(got, 1):.2f}",
                    f"{took['cpu'] / took['wall'] * 100:.0f} %",
                    f"{timed['response_time_us']['p99']:,.0f}",
                    f"{lost:,.0f}",
                    summary["verdict"]["status"],
                ]
            )
            note(f"  feed of {rate}/s, {title}: {rate_seen:.0f}/s received")
    table(
        f"Feeds on 10 connections, {bench.seconds} s",
        ["asked for", "messages/s received", "CPU µs a message", "own core", "p99 µs (of push, or interval)", "lost", "verdict"],
        rows,
    )
    target.stop()
