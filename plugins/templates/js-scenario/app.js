/** What one user does: looks at the list of items, then at one of them. */
import { Failed, http, random, scenario, sleep } from "#prony/scenario";

/** One object for all users: what belongs to one user belongs into local variables. */
class Journey {
  /** Takes what the plan says under `config:`. */
  configure(config) {
    config.only("think_ms");
    this.think = config.number("think_ms", 100, { low: 0 }) / 1000; // the pause before the item
  }

  /** One iteration of one user. */
  async journey() {
    const list = await http.get("/items");
    list.check("status is 200", list.status === 200);
    const { items } = list.json();

    if (items.length === 0) throw new Failed("the list is empty");
    const chosen = random.choice(items);
    await sleep(this.think);

    // The name keeps all items on one line of the results.
    const item = await http.get(`/items/${chosen.id}`, { name: "item" });
    item.check("the price is that of the list", item.json().price === chosen.price);
  }
}

export const journey = scenario(Journey);
