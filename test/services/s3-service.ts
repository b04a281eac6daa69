import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { eventually } from '../../src/testing/index.ts'
import type { Service } from './service.ts'

/** Folder of tools that tests fetch; not under version control. */
const tools = resolve('.cache', 'tools')
const bucket = 'slipway'
const keys = { AWS_ACCESS_KEY_ID: 'slipway', AWS_SECRET_ACCESS_KEY: 'slipway-secret', AWS_REGION: 'us-east-1' }

interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const onPath = (name: string): string | undefined =>
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))

/** versitygw: found, or built by Go when that is here. */
const versitygw = (): string | undefined => {
  const found = onPath('versitygw') ?? [join(tools, 'versitygw')].find((path) => existsSync(path))
  if (found !== undefined || onPath('go') === undefined) return found
  console.error('Building versitygw…')
  const install = ['install', 'github.com/versity/versitygw/cmd/versitygw@latest']
  const { status } = spawnSync('go', install, { stdio: ['ignore', 2, 2], env: { ...process.env, GOBIN: tools } })
  return status === 0 ? join(tools, 'versitygw') : undefined
}

/** moto's server from PyPI, in a venv of its own. */
const moto = (): string | undefined => {
  const venv = resolve('.venvs', 's3')
  const program = join(venv, 'bin', 'moto_server')
  if (existsSync(program)) return program
  console.error('Making a venv with moto…')
  const made = spawnSync('python3', ['-m', 'venv', venv], { stdio: ['ignore', 2, 2] })
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'moto[s3,server]==5.2.1']
  const installed = made.status === 0 ? spawnSync(join(venv, 'bin', 'python'), pip, { stdio: ['ignore', 2, 2] }) : made
  return installed.status === 0 ? program : undefined
}

const programOf = (folder: string, port: number): Program => {
  const gateway = versitygw()
  if (gateway !== undefined) {
    mkdirSync(join(folder, bucket))
    const env = { ROOT_ACCESS_KEY: keys.AWS_ACCESS_KEY_ID, ROOT_SECRET_KEY: keys.AWS_SECRET_ACCESS_KEY }
    return { command: gateway, args: ['--port', `127.0.0.1:${port}`, 'posix', folder], env }
  }
  const server = moto()
  if (server === undefined)
    throw new Error('neither Go nor Python could get an S3 server; set SLIPWAY_TEST_S3 to the URL of one')
  return { command: server, args: ['-H', '127.0.0.1', '-p', String(port)] }
}

const freePort = (): Promise<number> =>
  new Promise((done, reject) => {
    const probe = createServer().on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => done(port))
    })
  })

/**
 * A server that speaks S3, over a temporary folder. SLIPWAY_TEST_S3 names another by its URL, with the credentials in
 * the usual variables of AWS; the tests make the bucket `slipway` there.
 */
export const s3Service: Service = {
  name: 'S3',
  async start() {
    const given = process.env['SLIPWAY_TEST_S3']
    if (given !== undefined) return { env: { SLIPWAY_TEST_S3: given }, stop: () => Promise.resolve() }
    const folder = mkdtempSync(join(tmpdir(), 'slipway-s3-'))
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const { command, args, env } = programOf(folder, port)
    const server = spawn(command, args, { cwd: folder, stdio: 'ignore', env: { ...process.env, ...env } })
    const exited = new Promise<void>((done) => server.on('exit', () => done()))
    await eventually(
      'S3 answers',
      () =>
        fetch(url).then(
          () => true,
          () => undefined,
        ),
      30_000,
    )
    return {
      env: { SLIPWAY_TEST_S3: url, ...keys },
      async stop() {
        server.kill('SIGTERM')
        await exited
        rmSync(folder, { recursive: true, force: true })
      },
    }
  },
}
