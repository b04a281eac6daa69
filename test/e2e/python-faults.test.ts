import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually, inferBody, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { isRunning } from './hosts.ts'
import { describeWithPython, pythonFlags, pythonModel } from './test-python.ts'

const obedient = `
for value in x[:, 0].tolist():
    if value == 666: os.abort()
    if value == 667:
        while True: pass
    if value == 668: os._exit(7)
    if value == 669:
        held = []
        while True: held.append(np.ones(4 * 1024 * 1024))
    if value == 670: raise KeyError("no such customer")
    if value == 671: return []
    if value == 672:
        for _ in range(5000): print("noise " * 50)
    if value == 673: return [[float("nan")]]
    if value == 674: sys.exit("the licence has ended")
    if value == 675: return [["text"]]
    if value == 676: return np.zeros((3, 1), dtype=np.float32)
    if value == 677: return None
    if value == 678: os.write(1, b"raw\\n"); os.close(1)
    if value == 679: return x[:, 0].astype("f8") * 2
    if value == 680: raise SystemError
return x
`

const faults = ['--serving.host.crashes-max', '1000', '--serving.host.backoff-first-ms', '1ms']

describeWithPython('a Python model that goes wrong', () => {
  let app: TestApp

  beforeAll(async () => {
    app = await startTestApp({
      models: { 'bad/1/model.py': pythonModel(obedient), 'good/1/model.py': pythonModel('return x + 1') },
      flags: [
        ...pythonFlags,
        ...faults,
        '--serving.host.run-timeout-ms',
        '2s',
        '--serving.host.memory-bytes-max',
        '400MiB',
      ],
    })
  })

  afterAll(() => app.stop())

  const infer = async (
    model: string,
    rows: readonly number[],
  ): Promise<{ status: number; text: string; code: string | null }> => {
    const response = await app.post(`/v2/models/${model}/infer`, inferBody(rows))
    return { status: response.status, text: await response.text(), code: response.headers.get('slipway-error') }
  }

  const good = async (): Promise<void> => {
    const { status, text } = await infer('good', [41])
    expect(status, text).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ outputs: [{ data: [42] }] })
  }

  it.each([
    [666, 'aborts', /SIGABRT/],
    [667, 'never returns', /a run took longer than 2000 ms/],
    [668, 'ends its process', /exited with code 7/],
    [674, 'calls sys.exit', /exited with code 1; its last words: the model called sys.exit\('the licence has ended'\)/],
  ])('when a run with %d %s, tells why, leaves others alone and comes back', async (value, _, reason) => {
    const failing = infer('bad', [value])
    await good()
    const { status, text, code } = await failing
    expect(text).toMatch(reason)
    expect([500, 502]).toContain(status)
    expect(['host_crashed', 'model_failed']).toContain(code)
    await eventually('the model answers again', async () =>
      (await infer('bad', [5])).status === 200 ? true : undefined,
    )
  })

  it('when a run takes memory without end, tells why, and comes back', async () => {
    // Why: it has all the time it needs to fill its memory, however busy the machine is.
    await using alone = await startTestApp({
      models: { 'bad/1/model.py': pythonModel(obedient) },
      flags: [
        ...pythonFlags,
        ...faults,
        '--serving.host.run-timeout-ms',
        '10m',
        '--serving.host.memory-bytes-max',
        '400MiB',
      ],
    })
    const failed = await alone.post('/v2/models/bad/infer', inferBody([669]))
    expect(await failed.text()).toMatch(/beyond the limit of 400 MiB|MemoryError/)
    expect([500, 502]).toContain(failed.status)
    await eventually('the model answers again', async () =>
      (await alone.post('/v2/models/bad/infer', inferBody([5]))).status === 200 ? true : undefined,
    )
  })

  it.each([
    [670, /KeyError: 'no such customer' \(model.py, line \d+\)/],
    [671, /output 'y' has 0 rows for 1 rows of input/],
    [675, /output 'y' is of the type .*; declared is FP32/],
    [676, /output 'y' has 3 rows for 1 rows of input/],
    [677, /predict returned no output 'y'/],
    [680, /SystemError \(model.py/],
  ])('that raises or answers wrongly (%d) is told so and stays', async (value, reason) => {
    const { status, text, code } = await infer('bad', [value])
    expect(text).toMatch(reason)
    expect([status, code]).toEqual([500, 'model_failed'])
    expect((await infer('bad', [5])).status).toBe(200)
  })

  it('fails alone when its request shared a run', async () => {
    const [wrong, ...right] = await Promise.all([670, 1, 2, 3, 4, 5].map((value) => infer('bad', [value])))
    expect(wrong?.text).toMatch(/no such customer/)
    for (const [index, { text }] of right.entries())
      expect(JSON.parse(text)).toMatchObject({ outputs: [{ data: [index + 1] }] })
  })

  it('may print, close its output and answer NaN', async () => {
    for (const value of [672, 678]) {
      expect(JSON.parse((await infer('bad', [value])).text)).toMatchObject({ outputs: [{ data: [value] }] })
    }
    expect((await infer('bad', [673])).text).toMatch(/NaN/)
    const printed = app.log.filter(({ event }) => event === 'host.output')
    expect(printed.length).toBeGreaterThan(100)
    for (const { fields } of printed) expect(fields).toMatchObject({ model: 'bad', version: 1 })
  })

  it('may answer doubles where floats are declared, and a flat array', async () => {
    expect(JSON.parse((await infer('bad', [679])).text)).toMatchObject({ outputs: [{ shape: [1, 1], data: [1358] }] })
  })
})

describeWithPython('a Python model that does not load', () => {
  const reasonOf = async (source: string, flags: readonly string[] = []): Promise<string> => {
    await using app = await startTestApp({ models: { 'm/1/model.py': source }, flags: [...pythonFlags, ...flags] })
    const index = (await (await app.post('/v2/repository/index')).json()) as readonly { reason?: string }[]
    return index[0]?.reason ?? ''
  }

  it.each([
    ['import nosuchlibrary', /ModuleNotFoundError: No module named 'nosuchlibrary' \(model.py, line 1\)/],
    ['def predict(inputs: return', /SyntaxError/],
    ['x = 1', /the module must define predict/],
    ['predict = 5', /predict must be a function/],
    ['signature = {"inputs": []}\ndef predict(inputs): return {}', /signature\['outputs'\] must be a list/],
    [
      'signature = {"inputs": [{"name": "x", "datatype": "FLOAT", "shape": [1]}], "outputs": []}\ndef predict(i): return {}',
      /'x' has no known datatype/,
    ],
    ['batched = "yes"\ndef predict(inputs): return {}', /batched, when defined, must be True or False/],
    ['import sys\nsys.exit(3)', /exited with code 3/],
    ['def load(context): raise RuntimeError("no weights")\ndef predict(i): return {}', /RuntimeError: no weights/],
  ])('says why: %s', async (source, reason) => {
    expect(await reasonOf(source)).toMatch(reason)
  })

  it('that hangs while loading is given up', async () => {
    const reason = await reasonOf('while True: pass', ['--serving.host.load-timeout-ms', '1500ms'])
    expect(reason).toMatch(/loading took longer than 1500 ms/)
  })

  it('says so when there is no such interpreter', async () => {
    await using app = await startTestApp({
      models: { 'm/1/model.py': 'def predict(i): return i' },
      flags: ['--python', '/no/such/python'],
    })
    const response = await app.post('/v2/repository/models/m/load')
    expect(await response.text()).toMatch(/interpreter \/no\/such\/python can not be run/)
  })
})

describeWithPython('several hosts of a Python model', () => {
  it('share its requests and the cores, and one that is killed comes back while the others answer', async () => {
    const model = pythonModel('time.sleep(0.05)\nreturn x * 0 + os.getpid()', 'batched = False')
    await using app = await startTestApp({
      models: {
        'm/1/model.py': `${model}\nprint("threads", os.environ.get("OMP_NUM_THREADS"))`,
        'm/config.pbtxt': 'instance_group [{ count: 2 kind: KIND_CPU }]',
      },
      flags: [...pythonFlags, ...faults],
    })
    const pids = async (): Promise<number[]> => {
      const replies = await Promise.all([1, 2, 3, 4].map((value) => app.post('/v2/models/m/infer', inferBody([value]))))
      const bodies = (await Promise.all(replies.map((reply) => reply.json()))) as { outputs?: { data: number[] }[] }[]
      return [...new Set(bodies.flatMap((body) => body.outputs?.[0]?.data ?? []))]
    }
    const [first = 0, second = 0, ...more] = await pids()
    expect([first > 0, second > 0, more]).toEqual([true, true, []])
    expect(app.log.filter(({ fields }) => /^threads [1-9]/.test(String(fields['text'])))).toHaveLength(2)
    process.kill(first, 'SIGKILL')
    await eventually('another host has taken its place', async () => {
      const now = await pids()
      return now.length === 2 && now.includes(second) && !now.includes(first) ? true : undefined
    })
  })
})

describeWithPython('a host of a Python model', () => {
  it('ends with its server, also while its model hangs', async () => {
    const root = mkdtempSync(join(tmpdir(), 'slipway-orphan-'))
    const pidFile = join(root, 'pid')
    mkdirSync(join(root, 'models/m/1'), { recursive: true })
    const source = `import os\nopen(${JSON.stringify(pidFile)}, "w").write(f"{os.getpid()}.")\nwhile True: pass`
    writeFileSync(join(root, 'models/m/1/model.py'), source)
    const places = ['--data-dir', join(root, 'data'), '--model-repository', join(root, 'models')]
    const ports = ['--port', '0', '--grpc-port', '0', '--mlflow-port', 'off']
    const args = ['bin/slipway.mjs', 'up', ...pythonFlags, ...places, ...ports]
    const server = spawn(process.execPath, args, { stdio: 'ignore' })
    try {
      const written = (): string => (existsSync(pidFile) ? readFileSync(pidFile, 'utf8') : '')
      const text = await eventually('the model hangs', () => (written().endsWith('.') ? written() : undefined))
      const host = Number(text.slice(0, -1))
      expect(isRunning(host)).toBe(true)
      server.kill('SIGKILL')
      await eventually('the host has ended', () => (isRunning(host) ? undefined : true))
    } finally {
      server.kill('SIGKILL')
      rmSync(root, { recursive: true })
    }
  })
})
