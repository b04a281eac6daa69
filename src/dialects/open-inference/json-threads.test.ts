import { afterEach, describe, expect, it } from 'vitest'
import { Cancellation } from '../../lib/index.ts'
import { AppError } from '../../protocol/index.ts'
import type { Tensor } from '../../tensor/index.ts'
import { JsonThreads } from './json-threads.ts'
import type { InferJson } from './rest-decode.ts'

let threads: JsonThreads | undefined

afterEach(() => threads?.close())

/** Threads that work for one model, or for the one named. */
const open = (options: ConstructorParameters<typeof JsonThreads>[0]) => {
  const opened = (threads = new JsonThreads(options))
  return {
    decode: (body: InferJson, owner = 'm') => opened.decode(body, { owner }),
    encode: (tensor: Tensor, owner = 'm', cancellation?: Cancellation) =>
      opened.encode(tensor, { owner, cancellation }),
    close: () => opened.close(),
  }
}

const json = (text: string): InferJson => {
  const body = Buffer.from(text)
  return { body, jsonBytes: body.length, depthMax: 10 }
}
const request = (value: number): InferJson =>
  json(JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [value] }] }))

const outcome = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof AppError ? error.code : (error as Error).message),
  )

/** A thread that answers a tensor with its name, and ends in the ways that names ask for. */
const program = (source: string): URL =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`
      import { parentPort } from 'node:worker_threads'
      let answered = 0
      parentPort.on('message', ({ id, work }) => {
        const name = work.tensor.name
        ${source}
        parentPort.postMessage({ id, kind: 'done', result: name })
      })`)}`,
  )
const named = (name: string): Tensor => ({ name, datatype: 'UINT8', shape: [1], data: new Uint8Array(1) })

describe('a JSON thread that dies', () => {
  it('over a body it has no memory for: that one is too large, the others are read', async () => {
    const pool = open({ heapMegabytesMax: 24 })
    const huge = json(
      `{"inputs":[{"name":"x","datatype":"BYTES","shape":[1],"data":[${'"0123456789",'.repeat(2e6)}"end"]}]}`,
    )
    const work = [pool.decode(request(1)), pool.decode(huge), pool.decode(request(2)), pool.decode(request(3))]
    expect(await Promise.all(work.map(outcome))).toEqual(['done', 'payload_too_large', 'done', 'done'])
    await expect(work[1]).rejects.toThrow('the memory to read this JSON exceeds the limit of 25165824 bytes')
    expect(await outcome(pool.decode(request(4)))).toBe('done')
  })

  it('by itself: the request in work fails, the others are done by a fresh thread, with their data', async () => {
    const pool = open({ program: program("if (name === 'kill') process.exit(3)") })
    const work = ['a', 'kill', 'b', 'c'].map((name) => pool.encode(named(name)))
    expect(await Promise.all(work.map(outcome))).toEqual(['done', 'the thread ended with code 3', 'done', 'done'])
    await expect(work[1]).rejects.not.toBeInstanceOf(AppError)
    expect(await pool.encode(named('later'))).toBe('later')
  })

  it('again: nobody is tried a third time, and what it was not sent yet is none of its losses', async () => {
    const pool = open({ program: program("if (name !== 'good') throw new Error('broken ' + name)") })
    const work = ['a', 'b', 'good', 'c'].map((name) => pool.encode(named(name)))
    expect(await Promise.all(work.map(outcome))).toEqual(['broken a', 'broken b', 'done', 'broken c'])
    expect(await pool.encode(named('good'))).toBe('good')
  })

  it('because the server ends is not replaced', async () => {
    const pool = open({ program: program('for (;;) {}') })
    const work = [pool.encode(named('a')), pool.encode(named('b'))].map(outcome)
    await pool.close()
    expect(await Promise.all(work)).toEqual(['shutting_down', 'shutting_down'])
    expect(await outcome(pool.encode(named('c')))).toBe('shutting_down')
  })
})

describe('what waits for a JSON thread', () => {
  const held = program('if (name === "held") { setTimeout(() => {}, 2 ** 30); return }')
  const full = { code: 'work_queue_full' }

  it('is bounded in number', async () => {
    const pool = open({ program: held, waitingMax: 2 })
    const work = [pool.encode(named('held')), pool.encode(named('held'))].map(outcome)
    await expect(pool.encode(named('more'))).rejects.toMatchObject({
      details: { waiting: 2, waitingBytes: 2 },
      ...full,
    })
    await pool.close()
    expect(await Promise.all(work)).toEqual(['shutting_down', 'shutting_down'])
  })

  it('is bounded in bytes, save a single one, and makes room when it is done', async () => {
    const pool = open({ program: program(''), waitingBytesMax: 10 })
    const sized = (bytes: number): Tensor => ({ ...named('a'), data: new Uint8Array(bytes) })
    for (let round = 0; round < 2; round++) {
      const large = pool.encode(sized(11))
      await expect(pool.encode(sized(1))).rejects.toMatchObject({ details: { waiting: 1, waitingBytes: 11 }, ...full })
      await large
      const work = [pool.encode(sized(5)), pool.encode(sized(5))]
      expect(await outcome(pool.encode(sized(1)))).toBe('work_queue_full')
      expect(await Promise.all(work)).toEqual(['a', 'a'])
    }
  })

  it('does not count what was lost with the thread', async () => {
    const pool = open({ program: program("if (name === 'kill') process.exit(3)"), waitingBytesMax: 10 })
    const killed = pool.encode({ ...named('kill'), data: new Uint8Array(6) })
    const other = pool.encode({ ...named('a'), data: new Uint8Array(4) })
    expect(await outcome(killed)).toBe('the thread ended with code 3')
    expect(await other).toBe('a')
    expect(
      await Promise.all([6, 4].map((bytes) => pool.encode({ ...named('a'), data: new Uint8Array(bytes) }))),
    ).toEqual(['a', 'a'])
  })
})

describe('models that share a JSON thread', () => {
  /** Notes what was done in which order. */
  const noting = () => {
    const order: string[] = []
    const pool = open({ program: program(''), waitingMax: 6 })
    const ask = (owner: string, name = owner, cancellation?: Cancellation): Promise<unknown> =>
      outcome(pool.encode(named(name), owner, cancellation).then((done) => void order.push(done)))
    return { order, ask }
  }

  it('take turns, however much one of them asks for', async () => {
    const { order, ask } = noting()
    await Promise.all(['a', 'a', 'a', 'a', 'b', 'c'].map((owner) => ask(owner)))
    // The thread had two at hand when the others came.
    expect(order).toEqual(['a', 'a', 'b', 'c', 'a', 'a'])
  })

  it('share what may wait: who has most of it makes room for who has less', async () => {
    const { order, ask } = noting()
    const flood = [1, 2, 3, 4, 5, 6].map((index) => ask('a', `a${index}`))
    const others = [ask('b'), ask('a', 'a7'), ask('c'), ask('c', 'c2')]
    expect(await Promise.all(others)).toEqual(['done', 'work_queue_full', 'done', 'work_queue_full'])
    const full = 'work_queue_full'
    expect(await Promise.all(flood)).toEqual(['done', 'done', 'done', 'done', full, full])
    expect(order).toEqual(['a1', 'a2', 'b', 'c', 'a3', 'a4'])
  })

  it('do not wait for what nobody waits for any more', async () => {
    const { order, ask } = noting()
    const left = new Cancellation()
    const work = [ask('a'), ask('a'), ask('a', 'left', left), ask('b')]
    left.cancel()
    expect(await Promise.all(work)).toEqual(['done', 'done', 'cancelled', 'done'])
    expect(order).toEqual(['a', 'a', 'b'])
  })
})
