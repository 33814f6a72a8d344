"""What one user does: looks at the list of items, then at one of them."""

from prony_plugin import Config, Failed, Scenario, http, random, sleep


class Journey(Scenario):
    """One object for all users: what belongs to one user belongs into local variables."""

    def configure(self, config: Config) -> None:
        """Takes what the plan says under `config:`."""
        config.only("think_ms")
        self.think = config.number("think_ms", 100, low=0) / 1000  # the pause before the item

    async def journey(self) -> None:
        """One iteration of one user."""
        reply = await http.get("/items")
        reply.check("status is 200", reply.status == 200)
        items = reply.json()["items"]

        if not items:
            raise Failed("the list is empty")
        chosen = random.choice(items)
        await sleep(self.think)

        # The name keeps all items on one line of the results.
        reply = await http.get(f"/items/{chosen['id']}", name="item")
        reply.check("the price is that of the list", reply.json()["price"] == chosen["price"])
