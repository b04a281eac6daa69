import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findWrk } from './find-tool.ts'
import { runTool } from './run-tool.ts'
import type { Load, Speed } from './speed.ts'

/** One HTTP request that wrk repeats. */
export interface WrkRequest {
  readonly url: string
  readonly body?: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

/** Quotes a string for Lua; the decimal escapes hold any byte. */
const luaString = (text: string): string =>
  `"${[...Buffer.from(text)].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`

const marker = 'wrk-summary '

/** The body is read from a file, so that binary needs no escaping and megabytes no parsing. */
const luaScript = (request: WrkRequest, bodyFile: string): string => {
  const body =
    request.body === undefined
      ? []
      : [
          'wrk.method = "POST"',
          `local file = assert(io.open(${luaString(bodyFile)}, "rb"))`,
          'wrk.body = file:read("*a")',
          'file:close()',
        ]
  const headers = Object.entries(request.headers ?? {}).map(
    ([name, value]) => `wrk.headers[${luaString(name)}] = ${luaString(value)}`,
  )
  const done = [
    'function done(summary, latency)',
    '  local e = summary.errors',
    `  io.write(string.format('\\n${marker}{"count":%d,"durationUs":%d,"status":%d,"network":%d,"p50Us":%d,"p99Us":%d}\\n',`,
    '    summary.requests, summary.duration, e.status, e.connect + e.read + e.write + e.timeout,',
    '    latency:percentile(50), latency:percentile(99)))',
    'end',
  ]
  return [...body, ...headers, ...done, ''].join('\n')
}

interface Summary {
  readonly count: number
  readonly durationUs: number
  readonly status: number
  readonly network: number
  readonly p50Us: number
  readonly p99Us: number
}

/** Loads an HTTP server with wrk: one thread, `clients` connections, each waiting for its reply. */
export const runWrk = async (request: WrkRequest, load: Load): Promise<Speed> => {
  const wrk = await findWrk()
  const folder = await mkdtemp(join(tmpdir(), 'slipway-wrk-'))
  try {
    const script = join(folder, 'request.lua')
    const bodyFile = join(folder, 'body')
    await writeFile(bodyFile, request.body ?? '')
    await writeFile(script, luaScript(request, bodyFile))
    const output = await runTool(wrk, [
      '--threads=1',
      `--connections=${load.clients}`,
      `--duration=${load.seconds}s`,
      '--timeout=30s',
      `--script=${script}`,
      request.url,
    ])
    return readSummary(output)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const readSummary = (output: string): Speed => {
  const line = output.split('\n').find((text) => text.startsWith(marker))
  if (line === undefined) throw new Error(`wrk printed no summary: ${output.slice(-2000)}`)
  const summary = JSON.parse(line.slice(marker.length)) as Summary
  return {
    // wrk counts replies of any status; only the good ones are worth something.
    perSecond: (summary.count - summary.status) / (summary.durationUs / 1e6),
    p50Ms: summary.p50Us / 1000,
    p99Ms: summary.p99Us / 1000,
    count: summary.count,
    failed: summary.status + summary.network,
  }
}
