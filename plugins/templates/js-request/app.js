/** Functions for plan steps: one makes orders, one judges the answers to them. */
import { Message, random, requests, user } from "#prony/request";

class Order {
  static about = "Makes an order of one item at random.";

  /** Takes what the plan says under `generate: {config: …}`. */
  configure(config) {
    config.only("items");
    this.items = config.whole("items", 20, { low: 1 }); // the highest number of an item
  }

  /** The next message. */
  generate() {
    const order = { item_id: random.between(1, this.items), user: user.id };
    return new Message({ json: order, headers: { "x-iteration": String(user.iteration) } });
  }
}

class Accepted {
  static about = "Judges the answer to an order.";

  /** Nothing, or what is wrong with the answer. */
  validate(answer) {
    answer.check("status is 201", answer.status === 201);
    if (!(answer.json().item_id >= 1)) return "the answer has no item";
  }
}

export const functions = requests({ order: Order, accepted: Accepted });
