"""Receives OTLP metrics and traces over gRPC and over HTTP by the official definitions and writes each request as a line of JSON.

Usage: otlp.py FILE. It prints the two ports it listens at, and ends when its standard input does.
"""

import json
import sys
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

lock = threading.Lock()
log = open(sys.argv[1], "a", encoding="utf-8")


def note(request, of, carried_by, headers):
    message = json_format.MessageToDict(request, preserving_proto_field_name=True)
    line = {"of": of, "by": carried_by, "headers": headers, "message": message}
    with lock:
        log.write(json.dumps(line) + "\n")
        log.flush()


class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def Export(self, request, context):
        note(request, "metrics", "grpc", dict(context.invocation_metadata()))
        return metrics_service_pb2.ExportMetricsServiceResponse()


class Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def Export(self, request, context):
        note(request, "traces", "grpc", dict(context.invocation_metadata()))
        return trace_service_pb2.ExportTraceServiceResponse()


PATHS = {
    "/v1/metrics": ("metrics", metrics_service_pb2.ExportMetricsServiceRequest),
    "/v1/traces": ("traces", trace_service_pb2.ExportTraceServiceRequest),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path not in PATHS or self.headers["content-type"] != "application/x-protobuf":
            self.send_error(400)
            return
        of, kind = PATHS[self.path]
        note(kind.FromString(body), of, "http", {name.lower(): value for name, value in self.headers.items()})
        if of == "metrics":
            answer = metrics_service_pb2.ExportMetricsServiceResponse()
        else:
            answer = trace_service_pb2.ExportTraceServiceResponse()
        if "x-refuse" in self.headers:
            if of == "metrics":
                answer.partial_success.rejected_data_points = 3
            else:
                answer.partial_success.rejected_spans = 3
            answer.partial_success.error_message = "three of them are too old"
        answer = answer.SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = grpc.server(futures.ThreadPoolExecutor(4))
metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
grpc_port = server.add_insecure_port("127.0.0.1:0")
server.start()
http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=http.serve_forever, daemon=True).start()
print(grpc_port, http.server_address[1], flush=True)
sys.stdin.read()
