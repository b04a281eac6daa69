import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, afterEach, expect, it } from 'vitest'
import { buildOnnx, eventually, simpleModel } from '../../src/testing/index.ts'
import { isRunning } from './hosts.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-signals-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Processes of a test that failed before it ended them. */
const started = new Set<number>()
afterEach(() => {
  for (const pid of started) if (isRunning(pid)) process.kill(pid, 'SIGKILL')
  started.clear()
})

let places = 0

/** Folders of a command: where it works, its temporary folder, and programs of ours that it finds first on its path. */
const openPlace = () => {
  const home = join(root, String(++places))
  const at = (name: string): string => join(home, name)
  for (const name of ['work', 'tmp', 'bin', 'cache']) mkdirSync(at(name), { recursive: true })
  return {
    at,
    write(path: string, content: string | Uint8Array): void {
      mkdirSync(join(at('work'), path, '..'), { recursive: true })
      writeFileSync(join(at('work'), path), content)
    },
    /**
     * A program that never ends, nor does the one that it starts, once it is called with this word; before that, it
     * answers as an interpreter would.
     */
    program(name: string, word: string): string {
      const path = join(at('bin'), name)
      const answer = `echo ${path}; echo 3.11.7`
      const hang = `tail -f /dev/null & echo "$$ $!." > ${at('reached')}; wait`
      writeFileSync(path, `#!/bin/sh\ncase "$*" in *${word}*) ${hang} ;; *) ${answer} ;; esac\n`)
      chmodSync(path, 0o755)
      return path
    },
    /** The processes of the program, once it hangs. */
    reached: (): Promise<number[]> =>
      eventually('the program is reached', () => {
        const text = existsSync(at('reached')) ? readFileSync(at('reached'), 'utf8') : ''
        if (!text.endsWith('.\n')) return undefined
        const pids = text.slice(0, -2).split(' ').map(Number)
        for (const pid of pids) started.add(pid)
        return pids
      }),
    left: () => ({ work: readdirSync(at('work')).toSorted(), tmp: readdirSync(at('tmp')) }),
  }
}

type Place = ReturnType<typeof openPlace>

const start = (place: Place, args: readonly string[]) => {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SLIPWAY_'))
  const child = spawn(process.execPath, [join(process.cwd(), 'bin/slipway.mjs'), ...args], {
    cwd: place.at('work'),
    stdio: 'ignore',
    env: {
      ...Object.fromEntries(inherited),
      TMPDIR: place.at('tmp'),
      XDG_CACHE_HOME: place.at('cache'),
      PATH: [place.at('bin'), process.env['PATH']].join(delimiter),
    },
  })
  if (child.pid !== undefined) started.add(child.pid)
  const ended = new Promise<string>((resolve) => {
    child.on('exit', (code, signal) => resolve(signal ?? `code ${code}`))
  })
  return { kill: (signal: NodeJS.Signals) => child.kill(signal), ended }
}

const everySignal = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Ends the command where its program hangs; it must end by the signal, and the program with it. */
const interrupt = async (place: Place, args: readonly string[], signal: NodeJS.Signals): Promise<void> => {
  const command = start(place, args)
  const programs = await place.reached()
  expect(place.left().tmp.length + place.left().work.length).toBeGreaterThan(1)
  command.kill(signal)
  expect(await command.ended).toBe(signal)
  for (const pid of programs) await eventually('its program has ended', () => (isRunning(pid) ? undefined : true))
}

it.each(everySignal)('slipway convert that is ended by %s while it converts leaves nothing', async (signal) => {
  const place = openPlace()
  place.write('model.joblib', 'never read')
  const python = place.program('python', 'slipway_convert')
  await interrupt(place, ['convert', 'model.joblib', '--python', python, '--output', 'models'], signal)
  expect(place.left()).toEqual({ work: ['model.joblib'], tmp: [] })
})

it('slipway convert that is ended while it makes an environment leaves nothing, in the user’s cache neither', async () => {
  const place = openPlace()
  place.write('model.joblib', 'never read')
  place.program('python3', 'venv')
  await interrupt(place, ['convert', 'model.joblib', '--output', 'models'], 'SIGINT')
  expect(place.left()).toEqual({ work: ['model.joblib'], tmp: [] })
  const cached = readdirSync(join(place.at('cache'), 'slipway', 'python-environments'))
  expect(cached.filter((name) => !name.endsWith('.lock'))).toEqual([])
})

it.each(everySignal)(
  'slipway package that is ended by %s while it freezes requirements leaves nothing',
  async (signal) => {
    const place = openPlace()
    place.write('model.yaml', 'model: model.py\nname: churn\nresources:\n  requirements: [numpy]\n')
    place.write('model.py', 'def predict(inputs): return inputs')
    const python = place.program('python', 'install')
    await interrupt(place, ['package', '--output', 'made', '--python', python], signal)
    expect(place.left()).toEqual({ work: ['model.py', 'model.yaml'], tmp: [] })
  },
)

it('slipway package that is ended while it makes an image leaves the package, which was whole, and nothing else', async () => {
  const place = openPlace()
  place.write('model.yaml', 'model: model.onnx\nname: churn\n')
  place.write('model.onnx', buildOnnx(simpleModel()))
  place.program('ldd', 'node')
  const command = start(place, ['package', '--output', 'made', '--oci', 'image'])
  await place.reached()
  expect(place.left().work.some((name) => name.startsWith('.image.'))).toBe(true)
  command.kill('SIGINT')
  expect(await command.ended).toBe('SIGINT')
  expect(place.left()).toEqual({ work: ['made', 'model.onnx', 'model.yaml'], tmp: [] })
})
