import { createConnection, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** A door to Postgres that a test can shut: cut, so that connections fail, or frozen, so that nothing comes back. */
export interface Door extends AsyncDisposable {
  readonly url: string
  state: 'open' | 'cut' | 'frozen'
  cut(): void
}

export const openDoor = async (target: URL): Promise<Door> => {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    sockets.add(near)
    near.on('error', () => {})
    if (door.state === 'cut') {
      near.destroy()
      return
    }
    const far = createConnection({ host: target.hostname, port: Number(target.port) })
    sockets.add(far)
    far.on('error', () => near.destroy())
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
    near.on('data', (bytes) => door.state === 'frozen' || far.write(bytes))
    far.on('data', (bytes) => door.state === 'frozen' || near.write(bytes))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(target)
  url.port = String((server.address() as AddressInfo).port)
  const door: Door = {
    url: url.href,
    state: 'open',
    cut() {
      door.state = 'cut'
      for (const socket of sockets) socket.destroy()
      sockets.clear()
    },
    async [Symbol.asyncDispose]() {
      door.cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return door
}
