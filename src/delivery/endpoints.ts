import type { Clock, Logger, Random } from '../lib/index.ts'
import { assert, backoffMs } from '../lib/index.ts'
import { fail } from '../protocol/index.ts'
import type { EndpointTarget, MoveGuard, PlannedMove, PreparedMoves, ServedFiles } from '../registry/index.ts'
import type { FoundModel, ModelManager, ModelSource } from '../serving/index.ts'
import { readModelConfig } from '../serving/index.ts'
import type { CandidateChecks } from './candidate-checks.ts'
import type { EndpointSnapshot } from './endpoint-snapshot.ts'
import type { EndpointState, PlacedVersion } from './endpoint-state.ts'
import { failedTo, newEndpoint, serves, switched, warmBeside } from './endpoint-state.ts'
import type { VersionFolders } from './version-folders.ts'

export interface EndpointsDeps {
  readonly models: ModelManager
  readonly folders: VersionFolders
  readonly checks: CandidateChecks
  readonly snapshot: EndpointSnapshot
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** What every endpoint stands for, as the registry says now. */
  targets(): Promise<readonly EndpointTarget[]>
  readonly pollIntervalMs: number
  /** Earlier versions that stay in memory. */
  readonly keepWarm: number
}

const retry = { firstMs: 2000, maxMs: 60_000 }
/** How long a prepared move waits to hear whether it was made; what the registry then says is followed as ever. */
const verdictMsMax = 30_000

/** A move that is loaded and checked, and waits to hear whether it is made. */
interface StartedMove {
  readonly ready: Promise<void>
  decide(isCommitted: boolean): void
  /** Settled, never rejected, once requests meet the result. */
  readonly done: Promise<void>
}

class GivenUp extends Error {}

/**
 * The endpoints as this server serves them: each a model of its name in memory, whose version is the one that the
 * registry says. A move is loaded and checked beside what serves before the registry makes it; moves of other servers
 * are found by asking now and then.
 */
export class Endpoints implements MoveGuard {
  readonly #deps: EndpointsDeps
  readonly #states = new Map<string, EndpointState>()
  /** Endpoints whose move is under way, and to which version. */
  readonly #moving = new Map<string, number>()
  /** Files whose folders are needed by moves that are under way. */
  readonly #placing = new Set<ServedFiles>()
  /** Counts what would make an answer of the registry stale that was on its way meanwhile. */
  #moves = 0
  #polls: Promise<void> = Promise.resolve()
  #isAway = false
  #closed = false
  #ready = false

  constructor(deps: EndpointsDeps) {
    this.#deps = deps
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

  /** Loads what the registry says, or what was served last while it can't be asked; then follows it. */
  async start(): Promise<void> {
    const kept = await this.#deps.snapshot.read()
    await this.#follow()
    if (this.#isAway) await Promise.all(kept.map((endpoint) => this.#bring(endpoint.name, endpoint)))
    this.#ready = true
    this.#pollLater()
  }

  stop(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  changed(): Promise<void> {
    this.#moves += 1
    return this.#follow()
  }

  async prepare(moves: readonly PlannedMove[]): Promise<PreparedMoves> {
    for (const { endpoint, isNew } of moves) this.#requireFree(endpoint, isNew)
    const started = moves.map((move) => this.#start(move))
    const settle = async (isCommitted: boolean): Promise<void> => {
      this.#moves += 1
      for (const move of started) move.decide(isCommitted)
      await Promise.all(started.map(({ done }) => done))
    }
    try {
      await Promise.all(started.map(({ ready }) => ready))
    } catch (error) {
      await settle(false)
      throw error
    }
    return { settle }
  }

  #requireFree(endpoint: string, isNew: boolean): void {
    const version = this.#moving.get(endpoint)
    if (version !== undefined)
      throw fail('conflict', {
        reason: `a move of '${endpoint}' to version ${version} is under way; try again when it has ended`,
      })
    if (isNew && this.#deps.models.statusOf(endpoint) !== undefined && !this.#states.has(endpoint))
      throw fail('conflict', { reason: `a model of a model repository is served as '${endpoint}' already` })
  }

  #start({ endpoint, files, isNew }: PlannedMove): StartedMove {
    const { clock, models, logger } = this.#deps
    const ready = Promise.withResolvers<void>()
    const verdict = Promise.withResolvers<boolean>()
    this.#moving.set(endpoint, files.version)
    const commit = async (): Promise<void> => {
      ready.resolve()
      const timer = clock.setTimer(() => verdict.resolve(false), verdictMsMax)
      const isCommitted = await verdict.promise
      timer.cancel()
      if (!isCommitted) throw new GivenUp()
    }
    const failedMove = (error: unknown): void => {
      // What can't go on serving has nothing to lose: a move that might mend it isn't held up.
      if (!isNew && models.get(endpoint, undefined) === undefined) ready.resolve()
      else ready.reject(error)
      if (!(error instanceof GivenUp))
        logger.warn('endpoint.move_refused', { endpoint, version: files.version, reason: reasonOf(error) })
    }
    const done = this.#switch(endpoint, files, commit)
      .catch(failedMove)
      .finally(() => this.#moving.delete(endpoint))
    return { ready: ready.promise, decide: verdict.resolve, done }
  }

  /** Loads and checks files beside what serves, and has them answer once `commit` resolves. */
  async #switch(endpoint: string, files: ServedFiles, commit: () => Promise<void>): Promise<void> {
    this.#placing.add(files)
    try {
      await this.#switchPlaced(endpoint, { ...files, directory: await this.#deps.folders.require(files) }, commit)
    } finally {
      this.#placing.delete(files)
    }
    await this.#keep()
  }

  async #switchPlaced(endpoint: string, next: PlacedVersion, commit: () => Promise<void>): Promise<void> {
    const { models, checks, keepWarm, logger, clock } = this.#deps
    const startedMs = clock.now()
    const found = (): Promise<FoundModel> =>
      this.#found(endpoint, next, warmBeside(this.#stateOf(endpoint), next, keepWarm))
    await models.change(endpoint, {
      find: found,
      keep: async (loaded) => {
        const version = loaded(next.version)
        assert(version !== undefined, 'a change is kept once its versions have loaded')
        const incumbent = models.get(endpoint, undefined)
        await checks.require({ endpoint, folder: next.directory, version, incumbent })
        await commit()
        const kept = await found()
        this.#states.set(endpoint, switched(this.#stateOf(endpoint), next, keepWarm))
        return kept
      },
    })
    logger.info('endpoint.switched', {
      endpoint,
      version: next.version,
      elapsedMs: Math.round(clock.now() - startedMs),
    })
  }

  #stateOf(endpoint: string): EndpointState {
    return this.#states.get(endpoint) ?? newEndpoint
  }

  async #find(name: string): Promise<FoundModel | undefined> {
    const state = this.#states.get(name)
    if (state === undefined) return undefined
    if (state.active !== undefined) return this.#found(name, state.active, state.warm)
    const problem = state.problem ?? 'it is loading'
    return { name, directory: '', config: undefined, warnings: [], problem, versions: [] }
  }

  /** A model as the manager of models takes it; earlier versions stay only while they are in memory. */
  async #found(name: string, active: PlacedVersion, warm: readonly PlacedVersion[]): Promise<FoundModel> {
    const { models } = this.#deps
    const staying = warm.filter(({ version }) => models.get(name, String(version)) !== undefined)
    const versions = [active, ...staying]
      .map(({ version, directory, digest }) => ({ version, directory, fingerprint: digest }))
      .sort((a, b) => a.version - b.version)
    const { config, warnings } = await readModelConfig(name, active.directory)
    return {
      name,
      directory: active.directory,
      config,
      warnings,
      problem: undefined,
      versions,
      serve: { versions: versions.map(({ version }) => version), preferred: active.version },
    }
  }

  #pollLater(): void {
    const { clock, pollIntervalMs } = this.#deps
    clock.setTimer(() => {
      if (!this.#closed) void this.#follow().then(() => this.#pollLater())
    }, pollIntervalMs)
  }

  /** Asks the registry and does what it says, one time after another. */
  #follow(): Promise<void> {
    const follow = this.#polls.then(() => this.#followOnce())
    this.#polls = follow
    return follow
  }

  async #followOnce(): Promise<void> {
    const { logger, targets } = this.#deps
    try {
      const moves = this.#moves
      const wanted = await targets()
      this.#isAway = false
      // A move that was made meanwhile is newer than the answer.
      if (moves === this.#moves && !this.#closed) await this.#apply(wanted)
    } catch (error) {
      if (!this.#isAway && !this.#closed) logger.warn('endpoints.registry_away', { reason: reasonOf(error) })
      this.#isAway = true
    }
  }

  async #apply(targets: readonly EndpointTarget[]): Promise<void> {
    const { models, clock } = this.#deps
    const names = new Set(targets.map(({ endpoint }) => endpoint.name))
    const gone = [...this.#states.keys()].filter((name) => !names.has(name) && !this.#moving.has(name))
    for (const name of gone) {
      this.#states.delete(name)
      await models.forget(name).catch(() => undefined)
    }
    const nowMs = clock.now()
    const due = targets.filter(({ endpoint: { name }, files }) => {
      const state = this.#stateOf(name)
      if (this.#moving.has(name) || (files !== undefined && serves(state, files))) return false
      return nowMs >= state.retryAtMs
    })
    await Promise.all(
      due.map(({ endpoint, files, problem }) =>
        files === undefined ? this.#failed(endpoint.name, problem ?? '') : this.#bring(endpoint.name, files),
      ),
    )
    if (gone.length > 0) await this.#keep()
  }

  /** Serves what was decided elsewhere, or earlier. */
  async #bring(name: string, files: ServedFiles): Promise<void> {
    if (this.#moving.has(name)) return
    this.#moving.set(name, files.version)
    try {
      await this.#switch(name, files, () => Promise.resolve())
    } catch (error) {
      this.#moving.delete(name)
      await this.#failed(name, reasonOf(error))
    } finally {
      this.#moving.delete(name)
    }
  }

  async #failed(name: string, problem: string): Promise<void> {
    const { clock, random, logger, models } = this.#deps
    const state = this.#stateOf(name)
    if (state.problem !== problem) logger.warn('endpoint.not_followed', { endpoint: name, reason: problem })
    const retryAtMs = clock.now() + backoffMs(state.failures, retry, random)
    this.#states.set(name, failedTo(state, problem, retryAtMs))
    // Those who ask for it are told the reason.
    if (state.active === undefined) await models.load(name).catch(() => undefined)
  }

  /** Writes down what serves, and removes the folders that nothing needs. */
  async #keep(): Promise<void> {
    const { snapshot, folders, logger } = this.#deps
    const placed = [...this.#states].flatMap(([name, { active }]) =>
      active === undefined ? [] : [{ name, ...active }],
    )
    try {
      await snapshot.write(placed.map(({ name, version, folder, digest }) => ({ name, version, folder, digest })))
    } catch (error) {
      logger.warn('endpoints.not_kept', { reason: reasonOf(error) })
    }
    const states = [...this.#states.values()]
    const needed = states.flatMap(({ active, warm }) => [...(active === undefined ? [] : [active]), ...warm])
    await folders.tidy(new Set([...needed, ...this.#placing].map(({ digest }) => digest)))
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
