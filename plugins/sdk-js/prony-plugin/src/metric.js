/**
 * Figures of the plugin's own. They stand in results, and thresholds know them as `metric NAME.FIGURE`.
 *
 * Make them once, at the top of the module: `const orders = new Counter("orders", "orders")`. A unit is any word (`EUR`,
 * `bytes`, `ms`), or empty for a bare number; a name has one kind and one unit in a run.
 */
import * as host from "#host";
import { number, text } from "./crossing.js";

class Metric {
  /**
   * @param {string} name
   * @param {string} [unit]
   */
  constructor(name, unit = "") {
    this.name = text(name, "the metric's name");
    this.unit = text(unit, "the metric's unit");
  }
}

/** A sum that only grows. */
export class Counter extends Metric {
  /**
   * Adds to the counter. Amounts below zero are not counted.
   * @param {number} [amount]
   */
  add(amount = 1) {
    host.metric.add(this.name, this.unit, number(amount, "the amount"));
  }
}

/** A value that goes up and down: results have its latest, least and largest. */
export class Gauge extends Metric {
  /**
   * Sets the gauge.
   * @param {number} value
   */
  set(value) {
    host.metric.set(this.name, this.unit, number(value, "the value"));
  }
}

/** A distribution: results have its percentiles, with 3 significant digits from 0.001 to 9e12. */
export class Trend extends Metric {
  /**
   * Records a value. One below zero counts as zero.
   * @param {number} value
   */
  record(value) {
    host.metric.trend(this.name, this.unit, number(value, "the value"));
  }
}
