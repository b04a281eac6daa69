import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from '../../src/testing/index.ts'
import { pythonModel } from './test-python.ts'

/** Where a candidate can be held: as it loads, as it is warmed up, as it answers its golden case. */
export const gatePoints = ['load', 'warm-up', 'golden'] as const
export type GatePoint = (typeof gatePoints)[number]

const goldenInput = 72

/** Files of a Python model that adds its version's number, and waits at the gates of it that are closed. */
export const gatedModel = (gates: string, version: number): Readonly<Record<string, string>> => ({
  'model.py': pythonModel(
    `
if x[0, 0] == 0: gate("warm-up")
if x[0, 0] == ${goldenInput}: gate("golden")
return x + ${version}`,
    `
def gate(point):
    place = os.path.join(${JSON.stringify(gates)}, "${version}-" + point)
    with open(place + ".reached", "a") as reached: reached.write(f"{os.getpid()}\\n")
    # A closed gate is a FIFO: it can't be opened before somebody opens its other end.
    if os.path.exists(place): open(place).close()

def load(context): gate("load")`,
  ),
  'config.pbtxt': `model_warmup [{ name: "zero" batch_size: 1
    inputs { key: "x" value: { data_type: TYPE_FP32 dims: [1] zero_data: true } } }]`,
  'golden.json': JSON.stringify({
    cases: [{ inputs: [tensor('x', goldenInput)], outputs: [tensor('y', goldenInput + version)] }],
  }),
})

const tensor = (name: string, value: number): object => ({ name, datatype: 'FP32', shape: [1, 1], data: [value] })

/** Gates of models in a folder: closed by the tests, which wait for a model to come to one. */
export class Gates {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
    mkdirSync(folder, { recursive: true })
  }

  close(version: number, point: GatePoint): void {
    rmSync(this.#place(version, point, '.reached'), { force: true })
    execFileSync('mkfifo', [this.#place(version, point)])
  }

  /** The process that came to a gate. */
  reached(version: number, point: GatePoint): Promise<number> {
    const place = this.#place(version, point, '.reached')
    return eventually(`version ${version} comes to its ${point}`, () => {
      const text = existsSync(place) ? readFileSync(place, 'utf8') : ''
      return text.endsWith('\n') ? Number(text.trim().split('\n').at(-1)) : undefined
    })
  }

  /** Lets the one who waits go on, and all who come later. */
  async open(version: number, point: GatePoint): Promise<void> {
    const place = this.#place(version, point)
    await writeFile(place, '')
    rmSync(place)
  }

  /** Takes a gate away whose waiting process is gone. */
  remove(version: number, point: GatePoint): void {
    rmSync(this.#place(version, point))
  }

  /** Written whenever a process comes to a gate. */
  reachedFile(version: number, point: GatePoint): string {
    return this.#place(version, point, '.reached')
  }

  #place(version: number, point: GatePoint, ending = ''): string {
    return join(this.folder, `${version}-${point}${ending}`)
  }
}

/** Processes that run below a folder, which hosts of a server do whose temporary folder that is. */
export const processesBelow = (folder: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && directoryOf(name).startsWith(`${folder}/`))
    .map(Number)

const directoryOf = (pid: string): string => {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}
