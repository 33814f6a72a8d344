"""Orders for plan steps: one function makes them, another judges what came back."""

from prony_plugin import Config, Function, Message, Reply, random, user


class Order(Function):
    """Makes an order of random items."""

    def configure(self, config: Config) -> None:
        config.only("items")
        self.items = config.whole("items", 3, low=1, high=1000)

    def generate(self) -> Message:
        return Message(
            json={
                "order": f"{user.id}-{user.iteration}",
                "items": [
                    {"item_id": random.between(1, 100), "quantity": random.between(1, 5)} for _ in range(self.items)
                ],
            }
        )


class Accepted(Function):
    """Holds an answer to status 201 and the user's own order."""

    def validate(self, answer: Reply) -> str | None:
        if answer.status != 201:
            return f"the status is {answer.status}, and 201 is expected"
        order = answer.json().get("order")
        if not isinstance(order, str) or not order.startswith(f"{user.id}-"):
            return f"the order is {order!r}, and one of user {user.id} is expected"
        return None
