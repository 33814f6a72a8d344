/** Waiting on several streams at a time. */

/**
 * What comes on several streams, as it comes: the stream's name and the message, until all of them have ended.
 *
 *     for await (const [source, message] of listen({ ws: ws.messages(), mqtt: mqtt.messages("orders/+") })) {
 *       latency.record((message.at - ordered) * 1000);
 *     }
 *
 * It goes on listening on all of its streams from one message to the next: have one for as long as you listen. A failure of one is
 * thrown.
 * @template T
 * @param {Record<string, AsyncIterable<T>>} streams
 * @returns {AsyncGenerator<[string, T]>}
 */
export async function* listen(streams) {
  const iterators = new Map(Object.entries(streams).map(([name, stream]) => [name, stream[Symbol.asyncIterator]()]));
  const step = (/** @type {string} */ name) =>
    /** @type {AsyncIterator<T>} */ (iterators.get(name)).next().then((result) => ({ name, result }));
  const waiting = new Map([...iterators.keys()].map((name) => [name, step(name)]));
  while (waiting.size > 0) {
    const { name, result } = await Promise.race(waiting.values());
    if (result.done) {
      waiting.delete(name);
      continue;
    }
    waiting.set(name, step(name));
    yield [name, result.value];
  }
}
