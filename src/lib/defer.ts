/** Runs a function once the events that have already arrived are handled. */
export type Defer = (fn: () => void) => void

/** The check phase of Node's event loop follows the poll phase that hands out whatever the sockets hold. */
export const deferToCheckPhase: Defer = (fn) => {
  setImmediate(fn)
}
