/**
 * What is under way for each user. A request that nobody awaited must be over before its iteration is: the host would not
 * know whose it is.
 */

/** @type {Map<number, Set<Promise<unknown>>>} */
const underWay = new Map();

/**
 * Notes what a user has started.
 * @template T
 * @param {number} user
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export function started(user, promise) {
  let own = underWay.get(user);
  if (own === undefined) underWay.set(user, (own = new Set()));
  own.add(promise);
  const over = () => own.delete(promise);
  promise.then(over, over);
  return promise;
}

/**
 * Waits for all that a user has started.
 * @param {number} user
 */
export async function settled(user) {
  const own = underWay.get(user);
  while (own !== undefined && own.size > 0) await Promise.allSettled(own);
  underWay.delete(user);
}
