import { spawn } from 'node:child_process'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PackagingError } from './packaging-error.ts'

export interface FreezeOptions {
  /** The interpreter whose pip resolves the requirements, as the one that will run the model would. */
  readonly python: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Puts the wheels of everything frozen into the package, so that they install without a network. */
  readonly withWheels: boolean
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
/** What pip reports of an installation is some kilobytes a package. */
const reportBytesMax = 256 * 1024 ** 2

/** Replaces the requirements in a model's folder by the exact versions that pip picks for them now, with all they need. */
export const freezeRequirements = async (
  { folder, wheels, requirements }: FreezeOrder,
  options: FreezeOptions,
): Promise<void> => {
  const file = join(folder, fileName)
  if (requirements !== undefined) await writeFile(file, requirements.map((line) => `${line}\n`).join(''))
  if ((await stat(file).catch(() => undefined)) === undefined || (await readFile(file, 'utf8')).trim() === '') return
  const report = join(folder, '.pip-report.json')
  try {
    await pip(['install', '--dry-run', '--ignore-installed', '--quiet', '--report', report, '-r', file], options)
    await writeFile(file, await frozen(report))
  } finally {
    await rm(report, { force: true })
  }
  if (options.withWheels)
    await pip(['download', '--quiet', '--only-binary=:all:', '--no-deps', '--dest', wheels, '-r', file], options)
}

const frozen = async (report: string): Promise<string> => {
  if ((await stat(report)).size > reportBytesMax) throw new PackagingError(['pip reports more than can be read'])
  const { install } = JSON.parse(await readFile(report, 'utf8')) as {
    install: readonly { metadata: { name: string; version: string } }[]
  }
  const lines = install.map(({ metadata }) => `${metadata.name}==${metadata.version}\n`)
  return lines.sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)).join('')
}

const pip = (args: readonly string[], { python, environment }: FreezeOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(python, ['-m', 'pip', '--disable-pip-version-check', '--no-input', ...args], {
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let told = ''
    child.stderr.setEncoding('utf8')
    child.stderr.on('data', (text: string) => (told = (told + text).slice(-4000)))
    child.on('error', (error) => reject(new PackagingError([`${python} can't be run: ${error.message}`])))
    child.on('close', (code) => {
      if (code === 0) resolve()
      else reject(new PackagingError([`pip could not freeze the requirements: ${told.trim()}`]))
    })
  })
