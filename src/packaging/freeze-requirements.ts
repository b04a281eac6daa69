import { readFile, stat, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installerEnvironment, readRequirements, runProgram, withProcessFolder } from '../lib/index.ts'
import { PackagingError } from './packaging-error.ts'

export interface FreezeOptions {
  /** The interpreter whose pip resolves the requirements, as the one that will run the model would. */
  readonly python: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Puts the wheels of everything frozen into the package, so that they install without a network. */
  readonly withWheels: boolean
  /** Packages that come without a wheel are built, which runs their code. */
  readonly sourceBuilds: boolean
  /** What a server would install in the folder's environment besides these lines of its requirements. */
  added(folder: string, lines: readonly string[]): Promise<readonly string[]>
}

export interface FreezeOrder {
  /** The model's folder. */
  readonly folder: string
  /** Where wheels go. */
  readonly wheels: string
  /** What is frozen instead of what the folder says. */
  readonly requirements: readonly string[] | undefined
}

const fileName = 'requirements.txt'
const fileBytesMax = 1024 ** 2
/** What pip reports of an installation is some kilobytes a package. */
const reportBytesMax = 256 * 1024 ** 2
/** Resolving may fetch gigabytes. */
const timeoutMs = 3_600_000

/** Replaces the requirements in a model's folder by the exact versions that pip picks now for them and for what a server adds, with all they need. */
export const freezeRequirements = async (
  { folder, wheels, requirements }: FreezeOrder,
  options: FreezeOptions,
): Promise<void> => {
  const file = join(folder, fileName)
  const given = requirements ?? (await linesOf(folder, file))
  if (requirements !== undefined || given.length > 0) await writeFile(file, textOf(given))
  // Why: what is added unfrozen would be the newest version of another day, and no wheel would be beside it.
  const lines = [...given, ...(await options.added(folder, given))]
  if (lines.length === 0) return
  // Why: beside the model, where no file of its own can take the place of one of these or of a module.
  await withProcessFolder('freeze', async (work) => {
    const list = join(work, fileName)
    const report = join(work, 'report.json')
    const pip = (args: readonly string[]): Promise<void> => runPip([...args, '-r', list], work, options)
    await writeFile(list, textOf(lines))
    await pip(['install', '--dry-run', '--ignore-installed', '--report', report, ...wheelsOnly(options)])
    const frozen = await frozenOf(report)
    await writeFile(file, textOf(frozen.map(({ path, pinned }) => (path === undefined ? pinned : below(folder, path)))))
    if (!options.withWheels) return
    await writeFile(list, textOf(frozen.map(({ path, pinned }) => path ?? pinned)))
    await pip(['download', '--only-binary=:all:', '--no-deps', '--dest', wheels])
  })
}

const textOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('')

/** What the model's own file requires, which may be somebody else's: held to what a server takes, files by whole paths. */
const linesOf = async (folder: string, file: string): Promise<string[]> => {
  const facts = await stat(file).catch(() => undefined)
  if (facts === undefined) return []
  if (facts.size > fileBytesMax) throw new PackagingError([`${fileName} is larger than ${fileBytesMax} bytes`])
  const found = readRequirements(
    await readFile(file, 'utf8'),
    (reason) => new PackagingError([`${fileName} can't be frozen: ${reason}`]),
  )
  return found.map((requirement) =>
    requirement.kind === 'package' ? requirement.line : join(folder, requirement.path),
  )
}

interface Frozen {
  readonly pinned: string
  /** Of a file that came with the model. */
  readonly path: string | undefined
}

const frozenOf = async (report: string): Promise<Frozen[]> => {
  const facts = await stat(report).catch(() => undefined)
  if (facts === undefined) throw new PackagingError(['pip could not freeze the requirements: it reports nothing'])
  if (facts.size > reportBytesMax) throw new PackagingError(['pip reports more than can be read'])
  const { install } = JSON.parse(await readFile(report, 'utf8')) as {
    install: readonly {
      is_direct: boolean
      download_info: { url: string }
      metadata: { name: string; version: string }
    }[]
  }
  const frozen = install.map(({ is_direct: isDirect, download_info: { url }, metadata }) => ({
    pinned: `${metadata.name}==${metadata.version}`,
    path: isDirect && url.startsWith('file:') ? fileURLToPath(url) : undefined,
  }))
  return frozen.sort((a, b) => (a.pinned.toLowerCase() < b.pinned.toLowerCase() ? -1 : 1))
}

const below = (folder: string, path: string): string => relative(folder, path).split(sep).join('/')

const wheelsOnly = ({ sourceBuilds }: FreezeOptions): string[] => (sourceBuilds ? [] : ['--only-binary=:all:'])

const runPip = async (args: readonly string[], home: string, options: FreezeOptions): Promise<void> => {
  const { python } = options
  const command = [python, '-I', '-m', 'pip', '--disable-pip-version-check', '--no-input', '--quiet', ...args]
  const environment = installerEnvironment(options.environment, home)
  const { outcome, status, output } = await runProgram(command, { environment, timeoutMs })
  if (outcome === 'not_started') throw new PackagingError([`${python} can't be run: ${status}`])
  if (outcome !== 'done') {
    const told = output.slice(-20).join('\n').slice(-4000).trim()
    throw new PackagingError([`pip could not freeze the requirements: ${told === '' ? status : told}`])
  }
}
