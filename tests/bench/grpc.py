"""The bench's part about gRPC: what a unary call costs beside h2load posting the same bytes, what a message on a stream costs, what an
open stream holds.

The server is Prony's own target on the server's core, for it is native and small: grpcio and grpc-js are slower than what is
measured here. Calls are to Echo with a text of a hundred letters.
"""

import re
import shutil
import subprocess
import sys

TEXT = "x" * 100
METHOD = "prony.demo.v1.Shop/Echo"

# A message of ten fields for the target's Upload, which counts messages and skips the fields that it does not know.
ORDER = """syntax = "proto3";
package prony.demo.v1;
service Shop { rpc Upload(stream Order) returns (Counted); }
message Counted { uint64 messages = 1; uint64 bytes = 2; }
message Order {
  bytes data = 1;
  string id = 2;
  string customer = 3;
  uint32 quantity = 4;
  int64 price = 5;
  double weight = 6;
  bool express = 7;
  sint32 change = 8;
  fixed64 made = 9;
  string note = 10;
}
"""
CONSTANT = {
    "data": "AAEC", "id": "order-17", "customer": "user-3", "quantity": "12", "price": "1999", "weight": "0.75",
    "express": "true", "change": "-3", "made": "1790000000000", "note": "as last time",
}
# Each of the ten is made anew for each message.
TEMPLATE = {
    "data": "AA{{random.int 10 99}}", "id": "order-{{iteration}}", "customer": "user-{{user.id}}", "quantity": "{{random.int 1 99}}",
    "price": "{{random.int 100 9999}}", "weight": "{{random.float 0 2}}", "express": "{{orders.express}}", "change": "{{random.int -9 9}}",
    "made": "{{now.millis}}", "note": "as last time, {{iteration}}",
}


class Target:
    """prony serve, with gRPC."""

    def __init__(self, bench, free_port, pinned):
        self.port = free_port()
        command = [bench.prony, "serve", "--http", "127.0.0.1:0", "--grpc", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=pinned(bench.cores.server))
        for line in self.process.stdout:
            if line.startswith("serving"):
                return
        sys.exit("the gRPC target does not start")

    def at(self):
        return f"grpc://127.0.0.1:{self.port}"

    def stop(self):
        self.process.terminate()
        self.process.wait()


def unary(bench, note, measured, free_port, pinned):
    """Unary calls, closed: 64 connections of a stream each, and one connection of 64 streams."""
    target = Target(bench, free_port, pinned)
    body = bench.folder / "echo.bin"
    message = b"\x12" + bytes([len(TEXT)]) + TEXT.encode()
    body.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)

    def h2load(connections, streams):
        url = f"http://127.0.0.1:{target.port}/{METHOD}"
        flags = ["-H", "content-type: application/grpc", "-H", "te: trailers", "-d", str(body)]
        text, took = bench.run(["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{bench.seconds}", *flags, url])
        requests = int(re.search(r"(\d+) succeeded", text).group(1))
        rate = float(re.search(r"finished in .*?, ([\d.]+) req/s", text).group(1))
        return measured(took, requests, rate, None)

    def prony(*flags):
        arguments = ["grpc", target.at(), METHOD, "--data", f'{{"text": "{TEXT}"}}', "--users", "64", "--for", f"{bench.seconds}s", *flags]
        _, scenario, took = bench.run_prony(arguments)
        good = scenario["requests"] - scenario["failures"]["total"]
        return measured(took, good, good / bench.seconds, scenario["response_time_us"]["p99"])

    for title, connections, streams, flags in (
        ("gRPC unary, 64 connections of 1 stream, closed", 64, 1, ()),
        ("gRPC unary, 1 connection of 64 streams, closed", 1, 64, ("--connections", "1", "--streams", "64")),
    ):
        tools = {"h2load": lambda: h2load(connections, streams), "prony": lambda: prony(*flags)}
        bench.compare(title, "h2load", tools)
    target.stop()


def streams(bench, table, note, free_port, pinned):
    """Messages on bidirectional streams, ten-field templates, and streams that only stay open."""
    target = Target(bench, free_port, pinned)
    rows = []

    def run(title, text, count):
        out = bench.folder / "run"
        shutil.rmtree(out, ignore_errors=True)
        _, took = bench.run([bench.prony, "run", bench.plan(text), "--threads", "1", "--quiet", "--out", str(out)])
        scenario = bench.summary(out)["scenarios"]["main"]
        many = count(scenario)
        rows.append([title, f"{took['cpu'] * 1e6 / max(many, 1):.2f}", f"{many / bench.seconds:,.0f}", f"{took['rss'] / 1e6:.1f}"])
        note(f"  {title}: {took['cpu'] * 1e6 / max(many, 1):.2f} µs")
        return took

    load = f"load: {{users: 16, for: {bench.seconds}s}}"
    for title, flight in (("ping-pong on 16 streams", 1), ("32 under way on each of 16 streams", 32)):
        run(
            f"bidirectional, {title}",
            f"target: {target.at()}\nscenarios:\n  main:\n    {load}\n    steps:\n"
            f"      - grpc: {{call: prony.demo.v1.Shop/Chat, data: {{key: abc}}, count: 5000, in_flight: {flight}}}\n",
            lambda scenario: scenario["metrics"]["grpc.messages_received"]["sum"],
        )
    proto = bench.folder / "order.proto"
    proto.write_text(ORDER)
    (bench.folder / "orders.csv").write_text("express\ntrue\nfalse\n")

    def uploads(title, data):
        fields = ", ".join(f"{name}: \"{value}\"" for name, value in data.items())
        taken = run(
            f"client stream of ten fields, {title}",
            f"target: {target.at()}\ngrpc: {{proto: {proto}}}\ndata: {{orders: orders.csv}}\nscenarios:\n  main:\n    {load}\n    steps:\n"
            f"      - grpc: {{call: prony.demo.v1.Shop/Upload, data: {{{fields}}}, count: 5000}}\n",
            lambda scenario: scenario["metrics"]["grpc.messages_sent"]["sum"],
        )
        return taken["cpu"] * 1e6 / float(rows[-1][2].replace(",", "")) / bench.seconds

    encoding = uploads("all made from templates", TEMPLATE) - uploads("constant", CONSTANT)
    opened = 5_000
    idle = (
        "target: {at}\ngrpc: {{connections: {{shared: 50, streams: 200}}}}\nscenarios:\n  main:\n"
        "    load: {{stages: [{{users: {users}, over: 3s}}, {{users: {users}, over: 3s}}]}}\n    graceful_stop: 1s\n    steps:\n"
        "      - grpc: {{call: prony.demo.v1.Shop/Watch, data: {{interval_us: 60000000}}, cancel: {{after: 6s}}}}\n"
    )
    few = run("10 streams that stay open", idle.format(at=target.at(), users=10), lambda scenario: scenario["requests"])
    many = run(f"{opened:,} streams that stay open", idle.format(at=target.at(), users=opened), lambda scenario: scenario["requests"])
    table(
        f"gRPC streams, {bench.seconds} s",
        ["", "CPU µs a message (or stream)", "a second", "peak MB"],
        rows,
    )
    print(f"\nMaking ten fields from templates takes {encoding:.2f} µs a message.")
    print(f"An open stream holds {(many['rss'] - few['rss']) / (opened - 10):,.0f} bytes.")
    target.stop()
