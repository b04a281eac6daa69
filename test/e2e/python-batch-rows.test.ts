import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { eventually, inferBody, startTestApp } from '../../src/testing/index.ts'
import { describeWithPython, pythonFlags, pythonModel } from './test-python.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-batch-rows-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const gate = join(root, 'gate')
const calls = join(root, 'calls')
const held = '1 from 1000\n'

/** Adds one, notes how many rows it is given, and waits at a gate for the row 1000; `rows` says what becomes of the answer y. */
const model = (rows: string, more: string): string =>
  pythonModel(
    `
with open(${JSON.stringify(calls)}, "a") as seen: seen.write(f"{len(x)} from {x[0, 0]:.0f}\\n")
if x[0, 0] == 1000: open(${JSON.stringify(gate)}).close()
y = x + 1
${rows}
return y`,
    more,
  )

const onlyEven = 'y = y[x[:, 0] % 2 == 0]'
const oneMore = 'if 7 in x: y = np.concatenate([y, y[:1]])'
const none = 'if 7 in x: y = y[:0]'

describeWithPython('a Python model that answers another number of rows than it was given', () => {
  /** Requests of these rows that share one run, as far as the model takes them: what each is answered. */
  const answersOf = async (files: Readonly<Record<string, string>>, requests: readonly (readonly number[])[]) => {
    for (const path of [gate, calls]) rmSync(path, { force: true })
    execFileSync('mkfifo', [gate])
    await using app = await startTestApp({ models: files, flags: pythonFlags })
    const infer = async (rows: readonly number[]) => {
      const response = await app.post('/v2/models/m/infer', inferBody(rows))
      const body = (await response.json()) as { outputs?: { shape: number[]; data: number[] }[]; error?: string }
      return response.ok ? (body.outputs?.[0]?.data ?? []) : `${response.status} ${body.error}`
    }
    const holding = infer([1000])
    await eventually('the host is held', () =>
      existsSync(calls) && readFileSync(calls, 'utf8').includes(held) ? true : undefined,
    )
    const answers = requests.map((rows) => infer(rows))
    await eventually('the others wait together', async () => {
      const metrics = await (await app.fetch('/metrics')).text()
      return metrics.includes(`slipway_queue_depth{model="m",version="1"} ${requests.length}\n`) ? true : undefined
    })
    await writeFile(gate, '')
    await holding
    const answered = await Promise.all(answers)
    const [, later = ''] = readFileSync(calls, 'utf8').split(held)
    const runs = later
      .trim()
      .split('\n')
      .map((line) => Number.parseInt(line, 10))
    return { answered, runs }
  }

  const requests = [[1], [7], [2, 4], [6]]
  /** The run of all, and then each by itself. */
  const joinedThenAlone = [5, 1, 1, 2, 1]

  it.each([
    ['leaves rows out', onlyEven, ['500 1', '500 7', [3, 5], [7]]],
    ['adds a row', oneMore, [[2], '500 7', [3, 5], [7]]],
    ['answers none', none, [[2], '500 7', [3, 5], [7]]],
  ])('and %s is asked again request by request: each gets its own rows, or a clear error', async (_, rows, wanted) => {
    const { answered, runs } = await answersOf({ 'm/1/model.py': model(rows, '') }, requests)
    expect(runs).toEqual(joinedThenAlone)
    for (const [index, answer] of answered.entries()) {
      const expected = wanted[index]
      if (typeof expected === 'string') expect(answer).toMatch(/^500 .*output 'y' has (0|2) rows for 1 rows of input/)
      else expect(answer).toEqual(expected)
    }
  })

  it.each([
    ['leaves rows out', onlyEven, [[], [], [3, 5], [7]]],
    ['adds a row', oneMore, [[2], [8, 8], [3, 5], [7]]],
    ['answers none', none, [[2], [], [3, 5], [7]]],
  ])(
    'and %s, whose configuration joins requests and which itself says nothing of rows, gives each what it answers to that alone',
    async (_, rows, wanted) => {
      const files = {
        'm/1/model.py': model(rows, 'batched = False'),
        'm/config.pbtxt': 'max_batch_size: 16 dynamic_batching { }',
      }
      const { answered, runs } = await answersOf(files, requests)
      expect(runs).toEqual(joinedThenAlone)
      expect(answered).toEqual(wanted)
    },
  )

  it('may answer any number of rows where requests are not joined', async () => {
    const { answered, runs } = await answersOf({ 'm/1/model.py': model(oneMore, 'batched = False') }, requests)
    expect(runs).toEqual([1, 1, 2, 1])
    expect(answered).toEqual([[2], [8, 8], [3, 5], [7]])
  })
})
