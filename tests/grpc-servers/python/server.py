"""prony.demo.v1.Shop by grpcio: a server that nobody of Prony wrote, with the behaviour that the embedded target has.

The first line it prints is its port. It serves reflection (v1alpha; grpcio has no v1) and health as well, and runs until
its standard input ends, so that it goes with whoever started it.

    python server.py [--cert FILE --key FILE [--client-ca FILE]] [--traces FILE]

With --cert and --key it speaks TLS, with --client-ca it asks clients for a certificate of that CA. With --traces it writes the
`traceparent` of each call into a file, a line each.
"""

import argparse
import importlib
import pathlib
import sys
import tempfile
import time
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_tools import protoc

PROTOS = pathlib.Path(__file__).resolve().parents[3] / "protocol-grpc" / "proto"
SHOP = "prony/demo/v1/shop.proto"
LONGEST = 16_000_000
MOST_HELD = 16_000_000
NOT_ECHOED = {"te", "content-type", "content-length", "user-agent", "accept-encoding", "date"}


def compile_protos():
    """The generated modules, made anew in a temporary folder."""
    folder = tempfile.mkdtemp(prefix="prony-shop-")
    code = protoc.main(["protoc", f"-I{PROTOS}", f"--python_out={folder}", f"--grpc_python_out={folder}", SHOP])
    if code != 0:
        sys.exit(f"protoc cannot compile {PROTOS / SHOP}")
    sys.path.insert(0, folder)
    return importlib.import_module("prony.demo.v1.shop_pb2"), importlib.import_module("prony.demo.v1.shop_pb2_grpc")


pb, pb_grpc = compile_protos()


def item(number, context):
    if number == 0:
        context.abort(grpc.StatusCode.NOT_FOUND, "no item 0: ids are whole numbers from 1 on")
    tags = ["demo", "odd" if number % 2 else "even"]
    price = 100 + (number * 37 % 2**64) % 9_900
    return pb.Item(id=number, name=f"Item {number}", price=price, tags=tags)


def order_id(item_id, quantity):
    order = f"{item_id}-{quantity}"
    total = 0x811C9DC5
    for byte in order.encode():
        total = (total ^ byte) * 0x01000193 % 2**32
    return f"{order}-{total:08x}"


class Shop(pb_grpc.ShopServicer):
    def GetItem(self, request, context):
        return item(request.id, context)

    def AddItem(self, request, context):
        found = item(request.item_id, context)
        if not 1 <= request.quantity <= 1_000:
            message = f"quantity: expected 1 to 1000, found {request.quantity}"
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
        total = found.price * request.quantity
        return pb.AddItemReply(order_id=order_id(request.item_id, request.quantity), total=total)

    def PlaceOrder(self, request, context):
        parts = request.order_id.split("-")
        known = len(parts) == 3 and parts[0].isdecimal() and parts[1].isdecimal()
        if not known or order_id(int(parts[0]), int(parts[1])) != request.order_id:
            message = f"no order {request.order_id!r}: expected an order_id that AddItem returned"
            context.abort(grpc.StatusCode.NOT_FOUND, message)
        found, quantity = item(int(parts[0]), context), int(parts[1])
        return pb.PlaceOrderReply(
            order_id=request.order_id,
            item=found,
            quantity=quantity,
            total=found.price * quantity,
            state=pb.ORDER_STATE_PLACED,
        )

    def Echo(self, request, context):
        custom = [
            (key, value)
            for key, value in context.invocation_metadata()
            if not key.startswith(("grpc-", "prony-")) and key not in NOT_ECHOED
        ]
        context.send_initial_metadata([pair for pair in custom if not pair[0].startswith("trailer-")])
        context.set_trailing_metadata([pair for pair in custom if pair[0].startswith("trailer-")])
        if request.reply_size > LONGEST:
            message = f"reply_size: expected at most {LONGEST}, found {request.reply_size}"
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
        payload = bytes(request.reply_size) if request.reply_size else request.payload
        return pb.EchoReply(payload=payload, text=request.text)

    def Watch(self, request, context):
        if request.size > LONGEST:
            message = f"size: expected at most {LONGEST}, found {request.size}"
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)
        payload = bytes(request.size)
        begun = time.monotonic()
        sequence = 0
        while (request.count == 0 or sequence < request.count) and context.is_active():
            wait = begun + sequence * request.interval_us / 1e6 - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            sequence += 1
            yield pb.Event(sequence=sequence, made_us=time.time_ns() // 1_000, payload=payload)

    def Upload(self, request_iterator, context):
        reply = pb.UploadReply()
        for chunk in request_iterator:
            reply.messages += 1
            reply.bytes += len(chunk.data)
        return reply

    def Chat(self, request_iterator, context):
        held = []
        for sequence, message in enumerate(request_iterator, start=1):
            reply = pb.ChatReply(key=message.key, payload=message.payload, sequence=sequence)
            if message.hold > 1_000:
                text = f"hold: expected at most 1000, found {message.hold}"
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)
            if message.hold == 0:
                yield reply
            else:
                held.append((sequence + message.hold, reply))
                if sum(len(reply.key) + len(reply.payload) for _, reply in held) > MOST_HELD:
                    text = f"replies that are held may have {MOST_HELD} bytes together"
                    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
            held.sort(key=lambda pair: pair[0])
            while held and held[0][0] <= sequence:
                yield held.pop(0)[1]
        for _, reply in held:
            yield reply


class Traces(grpc.ServerInterceptor):
    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8", buffering=1)

    def intercept_service(self, continuation, details):
        if "reflection" not in details.method:
            self.file.write(dict(details.invocation_metadata).get("traceparent", "none") + "\n")
        return continuation(details)


def credentials(options):
    read = lambda path: pathlib.Path(path).read_bytes()
    pair = (read(options.key), read(options.cert))
    if options.client_ca is None:
        return grpc.ssl_server_credentials([pair])
    return grpc.ssl_server_credentials([pair], read(options.client_ca), require_client_auth=True)


def main():
    parser = argparse.ArgumentParser(description="prony.demo.v1.Shop by grpcio")
    parser.add_argument("--cert", help="certificate chain, as PEM")
    parser.add_argument("--key", help="its private key, as PEM")
    parser.add_argument("--client-ca", help="CA whose certificates clients must show, as PEM")
    parser.add_argument("--threads", type=int, default=32, help="calls that are answered at a time")
    parser.add_argument("--traces", help="the file for the traceparent of each call")
    options = parser.parse_args()
    if (options.cert is None) != (options.key is None) or (options.client_ca and not options.cert):
        parser.error("--cert and --key go together, and --client-ca goes with both")

    interceptors = [Traces(options.traces)] if options.traces else []
    pool = futures.ThreadPoolExecutor(options.threads)
    server = grpc.server(pool, options=[("grpc.so_reuseport", 0)], interceptors=interceptors)
    pb_grpc.add_ShopServicer_to_server(Shop(), server)
    healthy = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    name = pb.DESCRIPTOR.services_by_name["Shop"].full_name
    healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
    reflection.enable_server_reflection([name, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    if options.cert:
        port = server.add_secure_port("127.0.0.1:0", credentials(options))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.buffer.read()
    server.stop(grace=0).wait()


if __name__ == "__main__":
    main()
