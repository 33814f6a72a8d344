"""Writing Prony plugins in Python.

A scenario is what a user does, with requests of its own::

    from prony_plugin import Scenario, http

    class Shop(Scenario):
        async def journey(self):
            reply = await http.get("/items", name="items")
            reply.check("status is 200", reply.status == 200)

A function makes what a plan's step sends, or judges what came back::

    from prony_plugin import Function, Message, random

    class Order(Function):
        def generate(self):
            return Message(json={"item_id": random.between(1, 100)})

``prony_plugin.testing`` runs both without a component, for unit tests.
"""

from prony_plugin import clock, data, grpc, http, log, metric, mqtt, random, vars, ws
from prony_plugin.checks import check
from prony_plugin.config import Config
from prony_plugin.errors import (
    DataError,
    Failed,
    Failure,
    GrpcFailure,
    HttpFailure,
    MqttFailure,
    NotAllowed,
    Problem,
    WsFailure,
)
from prony_plugin.function import Function, Message
from prony_plugin.groups import group
from prony_plugin.listening import listen
from prony_plugin.reply import Reply
from prony_plugin.scenario import Scenario
from prony_plugin.timer import sleep
from prony_plugin.users import user

__all__ = [
    "Config",
    "DataError",
    "Failed",
    "Failure",
    "Function",
    "GrpcFailure",
    "HttpFailure",
    "Message",
    "MqttFailure",
    "NotAllowed",
    "Problem",
    "Reply",
    "Scenario",
    "WsFailure",
    "check",
    "clock",
    "data",
    "group",
    "grpc",
    "http",
    "listen",
    "log",
    "metric",
    "mqtt",
    "random",
    "sleep",
    "user",
    "vars",
    "ws",
]
