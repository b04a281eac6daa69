import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import type { Socket } from 'node:net'
import type {
  Frame,
  HostFailure,
  HostProgram,
  LoadOrder,
  LoadReport,
  ScatteredTensor,
  TensorPayload,
} from '../host/index.ts'
import { FrameSplitter, frameKinds, jsonFrame, readJsonPayload, readTensorPayload, tensorFrame } from '../host/index.ts'
import { IdTable, reasonOf } from '../lib/index.ts'
import type { LogFields, Logger } from '../lib/index.ts'
import { checkTensor, TensorError } from '../tensor/index.ts'
import type { Tensor } from '../tensor/index.ts'
import type { HostLink } from './host-link.ts'
import { residentBytes } from './host-memory.ts'
import { HostOutput } from './host-output.ts'
import { checkedReport } from './load-report.ts'

/** The host ended, or was ended, before it answered. */
export class HostGone extends Error {
  override name = 'HostGone'
}

/** The host answered that it could not. */
export class HostRefusal extends Error {
  override name = 'HostRefusal'
  readonly fault: HostFailure['fault']
  readonly bySignature: boolean

  constructor(failure: HostFailure) {
    super(failure.reason)
    this.fault = failure.fault
    this.bySignature = failure.bySignature === true
  }
}

export interface HostProcessOptions {
  readonly program: HostProgram
  /** Working directory, empty and private: relative paths in a model find nothing there. */
  readonly directory: string
  /** The whole environment of the process: the server's own secrets stay out. */
  readonly environment: Readonly<Record<string, string>>
  /** Scheduling priority below the server's, so that health checks answer while every core computes. */
  readonly niceness: number
  readonly logger: Logger
  /** The model and version that the process is for, told with what it prints. */
  readonly owner: LogFields
}

interface Pending {
  resolve(frame: Frame): void
  reject(error: Error): void
}

/**
 * The server's end of one model host: starts the process, speaks frames with it, and ends it. A host that dies
 * fails everything pending with HostGone, whose message says how it died.
 */
export class HostProcess implements HostLink {
  readonly #child: ChildProcess
  readonly #link: Socket
  readonly #pending = new IdTable<Pending>()
  readonly #exited = Promise.withResolvers<string>()
  #nextId = 1
  #killReason: string | undefined
  #gone: string | undefined

  constructor(options: HostProcessOptions) {
    this.#child = spawn(options.program.command, options.program.args, {
      cwd: options.directory,
      env: options.environment,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      serialization: 'json',
      // Why: a group of its own, so that what the model started ends with it.
      detached: true,
    })
    // Why: a process that can't be spawned for want of descriptors has no streams, and reports its error later.
    this.#child.on('error', (error) => this.#end(`it could not be started: ${error.message}`))
    const link = (this.#child.stdio as ChildProcess['stdio'] | undefined)?.[3]
    if (link === undefined) throw new HostGone('it could not be started: the server has no file descriptors left')
    this.#link = link as Socket
    const frames = new FrameSplitter()
    this.#link.on('data', (chunk: Uint8Array) => {
      try {
        frames.push(chunk, (frame) => this.#receive(frame))
      } catch (error) {
        this.kill(brokenProtocol(error))
      }
    })
    // Why: writing to a host that just died reports here as well; the exit tells the reason.
    this.#link.on('error', () => {})
    const output = new HostOutput(this.#child, options.logger, options.owner)
    this.#child.on('exit', (code, signal) => {
      endGroup(this.#child.pid)
      output.end()
      this.#end(this.#killReason ?? exitReason(code, signal, output.lastWords))
    })
    lowerPriority(this.#child.pid, options.niceness)
  }

  get pids(): readonly number[] {
    return this.#child.pid === undefined ? [] : [this.#child.pid]
  }

  /** Settles with the reason once the process has ended; never rejects. */
  get exited(): Promise<string> {
    return this.#exited.promise
  }

  async load(order: LoadOrder): Promise<LoadReport> {
    const frame = await this.#call((id) => this.#link.write(jsonFrame(frameKinds.load, id, order)))
    const report = this.#checked(() => checkedReport(readJsonPayload(frame.payload)))
    const [pid = 0] = this.pids
    // Why: what a host claims would be taken from the memory of others.
    return { ...report, memoryBytes: Math.min(report.memoryBytes, (await residentBytes(pid)) ?? Infinity) }
  }

  /** Runs once; the answer's `number` is the engine's run time in ms. */
  async run(tensors: readonly ScatteredTensor[], wanted: readonly string[]): Promise<TensorPayload> {
    const frame = await this.#call((id) => {
      const pieces = tensorFrame(frameKinds.run, id, { number: 0, wanted, tensors })
      this.#link.cork()
      for (const piece of pieces) this.#link.write(piece)
      this.#link.uncork()
    })
    const payload = this.#checked(() => readTensorPayload(frame.payload))
    for (const tensor of payload.tensors) checkOutput(tensor)
    return payload
  }

  /** What a frame holds; a host that sent anything else is ended. */
  #checked<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      const reason = brokenProtocol(error)
      this.kill(reason)
      throw new HostGone(reason)
    }
  }

  /** Ends the process at once, also in the middle of a run. */
  kill(reason: string): void {
    this.#killReason ??= reason
    this.#child.kill('SIGKILL')
  }

  /** Lets the process end by itself; call when nothing is pending. */
  async close(): Promise<void> {
    this.#killReason ??= 'closed'
    this.#link.end()
    await this.#exited.promise
  }

  #call(send: (id: number) => void): Promise<Frame> {
    const id = this.#nextId
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1
    return new Promise((resolve, reject) => {
      if (this.#gone !== undefined) {
        reject(new HostGone(this.#gone))
        return
      }
      this.#pending.set(id, { resolve, reject })
      send(id)
    })
  }

  #receive(frame: Frame): void {
    const pending = this.#pending.get(frame.id)
    if (pending === undefined) return
    // Why: a payload that can't be read breaks the protocol; who waits for it is then told with the others.
    const refusal =
      frame.kind === frameKinds.failed ? new HostRefusal(readJsonPayload(frame.payload) as HostFailure) : undefined
    this.#pending.delete(frame.id)
    if (refusal === undefined) pending.resolve(frame)
    else pending.reject(refusal)
  }

  #end(reason: string): void {
    if (this.#gone !== undefined) return
    this.#gone = reason
    for (const pending of this.#pending.values()) pending.reject(new HostGone(reason))
    this.#pending.clear()
    ;(this.#link as Socket | undefined)?.destroy()
    this.#exited.resolve(reason)
  }
}

/** Why: whoever reads an output relies on its shape and its bytes, and the code of a model may have sent anything. */
const checkOutput = (output: Tensor): void => {
  try {
    checkTensor(output)
  } catch (error) {
    if (!(error instanceof TensorError)) throw error
    throw new HostRefusal({ fault: 'model', reason: `its output '${error.tensor}' is none: ${error.reason}` })
  }
}

const brokenProtocol = (error: unknown): string => `it broke the frame protocol: ${reasonOf(error)}`

const exitReason = (code: number | null, signal: string | null, lastWords: string): string => {
  const how = signal === null ? `exited with code ${code ?? 'unknown'}` : `ended by ${signal}`
  return lastWords === '' ? how : `${how}; its last words: ${lastWords}`
}

/** Ends the processes that a model left behind; the group lasts, and its number is nobody else's, as long as one is in it. */
const endGroup = (leader: number | undefined): void => {
  if (leader === undefined) return
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // None was left.
  }
}

const lowerPriority = (pid: number | undefined, niceness: number): void => {
  if (pid === undefined || niceness <= 0) return
  try {
    setPriority(pid, Math.min(niceness, constants.priority.PRIORITY_LOW))
  } catch {
    // Why: the process may have ended already, or the platform forbids it; the host works without.
  }
}
