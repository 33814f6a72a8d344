/** Simulated time: waiting takes none, and ends in the right order all the same. */

/** A clock that jumps to whatever is waited for whenever nothing else is left to do. */
export class SimulatedTime {
  /** Seconds since the run's beginning. */
  now = 0;
  /** @type {{ due: number, wake: () => void }[]} */
  #sleepers = [];

  /**
   * Waits.
   * @param {number} seconds
   * @returns {Promise<void>}
   */
  wait(seconds) {
    return new Promise((wake) => void this.at(this.now + seconds, wake));
  }

  /**
   * Does something at a moment, unless what it gives back is called before.
   * @param {number} due
   * @param {() => void} act
   * @returns {() => void}
   */
  at(due, act) {
    const sleeper = { due, wake: () => act() };
    const place = this.#sleepers.findIndex((other) => other.due > due);
    this.#sleepers.splice(place < 0 ? this.#sleepers.length : place, 0, sleeper);
    return () => {
      const found = this.#sleepers.indexOf(sleeper);
      if (found >= 0) this.#sleepers.splice(found, 1);
    };
  }

  /**
   * Lets time pass until something is done.
   * @template T
   * @param {Promise<T>} work
   * @returns {Promise<T>}
   */
  async until(work) {
    let done = false;
    const over = () => {
      done = true;
    };
    work.then(over, over);
    for (;;) {
      await new Promise((resume) => setImmediate(resume));
      if (done) return work;
      const next = this.#sleepers.shift();
      if (next === undefined) throw new Error("the journey waits for something that never comes");
      this.now = Math.max(this.now, next.due);
      next.wake();
    }
  }
}
