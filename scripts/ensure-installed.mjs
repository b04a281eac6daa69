// Plain JavaScript that Node 20 runs: it prepares a checkout for everything else.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')

/** The Node that the project brings along. */
export const projectNode = join(modules, 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')

const modified = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0)

/**
 * Installs the dependencies when they are missing or older than the lockfile. npm's output goes to stderr. `npm ci`
 * would insist on the prebuilt binaries of every platform being listed, which npm itself leaves out of lockfiles.
 */
export const ensureInstalled = () => {
  const installed = modified(join(modules, '.package-lock.json'))
  if (installed === 0 || installed < modified(join(root, 'package-lock.json'))) install()
  if (!existsSync(projectNode)) bringNode()
}

const install = () => {
  process.stderr.write('Installing dependencies…\n')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const { status } = spawnSync(npm, ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (status !== 0) giveUp()
}

/**
 * The one install script that is wanted: the package `node` fetches the binary of this platform by it. .npmrc has npm
 * run none, since that of ONNX Runtime would download the libraries of CUDA.
 */
const bringNode = () => {
  process.stderr.write('Installing Node…\n')
  const cwd = join(modules, 'node')
  const { status } = spawnSync(process.execPath, ['installArchSpecificPackage.js'], { cwd, stdio: ['ignore', 2, 2] })
  if (status !== 0 || !existsSync(projectNode)) giveUp()
}

const giveUp = () => {
  process.stderr.write('Installing the dependencies failed; see the messages above.\n')
  process.exit(1)
}

/** The environment with the project's Node and tools first on the path. */
export const projectEnvironment = () => ({
  ...process.env,
  PATH: [join(modules, 'node', 'bin'), join(modules, '.bin'), process.env.PATH ?? ''].join(delimiter),
})
