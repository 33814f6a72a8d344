"""A shop over gRPC: a chain of calls, and streams of all kinds."""

from prony_plugin import Config, Failed, Scenario, check, group, grpc, random, user

SHOP = "prony.demo.v1.Shop"


class Shop(Scenario):
    """One user: orders something, then uses the streams."""

    def configure(self, config: Config) -> None:
        config.only("items", "lines")
        self.items = config.get("items", [1, 2, 3])
        self.lines = config.whole("lines", 20, low=1)

    async def journey(self) -> None:
        with group("order"):
            await self.order()
        with group("streams"):
            await self.watch()
            await self.upload()
            await self.chat()

    async def order(self) -> None:
        """Looks at an item, puts it into an order and places that."""
        item = random.choice(self.items)
        found = await grpc.unary(f"{SHOP}/GetItem", json={"id": item}, name="GetItem", timeout=10)
        found.check("it has a price", found.json()["price"] > 0)
        added = await grpc.unary(f"{SHOP}/AddItem", json={"item_id": item, "quantity": 2}, name="AddItem")
        placed = await grpc.unary(f"{SHOP}/PlaceOrder", json={"order_id": added.json()["orderId"]}, name="PlaceOrder")
        placed.check("it is placed", placed.json()["state"] == "ORDER_STATE_PLACED")
        # Bytes need no schema: field 2, a text of two bytes.
        echo = await grpc.unary(f"{SHOP}/Echo", b"\x12\x02hi", name="Echo", metadata={"x-user": str(user.id)})
        echo.check("the same bytes", echo.body == b"\x12\x02hi")
        echo.check("and metadata", echo.metadata("x-user") == str(user.id))
        gone = await grpc.unary(f"{SHOP}/GetItem", json={"id": 0}, name="gone", expect="NOT_FOUND")
        gone.check("there is no item 0", "no item 0" in (gone.trailer("grpc-message") or ""))

    async def watch(self) -> None:
        """A server stream: one message goes, many come."""
        stream = await grpc.open(f"{SHOP}/Watch", name="Watch")
        await stream.send_json({"count": 5})
        await stream.finish()
        events = [event["sequence"] async for event in stream.json_messages()]
        check("five events", events == ["1", "2", "3", "4", "5"])

    async def upload(self) -> None:
        """A client stream: many messages go, one comes."""
        stream = await grpc.open(f"{SHOP}/Upload", name="Upload")
        for _ in range(3):
            await stream.send_json({"data": "aGVsbG8="})
        await stream.finish()
        counted = await stream.next_json()
        check("three messages", counted is not None and counted["messages"] == "3")
        end = await stream.end()
        end.check("it ended well", end.status == 0)

    async def chat(self) -> None:
        """A bidirectional stream whose answers come out of order: each finds its line by its key."""
        unanswered = set()
        async with await grpc.open(f"{SHOP}/Chat", name="Chat") as stream:
            for number in range(self.lines):
                key = f"{user.id}-{number}"
                unanswered.add(key)
                await stream.ask_json(key, {"key": key, "hold": number % 2})
            await stream.finish()
            async for answer in stream.json_messages():
                if not stream.answered(answer["key"]):
                    raise Failed("an answer to nothing")
                unanswered.discard(answer["key"])
        check("every line was answered", not unanswered)
