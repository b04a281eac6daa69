import type { Clock, Random } from '../../lib/index.ts'
import { HttpRequester } from './http-requester.ts'
import type { Ending, LoadTarget } from './http-requester.ts'
import { LoadTally } from './load-result.ts'
import type { LoadResult } from './load-result.ts'
import { stayAlive } from './stay-alive.ts'

export interface OpenLoop extends LoadTarget {
  /** Requests a second, whatever the server does. */
  readonly rate: number
  /** `poisson` draws the gaps from an exponential distribution, as independent callers make them. */
  readonly arrivals: 'constant' | 'poisson'
  readonly durationMs: number
  /** Requests beyond this many under way are counted as unsent. Default 4096, which bounds sockets and memory. */
  readonly inFlightMax?: number
  /** Ends the run early; requests under way are waited for. */
  readonly signal?: AbortSignal
  /** Default 30 s without a byte. */
  readonly timeoutMs?: number
  /** Told of every request as it ends. */
  readonly observe?: (ending: Ending, times: RequestTimes) => void
  readonly clock: Clock
  readonly random: Random
}

/** On the clock of the loop. */
export interface RequestTimes {
  readonly dueAtMs: number
  /** Later than it was due by what the generator was busy with. */
  readonly sentAtMs: number
  readonly endedAtMs: number
}

/**
 * Requests at a given rate that doesn't slow down when the server does. Latency counts from the moment at which a
 * request was due, so a stall shows in every request that it delayed (no coordinated omission).
 */
export const runOpenLoop = async (loop: OpenLoop): Promise<LoadResult> => {
  using _alive = stayAlive()
  const { clock } = loop
  const inFlightMax = loop.inFlightMax ?? 4096
  const requester = new HttpRequester(loop, { connectionsMax: inFlightMax, timeoutMs: loop.timeoutMs ?? 30_000 })
  const tally = new LoadTally()
  const startedAt = clock.now()
  let dueAt = startedAt
  let inFlight = 0
  let unsent = 0

  return await new Promise((resolve) => {
    const isOver = (): boolean => loop.signal?.aborted === true || dueAt - startedAt >= loop.durationMs
    const finish = (): void => {
      requester.close()
      resolve(tally.result(clock.now() - startedAt, unsent))
    }
    const send = (dueAtMs: number): void => {
      if (inFlight >= inFlightMax) {
        unsent++
        return
      }
      inFlight++
      const sentAtMs = clock.now()
      requester.send((ending) => {
        inFlight--
        const endedAtMs = clock.now()
        tally.add(ending, endedAtMs - dueAtMs)
        loop.observe?.(ending, { dueAtMs, sentAtMs, endedAtMs })
        if (inFlight === 0 && isOver()) finish()
      })
    }
    const sendDue = (): void => {
      while (!isOver() && dueAt <= clock.now()) {
        send(dueAt)
        dueAt += gapMs(loop)
      }
      if (!isOver()) clock.setTimer(sendDue, dueAt - clock.now())
      else if (inFlight === 0) finish()
    }
    sendDue()
  })
}

/** Time to the next request in milliseconds. */
const gapMs = ({ rate, arrivals, random }: OpenLoop): number => {
  const meanMs = 1000 / rate
  return arrivals === 'constant' ? meanMs : -Math.log(1 - random.next()) * meanMs
}
