"""The bench's part about plugins: what the same request costs as a plan's step, as a guest's journey, and with functions around it."""

import pathlib
import shutil
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUESTS = ROOT / "target" / "tests-guests"


def guests(note):
    """Builds the guests; Python's only where its toolchain is there (tests/run installs it)."""
    subprocess.run([str(ROOT / "tests" / "guests" / "build")], check=True)
    tool = ROOT / "target" / "tests-python" / "bin" / "componentize-py"
    python = GUESTS / "hello-python.wasm"
    source = ROOT / "tests" / "bench" / "guests" / "hello-python"
    if tool.exists() and not python.exists():
        wit, sdk = ROOT / "plugins" / "wit" / "0.1.1", ROOT / "plugins" / "sdk-python"
        subprocess.run(
            [tool, "--quiet", "-d", wit, "-w", "scenario", "componentize", "-p", source, "-p", sdk, "prony_plugin.component", "-o", python],
            check=True,
        )
    if not python.exists():
        note("  no componentize-py: the Python guest is left out")
        python = None
    return GUESTS / "bad.wasm", GUESTS / "bad-request.wasm", python


def scenario(bench, users, body):
    """A plan of so many users who do `body`."""
    return bench.plan(
        f"target: {bench.nginx.url('http1')}\ngraceful_stop: 2s\nscenarios:\n  one:\n"
        f"    load: {{stages: [{{users: {users}, over: {'4s' if users > 1000 else '0s'}}}, {{users: {users}, over: {bench.seconds}s}}]}}\n{body}"
    )


def costs(bench, table, note):
    """CPU time a request: plan steps, a Rust journey, functions of a step, a Python journey."""
    journey, functions, python = guests(note)
    plain = "    steps:\n      - http: {get: /, json: {user: '{{user.id}}'}, headers: {x-iteration: '{{iteration}}'}}\n        check: status == 200\n"
    function = f"{{plugin: {functions}, config: {{do: good}}}}"
    ways = {
        "plan step": "    steps: [{http: GET /, check: status == 200}]\n",
        "Rust journey": f"    plugin: {{path: {journey}, config: {{do: good}}}}\n",
        "Rust journey of 10 requests": f"    plugin: {{path: {journey}, config: {{do: good, requests: 10}}}}\n",
        "plan step with a body": plain,
        "step with generate and validate": f"    steps:\n      - http: GET /\n        check: status == 200\n        generate: {function}\n        validate: {function}\n",
    }
    if python:
        ways["Python journey"] = f"    plugin: {python}\n"
    base = {"Rust journey": "plan step", "Rust journey of 10 requests": "plan step", "Python journey": "plan step", "step with generate and validate": "plan step with a body"}
    for users in (64, 10_000):
        results = {way: [] for way in ways}
        for number in range(bench.rounds):
            for way in list(ways) if number % 2 == 0 else reversed(ways):
                _, found, took = bench.run_prony(["run", scenario(bench, users, ways[way])])
                good = found["requests"] - found["failures"]["total"]
                results[way].append((took["cpu"] * 1e6 / max(good, 1), good / took["wall"], found))
                note(f"  {users} users: round {number + 1} of {bench.rounds}: {way}: {results[way][-1][0]:.2f} µs")
        rows = []
        for way, runs in results.items():
            over = "–"
            if way in base:
                more = [run[0] - other[0] for run, other in zip(runs, results[base[way]])]
                over = f"{statistics.median(more):+.2f} ({min(more):+.2f} to {max(more):+.2f})"
            guest = [(run[2].get("guests") or {}).get("guest_time_us", {}).get("p50") for run in runs]
            shown = f"{statistics.median(guest):.2f}" if all(guest) else "–"
            rows.append([way, f"{statistics.median(run[0] for run in runs):.2f}", over, f"{statistics.median(run[1] for run in runs):,.0f}", shown])
        table(
            f"Plugins, {users:,} users, closed, {bench.seconds} s, median of {bench.rounds}",
            ["", "CPU µs a request", "over the same plan step (least to most)", "requests/s", "guest time p50 µs"],
            rows,
        )


def memory(bench, table, note):
    """Memory of 10,000 users in one guest: in think time after a request, and all with a request under way."""
    journey, _, _ = guests(note)
    thinking = "{start: home, pages: {home: {path: /, think_ms: 3600000, next: {leave: 1}}}}"
    rows = []
    for name, path, config in [
        ("in think time", GUESTS / "markov.wasm", thinking),
        ("with a request under way, on 4 connections", journey, "{do: good}"),
    ]:
        peaks = {}
        for users in (10, 10_000):
            body = f"    http: {{connections: {{shared: 4}}}}\n    plugin: {{path: {path}, config: {config}}}\n"
            _, found, took = bench.run_prony(["run", scenario(bench, users, body).replace("graceful_stop: 2s", "graceful_stop: 0s")])
            peaks[users] = (took["rss"], found["guests"]["memory_bytes"]["max"])
        whole, guest = ((peaks[10_000][at] - peaks[10][at]) / 9_990 for at in (0, 1))
        rows.append([name, f"{whole:,.0f}", f"{guest:,.0f}"])
    table("10,000 users in one Rust guest", ["users", "bytes a user", "of it in the guest"], rows)


def beside_hostile(bench, table, note):
    """Latency and lag of a good scenario alone, and beside guests that misbehave. Both cores are everybody's here."""
    journey, _, _ = guests(note)
    good = "  good:\n    load: {rate: 1000/s, for: %ds}\n    http: {connections: {shared: 16}}\n    steps: [{http: GET /}]\n" % bench.seconds
    deeds = ["alone", "panic", "loop", "memory", "log_flood", "slow"]
    results = {deed: [] for deed in deeds}
    for number in range(bench.rounds):
        for deed in deeds if number % 2 == 0 else reversed(deeds):
            text = f"target: {bench.nginx.url('http1')}\ngraceful_stop: 1s\nscenarios:\n{good}"
            if deed != "alone":
                text += f"  bad:\n    load: {{users: 4, for: {bench.seconds}s}}\n    plugin: {{path: {journey}, config: {{do: {deed}}}, limits: {{traps: 1000000, memory: 64mb}}}}\n"
            out = bench.folder / "run"
            shutil.rmtree(out, ignore_errors=True)
            bench.run_free([bench.prony, "run", bench.plan(text), "--threads", "1", "--quiet", "--out", str(out)])
            summary = bench.summary(out)
            found = summary["scenarios"]["good"]
            ended = summary["scenarios"].get("bad", {}).get("guests", {}).get("ended", {}).get("total", 0)
            results[deed].append((found["response_time_us"]["p50"], found["response_time_us"]["p99"], found["lag_us"]["p99"], found["requests"] / bench.seconds, ended))
            note(f"  beside {deed}: round {number + 1} of {bench.rounds}: p99 {results[deed][-1][1]:.0f} µs")
    rows = [[deed] + [f"{statistics.median(column):,.0f}" for column in zip(*runs)] for deed, runs in results.items()]
    table(
        f"1,000/s of plan steps beside a bad guest, {bench.seconds} s, median of {bench.rounds}",
        ["beside", "p50 µs", "p99 µs", "lag p99 µs", "requests/s", "guests ended"],
        rows,
    )
