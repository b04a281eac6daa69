import { createHash } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { arch, platform } from 'node:os'
import { join } from 'node:path'
import { installerEnvironment, runProgram, Semaphore, withTemporaryFolder } from '../../lib/index.ts'
import type { Clock, Logger, RunResult } from '../../lib/index.ts'
import { evict, markUsed } from './environment-use.ts'
import type { Interpreter } from './interpreter.ts'
import type { EnvironmentPlan } from './plan-environment.ts'
import { takeProcessLock } from './process-lock.ts'
import { SharedWork } from './shared-work.ts'

export interface CacheOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** Folder of the environments, one a digest. */
  readonly root: string
  /** The operator's, of which the installer is given how it reaches an index. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Packages without a wheel are built, which runs their code. */
  readonly sourceBuilds: boolean
  /** Whether modules are compiled when they are installed. */
  readonly compiled: boolean
  /** Folder of wheels to install from, and from nowhere else; empty for the index that the installer is set up with. */
  readonly wheels: string
  readonly buildTimeoutMs: number
  /** Environments beyond this go, the least recently used first; those that a process has used since it started stay. */
  readonly environmentsMax: number
}

export interface BuildOrder {
  readonly model: string
  readonly folder: string
  readonly base: Interpreter
  readonly plan: EnvironmentPlan
}

/** Of another layout are environments of other versions of this package. */
const layout = 1
/** Installers are bound by the network and by a core each. */
const buildsMax = 2
/** Programs that a build runs one after another, each within its time; one more for what is between them. */
const programsOfBuild = 4

/**
 * Virtual environments by what is in them. One is made in a temporary folder and renamed, so that what has its final
 * name is whole whenever the process was killed.
 */
export class EnvironmentCache {
  readonly #options: CacheOptions
  readonly #builds = new SharedWork<string>()
  readonly #turns = new Semaphore(buildsMax)

  constructor(options: CacheOptions) {
    this.#options = options
  }

  /** Path of the interpreter of an environment that is as planned. Throws an Error that says what went wrong. */
  async require(order: BuildOrder, progress: (text: string) => void, signal: AbortSignal): Promise<string> {
    const digest = await digestOf(order)
    const directory = join(this.#options.root, digest)
    // Why: marked before it is looked at, so that it can't be evicted between; one just made may be gone again already.
    while (!((await markUsed(directory)) && (await isWhole(directory)))) {
      await this.#builds.join(digest, { progress, signal }, (shared) =>
        this.#turns.run(() => this.#build(order, digest, shared)),
      )
    }
    const now = this.#options.clock.wallMs() / 1000
    await utimes(directory, now, now).catch(() => undefined)
    return pythonOf(directory)
  }

  async #build(
    order: BuildOrder,
    digest: string,
    { progress, signal }: { progress: (text: string) => void; signal: AbortSignal },
  ): Promise<string> {
    const { clock, logger, root } = this.#options
    const directory = join(root, digest)
    await mkdir(root, { recursive: true })
    const release = await takeProcessLock(join(root, `${digest}.lock`), {
      clock,
      signal,
      onWait: () => progress('waiting for another server that installs the same packages'),
    })
    try {
      if (await isWhole(directory)) return directory
      await this.#tidy(digest)
      const startedAt = clock.now()
      const packages = order.plan.names.length + order.plan.files.length
      const installing = `installing ${packages} ${packages === 1 ? 'package' : 'packages'}: ${order.plan.names.join(', ').slice(0, 200)}`
      logger.info('python.installing', { model: order.model, packages, names: order.plan.names.join(', ') })
      progress(installing)
      const told = { progress: (text: string) => progress(`${installing}; ${text}`), signal }
      await withTemporaryFolder(join(root, `.${digest}.`), async (made) => {
        await withTemporaryFolder(join(root, `.${digest}.home.`), (home) =>
          this.#install(order, { directory: made, home }, told),
        )
        await rm(directory, { recursive: true, force: true })
        await rename(made, directory)
      })
      logger.info('python.installed', { model: order.model, packages, elapsedMs: Math.round(clock.now() - startedAt) })
      await markUsed(directory)
      await this.#keepWithinBound()
      return directory
    } finally {
      await release()
    }
  }

  async #install(
    { base, folder, plan }: BuildOrder,
    { directory, home }: { readonly directory: string; readonly home: string },
    { progress, signal }: { progress: (text: string) => void; signal: AbortSignal },
  ): Promise<void> {
    const { buildTimeoutMs, wheels, sourceBuilds, compiled } = this.#options
    const environment = installerEnvironment(this.#options.environment, home)
    const run = async (command: readonly string[], what: string): Promise<void> => {
      const onLine = (line: string): void => {
        const text = progressOf(line)
        if (text !== undefined) progress(text)
      }
      const result = await runProgram(command, { environment, timeoutMs: buildTimeoutMs, signal, onLine })
      if (result.status !== 'done') throw new Error(`${what}: ${failureOf(result)}`)
    }
    const ownPip = !(await hasPipForOthers(base, environment))
    const venv = [base.path, '-I', '-m', 'venv', ...(ownPip ? [] : ['--without-pip']), directory]
    await run(venv, `${base.path} could not make a virtual environment`)
    const list = join(directory, 'requirements.txt')
    await writeFile(list, [...plan.lines, ...plan.files.map((file) => join(folder, file)), ''].join('\n'))
    const quiet = ['--no-input', '--disable-pip-version-check', '--progress-bar', 'off', '--prefer-binary']
    const source = wheels === '' ? [] : ['--no-index', '--find-links', wheels]
    const installer = ownPip ? [pythonOf(directory), '-I', '-m', 'pip'] : pipForOthers(base, pythonOf(directory))
    // Why: the code that builds a package is whoever's who published it, and runs before anybody could look at it.
    const built = sourceBuilds ? [] : ['--only-binary=:all:']
    const form = compiled ? [] : ['--no-compile']
    const pip = [...installer, 'install', ...quiet, ...built, ...form, ...source, '-r', list]
    await run(pip, 'its packages could not be installed')
  }

  /** Removes what killed builds left behind: of this digest, whose lock is held, and what is too old to be made still. */
  async #tidy(digest: string): Promise<void> {
    const { root, clock, buildTimeoutMs } = this.#options
    for (const name of await readdir(root)) {
      const path = join(root, name)
      const ageMs = clock.wallMs() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? 0)
      const left = name.startsWith('.') && ageMs > programsOfBuild * buildTimeoutMs
      if (left || name.startsWith(`.${digest}.`)) await rm(path, { recursive: true, force: true })
    }
  }

  async #keepWithinBound(): Promise<void> {
    const { root, environmentsMax } = this.#options
    const names = (await readdir(root)).filter((name) => /^[0-9a-f]{64}$/.test(name))
    const dated = await Promise.all(
      names.map(async (name) => ({
        name,
        usedMs: (await stat(join(root, name)).catch(() => undefined))?.mtimeMs ?? 0,
      })),
    )
    dated.sort((a, b) => b.usedMs - a.usedMs)
    for (const { name } of dated.slice(environmentsMax)) await evict(join(root, name))
  }
}

const digestOf = async ({ base, folder, plan }: BuildOrder): Promise<string> => {
  const files = await Promise.all(
    plan.files.map(async (file) => {
      const content = await readFile(join(folder, file)).catch(() => undefined)
      if (content === undefined) throw new Error(`its requirements name ${file}, which is not in its folder`)
      return createHash('sha256').update(content).digest('hex')
    }),
  )
  const content = [layout, platform(), arch(), base.path, base.version, plan.lines, files]
  return createHash('sha256').update(JSON.stringify(content)).digest('hex')
}

/** Since 22.3 an interpreter's pip installs for another one, which spares the environment a pip of its own. */
const hasPipForOthers = async (base: Interpreter, environment: Readonly<Record<string, string>>): Promise<boolean> => {
  const asked = await runProgram([base.path, '-I', '-m', 'pip', '--version'], { environment, timeoutMs: 30_000 })
  const [, major, minor] = /^pip (\d+)\.(\d+)/.exec(asked.output[0] ?? '') ?? []
  return asked.status === 'done' && Number(major) * 100 + Number(minor) >= 2203
}

const pipForOthers = (base: Interpreter, python: string): string[] => [base.path, '-I', '-m', 'pip', '--python', python]

const pythonOf = (directory: string): string =>
  platform() === 'win32' ? join(directory, 'Scripts', 'python.exe') : join(directory, 'bin', 'python')

/** An environment whose base interpreter is gone has a link to nothing. */
const isWhole = (directory: string): Promise<boolean> =>
  access(pythonOf(directory)).then(
    () => true,
    () => false,
  )

/** What a line of the installer tells of its progress. */
const progressOf = (line: string): string | undefined => {
  const [, what, rest = ''] =
    /^\s*(Collecting|Downloading|Building wheels? for|Installing) ([^;(]{1,200})/.exec(line) ?? []
  if (what === undefined) return undefined
  return what === 'Installing' ? 'unpacking them' : `${what.toLowerCase()} ${rest.trim().split('/').at(-1)}`
}

/** The installer's errors, or else its last words. */
const failureOf = ({ status, output }: RunResult): string => {
  const lines = output.filter((line) => line.trim() !== '' && !line.startsWith('[notice]'))
  const errors = lines.filter((line) => /^\s*(ERROR|error|Error)\b/.test(line))
  const told = (errors.length > 0 ? errors : lines).slice(-4).map((line) => line.trim())
  const words = [...new Set(told)].join(' ').slice(0, 800)
  return words === '' ? status : `${status}; ${words}`
}
