"""A shop's customer: logs in, looks at some items, and buys the last one now and then."""

from prony_plugin import Config, Failed, Scenario, group, http, metric, random, sleep, user

orders = metric.Counter("orders", unit="orders")
order_value = metric.Trend("order_value", unit="EUR")


class Shop(Scenario):
    """The journey of one customer."""

    def configure(self, config: Config) -> None:
        config.only("password", "buy_share", "think_ms")
        self.password = config.text("password", "secret")
        self.buy_share = config.number("buy_share", 0.5, low=0, high=1)
        self.think = config.number("think_ms", 0, low=0) / 1000

    async def journey(self) -> None:
        credentials = {"user": f"user-{user.id}", "password": self.password}
        reply = await http.post("/login", json=credentials, name="login")
        reply.check("logged in", reply.status == 200)
        token = reply.json().get("token")
        if token is None:
            raise Failed("the login gave no token")
        headers = {"authorization": f"Bearer {token}"}

        reply = await http.get("/items", headers=headers, name="items")
        reply.check("status is 200", reply.status == 200)
        items = reply.json()["items"]

        for _ in range(random.between(1, 3)):
            chosen = random.choice(items)
            reply = await http.get(f"/items/{chosen['id']}", headers=headers, name="item")
            price = reply.json().get("price", 0)
            reply.check("has a price", price > 0)
            if self.think > 0:
                await sleep(self.think)

        if random.unit() < self.buy_share:
            with group("checkout"):
                reply = await http.post("/cart", json={"item_id": chosen["id"]}, headers=headers, name="buy")
                reply.check("in the cart", reply.status == 201)
            orders.add()
            order_value.record(price)
