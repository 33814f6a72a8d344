/** Orders for plan steps: one function makes them, another judges what came back. */
import { Message, random, requests, user } from "../../sdk-js/prony-plugin/request.js";

class Order {
  static about = "Makes an order of random items.";

  configure(config) {
    config.only("items");
    this.items = config.whole("items", 3, { low: 1, high: 1000 });
  }

  generate() {
    const items = [];
    for (let count = 0; count < this.items; count += 1) {
      items.push({ item_id: random.between(1, 100), quantity: random.between(1, 5) });
    }
    return new Message({ json: { order: `${user.id}-${user.iteration}`, items } });
  }
}

class Accepted {
  static about = "Holds an answer to status 201 and the user's own order.";

  validate(answer) {
    if (answer.status !== 201) return `the status is ${answer.status}, and 201 is expected`;
    const order = answer.json()?.order;
    if (typeof order !== "string" || !order.startsWith(`${user.id}-`)) {
      return `the order is ${JSON.stringify(order ?? null)}, and one of user ${user.id} is expected`;
    }
    return null;
  }
}

export const functions = requests({ order: Order, accepted: Accepted });
