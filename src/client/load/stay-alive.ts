/** Keeps the process from exiting until it is disposed, for waits that only hold idle sockets and timers that don't. */
export const stayAlive = (): Disposable => {
  const { port1 } = new MessageChannel()
  port1.ref()
  return { [Symbol.dispose]: () => port1.close() }
}
