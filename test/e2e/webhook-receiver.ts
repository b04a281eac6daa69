import { createServer } from 'node:http'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface Received {
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: { readonly entity: string; readonly action: string; readonly data: Readonly<Record<string, unknown>> }
}

/** A receiver of webhooks on the loopback; what it answers is set by the test. */
export interface WebhookReceiver extends AsyncDisposable {
  readonly url: string
  readonly received: Received[]
  answer: (response: ServerResponse, received: Received) => void
  /** Ends every connection. */
  cut(): void
}

export const openReceiver = async (): Promise<WebhookReceiver> => {
  const received: Received[] = []
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (piece: Buffer) => (text += piece.toString()))
    request.on('end', () => {
      const one = { headers: request.headers, text, json: JSON.parse(text) as Received['json'] }
      received.push(one)
      receiver.answer(response, one)
    })
  })
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const receiver: WebhookReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    answer: (response) => response.end('thanks'),
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    async [Symbol.asyncDispose]() {
      receiver.cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return receiver
}
