import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { datatypes } from '../../src/tensor/index.ts'
import { buildOnnx, eventually, simpleModel } from '../../src/testing/index.ts'

/** Runs the real Python clients, from a venv made on demand, against a real server. */

const venv = resolve('.venvs/clients')
const python = join(venv, 'bin', 'python')
const requirements = resolve('test/clients/requirements.txt')

const must = (command: string, args: readonly string[]): void => {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2] })
  if (status === 0) return
  console.error(
    `${command} ${args.join(' ')} failed${error === undefined ? '' : `: ${error.message}`}; python3 with venv is needed`,
  )
  process.exit(1)
}

const prepareVenv = (): void => {
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex')
  const stamp = join(venv, 'requirements.sha256')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  console.error('Making a venv with the Python clients…')
  rmSync(venv, { recursive: true, force: true })
  must('python3', ['-m', 'venv', venv])
  must(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements])
  writeFileSync(stamp, wanted)
}

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

/** The SDKs of Triton and KServe define the same protobuf messages and can't share a process. */
const suites = ['test/clients/test_triton.py', 'test/clients/test_kserve.py']

/** Errors of protobuf quote whole descriptors. */
const lineCharactersMax = 400

const runSuite = (
  suite: string,
  addresses: { readonly http: string; readonly grpc: string },
): { status: number | null; stdout: string } => {
  const { status, stdout, stderr } = spawnSync(
    python,
    ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--tb=short', suite],
    {
      encoding: 'utf8',
      env: {
        ...process.env,
        PYTHONDONTWRITEBYTECODE: '1',
        SLIPWAY_TEST_HTTP: addresses.http,
        SLIPWAY_TEST_GRPC: addresses.grpc,
      },
    },
  )
  console.log(
    (stdout + stderr)
      .split('\n')
      .map((line) => line.slice(0, lineCharactersMax))
      .join('\n'),
  )
  return { status, stdout }
}

const wordCount = (text: string, word: string): number => Number(new RegExp(`(\\d+) ${word}`).exec(text)?.[1] ?? 0)

const run = async (): Promise<number> => {
  prepareVenv()
  const root = mkdtempSync(join(tmpdir(), 'slipway-clients-'))
  const ready = join(root, 'ready.json')
  const flags = [
    '--port',
    '0',
    '--grpc-port',
    '0',
    '--mlflow-port',
    'off',
    '--data-dir',
    join(root, 'data'),
    '--model-repository',
    makeModels(root),
    '--ready-file',
    ready,
  ]
  const server = spawn(process.execPath, ['bin/slipway.mjs', 'up', ...flags, '--log.level', 'warn'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exited = new Promise<number | null>((done) => server.on('exit', done))
  try {
    const addresses = await eventually(
      'the server is ready',
      () =>
        existsSync(ready) ? (JSON.parse(readFileSync(ready, 'utf8')) as { http: string; grpc: string }) : undefined,
      60_000,
    )
    const results = suites.map((suite) => runSuite(suite, addresses))
    const count = (word: string): number => results.reduce((sum, result) => sum + wordCount(result.stdout, word), 0)
    server.kill('SIGTERM')
    const stopped = (await exited) === 0
    if (!stopped) console.log('the server did not stop with 0')
    const broken = results.filter((result) => result.status !== 0 && wordCount(result.stdout, 'failed') === 0).length
    const failed = count('failed') + broken + (stopped ? 0 : 1)
    console.log(`${count('passed')} passed, ${failed} failed`)
    return failed === 0 ? 0 : 1
  } finally {
    server.kill('SIGKILL')
    rmSync(root, { recursive: true, force: true })
  }
}

process.exitCode = await run()
