/** What `host/scenario.js` is in a component, over the stand-in host. */
import { current } from "./passage.js";

export { grpc } from "./calling.js";
export { mqtt } from "./messaging.js";
export { ws } from "./socket.js";

export const http = { send: (request) => current().send(request) };

export const timer = { sleep: (nanoseconds) => current().host.time.wait(Number(nanoseconds) / 1e9) };

export const group = {
  Group: class Group {
    #passage = current();
    #began = this.#passage.host.time.now;
    #name;

    constructor(name) {
      this.#name = name;
    }

    finish(failed) {
      const time = this.#passage.host.time.now - this.#began;
      this.#passage.host.groups.push({ name: this.#name, failed, time, user: this.#passage.user });
    }
  },
};
