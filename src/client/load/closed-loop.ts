import type { Clock } from '../../lib/index.ts'
import { HttpRequester } from './http-requester.ts'
import type { LoadTarget } from './http-requester.ts'
import { LoadTally } from './load-result.ts'
import type { LoadResult } from './load-result.ts'
import { stayAlive } from './stay-alive.ts'

export interface ClosedLoop extends LoadTarget {
  /** Each sends its next request when the reply to the last one is in. */
  readonly clients: number
  readonly durationMs: number
  /** Goes on past `durationMs` or the signal until so many requests have ended. Default 0. */
  readonly countMin?: number
  /** Ends the run before `durationMs`; requests under way are waited for. */
  readonly signal?: AbortSignal
  /** Default 30 s without a byte. */
  readonly timeoutMs?: number
  readonly clock: Clock
}

/** After an error a client waits this long, so that a server that is down is not hammered. */
const errorPauseMs = 1

/** A fixed number of clients that each wait for a reply before they send again. */
export const runClosedLoop = async (loop: ClosedLoop): Promise<LoadResult> => {
  using _alive = stayAlive()
  const { clock } = loop
  const requester = new HttpRequester(loop, { connectionsMax: loop.clients, timeoutMs: loop.timeoutMs ?? 30_000 })
  const tally = new LoadTally()
  const startedAt = clock.now()
  const countMin = loop.countMin ?? 0
  const isOver = (): boolean =>
    (loop.signal?.aborted === true || clock.now() - startedAt >= loop.durationMs) && tally.count >= countMin

  return await new Promise((resolve) => {
    let running = loop.clients
    const leave = (): void => {
      if (--running > 0) return
      requester.close()
      resolve(tally.result(clock.now() - startedAt, 0))
    }
    const sendNext = (): void => {
      if (isOver()) return leave()
      const sentAt = clock.now()
      requester.send((ending) => {
        tally.add(ending, clock.now() - sentAt)
        if ('error' in ending) clock.setTimer(sendNext, errorPauseMs)
        else sendNext()
      })
    }
    for (let client = 0; client < loop.clients; client++) sendNext()
  })
}
