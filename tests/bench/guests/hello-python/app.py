"""The bench's journey in Python: one request and a check of its answer."""

from prony_plugin import Scenario, http


class Hello(Scenario):
    """What one user does."""

    async def journey(self) -> None:
        """One iteration."""
        reply = await http.get("/")
        reply.check("status is 200", reply.status == 200)
