/**
 * Testing plugins without a component and without a target, by `node --test` or any other runner.
 *
 * Requests are answered by rules, waiting takes no time, and everything that happened is there to look at:
 *
 *     const target = new Target().on("GET", "/items", { json: { items: [] } });
 *     const result = await run(journey, target, { config: { buy_share: 1 }, users: 3, seed: 42 });
 *     assert.deepEqual(result.errors, []);
 *
 * A plugin that speaks MQTT does so to a broker in memory:
 *
 *     const broker = new Broker().feed("meters/0/set", "22", { after: 5 });
 *     const result = await run(journey, new Target(), { broker, wanted: 10 });
 *     assert.deepEqual(broker.published.map(({ topic }) => topic), ["meters/0/reading"]);
 *
 * One that speaks gRPC is answered by method:
 *
 *     const target = new Target().onCall("shop.v1.Cart/AddItem", { json: { total: 2 } }).onStream("shop.v1.Cart/Talk", (heard) => [heard]);
 *
 * A WebSocket is with a server in memory:
 *
 *     const server = new Server().respond((said) => [said.value]).feed("hello", { after: 5 });
 *     const result = await run(journey, new Target(), { server });
 *     assert.deepEqual(server.said.map(({ text }) => text), ["how are you?"]);
 *
 * A function of the world `request` is called by hand:
 *
 *     assert.equal(new Use(functions, "accepted").validate(new Answer({ status: 500 })), "the status is 500, …");
 */
export { Broker, Published } from "./broker.js";
export { Use, run } from "./run.js";
export { Said, Server } from "./server.js";
export { Answer, NoAnswer, Sent, Target } from "./target.js";
