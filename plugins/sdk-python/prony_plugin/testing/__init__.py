"""Testing plugins without a component and without a target, by ``python -m unittest`` or any other runner.

Requests are answered by rules, waiting takes no time, and everything that happened is there to look at::

    from prony_plugin.testing import Target, run

    target = Target().on("GET", "/items", json={"items": []})
    result = run(Shop, target, {"buy_share": 1}, users=3, seed=42)
    assert result.errors == []
    assert [request.path for request in result.requests] == ["/items"] * 3

A function of the world ``request`` is called by hand::

    from prony_plugin.testing import Answer, Use

    assert Use(Accepted).validate(Answer(500)) == "the status is 500, and 201 is expected"
"""

from prony_plugin.testing.run import Result, Use, reply, run
from prony_plugin.testing.target import Answer, NoAnswer, Sent, Target

__all__ = ["Answer", "NoAnswer", "Result", "Sent", "Target", "Use", "reply", "run"]
