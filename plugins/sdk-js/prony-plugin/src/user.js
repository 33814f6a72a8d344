/** Whose journey it is. */
import * as host from "#host";

/** The user whose code is running. */
export const user = {
  /** The user's number in its scenario, from 0, unique over all workers. @returns {number} */
  get id() {
    return host.user.id();
  },

  /** The number of the user's iteration, from 0. @returns {number} */
  get iteration() {
    return Number(host.user.iteration());
  },

  /** The scenario's name. @returns {string} */
  get scenario() {
    return host.user.scenario();
  },

  /** The most users the scenario can have. @returns {number} */
  get users() {
    return host.user.users();
  },

  /**
   * Whether the load still wants this user. An iteration that goes on until told otherwise asks it now and then; one that is
   * under way when it turns false has the plan's `graceful_stop` to come to its end.
   * @returns {boolean}
   */
  get wanted() {
    return host.user.wanted();
  },
};
