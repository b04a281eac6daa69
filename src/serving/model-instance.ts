import { reasonOf } from '../lib/index.ts'
import type { LoadOrder, LoadReport, ScatteredTensor, TensorPayload } from '../host/index.ts'
import type { Clock, Logger, Timer } from '../lib/index.ts'
import type { GraphCache, GraphUse } from './graph-cache/graph-cache.ts'
import { HostGone } from './host-process.ts'
import type { HostLink } from './host-link.ts'
import type { RestartStep } from './restart-policy.ts'

export interface InstanceOptions {
  readonly order: LoadOrder
  readonly clock: Clock
  readonly logger: Logger
  readonly loadTimeoutMs: number
  /** A run that takes longer has hung: its host is killed. */
  readonly runTimeoutMs: number
  /** The same for a run that nobody waits for any more. */
  readonly abandonedRunTimeoutMs: number
  readonly graphs: GraphCache
  openHost(): HostLink
  /** Called when the host died by itself or was killed; decides what happens next. */
  onCrash(reason: string, inside: RunCallers | undefined): RestartStep
}

/** Those who asked for a run. */
export interface RunCallers {
  readonly count: number
  /** Whether anybody still waits for the answer. */
  isAwaited(): boolean
  /** What the first `max` of them call their requests. */
  ids(max: number): string[]
}

/** A host that has nothing to do ends within milliseconds; one that is stuck in a run never does. */
const closeTimeoutMs = 2000

/** As ONNX Runtime and C++ say it. */
const isOutOfMemory = (error: unknown): boolean =>
  error instanceof Error && /failed to allocate memory|bad_alloc/i.test(error.message)

/** Bytes in and out of a run that may leave a host large. */
const largeBytes = 16 * 1024 ** 2

/** How often a run that takes long is looked at again, whether somebody waits for it. */
const lookMs = 500

export type InstanceState = 'starting' | 'ready' | 'restarting' | 'quarantined' | 'closed'

/** One supervised host of a version: loads the model, runs one batch at a time, and comes back after a crash. */
export class ModelInstance {
  readonly #options: InstanceOptions
  #order: LoadOrder
  #host: HostLink | undefined
  #pending = 0
  #inside: RunCallers | undefined
  #restartTimer: Timer | undefined
  #idle: (() => void) | undefined
  /** A host that is loading, not yet in use. */
  #loading: HostLink | undefined
  #ended: Promise<void> = Promise.resolve()
  state: InstanceState = 'starting'
  /** As the host reported after its load. */
  memoryBytes = 0
  onFree: () => void = () => {}
  /**
   * An allocation failed in its host, which a fresh one should replace. Why: ONNX Runtime's arena doubles what it asks for
   * after each allocation that failed, and keeps what it then gets: a small request later would make the host large.
   */
  isSpent = false
  /** When its host last ran what may have needed the memory that it has: something large, or anything if nothing was. */
  neededMs = 0
  #wasLarge = false

  constructor(options: InstanceOptions) {
    this.#options = options
    this.#order = options.order
  }

  /** The model's file is now elsewhere: hosts that start from now on load it from there. */
  moveTo(path: string): void {
    this.#order = { ...this.#order, path }
  }

  get path(): string {
    return this.#order.path
  }

  get free(): boolean {
    return this.state === 'ready' && this.#pending === 0
  }

  get pids(): readonly number[] {
    return this.#host?.pids ?? []
  }

  /** First start: a failure is the caller's to handle, no restart follows. */
  async start(): Promise<LoadReport> {
    const { host, report } = await this.#loadedHost()
    if (this.#isClosed()) {
      host.kill('closed while loading')
      throw new HostGone('closed while loading')
    }
    this.#adopt(host)
    return report
  }

  /** Runs once, for `callers`; for the server itself without. */
  async run(
    tensors: readonly ScatteredTensor[],
    wanted: readonly string[],
    callers?: RunCallers,
  ): Promise<TensorPayload> {
    const host = this.#host
    if (host === undefined) throw new HostGone('it is being restarted')
    this.#pending += 1
    const watchdog = this.#watchRun(host, callers)
    this.#inside = callers
    try {
      const answer = await host.run(tensors, wanted)
      this.#inside = undefined
      this.#noteRun(tensors, answer)
      return answer
    } catch (error) {
      // Why: a host is known to have crashed only after its run has failed.
      if (!(error instanceof HostGone)) this.#inside = undefined
      if (isOutOfMemory(error)) this.isSpent = true
      throw error
    } finally {
      watchdog.cancel()
      this.#pending -= 1
      if (this.#pending === 0) this.#idle?.()
      if (this.free) this.onFree()
    }
  }

  /** Kills the host of a run that takes too long: sooner when nobody waits for it, who could be told so. */
  #watchRun(host: HostLink, callers: RunCallers | undefined): Timer {
    const { clock, runTimeoutMs, abandonedRunTimeoutMs } = this.#options
    const startedMs = clock.now()
    const look = (): void => {
      const elapsedMs = clock.now() - startedMs
      if (elapsedMs >= runTimeoutMs) host.kill(`a run took longer than ${runTimeoutMs} ms`)
      else if (callers?.isAwaited() === false)
        host.kill(`a run took longer than ${abandonedRunTimeoutMs} ms, and nobody waits for it any more`)
      else timer = clock.setTimer(look, Math.min(lookMs, runTimeoutMs - elapsedMs))
    }
    let timer = clock.setTimer(look, Math.min(abandonedRunTimeoutMs, runTimeoutMs))
    return { cancel: () => timer.cancel() }
  }

  #noteRun(inputs: readonly ScatteredTensor[], { tensors }: TensorPayload): void {
    let bytes = 0
    for (const { pieces } of inputs) for (const piece of pieces) bytes += piece.length
    for (const { data } of tensors) bytes += data.length
    const isLarge = bytes >= largeBytes
    if (isLarge || !this.#wasLarge) this.neededMs = this.#options.clock.now()
    this.#wasLarge ||= isLarge
  }

  /** Kills the host; the crash policy decides about the next one. */
  kill(reason: string): void {
    this.#host?.kill(reason)
  }

  /** Replaces the host by a fresh one without a gap, then ends the old one. */
  async recycle(): Promise<void> {
    this.isSpent = false
    const old = this.#host
    if (old === undefined || this.state !== 'ready') return
    const { host } = await this.#loadedHost()
    if (this.#host !== old || this.#isClosed()) {
      host.kill('no longer needed')
      return
    }
    // Why: a host ends as soon as its link does, also in the middle of a run.
    if (this.#pending > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
    if (this.#host !== old || this.#isClosed()) {
      host.kill('no longer needed')
      return
    }
    this.#adopt(host)
    await this.#end(old)
  }

  /** Ends the host, also in the middle of a run; settles once it is gone. */
  close(): Promise<void> {
    this.state = 'closed'
    this.#restartTimer?.cancel()
    const host = this.#host
    this.#host = undefined
    this.#loading?.kill('no longer needed')
    // Why: a run that computes without a pause keeps its host from ending by itself.
    if (this.#pending > 0) host?.kill('its version was taken out of service')
    if (host !== undefined) this.#ended = this.#end(host)
    return this.#ended
  }

  async #end(host: HostLink): Promise<void> {
    const watchdog = this.#options.clock.setTimer(() => host.kill('it did not end by itself'), closeTimeoutMs)
    await host.close()
    watchdog.cancel()
  }

  // Why a method: the state changes during an await, which narrowing doesn't see.
  #isClosed(): boolean {
    return this.state === 'closed'
  }

  async #loadedHost(): Promise<{ host: HostLink; report: LoadReport }> {
    const { graphs } = this.#options
    const found = graphs.find(this.#order)
    try {
      return await this.#load(found)
    } catch (error) {
      const { order, entry } = await found
      if (entry === undefined || this.#isClosed()) throw error
      // Why: a graph that takes its host down must not keep the model from serving.
      await graphs.drop(order, entry, reasonOf(error))
      return this.#load(Promise.resolve({ order: this.#order }))
    }
  }

  /** Starts a host, and loads once it is known what: looking for a graph takes no longer than the start. */
  async #load(found: Promise<GraphUse>): Promise<{ host: HostLink; report: LoadReport }> {
    const { clock, graphs, loadTimeoutMs } = this.#options
    const host = this.#options.openHost()
    this.#loading = host
    const watchdog = clock.setTimer(() => host.kill(`loading took longer than ${loadTimeoutMs} ms`), loadTimeoutMs)
    try {
      const use = await found
      const report = await host.load(use.order)
      await graphs.loaded(use, report)
      this.memoryBytes = report.memoryBytes
      if (use.missing !== undefined) graphs.learn(use.missing, () => (this.#isClosed() ? undefined : this.#order))
      return { host, report }
    } catch (error) {
      host.kill('its load failed')
      throw error
    } finally {
      watchdog.cancel()
      this.#loading = undefined
    }
  }

  #adopt(host: HostLink): void {
    this.#host = host
    this.isSpent = false
    this.#wasLarge = false
    this.neededMs = this.#options.clock.now()
    this.state = 'ready'
    void host.exited.then((reason) => {
      if (this.#host === host) this.#crashed(reason)
    })
    this.onFree()
  }

  #crashed(reason: string): void {
    this.#host = undefined
    const step = this.#options.onCrash(reason, this.#inside)
    this.#inside = undefined
    if (step.kind === 'quarantine') {
      this.state = 'quarantined'
      return
    }
    this.state = 'restarting'
    this.#restartTimer = this.#options.clock.setTimer(() => void this.#restart(), step.afterMs)
  }

  async #restart(): Promise<void> {
    try {
      const { host } = await this.#loadedHost()
      if (this.#isClosed()) host.kill('closed while restarting')
      else this.#adopt(host)
    } catch (error) {
      if (!this.#isClosed()) this.#crashed(reasonOf(error))
    }
  }
}
