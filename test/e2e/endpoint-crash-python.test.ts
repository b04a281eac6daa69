import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, it } from 'vitest'
import { eventually } from '../../src/testing/index.ts'
import { fraudCalls } from './fraud-calls.ts'
import { gatedModel, gatePoints, Gates, processesBelow } from './gated-models.ts'
import type { GatePoint } from './gated-models.ts'
import { expectOk, moveAlias, putEndpoint, registerVersion } from './registered-version.ts'
import { spawnServer } from './spawn-server.ts'
import type { SpawnedServer } from './spawn-server.ts'
import { describeWithPython, testPython } from './test-python.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-python-crash-'))
const running = new Set<SpawnedServer>()
afterEach(async () => {
  for (const server of running) await server.kill()
  running.clear()
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

let places = 0

/** A data folder with an endpoint whose alias names version 1 of a Python model, beside a version 2 with gates. */
const placeOfEndpoint = () => {
  const home = join(root, String(++places))
  const scratch = join(home, 'tmp')
  mkdirSync(scratch, { recursive: true })
  const gates = new Gates(join(home, 'gates'))
  const served = join(home, 'data', 'served')
  return {
    gates,
    hosts: () => processesBelow(scratch),
    temporary: () => readdirSync(scratch),
    /** Folders and their marks of versions that are placed. */
    placed: () => readdirSync(served).length / 2,
    async start() {
      const server = await spawnServer(join(home, 'data'), {
        environment: {
          TMPDIR: scratch,
          SLIPWAY_PYTHON: testPython ?? '',
          SLIPWAY_SERVING_HOST_BACKOFF_FIRST_MS: '1ms',
        },
      })
      running.add(server)
      return { ...server, ...fraudCalls(server) }
    },
  }
}

type Server = Awaited<ReturnType<ReturnType<typeof placeOfEndpoint>['start']>>

const startFraud = async (place: ReturnType<typeof placeOfEndpoint>): Promise<Server> => {
  const server = await place.start()
  for (const version of [1, 2]) await registerVersion(server, 'fraud', gatedModel(place.gates.folder, version))
  await expectOk(await moveAlias(server, 'fraud', 'champion', 1))
  await expectOk(await putEndpoint(server, 'fraud', { reference: 'models:/fraud@champion' }))
  expect(await server.answer()).toEqual(['1', 11])
  return server
}

const only = (pids: readonly number[]): number => {
  expect(pids).toHaveLength(1)
  return pids[0] ?? 0
}

const describeWithProc = existsSync('/proc/self/cwd') ? describeWithPython : describeWithPython.skip

describeWithProc('a move to a Python model', () => {
  it.each(gatePoints)(
    'is refused when the host of the candidate is killed at its %s, and nothing of it is left',
    async (point) => {
      const place = placeOfEndpoint()
      const server = await startFraud(place)
      const incumbent = only(place.hosts())
      place.gates.close(2, point)
      const move = moveAlias(server, 'fraud', 'champion', 2)
      const candidate = await place.gates.reached(2, point)
      expect(candidate).not.toBe(incumbent)
      place.gates.remove(2, point)
      process.kill(candidate, 'SIGKILL')
      const refused = await move
      expect([refused.status, await refused.text()]).toEqual([409, expect.stringContaining('ended by SIGKILL')])
      expect(await server.answer()).toEqual(['1', 11])
      expect(await server.aliased()).toBe('1')
      await eventually('only the incumbent has a host', () =>
        place.hosts().every((pid) => pid === incumbent) ? true : undefined,
      )
      expect(place.placed()).toBe(1)
      expect(place.temporary()).toHaveLength(1)
      await expectOk(await moveAlias(server, 'fraud', 'champion', 2))
      expect(await server.answer()).toEqual(['2', 12])
    },
  )

  it.each(gatePoints)(
    'goes on when the host of the incumbent is killed while the candidate is at its %s',
    async (point) => {
      const place = placeOfEndpoint()
      const server = await startFraud(place)
      const incumbent = only(place.hosts())
      place.gates.close(2, point)
      const move = moveAlias(server, 'fraud', 'champion', 2)
      const candidate = await place.gates.reached(2, point)
      process.kill(incumbent, 'SIGKILL')
      // The candidate is still held: it is the incumbent that comes back.
      await eventually('the incumbent answers again', async () => {
        const answer = await server.answer().catch(() => undefined)
        return answer?.[0] === '1' && answer[1] === 11 ? true : undefined
      })
      expect(place.hosts()).toHaveLength(2)
      expect(place.hosts()).toContain(candidate)
      await place.gates.open(2, point)
      await expectOk(await move)
      expect(await server.answer()).toEqual(['2', 12])
      expect(await server.aliased()).toBe('2')
      // The version before stays in memory, so that going back takes no load.
      expect(place.hosts()).toHaveLength(2)
    },
  )

  it.each<[GatePoint, string]>([
    ...gatePoints.map((point): [GatePoint, string] => [point, 'the incumbent serves']),
    ['load', 'the incumbent has lost its host'],
  ])('is not made when the server is killed while the candidate is at its %s and %s', async (point, incumbentIs) => {
    const place = placeOfEndpoint()
    const server = await startFraud(place)
    const incumbent = only(place.hosts())
    place.gates.close(2, point)
    const move = moveAlias(server, 'fraud', 'champion', 2).catch(() => undefined)
    await place.gates.reached(2, point)
    if (incumbentIs !== 'the incumbent serves') process.kill(incumbent, 'SIGKILL')
    await server.kill()
    running.delete(server)
    expect(await move).toBeUndefined()
    await eventually('every host has ended with it', () => (place.hosts().length === 0 ? true : undefined))
    place.gates.remove(2, point)
    const again = await place.start()
    expect(await again.aliased()).toBe('1')
    expect(await again.answer()).toEqual(['1', 11])
    only(place.hosts())
    expect(place.temporary()).toHaveLength(1)
    await eventually('the candidate’s files are gone', () => (place.placed() === 1 ? true : undefined))
    await expectOk(await moveAlias(again, 'fraud', 'champion', 2))
    expect(await again.answer()).toEqual(['2', 12])
  })
})
