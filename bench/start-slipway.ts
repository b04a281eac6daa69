import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChild, untilReady } from './child-server.ts'
import type { ChildServer } from './child-server.ts'
import type { ServedModel } from './served-model.ts'
import { temporaryFolder } from './temporary-folder.ts'

const program = fileURLToPath(new URL('../bin/slipway.mjs', import.meta.url))

export interface SlipwayOptions {
  readonly repository: string
  /** Further flags of `slipway up`. */
  readonly flags?: readonly string[]
  /** Ready when these answer; default none beyond the server itself. */
  readonly models?: readonly string[]
  /** Default 0, a free one. */
  readonly port?: number
}

export interface SlipwayServer extends ServedModel {
  readonly child: ChildServer
}

/** Starts `slipway up` without waiting for it; the data folder goes with the server. */
export const spawnSlipway = (options: SlipwayOptions, dataDir: string): ChildServer =>
  startChild({
    command: process.execPath,
    args: [
      program,
      'up',
      `--port=${options.port ?? 0}`,
      '--grpc-port=0',
      '--mlflow-port=off',
      `--data-dir=${join(dataDir, 'data')}`,
      `--ready-file=${join(dataDir, 'ready.json')}`,
      `--model-repository=${options.repository}`,
      ...(options.flags ?? []),
    ],
    // Other settings of whoever runs the bench must not colour the result.
    env: Object.fromEntries(
      Object.keys(process.env)
        .filter(isSetting)
        .map((name) => [name, undefined]),
    ),
  })

const isSetting = (name: string): boolean => name.startsWith('SLIPWAY_')

interface ReadyFile {
  readonly http: string
  readonly grpc: string
}

/** Starts `slipway up` and waits until it and the named models are ready. */
export const startSlipway = async (options: SlipwayOptions): Promise<SlipwayServer> => {
  const folder = await temporaryFolder()
  const child = spawnSlipway(options, folder.path)
  const close = async (): Promise<void> => {
    await child.stop()
    await folder[Symbol.asyncDispose]()
  }
  try {
    let addresses: ReadyFile | undefined
    await untilReady(child, async () => {
      addresses = JSON.parse(await readFile(join(folder.path, 'ready.json'), 'utf8')) as ReadyFile
      return true
    })
    if (addresses === undefined) throw new Error('slipway wrote no addresses')
    const { http, grpc } = addresses
    for (const model of options.models ?? []) {
      await untilReady(child, async () => (await fetch(`${http}/v2/models/${model}/ready`)).ok)
    }
    return { name: 'Slipway', http, grpc, pid: child.pid, child, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}
