import { reasonOf } from '../../lib/index.ts'
import { accessSync, constants, statfsSync } from 'node:fs'
import { createServer } from 'node:net'
import { freemem } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { ModelView } from '../../api/index.ts'
import type { Config } from '../../app/config/load-config.ts'
import { loadConfig } from '../../app/config/load-config.ts'
import { cudaFinding } from '../../app/cuda-support.ts'
import { apiRoot } from '../../protocol/index.ts'
import { clientArgs, commonFlags } from '../client-options.ts'
import type { Command } from '../command.ts'
import { Refusal, UsageError } from '../command.ts'
import { bytesText } from '../format.ts'
import type { ServerClient } from '../server-client.ts'

interface Finding {
  readonly check: string
  readonly ok: boolean
  readonly says: string
}

/** Looks at the machine, the configuration and a running server. */
export const doctor: Command = {
  usage: '[OPTIONS]',
  flags: commonFlags,
  examples: ['slipway doctor', 'slipway doctor --server http://models:8080 --json'],
  async run(context) {
    const args = clientArgs(context, commonFlags)
    if (args.positionals.length > 0) throw new UsageError(`unexpected '${args.positionals[0] ?? ''}'`)
    const { config } = loadConfig({ ...context, args: [] })
    const isNamed = (args.text('server') ?? context.environment['SLIPWAY_SERVER']) !== undefined
    const findings = [
      nodeVersion(),
      await runtime(),
      { check: 'CUDA', ...cudaFinding() },
      folder(config),
      freeMemory(),
      ...(await server(args.client, { config, isNamed })),
    ]
    if (args.json) context.out(`${JSON.stringify({ findings })}\n`)
    else context.out(`${findings.map(({ check, ok, says }) => `${ok ? '✓' : '✗'} ${check}: ${says}`).join('\n')}\n`)
    return findings.every((finding) => finding.ok) ? 0 : 1
  },
}

const nodeVersion = (): Finding => {
  const ok = Number(process.versions.node.split('.')[0]) >= 24
  return { check: 'Node', ok, says: ok ? process.version : `${process.version} is too old; 24 or newer is needed` }
}

const runtime = async (): Promise<Finding> => {
  try {
    // Why no list of its backends: those that it was built for, CUDA among them, need not be installed.
    await import('onnxruntime-node')
    return { check: 'ONNX Runtime', ok: true, says: 'loads, and runs models on the CPU' }
  } catch (error) {
    return {
      check: 'ONNX Runtime',
      ok: false,
      says: `doesn't load: ${reasonOf(error)}`,
    }
  }
}

/** Below this, uploads and logs soon fail. */
const diskBytesMin = 1024 ** 3

const folder = (config: Config): Finding => {
  const path = resolve(config.app.dataDir)
  for (let at = path; ; at = dirname(at)) {
    try {
      accessSync(at, constants.W_OK)
      const { bavail, bsize } = statfsSync(at)
      const free = bavail * bsize
      return { check: 'data folder', ok: free >= diskBytesMin, says: `${path} can be written, ${bytesText(free)} free` }
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      if (!missing || at === dirname(at))
        return { check: 'data folder', ok: false, says: `${path} can't be written: ${(error as Error).message}` }
    }
  }
}

/** A server with one small model takes about this much. */
const memoryBytesMin = 512 * 1024 ** 2

const freeMemory = (): Finding => {
  const free = freemem()
  return { check: 'memory', ok: free >= memoryBytesMin, says: `${bytesText(free)} free` }
}

/** A server that was named should be there; of the one that could be on this machine, nobody says so. */
const server = async (
  client: ServerClient,
  { config, isNamed }: { readonly config: Config; readonly isNamed: boolean },
): Promise<Finding[]> => {
  const check = `server at ${client.url.origin}`
  try {
    const { models } = await client.json<{ models: ModelView[] }>({ method: 'GET', path: `${apiRoot}/models` })
    const sick = models.flatMap((model) => [
      ...(model.problem === '' ? [] : [`${model.name}: ${model.problem}`]),
      ...model.versions
        .filter((version) => version.state === 'unavailable' && /quarantined|failed to load/.test(version.reason))
        .map((version) => `${model.name} version ${version.version}: ${version.reason}`),
    ])
    const says = sick.length === 0 ? `${models.length} model(s), none of them in trouble` : sick.join('; ')
    return [{ check, ok: sick.length === 0, says }]
  } catch (error) {
    const says = reasonOf(error)
    if (isNamed || !(error instanceof Refusal) || error.code !== 'unreachable') return [{ check, ok: false, says }]
    const ports = [config.http.port, config.grpc.port].filter((port) => port !== 0)
    return [
      { check: 'server', ok: true, says: `none running (${says})` },
      ...(await Promise.all(ports.map((port) => freePort(config.http.host, port)))),
    ]
  }
}

const freePort = (host: string, port: number): Promise<Finding> =>
  new Promise((resolvePort) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) =>
      resolvePort({
        check: `port ${port}`,
        ok: false,
        says: error.code === 'EADDRINUSE' ? 'is taken by another program' : error.message,
      }),
    )
    probe.listen(port, host, () => probe.close(() => resolvePort({ check: `port ${port}`, ok: true, says: 'is free' })))
  })
