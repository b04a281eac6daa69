import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually, inferBody, startTestApp } from '../../src/testing/index.ts'
import type { TestApp } from '../../src/testing/index.ts'
import { hosts } from './hosts.ts'
import { expectOk, moveAlias, putEndpoint, registerVersion } from './registered-version.ts'
import { runSlipway } from './run-slipway.ts'
import { describeWithPython, pythonFlags, pythonModel } from './test-python.ts'

const dying = (how: string): Record<string, string> => ({
  'model.py': pythonModel('return x', `def load(context):\n    ${how}`),
})

describeWithPython('a Python model that dies while it loads as the candidate of a move', () => {
  let app: TestApp

  beforeAll(async () => {
    app = await startTestApp({ flags: pythonFlags })
    await registerVersion(app, 'fraud', { 'model.py': pythonModel('return x + 1') })
    await expectOk(await moveAlias(app, 'fraud', 'champion', 1))
    await expectOk(await putEndpoint(app, 'fraud', { reference: 'models:/fraud@champion' }))
  })

  afterAll(() => app.stop())

  it.each([
    [
      'ends its process',
      'print("no licence", file=sys.stderr, flush=True); os._exit(3)',
      'exited with code 3',
      'no licence',
    ],
    [
      'reads where nothing is',
      'import ctypes; ctypes.string_at(0)',
      'ended by SIGSEGV',
      'Fatal Python error: Segmentation fault',
    ],
    ['aborts', 'os.abort()', 'ended by SIGABRT', 'Fatal Python error: Aborted'],
    [
      'says much and is killed',
      'print("a\\nb\\nc\\nd of /etc/model/d.bin", file=sys.stderr); os.kill(os.getpid(), 9)',
      'ended by SIGKILL',
      'b | c | d of …/d.bin',
    ],
    [
      'raises what ends its process',
      'print("loading", file=sys.stderr); raise KeyboardInterrupt("no weights")',
      'exited with code 1',
      'loading | KeyboardInterrupt: no weights',
    ],
  ])('since it %s is refused, with how it ended and its last words', async (_, how, end, words) => {
    const before = hosts().length
    const version = await registerVersion(app, 'fraud', dying(how))
    const refused = await moveAlias(app, 'fraud', 'champion', version)
    const reason = `${end}; its last words: ${words}`
    expect([refused.status, await refused.text()]).toEqual([409, expect.stringContaining(reason)])
    const told = app.log.findLast(({ event }) => event === 'endpoint.move_refused')
    expect(told?.fields).toMatchObject({
      endpoint: 'fraud',
      version,
      reason: expect.stringContaining(reason) as string,
    })
    const { items } = await expectOk(await app.fetch('/api/slipway/v1/audit?kind=promotion.refused&limit=1'))
    expect(items).toMatchObject([{ details: { version, reasons: [expect.stringContaining(reason)] } }])
    const { items: refusals } = await expectOk(await app.fetch('/api/slipway/v1/endpoints/fraud/refusals'))
    expect((refusals as unknown[])[0]).toMatchObject({ version, refused: [expect.stringContaining(reason)] })
    const { out: shown } = await runSlipway(app, ['history', 'fraud', '--refused'])
    expect(shown.split('\n')[1]).toMatch(new RegExp(`\\s${version}\\s+anonymous\\s`))
    expect(shown.split('\n')[1]).toContain(reason)
    const reply = await expectOk(await app.post('/v2/models/fraud/infer', inferBody([10])))
    expect(reply).toMatchObject({ model_version: '1', outputs: [{ data: [11] }] })
    await eventually('nothing of it runs', () => (hosts().length === before ? true : undefined))
  })
})
