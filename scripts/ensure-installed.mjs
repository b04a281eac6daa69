// Plain JavaScript that Node 20 runs: it prepares a checkout for everything else.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')

const modified = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0)

/**
 * Installs the dependencies when they are missing or older than the lockfile. npm's output goes to stderr. `npm ci`
 * would insist on the prebuilt binaries of every platform being listed, which npm itself leaves out of lockfiles.
 */
export const ensureInstalled = () => {
  const installed = modified(join(modules, '.package-lock.json'))
  if (installed > 0 && installed >= modified(join(root, 'package-lock.json'))) return
  process.stderr.write('Installing dependencies…\n')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const { status } = spawnSync(npm, ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (status !== 0) {
    process.stderr.write('Installing the dependencies failed; see the messages above.\n')
    process.exit(1)
  }
}

/** The Node that the project brings along. */
export const projectNode = join(modules, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')

/** The environment with the project's Node and tools first on the path. */
export const projectEnvironment = () => ({
  ...process.env,
  PATH: [join(modules, 'node', 'bin'), join(modules, '.bin'), process.env.PATH ?? ''].join(delimiter),
})
