import { spawnSync } from 'node:child_process'
import { pythonWith } from './venv.ts'

/** Where the server of the suites listens. */
export interface Addresses {
  readonly http: string
  readonly grpc: string
  /** The port that clients of MLflow expect, with what the main one has. */
  readonly mlflow: string
}

export interface Suite {
  readonly name: string
  /** Name of the venv and its file of requirements. */
  readonly venv: readonly [name: string, requirements: string]
  /** Arguments of Python: a script, or pytest's. */
  readonly args: readonly string[]
  /** Left out unless everything is asked for: its venv takes minutes to install. */
  readonly heavy?: true
  /** Where mlflow is pointed at; without it, the main port. */
  readonly door?: 'http' | 'mlflow'
}

export interface Outcome {
  readonly passed: number
  readonly failed: number
}

const pytest = ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', '--tb=short', '-W', 'ignore']

const openInference = ['clients', 'requirements.txt'] as const
const newestMlflow = ['mlflow', 'mlflow/requirements.txt'] as const
const mlflow2 = ['mlflow2', 'mlflow/requirements-2.22.txt'] as const
const training = ['mlflow-training', 'mlflow/requirements-training.txt'] as const
const training2 = ['mlflow2-training', 'mlflow/requirements-training-2.22.txt'] as const
const networks = ['convert-networks', 'convert/requirements-networks.txt'] as const

const mlflowTests = [...pytest, '--rootdir', 'test/clients/mlflow', 'test/clients/mlflow']
const servedTests = (file: string): string[] => [
  ...pytest,
  '--rootdir',
  'test/clients/served',
  `test/clients/served/${file}.py`,
]
const pythonTests = [...pytest, '--rootdir', 'test/clients/python', 'test/clients/python']
const convertTests = (file: string): string[] => [
  ...pytest,
  '--rootdir',
  'test/clients/convert',
  `test/clients/convert/${file}.py`,
]
const imageTests = [...pytest, '--rootdir', 'test/clients/images', 'test/clients/images']
const train = (library: string): string => `test/clients/mlflow/train_${library}.py`

/** The SDKs of Triton and KServe define the same protobuf messages and can't share a process. */
export const suites: readonly Suite[] = [
  { name: 'tritonclient', venv: openInference, args: [...pytest, 'test/clients/test_triton.py'] },
  { name: 'kserve', venv: openInference, args: [...pytest, 'test/clients/test_kserve.py'] },
  { name: 'mlflow, newest', venv: newestMlflow, args: mlflowTests },
  // By the port that clients of MLflow expect, where the others use the main one.
  { name: 'mlflow 2.22', venv: mlflow2, args: mlflowTests, door: 'mlflow' },
  { name: 'served models, newest mlflow', venv: newestMlflow, args: servedTests('test_alias_moves') },
  { name: 'served models, mlflow 2.22', venv: mlflow2, args: servedTests('test_alias_moves') },
  { name: 'typed models, newest mlflow', venv: newestMlflow, args: servedTests('test_typed_models') },
  { name: 'typed models, mlflow 2.22', venv: mlflow2, args: servedTests('test_typed_models') },
  { name: 'hostile models', venv: newestMlflow, args: servedTests('test_hostile_mlmodel') },
  { name: 'scikit-learn, newest mlflow', venv: newestMlflow, args: [train('sklearn')], door: 'mlflow' },
  { name: 'scikit-learn, mlflow 2.22', venv: mlflow2, args: [train('sklearn')] },
  { name: 'beside mlflow server', venv: newestMlflow, args: ['test/clients/mlflow/differential.py', '{http}'] },
  { name: 'python models, newest mlflow', venv: newestMlflow, args: pythonTests },
  { name: 'python models, mlflow 2.22', venv: mlflow2, args: pythonTests },
  { name: 'python models of every library, newest mlflow', venv: training, args: pythonTests, heavy: true },
  { name: 'python models of every library, mlflow 2.22', venv: training2, args: pythonTests, heavy: true },
  {
    name: 'served models of every library, newest mlflow',
    venv: training,
    args: servedTests('test_libraries'),
    heavy: true,
  },
  {
    name: 'served models of every library, mlflow 2.22',
    venv: training2,
    args: servedTests('test_libraries'),
    heavy: true,
  },
  { name: 'images', venv: newestMlflow, args: imageTests },
  { name: 'conversions', venv: ['convert', 'convert/requirements.txt'], args: convertTests('test_convert') },
  {
    name: 'conversions of networks',
    venv: networks,
    args: convertTests('test_networks'),
    heavy: true,
  },
  { name: 'conversions of CatBoost', venv: networks, args: convertTests('test_catboost'), heavy: true },
  ...['xgboost', 'lightgbm', 'pytorch'].flatMap((library): Suite[] => [
    { name: `${library}, newest mlflow`, venv: training, args: [train(library)], heavy: true },
    { name: `${library}, mlflow 2.22`, venv: training2, args: [train(library)], heavy: true },
  ]),
]

/** Errors of protobuf quote whole descriptors. */
const lineCharactersMax = 400

const count = (text: string, word: string): number => Number(new RegExp(`(\\d+) ${word}`).exec(text)?.[1] ?? 0)

/** Runs a suite against a server. A script counts as one test. */
export const runSuite = ({ name, venv, args, door = 'http' }: Suite, addresses: Addresses): Outcome => {
  const { http, grpc } = addresses
  const python = pythonWith(...venv)
  console.log(`== ${name}`)
  const begun = performance.now()
  const { status, stdout, stderr } = spawnSync(
    python,
    args.map((arg) => arg.replace('{http}', http)),
    {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      env: {
        ...process.env,
        PYTHONDONTWRITEBYTECODE: '1',
        SLIPWAY_TEST_HTTP: http,
        SLIPWAY_TEST_GRPC: grpc,
        MLFLOW_TRACKING_URI: addresses[door],
        MLFLOW_DISABLE_TELEMETRY: 'true',
      },
    },
  )
  const lines = (stdout + (status === 0 ? '' : stderr)).split('\n')
  console.log(lines.map((line) => line.slice(0, lineCharactersMax)).join('\n'))
  console.log(`${name}: ${((performance.now() - begun) / 1000).toFixed(0)} s`)
  if (!args.includes('pytest')) return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
  const failed = count(stdout, 'failed') + count(stdout, 'error')
  return { passed: count(stdout, 'passed'), failed: status === 0 || failed > 0 ? failed : 1 }
}
