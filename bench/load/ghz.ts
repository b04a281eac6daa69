import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadSync } from '@grpc/proto-loader'
import { findGhz } from './find-tool.ts'
import { runTool } from './run-tool.ts'
import type { Load, Speed } from './speed.ts'

const proto = fileURLToPath(new URL('../../proto/inference.proto', import.meta.url))
const call = 'inference.GRPCInferenceService/ModelInfer'

/** One gRPC inference that ghz repeats; the tensor's bytes travel as raw contents. */
export interface GhzRequest {
  /** host:port, without TLS. */
  readonly address: string
  readonly model: string
  readonly input: { readonly name: string; readonly datatype: string; readonly shape: readonly number[] }
  readonly raw: Uint8Array
}

/** ghz writes durations as nanoseconds. */
interface Report {
  readonly count: number
  readonly total: number
  readonly statusCodeDistribution: Readonly<Record<string, number>>
  readonly latencyDistribution: readonly { readonly percentage: number; readonly latency: number }[] | null
}

const serialize = (request: GhzRequest): Buffer => {
  const service = loadSync(proto, { keepCase: true })['inference.GRPCInferenceService']
  const method = service !== undefined && 'ModelInfer' in service ? service['ModelInfer'] : undefined
  if (typeof method !== 'object' || !('requestSerialize' in method)) throw new Error(`${proto} has no ModelInfer`)
  return method.requestSerialize({
    model_name: request.model,
    inputs: [request.input],
    raw_input_contents: [request.raw],
  })
}

/** Loads a gRPC server with ghz: up to four connections shared by `clients` callers that wait for their replies. */
export const runGhz = async (request: GhzRequest, load: Load): Promise<Speed> => {
  const ghz = await findGhz()
  const folder = await mkdtemp(join(tmpdir(), 'slipway-ghz-'))
  try {
    const data = join(folder, 'request.bin')
    await writeFile(data, serialize(request))
    const output = await runTool(ghz, [
      '--insecure',
      `--proto=${proto}`,
      `--call=${call}`,
      `--binary-file=${data}`,
      `--concurrency=${load.clients}`,
      `--connections=${Math.min(4, load.clients)}`,
      `--duration=${load.seconds}s`,
      // Otherwise calls under way at the end count as failed.
      '--duration-stop=wait',
      '--format=json',
      request.address,
    ])
    return readReport(JSON.parse(output) as Report)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const readReport = (report: Report): Speed => {
  const good = report.statusCodeDistribution['OK'] ?? 0
  const latencyMs = (p: number): number =>
    (report.latencyDistribution?.find(({ percentage }) => percentage === p)?.latency ?? Number.NaN) / 1e6
  return {
    perSecond: good / (report.total / 1e9),
    p50Ms: latencyMs(50),
    p99Ms: latencyMs(99),
    count: report.count,
    failed: report.count - good,
  }
}
