"""Testing plugins without a component and without a target, by ``python -m unittest`` or any other runner.

Requests are answered by rules, waiting takes no time, and everything that happened is there to look at::

    from prony_plugin.testing import Target, run

    target = Target().on("GET", "/items", json={"items": []})
    result = run(Shop, target, {"buy_share": 1}, users=3, seed=42)
    assert result.errors == []
    assert [request.path for request in result.requests] == ["/items"] * 3

A plugin that speaks MQTT does so to a broker in memory::

    from prony_plugin.testing import Broker, run

    broker = Broker().feed("meters/0/set", "22", after=5)
    result = run(Meter, broker=broker, wanted=10)
    assert [message.topic for message in broker.published] == ["meters/0/reading"]

One that speaks gRPC is answered by method::

    target = Target().on_call("shop.v1.Cart/AddItem", json={"total": 2}).on_stream("shop.v1.Cart/Talk", lambda message: [message])

A WebSocket is with a server in memory::

    from prony_plugin.testing import Server, run

    server = Server().respond(lambda said: [said.value]).feed("hello", after=5)
    result = run(Talker, server=server)
    assert [said.text for said in server.said] == ["how are you?"]

A function of the world ``request`` is called by hand::

    from prony_plugin.testing import Answer, Use

    assert Use(Accepted).validate(Answer(500)) == "the status is 500, and 201 is expected"
"""

from prony_plugin.testing.broker import Broker, Connection, Published
from prony_plugin.testing.device import Subscription
from prony_plugin.testing.run import Result, Use, reply, run
from prony_plugin.testing.server import Opened, Said, Server
from prony_plugin.testing.target import Answer, NoAnswer, Sent, Target

__all__ = [
    "Answer",
    "Broker",
    "Connection",
    "NoAnswer",
    "Opened",
    "Published",
    "Result",
    "Said",
    "Sent",
    "Server",
    "Subscription",
    "Target",
    "Use",
    "reply",
    "run",
]
