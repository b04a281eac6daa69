import type { Random } from '../lib/index.ts'
import { assert, backoffMs, reasonOf } from '../lib/index.ts'
import { fail } from '../protocol/index.ts'
import type {
  EndpointTarget,
  MoveCheck,
  MoveGuard,
  PlannedMove,
  PreparedMoves,
  ServedFiles,
} from '../registry/index.ts'
import type { FoundModel, ModelManager, ModelSource, ServedVersion } from '../serving/index.ts'
import type { CandidateChecks } from './candidate-checks.ts'
import type { EndpointSnapshot, KeptEndpoint } from './endpoint-snapshot.ts'
import type { EndpointState, PlacedVersion } from './endpoint-state.ts'
import { failedTo, isDue, newEndpoint, problemOf, serves, switched, warmBeside, warmOf } from './endpoint-state.ts'
import { modelOfEndpoint } from './model-of-endpoint.ts'
import { Moves } from './moves.ts'
import { RegistryFollower } from './registry-follower.ts'
import type { RegistryFollowerOptions } from './registry-follower.ts'
import type { VersionFolders } from './version-folders.ts'

export interface EndpointsDeps extends Omit<RegistryFollowerOptions, 'follow'> {
  readonly models: Pick<
    ModelManager,
    'addSource' | 'change' | 'forget' | 'get' | 'isOfRepository' | 'load' | 'statusOf'
  >
  readonly folders: Pick<VersionFolders, 'require' | 'tidy'>
  readonly checks: Pick<CandidateChecks, 'require'>
  readonly snapshot: Pick<EndpointSnapshot, 'read' | 'write'>
  readonly random: Random
  /** Earlier versions that stay in memory. */
  readonly keepWarm: number
}

const retry = { firstMs: 2000, maxMs: 60_000 }
/** How long prepared moves wait to hear whether they were made; what the registry then says is followed as ever. */
const verdictMsMax = 30_000

/** A move that is loaded and checked, and waits to hear whether it is made. */
interface StartedMove {
  readonly planned: PlannedMove
  /** What it has passed. */
  readonly ready: Promise<readonly MoveCheck[]>
  decide(isCommitted: boolean): void
  readonly done: Promise<void>
}

class GivenUp extends Error {}

/** Resolves once what was loaded, and has passed these checks, is to answer. */
type Commit = (passed: readonly MoveCheck[]) => Promise<void>

/**
 * The endpoints as this server serves them: each a model of its name in memory, whose version is the one that the
 * registry says. A move is loaded and checked beside what serves before the registry makes it; moves of other servers
 * are found by asking now and then. Endpoints don't wait for one another.
 */
export class Endpoints implements MoveGuard {
  readonly #deps: EndpointsDeps
  readonly #states = new Map<string, EndpointState>()
  readonly #moves: Moves
  /** Those that begin: settled once who asks for them is told of them. */
  readonly #beginning = new Map<string, Promise<void>>()
  readonly #follower: RegistryFollower
  /** Files whose folders are needed by moves that are under way. */
  readonly #placing = new Set<ServedFiles>()
  /** What served before this start and doesn't yet again; its files stay as long as the endpoint is there. */
  readonly #kept = new Map<string, KeptEndpoint>()
  #ready = false

  constructor(deps: EndpointsDeps) {
    this.#deps = deps
    this.#moves = new Moves(deps.clock)
    this.#follower = new RegistryFollower({ ...deps, follow: (targets) => this.#serveTargets(targets) })
    deps.models.addSource(this.source)
  }

  /** Whether every endpoint has been tried once. */
  get ready(): boolean {
    return this.#ready
  }

  /** The models behind the endpoints. */
  get source(): ModelSource {
    return {
      list: async () => {
        const found = await Promise.all([...this.#states.keys()].map((name) => this.#find(name)))
        return found.filter((model) => model !== undefined)
      },
      find: (name) => this.#find(name),
    }
  }

  /** Loads what was served last, then what the registry says, and follows it. */
  async start(): Promise<void> {
    for (const endpoint of await this.#deps.snapshot.read()) this.#kept.set(endpoint.name, endpoint)
    await Promise.all([...this.#kept.values()].map((endpoint) => this.#bring(endpoint.name, endpoint)))
    await this.#follower.follow()
    await this.#moves.ended()
    // What an earlier server left half-made when it was killed.
    await this.#keep()
    this.#ready = true
    this.#follower.followOn()
  }

  /** Lets moves that are under way end for this long; then they are called off, and who asked for them is told. */
  drain(limitMs: number): Promise<void> {
    return this.#moves.drain(limitMs)
  }

  stop(): void {
    this.#follower.stop()
    this.#moves.stop()
  }

  changed(): Promise<void> {
    this.#follower.outdate()
    return this.#follower.follow()
  }

  async prepare(moves: readonly PlannedMove[], gone?: AbortSignal): Promise<PreparedMoves> {
    const { clock } = this.#deps
    for (const { endpoint, files } of moves) this.#requireUnasked(endpoint, files)
    const started = moves.map((move) => this.#start(move, gone))
    const decide = (isCommitted: boolean): void => {
      for (const move of started) move.decide(isCommitted)
    }
    const settle = async (isCommitted: boolean): Promise<void> => {
      this.#follower.outdate()
      decide(isCommitted)
      await Promise.all(started.map(({ done }) => done))
      if (!isCommitted) return
      // What was given up before the registry had made it, late, is made up for.
      const late = started.filter(({ planned }) => !serves(this.#stateOf(planned.endpoint), planned.files))
      await Promise.all(late.map(({ planned }) => this.#bring(planned.endpoint, planned.files)))
    }
    let passed: readonly (readonly MoveCheck[])[]
    try {
      passed = await Promise.all(started.map(({ ready }) => ready))
    } catch (error) {
      await settle(false)
      throw error
    }
    const timer = clock.setTimer(() => decide(false), verdictMsMax)
    return {
      checked: moves.map(({ endpoint }, index) => ({ endpoint, checks: passed[index] ?? [] })),
      settle: (isCommitted) => {
        timer.cancel()
        return settle(isCommitted)
      },
    }
  }

  #requireUnasked(endpoint: string, files: ServedFiles): void {
    const move = this.#moves.of(endpoint)
    if (move?.isAsked !== true) return
    const error = fail('conflict', {
      reason: `a move of '${endpoint}' to version ${move.version} is under way; try again when it has ended`,
    })
    this.#tellRefused(endpoint, files, error)
    throw error
  }

  #start(planned: PlannedMove, gone: AbortSignal | undefined): StartedMove {
    const { endpoint, files, isNew } = planned
    const ready = Promise.withResolvers<readonly MoveCheck[]>()
    const verdict = Promise.withResolvers<boolean>()
    const earlier = this.#moves.of(endpoint)
    earlier?.calledOff.abort(new Error('a move that somebody waits for came first'))
    const commit = async (passed: readonly MoveCheck[]): Promise<void> => {
      ready.resolve(passed)
      if (!(await verdict.promise)) throw new GivenUp()
    }
    const hadIncumbent = this.#hasIncumbent(endpoint)
    const done = this.#moves.track(endpoint, { version: files.version, isAsked: true }, async (calledOff) => {
      const signal = gone === undefined ? calledOff : AbortSignal.any([calledOff, gone])
      try {
        await earlier?.done
        if (isNew) await this.#requireFree(endpoint)
        await this.#switch(endpoint, files, { commit, signal })
      } catch (failure) {
        const error = signal.aborted
          ? fail('conflict', { reason: `it was called off, since ${reasonOf(signal.reason)}` }, failure)
          : failure
        // What can't go on serving has nothing to lose: a move that might mend it isn't held up.
        if (!isNew && !hadIncumbent) ready.resolve([])
        else ready.reject(error)
        if (!(failure instanceof GivenUp)) this.#tellRefused(endpoint, files, error)
        await this.#keep()
      }
    })
    return { planned, ready: ready.promise, decide: verdict.resolve, done }
  }

  #tellRefused(endpoint: string, { version }: ServedFiles, error: unknown): void {
    this.#deps.logger.warn('endpoint.move_refused', { endpoint, version, reason: reasonOf(error) })
  }

  /** Whether an endpoint serves, or would as soon as it is asked. */
  #hasIncumbent(endpoint: string): boolean {
    const { models } = this.#deps
    if (this.#stateOf(endpoint).active === undefined) return false
    return models.get(endpoint, undefined) !== undefined || models.statusOf(endpoint)?.onDemand === true
  }

  async #requireFree(endpoint: string): Promise<void> {
    if (this.#stateOf(endpoint).active !== undefined || !(await this.#deps.models.isOfRepository(endpoint))) return
    throw fail('conflict', {
      reason: `a model that was deployed as files is served as '${endpoint}' already; choose another name, or remove it`,
    })
  }

  /** Loads and checks files beside what serves, and has them answer once `commit` resolves. */
  async #switch(
    endpoint: string,
    files: ServedFiles,
    { commit, signal }: { readonly commit: Commit; readonly signal: AbortSignal },
  ): Promise<void> {
    const { models, folders } = this.#deps
    const warm = warmOf(this.#stateOf(endpoint), files)
    const isWarm = warm !== undefined && models.get(endpoint, String(files.version)) !== undefined
    this.#placing.add(files)
    try {
      // A version that has served and never left the memory needs no other look.
      const directory = isWarm ? warm.directory : await folders.require(files)
      await this.#change(endpoint, { ...files, directory }, { commit, signal, isChecked: isWarm })
    } finally {
      this.#placing.delete(files)
    }
    await this.#keep()
  }

  async #change(
    endpoint: string,
    next: PlacedVersion,
    how: { readonly commit: Commit; readonly signal: AbortSignal; readonly isChecked: boolean },
  ): Promise<void> {
    const { models, checks, keepWarm, logger, clock } = this.#deps
    const startedMs = clock.now()
    let passed: readonly MoveCheck[] = ['in_memory']
    const found = (): Promise<FoundModel> =>
      this.#found(endpoint, next, warmBeside(this.#stateOf(endpoint), next, keepWarm))
    await models.change(endpoint, {
      signal: how.signal,
      find: found,
      keep: async (loaded) => {
        const version: ServedVersion | undefined = loaded(next.version)
        assert(version !== undefined, 'a change is kept once its versions have loaded')
        const incumbent = this.#stateOf(endpoint).active
        if (!how.isChecked)
          passed = await checks.require({ endpoint, folder: next.directory, version, incumbent }, how.signal)
        await how.commit(passed)
        const kept = await found()
        const known = { ...next, signature: version.facts.signature }
        this.#states.set(endpoint, switched(this.#stateOf(endpoint), known, keepWarm))
        this.#kept.delete(endpoint)
        return kept
      },
    })
    const elapsedMs = Math.round(clock.now() - startedMs)
    logger.info('endpoint.switched', { endpoint, version: next.version, elapsedMs, checks: passed.join(', ') })
  }

  #stateOf(endpoint: string): EndpointState {
    return this.#states.get(endpoint) ?? newEndpoint
  }

  async #find(name: string): Promise<FoundModel | undefined> {
    const state = this.#states.get(name)
    if (state === undefined || state.isHidden) return undefined
    if (state.active !== undefined) return this.#found(name, state.active, state.warm)
    const problem = state.problem ?? 'it is loading'
    const isComing = state.problem === undefined
    return { name, directory: '', config: undefined, warnings: [], problem, isComing, versions: [] }
  }

  /** Earlier versions stay only while they are in memory. */
  #found(name: string, active: PlacedVersion, warm: readonly PlacedVersion[]): Promise<FoundModel> {
    const { models } = this.#deps
    const staying = warm.filter(({ version }) => models.get(name, String(version)) !== undefined)
    return modelOfEndpoint(name, { active, warm: staying })
  }

  async #serveTargets(targets: readonly EndpointTarget[]): Promise<void> {
    await this.#begin(targets)
    await this.#endOthers(new Set(targets.map(({ endpoint }) => endpoint.name)))
  }

  /** Resolves once every endpoint is known to those who ask for it, served or not. */
  async #begin(targets: readonly EndpointTarget[]): Promise<void> {
    const nowMs = this.#deps.clock.now()
    const begun: Promise<void>[] = []
    for (const { endpoint, files, problem } of targets) {
      const state = this.#stateOf(endpoint.name)
      if (this.#moves.of(endpoint.name) !== undefined)
        begun.push(this.#beginning.get(endpoint.name) ?? Promise.resolve())
      else if (files !== undefined && isDue(state, files, nowMs)) begun.push(this.#beginToBring(endpoint.name, files))
      else if (files === undefined && state.problem !== problem) begun.push(this.#failed(endpoint.name, problem ?? ''))
    }
    await Promise.all(begun)
  }

  /** Ends what isn't an endpoint any more. */
  async #endOthers(names: ReadonlySet<string>): Promise<void> {
    const { models } = this.#deps
    const known = new Set([...this.#states.keys(), ...this.#kept.keys()])
    const gone = [...known].filter((name) => !names.has(name) && this.#moves.of(name)?.isAsked !== true)
    for (const name of gone) {
      this.#moves.of(name)?.calledOff.abort(new Error('its endpoint is gone'))
      const { isHidden } = this.#stateOf(name)
      this.#states.delete(name)
      this.#kept.delete(name)
      if (!isHidden) await models.forget(name).catch(() => undefined)
    }
    if (gone.length > 0) await this.#keep()
  }

  #beginToBring(name: string, files: ServedFiles): Promise<void> {
    const known = Promise.withResolvers<void>()
    this.#beginning.set(name, known.promise)
    void this.#bring(name, files, () => {
      this.#beginning.delete(name)
      known.resolve()
    })
    return known.promise
  }

  /** Serves what was decided elsewhere, or earlier; calls `known` once those who ask for it are told of it. */
  #bring(name: string, files: ServedFiles, known?: () => void): Promise<void> {
    return this.#moves.track(name, { version: files.version, isAsked: false }, async (signal) => {
      try {
        await this.#requireFree(name)
        if (!this.#states.has(name)) await this.#tellLoading(name)
        known?.()
        await this.#switch(name, files, { commit: () => Promise.resolve(), signal })
      } catch (error) {
        if (!signal.aborted) await this.#failed(name, problemOf(error), files)
        await this.#keep()
      } finally {
        known?.()
      }
    })
  }

  /** Those who ask for it meanwhile are told. */
  async #tellLoading(name: string): Promise<void> {
    this.#states.set(name, newEndpoint)
    await this.#deps.models.load(name).catch(() => undefined)
  }

  async #failed(name: string, problem: string, failed?: ServedFiles): Promise<void> {
    const { clock, random, logger, models } = this.#deps
    const state = this.#stateOf(name)
    if (state.problem !== problem) logger.warn('endpoint.not_followed', { endpoint: name, reason: problem })
    const retryAtMs = clock.now() + backoffMs(state.failures, retry, random)
    const isHidden = state.active === undefined && (await models.isOfRepository(name))
    this.#states.set(name, { ...failedTo(state, { problem, failed, retryAtMs }), isHidden })
    if (state.active === undefined && !isHidden) await models.load(name).catch(() => undefined)
  }

  /** Writes down what serves, and removes the folders that nothing needs. */
  async #keep(): Promise<void> {
    const { snapshot, folders, logger } = this.#deps
    const active = [...this.#states].flatMap(([name, state]) =>
      state.active === undefined ? [] : [{ name, ...state.active }],
    )
    const kept = [...active, ...this.#kept.values()].map(({ name, version, folder, digest }) => ({
      name,
      version,
      folder,
      digest,
    }))
    const tell = (error: unknown): void => logger.warn('endpoints.not_kept', { reason: reasonOf(error) })
    await snapshot.write(kept).catch(tell)
    await folders.tidy(() => this.#neededDigests()).catch(tell)
  }

  /** Of what serves, served, is under way, or failed though the registry wants it: that is tried again. */
  #neededDigests(): ReadonlySet<string> {
    const needed: ServedFiles[] = [...this.#kept.values(), ...this.#placing]
    for (const { active, warm, failed } of this.#states.values())
      needed.push(...[active, failed].filter((files) => files !== undefined), ...warm)
    return new Set(needed.map(({ digest }) => digest))
  }
}
