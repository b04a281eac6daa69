import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { freePort } from '../../bench/free-port.ts'
import { eventually } from '../../src/testing/index.ts'
import type { Service } from './service.ts'

/** Folder of tools that tests fetch; not under version control. */
const tools = resolve('.cache', 'tools')
const keys = { AWS_ACCESS_KEY_ID: 'slipway', AWS_SECRET_ACCESS_KEY: 'slipway-secret', AWS_REGION: 'us-east-1' }

const onPath = (name: string): string | undefined =>
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))

/** versitygw, as it is found, or built by Go. The other small servers of S3 do less than S3 with uploads in parts. */
const versitygw = (): string => {
  const built = join(tools, 'versitygw')
  const found = onPath('versitygw') ?? (existsSync(built) ? built : undefined)
  if (found !== undefined) return found
  const install = ['install', 'github.com/versity/versitygw/cmd/versitygw@v1.8.0']
  console.error('Building versitygw by Go…')
  const { status } = spawnSync('go', install, { stdio: ['ignore', 2, 2], env: { ...process.env, GOBIN: tools } })
  if (status === 0) return built
  throw new Error(
    'versitygw is not on the PATH and Go can not build it; set SLIPWAY_TEST_S3 to the URL of a test store',
  )
}

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
    const roots = { ROOT_ACCESS_KEY: keys.AWS_ACCESS_KEY_ID, ROOT_SECRET_KEY: keys.AWS_SECRET_ACCESS_KEY }
    const server = spawn(versitygw(), ['--port', `127.0.0.1:${port}`, 'posix', folder], {
      cwd: folder,
      stdio: 'ignore',
      env: { ...process.env, ...roots },
    })
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
