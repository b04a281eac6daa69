import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, it } from 'vitest'
import { eventually, inferBody } from '../../src/testing/index.ts'
import { gatedModel, Gates, processesBelow } from '../e2e/gated-models.ts'
import { expectOk, moveAlias, putEndpoint, registerVersion } from '../e2e/registered-version.ts'
import { spawnServer } from '../e2e/spawn-server.ts'
import { describeWithPython, testPython } from '../e2e/test-python.ts'
import { openTestPostgres } from './open-test-postgres.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-endpoint-servers-'))
const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

interface Answer {
  readonly version: number
  readonly value: number
}

/** A server in a process of its own, that can be started again where it was. */
const openServer = async (name: string, shared: Readonly<Record<string, string>>) => {
  const scratch = join(root, name, 'tmp')
  mkdirSync(scratch, { recursive: true })
  const environment = { ...shared, TMPDIR: scratch, SLIPWAY_PYTHON: testPython ?? '' }
  const start = async () => {
    const server = await spawnServer(join(root, name, 'data'), { environment })
    // A server is ready before its database has answered.
    await eventually('the registry is open', async () =>
      (await fetch(new URL('/api/slipway/v1/endpoints', server.http))).ok ? true : undefined,
    )
    return server
  }
  let running = await start()
  ends.push(() => running.kill())
  const fetchPath = (path: string, init?: RequestInit): Promise<Response> => fetch(new URL(path, running.http), init)
  const post = (path: string, body?: unknown): Promise<Response> =>
    fetchPath(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
  const answer = async (): Promise<Answer> => {
    const reply = await expectOk(await post('/v2/models/fraud/infer', inferBody([10])))
    const [output] = reply['outputs'] as { data: number[] }[]
    return { version: Number(reply['model_version']), value: Number(output?.data[0]) }
  }
  return {
    fetch: fetchPath,
    post,
    answer,
    async serves(version: number): Promise<void> {
      await eventually(`${name} serves version ${version}`, async () =>
        (await answer().catch(() => undefined))?.version === version ? true : undefined,
      )
    },
    kill: () => running.kill(),
    async startAgain(): Promise<void> {
      running = await start()
    },
    hosts: () => processesBelow(scratch),
    temporary: () => readdirSync(scratch),
  }
}

interface Asked extends Answer {
  readonly askedMs: number
}

type Server = Awaited<ReturnType<typeof openServer>>

const callersOfEach = 2

/** Callers of a server that never pause, until they are told to stop; then the answers of each, in order, with when they were asked for. */
const load = (server: Server) => {
  let isOver = false
  const caller = async (): Promise<Asked[]> => {
    const answers: Asked[] = []
    while (!isOver) {
      const askedMs = performance.now()
      answers.push({ ...(await server.answer()), askedMs })
    }
    return answers
  }
  const callers = Array.from({ length: callersOfEach }, caller)
  return () => {
    isOver = true
    return Promise.all(callers)
  }
}

/** Two servers on one database and one store of artifacts, and an endpoint of three versions of a Python model. */
const openPair = async (name: string) => {
  const postgres = await openTestPostgres()
  ends.push(async () => postgres[Symbol.asyncDispose]())
  const gates = new Gates(join(root, name, 'gates'))
  const shared = { SLIPWAY_DATABASE: postgres.url, SLIPWAY_ARTIFACTS: join(root, name, 'artifacts') }
  const first = await openServer(join(name, 'first'), shared)
  const second = await openServer(join(name, 'second'), shared)
  for (const version of [1, 2, 3]) await registerVersion(first, 'fraud', gatedModel(gates.folder, version))
  await expectOk(await moveAlias(first, 'fraud', 'champion', 1))
  await expectOk(await putEndpoint(first, 'fraud', { reference: 'models:/fraud@champion' }))
  await second.serves(1)
  return { first, second, gates }
}

const describeWithProc = existsSync('/proc/self/cwd') ? describeWithPython : describeWithPython.skip

describeWithProc('two servers in processes of their own on one Postgres, and a Python model', () => {
  it('follow a move under load at both, each within two seconds of having loaded it, and no request fails', async () => {
    const { first, second, gates } = await openPair('load')
    const loads = [load(first), load(second)]
    await expectOk(await moveAlias(first, 'fraud', 'champion', 2))
    const madeMs = performance.now()
    const made = await first.answer()
    expect(made).toEqual({ version: 2, value: 12 })
    await second.serves(2)
    const servedAtMs = Date.now()
    // The newest host of the candidate is the second server's; it wrote this when its load began to be answered.
    const loadedAtMs = statSync(gates.reachedFile(2, 'golden')).mtimeMs
    expect(servedAtMs - loadedAtMs).toBeLessThan(2000)
    const [atFirst = [], atSecond = []] = await Promise.all(loads.map((end) => end()))
    for (const answers of [...atFirst, ...atSecond]) expectInOrder(answers, [1, 2])
    expect(atFirst.flat().filter(({ askedMs, version }) => askedMs > madeMs && version !== 2)).toEqual([])
  })

  it('go on by themselves when one is killed in its move, which the other can make; the killed one comes back with it', async () => {
    const { first, second, gates } = await openPair('killed')
    const underLoad = load(second)
    gates.close(2, 'load')
    const move = moveAlias(first, 'fraud', 'champion', 2).catch(() => undefined)
    await gates.reached(2, 'load')
    await first.kill()
    expect(await move).toBeUndefined()
    await eventually('its hosts have ended with it', () => (first.hosts().length === 0 ? true : undefined))
    gates.remove(2, 'load')
    expect(await second.answer()).toEqual({ version: 1, value: 11 })
    await expectOk(await moveAlias(second, 'fraud', 'champion', 2))
    expect(await second.answer()).toEqual({ version: 2, value: 12 })
    await first.startAgain()
    await first.serves(2)
    expect(first.temporary()).toHaveLength(1)
    // And the two follow one another as before.
    await expectOk(await moveAlias(first, 'fraud', 'champion', 3))
    await second.serves(3)
    for (const answers of await underLoad()) expectInOrder(answers, [1, 2, 3])
  })

  it('have the one that is killed while it follows come back with what was decided', async () => {
    const { first, second, gates } = await openPair('follower')
    const underLoad = load(first)
    gates.close(2, 'load')
    const move = moveAlias(first, 'fraud', 'champion', 2)
    await gates.reached(2, 'load')
    await gates.open(2, 'load')
    gates.close(2, 'load')
    await expectOk(await move)
    await gates.reached(2, 'load')
    expect(await second.answer()).toEqual({ version: 1, value: 11 })
    await second.kill()
    gates.remove(2, 'load')
    expect(await first.answer()).toEqual({ version: 2, value: 12 })
    await second.startAgain()
    await second.serves(2)
    for (const answers of await underLoad()) expectInOrder(answers, [1, 2])
  })
})

/** Each answer is of the version that it names, and no earlier version comes back. */
const expectInOrder = (answers: readonly Asked[], versions: readonly number[]): void => {
  for (const { version, value } of answers) expect(value).toBe(10 + version)
  const seen = answers.map(({ version }) => version)
  expect(seen.filter((version, index) => version !== seen[index - 1])).toEqual(versions)
}
