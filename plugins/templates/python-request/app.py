"""Functions for plan steps: one makes orders, one judges the answers to them."""

from prony_plugin import Config, Function, Message, Reply, random, user


class Order(Function):
    """Makes an order of one item at random."""

    def configure(self, config: Config) -> None:
        """Takes what the plan says under `generate: {config: …}`."""
        config.only("items")
        self.items = config.whole("items", 20, low=1)  # the highest number of an item

    def generate(self) -> Message:
        """The next message."""
        order = {"item_id": random.between(1, self.items), "user": user.id}
        return Message(json=order, headers={"x-iteration": str(user.iteration)})


class Accepted(Function):
    """Judges the answer to an order."""

    def validate(self, answer: Reply) -> str | None:
        """None, or what is wrong with the answer."""
        answer.check("status is 201", answer.status == 201)
        if answer.json().get("item_id", 0) < 1:
            return "the answer has no item"
        return None
