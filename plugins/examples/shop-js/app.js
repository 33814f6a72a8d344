/** A shop's customer: logs in, looks at some items, and buys the last one now and then. */
import { Counter, Failed, Trend, group, http, random, scenario, sleep, user } from "../../sdk-js/prony-plugin/scenario.js";

const orders = new Counter("orders", "orders");
const orderValue = new Trend("order_value", "EUR");

export class Shop {
  configure(config) {
    config.only("password", "buy_share", "think_ms");
    this.password = config.text("password", "secret");
    this.buyShare = config.number("buy_share", 0.5, { low: 0, high: 1 });
    this.think = config.number("think_ms", 0, { low: 0 }) / 1000;
  }

  async journey() {
    const credentials = { user: `user-${user.id}`, password: this.password };
    const login = await http.post("/login", { json: credentials, name: "login" });
    login.check("logged in", login.status === 200);
    const token = login.json()?.token;
    if (token === undefined) throw new Failed("the login gave no token");
    const headers = { authorization: `Bearer ${token}` };

    const list = await http.get("/items", { headers, name: "items" });
    list.check("status is 200", list.status === 200);
    const { items } = list.json();

    let id;
    let price;
    for (let looks = random.between(1, 3); looks > 0; looks -= 1) {
      ({ id } = random.choice(items));
      const reply = await http.get(`/items/${id}`, { headers, name: "item" });
      ({ price = 0 } = reply.json());
      reply.check("has a price", price > 0);
      if (this.think > 0) await sleep(this.think);
    }

    if (random.unit() < this.buyShare) {
      await group("checkout", async () => {
        const reply = await http.post("/cart", { json: { item_id: id }, headers, name: "buy" });
        reply.check("in the cart", reply.status === 201);
      });
      orders.add();
      orderValue.record(price);
    }
  }
}

export const journey = scenario(Shop);
