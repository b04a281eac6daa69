import type { Clock } from '../lib/index.ts'

/** A change of what an endpoint serves, under way. */
export interface Move {
  readonly version: number
  /** Whether somebody waits for it; others give way to those. */
  readonly isAsked: boolean
  readonly calledOff: AbortController
  /** Settled, never rejected, once requests meet the result. */
  done: Promise<void>
}

const stopping = (): Error => new Error('the server is shutting down')

/** The changes that are under way, one for each endpoint at most that isn't called off. */
export class Moves {
  readonly #clock: Clock
  readonly #underWay = new Map<string, Move>()
  #isStopped = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  of(endpoint: string): Move | undefined {
    return this.#underWay.get(endpoint)
  }

  /** Resolves when those that are under way now have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#underWay.values()].map(({ done }) => done))
  }

  /** Notes a change as long as it is under way. */
  track(
    endpoint: string,
    { version, isAsked }: Pick<Move, 'version' | 'isAsked'>,
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const calledOff = new AbortController()
    const move: Move = { version, isAsked, calledOff, done: Promise.resolve() }
    this.#underWay.set(endpoint, move)
    if (this.#isStopped) calledOff.abort(stopping())
    move.done = work(calledOff.signal).finally(() => {
      if (this.#underWay.get(endpoint) === move) this.#underWay.delete(endpoint)
    })
    return move.done
  }

  /** Lets moves end for this long; then they are called off, and who asked for them is told. */
  async drain(limitMs: number): Promise<void> {
    const limit = this.#clock.setTimer(() => this.stop(), limitMs)
    while (this.#underWay.size > 0) await this.ended()
    limit.cancel()
  }

  /** Calls off every move, those that would begin as well. */
  stop(): void {
    this.#isStopped = true
    for (const { calledOff } of this.#underWay.values()) calledOff.abort(stopping())
  }
}
