import { AppError, fail } from '../../protocol/index.ts'
import type { MoveGuard, PreparedMoves } from '../../registry/index.ts'
import type { GuardAnswer, GuardQuestion } from './thread-messages.ts'

type Unnumbered<Question> = Question extends GuardQuestion ? Omit<Question, 'ask'> : never

/** The guard as the registry's thread sees it: every question crosses to those who serve, and its answer back. */
export class GuardLink implements MoveGuard {
  readonly #send: (question: GuardQuestion) => void
  readonly #asked = new Map<number, PromiseWithResolvers<PreparedMoves['checked']>>()
  #lastAsk = 0

  constructor(send: (question: GuardQuestion) => void) {
    this.#send = send
  }

  async prepare(moves: Parameters<MoveGuard['prepare']>[0]): Promise<PreparedMoves> {
    const { ask, answered } = this.#ask({ kind: 'prepare', moves })
    const checked = await answered
    const settle = async (isCommitted: boolean): Promise<void> => {
      await this.#ask({ kind: 'settle', prepared: ask, isCommitted }).answered
    }
    return { checked, settle }
  }

  async changed(): Promise<void> {
    await this.#ask({ kind: 'changed' }).answered
  }

  receive(answer: GuardAnswer): void {
    const asked = this.#asked.get(answer.ask)
    this.#asked.delete(answer.ask)
    if (answer.refused !== undefined) asked?.reject(new AppError(answer.refused.code, answer.refused.details))
    else asked?.resolve(answer.checked ?? [])
  }

  #ask(question: Unnumbered<GuardQuestion>): {
    readonly ask: number
    readonly answered: Promise<PreparedMoves['checked']>
  } {
    const ask = ++this.#lastAsk
    const asked = Promise.withResolvers<PreparedMoves['checked']>()
    this.#asked.set(ask, asked)
    this.#send({ ...question, ask })
    return { ask, answered: asked.promise }
  }
}

/** Answers the questions of a registry's thread, for as long as that lives. */
export class GuardDesk {
  readonly #guard: MoveGuard
  readonly #answer: (answer: GuardAnswer) => void
  readonly #prepared = new Map<number, PreparedMoves>()
  readonly #closed = new AbortController()

  constructor(guard: MoveGuard, answer: (answer: GuardAnswer) => void) {
    this.#guard = guard
    this.#answer = answer
  }

  receive(question: GuardQuestion): void {
    const { ask } = question
    this.#do(question).then(
      (checked) => this.#answer({ kind: 'guard', ask, checked }),
      (error: unknown) => this.#answer({ kind: 'guard', ask, refused: refusalOf(error) }),
    )
  }

  /** The thread has ended: what it prepared, or has prepared, is given up, and what it has made is found in the database. */
  close(): void {
    this.#closed.abort(new Error('the registry has ended'))
    for (const prepared of this.#prepared.values()) void prepared.settle(false)
    this.#prepared.clear()
  }

  async #do(question: GuardQuestion): Promise<PreparedMoves['checked']> {
    switch (question.kind) {
      case 'prepare':
        return this.#keep(question.ask, await this.#guard.prepare(question.moves, this.#closed.signal))
      case 'settle':
        await this.#prepared.get(question.prepared)?.settle(question.isCommitted)
        this.#prepared.delete(question.prepared)
        return []
      default:
        await this.#guard.changed()
        return []
    }
  }

  /** What is ready only after the end would be asked for by nobody. */
  async #keep(ask: number, prepared: PreparedMoves): Promise<PreparedMoves['checked']> {
    if (this.#closed.signal.aborted) await prepared.settle(false)
    else this.#prepared.set(ask, prepared)
    return prepared.checked
  }
}

const refusalOf = (error: unknown): NonNullable<GuardAnswer['refused']> => {
  const known = error instanceof AppError ? error : fail('internal', { requestId: 'unknown' }, error)
  return { code: known.code, details: known.details }
}
