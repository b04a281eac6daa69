import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../lib/index.ts'
import { databaseError } from './database-error.ts'

/** Most transactions of one commit, and how long they may take together: bounds the wait of the first. */
const groupMax = 256
const groupMs = 5

interface Waiting {
  run(): Promise<unknown>
  /** Called once the transaction is safe on the disk. */
  resolve(value: never): void
  reject(error: unknown): void
}

type Settle = () => void

/**
 * Runs transactions one after another on one connection, and commits those that wait at the same time together, since
 * the sync of a commit costs far more than the statements. Each has its own savepoint, so that one that fails takes
 * nothing with it.
 */
export class GroupCommit {
  readonly #connection: DatabaseSync
  readonly #clock: Clock
  #waiting: Waiting[] = []
  #working: Promise<void> | undefined
  #closed = false

  constructor(connection: DatabaseSync, clock: Clock) {
    this.#connection = connection
    this.#clock = clock
  }

  run<T>(run: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new Error('the database is closed'))
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.#waiting.push({ run, resolve, reject })
    this.#working ??= this.#work()
    return promise
  }

  /** Finishes what waits. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#working
  }

  async #work(): Promise<void> {
    // Why: whoever asks within this turn of the event loop is in the same commit.
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) await this.#commitGroup()
    this.#working = undefined
  }

  async #commitGroup(): Promise<void> {
    const settled: Settle[] = []
    const group: Waiting[] = []
    try {
      this.#connection.exec('BEGIN IMMEDIATE')
      const startMs = this.#clock.now()
      while (this.#waiting.length > 0 && group.length < groupMax && this.#clock.now() - startMs < groupMs) {
        const next = this.#waiting.shift()
        if (next === undefined) break
        group.push(next)
        settled.push(await this.#runOne(next))
      }
      this.#connection.exec('COMMIT')
    } catch (error) {
      if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK')
      // A group that couldn't begin is nobody's yet: all that wait are told, rather than trying for ever.
      const told = group.length > 0 ? group : this.#waiting.splice(0)
      for (const waiting of told) waiting.reject(databaseError(error))
      return
    }
    for (const settle of settled) settle()
  }

  async #runOne(waiting: Waiting): Promise<Settle> {
    this.#connection.exec('SAVEPOINT one')
    try {
      const value = (await waiting.run()) as never
      this.#connection.exec('RELEASE one')
      return () => waiting.resolve(value)
    } catch (error) {
      // A full disk may have ended the whole transaction already, and the group with it.
      if (!this.#connection.isTransaction) throw error
      this.#connection.exec('ROLLBACK TO one; RELEASE one')
      return () => waiting.reject(error)
    }
  }
}
