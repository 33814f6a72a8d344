"""The bench's part about MQTT: what a message costs on its way out and in, what an idle device holds, how true a connect rate is.

The broker is a Mosquitto of its own on the server's core. Beside Prony stands mosquitto_pub, which pushes lines of its standard input
over one connection and measures nothing.
"""

import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time

LINES = 50_000


class Mosquitto:
    """A broker without limits on what is under way."""

    def __init__(self, bench, free_port, pinned):
        self.port = free_port()
        config = bench.folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 0\n"
            f"set_tcp_nodelay true\nlog_dest none\nuser {os.environ.get('USER', 'root')}\n"
        )
        self.process = subprocess.Popen(["mosquitto", "-c", str(config)], stderr=subprocess.DEVNULL, preexec_fn=pinned(bench.cores.server))
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit("mosquitto does not start")

    def target(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def stop(self):
        self.process.terminate()
        self.process.wait()


def run(bench, text):
    """A plan's summary, and the CPU time and memory it took."""
    out = bench.folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    command = [bench.prony, "run", bench.plan(text), "--threads", "1", "--quiet", "--out", str(out)]
    _, took = bench.run(command)
    return bench.summary(out), took


def messages(bench, table, note, free_port, pinned):
    """CPU time a message: QoS 0, QoS 1 with its acknowledgement's latency, receiving with the audit."""
    if not shutil.which("mosquitto") or not shutil.which("mosquitto_pub"):
        note("no mosquitto here (tests/run installs it): MQTT is left out")
        return
    broker = Mosquitto(bench, free_port, pinned)
    results = {}

    def keep(name, cost, rate, p99):
        results.setdefault(name, []).append((cost, rate, p99))
        note(f"  {name}: {cost:.2f} µs")

    for _ in range(bench.rounds):
        for qos in (0, 1):
            for way, stamp in (("", "off"), (", stamped", "auto")):
                summary, took = run(
                    bench,
                    f"target: {broker.target()}\nmqtt: {{stamp: \"{stamp}\"}}\nscenarios:\n  one:\n    load: {{users: 64, for: {bench.seconds}s}}\n"
                    f"    steps: [{{mqtt: {{publish: 'b/{{{{user.id}}}}', qos: {qos}, size: 128}}}}]\n",
                )
                done = summary["run"]["requests"] - summary["run"]["failures"]["total"]
                keep(f"prony, QoS {qos}{way}, 64 connections", took["cpu"] * 1e6 / max(done, 1), done / bench.seconds, summary["run"]["service_time_us"]["p99"])
            began = time.monotonic()
            lines = ("x" * 127 + "\n") * LINES
            command = ["mosquitto_pub", "-p", str(broker.port), "-t", "b/0", "-q", str(qos), "-l"]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, input=lines.encode(), check=False, preexec_fn=pinned(bench.cores.generator))
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            keep(f"mosquitto_pub, QoS {qos}, 1 connection", cpu * 1e6 / LINES, LINES / (time.monotonic() - began), None)
        # One device in ten thousand messages a second, to 8 receivers: what is sent is an eighth of what comes.
        summary, took = run(
            bench,
            f"target: {broker.target()}\nscenarios:\n  devices:\n    load: {{users: 8, for: {bench.seconds}s}}\n"
            "    steps: [{mqtt: {devices: {publish: {topic: 'r/{{user.id}}', every: 2ms, qos: 0, size: 128}}}}]\n"
            f"  hosts:\n    load: {{users: 10, for: {bench.seconds + 1}s}}\n    steps: [{{mqtt: {{devices: {{subscribe: {{to: 'r/+', qos: 0}}}}}}}}]\n",
        )
        came = sum(delivery["messages"] for delivery in summary["scenarios"]["hosts"]["deliveries"].values())
        keep("prony, received with audit (sending it too)", took["cpu"] * 1e6 / max(came, 1), came / bench.seconds, None)
    rows = []
    for name, runs in results.items():
        costs = [cost for cost, _, _ in runs]
        p99 = statistics.median(p99 for _, _, p99 in runs) if all(p99 is not None for _, _, p99 in runs) else None
        shown = "–" if p99 is None else f"{p99:,.0f}"
        rows.append([name, f"{statistics.median(costs):.2f} ({min(costs):.2f} to {max(costs):.2f})", f"{statistics.median(rate for _, rate, _ in runs):,.0f}", shown])
    table(f"MQTT, 128 bytes, {bench.seconds} s, median of {bench.rounds}", ["", "CPU µs a message (least to most)", "messages/s", "service p99 µs"], rows)
    broker.stop()


def devices(bench, table, note, free_port, pinned):
    """Memory of idle devices, and the lag of connections that are opened at a rate."""
    if not shutil.which("mosquitto"):
        return
    broker = Mosquitto(bench, free_port, pinned)
    most = min(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500)
    peaks = {}
    for users in (10, most):
        _, took = run(
            bench,
            f"target: {broker.target()}\nmqtt: {{keep_alive: 600s}}\nscenarios:\n  idle:\n"
            f"    load: {{stages: [{{users: {users}, over: 10s}}, {{users: {users}, over: 3s}}]}}\n    steps: [{{mqtt: connect}}, {{stay: true}}]\n",
        )
        peaks[users] = took["rss"]
        note(f"  {users} devices: {took['rss'] / 1e6:.1f} MB")
    each = (peaks[most] - peaks[10]) / (most - 10)
    summary, _ = run(
        bench,
        f"target: {broker.target()}\nscenarios:\n  connect:\n    load: {{rate: 500/s, for: 10s, max_users: 5000}}\n    steps: [{{mqtt: connect}}, {{stay: true}}]\n",
    )
    scenario = summary["scenarios"]["connect"]
    table(
        "MQTT devices",
        ["", ""],
        [
            [f"bytes a device, {most:,} idle ones, without TLS", f"{each:,.0f}"],
            ["5,000 connections at 500/s: connected", f"{scenario['steps']['connect']['requests'] - scenario['steps']['connect']['failures']['total']:,}"],
            ["lag p99 µs", f"{scenario['lag_us']['p99']:,.0f}"],
            ["connect response p99 µs", f"{scenario['steps']['connect']['response_time_us']['p99']:,.0f}"],
        ],
    )
    broker.stop()
