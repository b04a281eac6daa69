import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { datatypes } from '../../src/tensor/index.ts'
import { buildOnnx, eventually, simpleModel } from '../../src/testing/index.ts'
import type { Addresses } from './suites.ts'
import { runSuite, suites } from './suites.ts'

/** Runs the real Python clients, from venvs made on demand, against a real server. `--all` adds what takes minutes to install; words choose the suites whose names have one of them. */

const makeModels = (root: string): string => {
  const repository = join(root, 'models')
  const write = (path: string, content: string | Uint8Array): void => {
    mkdirSync(join(repository, path, '..'), { recursive: true })
    writeFileSync(join(repository, path), content)
  }
  cpSync('examples/fraud/model-repository', repository, { recursive: true })
  write('fraud/config.pbtxt', 'version_policy { all {} }')
  write('simple/1/model.onnx', buildOnnx(simpleModel()))
  for (const datatype of datatypes) {
    write(
      `identity_${datatype}/1/model.echo.json`,
      JSON.stringify({ inputs: [{ name: 'x', datatype, shape: [-1, -1] }] }),
    )
  }
  write(
    'slow/1/model.echo.json',
    JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, -1] }], runMs: 500 }),
  )
  return repository
}

const run = async (): Promise<number> => {
  const all = process.argv.includes('--all')
  const words = process.argv.slice(2).filter((arg) => !arg.startsWith('--'))
  const chosen = suites
    .filter((suite) => all || suite.heavy === undefined)
    .filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
  if (chosen.length === 0) throw new Error(`no suite has a name with ${words.join(' or ')}`)
  const root = mkdtempSync(join(tmpdir(), 'slipway-clients-'))
  const ready = join(root, 'ready.json')
  const flags = [
    '--port',
    '0',
    '--grpc-port',
    '0',
    '--mlflow-port',
    '0',
    '--data-dir',
    join(root, 'data'),
    '--model-repository',
    makeModels(root),
    '--ready-file',
    ready,
    // Receivers of webhooks in the suites.
    '--registry.webhooks.allow',
    '127.0.0.1',
  ]
  const server = spawn(process.execPath, ['bin/slipway.mjs', 'up', ...flags, '--log.level', 'warn'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exited = new Promise<number | null>((done) => server.on('exit', done))
  try {
    const addresses = await eventually(
      'the server is ready',
      () => (existsSync(ready) ? (JSON.parse(readFileSync(ready, 'utf8')) as Addresses) : undefined),
      60_000,
    )
    const outcomes = chosen.map((suite) => runSuite(suite, addresses))
    server.kill('SIGTERM')
    const stopped = (await exited) === 0
    if (!stopped) console.log('the server did not stop with 0')
    const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, stopped ? 0 : 1)
    const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0)
    console.log(`${passed} passed, ${failed} failed`)
    return failed === 0 ? 0 : 1
  } finally {
    server.kill('SIGKILL')
    rmSync(root, { recursive: true, force: true })
  }
}

process.exitCode = await run()
