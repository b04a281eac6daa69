import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../bench/free-port.ts'
import { eventually } from '../../src/testing/index.ts'
import type { Service } from './service.ts'

const binFolder = (): string | undefined => {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  return versions.map((version) => join(root, version, 'bin')).find((folder) => existsSync(join(folder, 'initdb')))
}

const isRoot = userInfo().uid === 0

/** The folder of Postgres' programs; Debian's package is installed when there is none and this is root. */
const install = (): string => {
  const found = binFolder()
  if (found !== undefined) return found
  if (isRoot) {
    console.error('Installing PostgreSQL from the packages of the system…')
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    spawnSync('apt-get', ['update', '-q'], { stdio: 'ignore', env })
    spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'postgresql'], { stdio: 'ignore', env })
  }
  const installed = binFolder()
  if (installed === undefined)
    throw new Error('PostgreSQL is not installed; set SLIPWAY_TEST_POSTGRES to the URL of a database for tests')
  return installed
}

/** A cluster of its own in a temporary folder, by a user that is not root, which Postgres refuses. */
export const postgresService: Service = {
  name: 'PostgreSQL',
  async start() {
    const given = process.env['SLIPWAY_TEST_POSTGRES']
    if (given !== undefined) return { env: { SLIPWAY_TEST_POSTGRES: given }, stop: () => Promise.resolve() }
    const bin = install()
    const folder = mkdtempSync(join(tmpdir(), 'slipway-postgres-'))
    const idOf = (flag: string): number =>
      Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout.trim() || userInfo().uid)
    const ids = isRoot ? { uid: idOf('-u'), gid: idOf('-g') } : {}
    if (ids.uid !== undefined) chownSync(folder, ids.uid, ids.gid)
    const data = join(folder, 'data')
    const init = spawnSync(
      join(bin, 'initdb'),
      ['-D', data, '-U', 'slipway', '-A', 'trust', '-E', 'UTF8', '--locale', 'C.UTF-8', '--no-sync'],
      { ...ids, cwd: folder, encoding: 'utf8' },
    )
    if (init.status !== 0) throw new Error(`initdb failed: ${init.stderr}`)
    const port = await freePort()
    const settings = ['-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${folder}`]
    const server = spawn(join(bin, 'postgres'), ['-D', data, ...settings], { ...ids, cwd: folder, stdio: 'ignore' })
    const exited = new Promise<void>((resolve) => server.on('exit', () => resolve()))
    const pidFile = join(data, 'postmaster.pid')
    await eventually(
      'Postgres is ready',
      () => (existsSync(pidFile) && readFileSync(pidFile, 'utf8').includes('ready') ? true : undefined),
      30_000,
    )
    return {
      env: {
        SLIPWAY_TEST_POSTGRES: `postgres://slipway@127.0.0.1:${port}/postgres`,
        SLIPWAY_TEST_POSTGRES_PID: String(server.pid),
      },
      async stop() {
        server.kill('SIGINT')
        await exited
        rmSync(folder, { recursive: true, force: true })
      },
    }
  },
}
