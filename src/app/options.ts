import type { Option } from '../lib/index.ts'
import { httpOptions } from '../api/http/config.ts'
import { grpcOptions } from '../api/grpc/config.ts'
import { deliveryOptions } from '../delivery/config.ts'
import { mlflowOptions } from '../dialects/mlflow/config.ts'
import { registryOptions } from '../registry/config.ts'
import { servingOptions } from '../serving/config.ts'
import { logOptions, tracingOptions } from '../monitoring/config.ts'

/** Options of the process itself. */
const appOptions = {
  dataDir: {
    type: 'string',
    default: './slipway-data',
    flag: 'data-dir',
    doc: 'Folder for everything the server keeps. Deleting it resets everything.',
  },
  database: {
    type: 'string',
    default: '',
    secret: true,
    flag: 'database',
    doc: 'Where the registry keeps what is not a file: `postgres://USER:PASSWORD@HOST/DATABASE`, or the path of a SQLite file; empty for `slipway.db` in the data folder. Servers of one Postgres share one registry.',
  },
  artifacts: {
    type: 'string',
    default: '',
    flag: 'artifacts',
    doc: 'Where the files of the registry are: a folder, or `s3://BUCKET/PREFIX`, with `?endpoint=URL` for a store that speaks like S3, `region=`, `path-style=` and, where clients can not reach the store, `presigned=false`; empty for `artifacts` in the data folder. Credentials are found as tools of AWS find them.',
  },
  package: {
    type: 'list',
    default: [],
    flag: 'package',
    doc: 'Packages to serve, folders that `slipway package` made. Their files are compared with their manifests at start. Repeat the flag for several.',
  },
  python: {
    type: 'string',
    default: '',
    flag: 'python',
    doc: 'The interpreter of Python models, or the one that their environments are made of; empty for `python3` on the path.',
  },
  pythonEnv: {
    type: 'enum',
    default: 'auto',
    values: ['auto', 'path', 'venv'],
    flag: 'python-env',
    doc: 'path: every Python model runs in the interpreter of `--python`. venv: each runs in a virtual environment with what its folder requires, made when it is first loaded and kept. auto: path when `--python` is given, else venv.',
  },
  pythonWheels: {
    type: 'string',
    default: '',
    flag: 'python-wheels',
    doc: 'Folder of wheels that environments are installed from, and from nowhere else; empty for the index that pip is set up with.',
  },
  example: {
    type: 'enum',
    default: '',
    values: ['', 'fraud'],
    flag: 'example',
    doc: 'Serve an example besides the model repositories.',
  },
  readyFile: {
    type: 'string',
    default: '',
    flag: 'ready-file',
    doc: 'File that gets the addresses as JSON once the server is ready.',
  },
  target: {
    type: 'enum',
    default: 'all',
    values: ['all', 'http', 'grpc'],
    flag: 'target',
    doc: 'Which doors this process opens: all of them, or only that of HTTP or gRPC.',
  },
  shutdownIdleMs: {
    type: 'duration',
    default: 500,
    min: 0,
    doc: 'How long idle connections are kept after SIGTERM, for requests that are on their way.',
  },
  shutdownTimeoutMs: {
    type: 'duration',
    default: 30_000,
    min: 1,
    doc: 'Longest time for requests inside to finish after SIGTERM.',
  },
} as const

/** Every option of the server by module. */
export const optionTables = {
  app: appOptions,
  http: httpOptions,
  grpc: grpcOptions,
  mlflow: mlflowOptions,
  registry: registryOptions,
  serving: servingOptions,
  delivery: deliveryOptions,
  log: logOptions,
  tracing: tracingOptions,
} as const

void (optionTables satisfies Readonly<Record<string, Readonly<Record<string, Option>>>>)
