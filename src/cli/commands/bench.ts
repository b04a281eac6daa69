import { failed, runClosedLoop, runOpenLoop } from '../../client/index.ts'
import type { LoadResult } from '../../client/index.ts'
import { systemClock, systemRandom } from '../../lib/index.ts'
import type { ClientArgs } from '../client-options.ts'
import { clientArgs, commonFlags, onePositional } from '../client-options.ts'
import type { Command, Flag } from '../command.ts'
import { UsageError } from '../command.ts'
import { millisecondsText } from '../format.ts'
import { readyVersion } from '../ready-version.ts'
import { readInputFile } from '../records.ts'

/** What a flag that is left out stands for. */
const defaults = { clients: 16, seconds: 5, rows: 1 } as const

const flags: readonly Flag[] = [
  {
    name: 'clients',
    value: 'N',
    doc: 'closed loop: so many clients, each waiting for its answer',
    default: String(defaults.clients),
  },
  {
    name: 'rate',
    value: 'N',
    doc: 'open loop: so many requests a second, however the server does; latency counts from when each was due',
  },
  { name: 'seconds', value: 'N', doc: 'how long', default: String(defaults.seconds) },
  { name: 'rows', value: 'N', doc: 'rows a request', default: String(defaults.rows) },
  { name: 'body', value: 'FILE', doc: 'a request of your own instead of zeros' },
  ...commonFlags,
]

/** Puts load on a model and shows how it answers. */
export const bench: Command = {
  usage: 'NAME [--clients N | --rate N] [--seconds N]',
  flags,
  examples: ['slipway bench fraud', 'slipway bench fraud --rate 2000 --seconds 30', 'slipway bench fraud --json'],
  async run(context) {
    const args = clientArgs(context, flags)
    const name = onePositional(args, 'the name of the model')
    if (args.text('clients') !== undefined && args.text('rate') !== undefined)
      throw new UsageError('--clients and --rate are two kinds of load; give one')
    const rate = args.text('rate') === undefined ? undefined : number(args, 'rate', 0)
    const clients = whole(args, 'clients', defaults.clients)
    const body = await bodyOf(args, name)
    const seconds = number(args, 'seconds', defaults.seconds)
    const target = {
      url: new URL(`/v2/models/${encodeURIComponent(name)}/infer`, args.client.url),
      body,
      headers: { 'content-type': 'application/json', ...args.client.authorization },
      durationMs: seconds * 1000,
      clock: systemClock,
    }
    const load = (): Promise<LoadResult> =>
      rate === undefined
        ? runClosedLoop({ ...target, clients })
        : runOpenLoop({ ...target, rate, arrivals: 'poisson', random: systemRandom })
    const result = await (context.terminal && !args.json ? showingTime(seconds, { load, err: context.err }) : load())
    context.out(args.json ? `${JSON.stringify(summary(result))}\n` : text(result))
    return failed(result) === 0 ? 0 : 1
  },
}

/** No machine makes more requests a second, and no run lasts so many. */
const numberMax = 1_000_000

const number = (args: ClientArgs, name: string, fallback: number): number => {
  const given = args.text(name)
  if (given === undefined) return fallback
  const value = Number(given)
  if (!(value > 0 && value <= numberMax))
    throw new UsageError(`--${name} must be a number above 0 and at most ${numberMax}, not '${given}'`)
  return value
}

const whole = (args: ClientArgs, name: string, fallback: number): number => {
  const value = number(args, name, fallback)
  if (!Number.isInteger(value)) throw new UsageError(`--${name} must be a whole number above 0, not '${value}'`)
  return value
}

const secondMs = 1000

/** Tells each second how far a load is, and takes that back in the end. */
const showingTime = async (
  seconds: number,
  { load, err }: { load(): Promise<LoadResult>; err(text: string): void },
): Promise<LoadResult> => {
  let passed = 0
  const tell = (): void => {
    passed += 1
    err(`\r${Math.min(passed, seconds)} of ${seconds} s`)
    timer = systemClock.setTimer(tell, secondMs)
  }
  let timer = systemClock.setTimer(tell, secondMs)
  try {
    return await load()
  } finally {
    timer.cancel()
    err('\r\u001b[K')
  }
}

interface InputSpec {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
}

const bodyOf = async (args: ClientArgs, name: string): Promise<Uint8Array> => {
  const file = args.text('body')
  if (file !== undefined) {
    if (args.text('rows') !== undefined) throw new UsageError('--rows is for a request of zeros, not with --body')
    return readInputFile(file)
  }
  const ready = await readyVersion(args.client, name)
  const rows = whole(args, 'rows', defaults.rows)
  const inputs = (ready.inputs as InputSpec[]).map((spec) => {
    const shape = spec.shape.map((dimension, index) => (dimension < 0 ? (index === 0 ? rows : 1) : dimension))
    const count = shape.reduce((product, dimension) => product * dimension, 1)
    const value = spec.datatype === 'BYTES' ? '' : spec.datatype === 'BOOL' ? false : 0
    return { name: spec.name, datatype: spec.datatype, shape, data: Array.from({ length: count }, () => value) }
  })
  return new TextEncoder().encode(JSON.stringify({ inputs }))
}

const percentiles = [50, 90, 95, 99, 99.9]

const summary = (result: LoadResult): Record<string, unknown> => ({
  requests: result.count,
  failed: failed(result),
  unsent: result.unsent,
  byStatus: result.byStatus,
  requestsPerSecond: Math.round(result.histogram.count / (result.elapsedMs / 1000)),
  latencyMs: Object.fromEntries(percentiles.map((p) => [`p${p}`, result.histogram.percentile(p)])),
})

const barCharacters = 40

const text = (result: LoadResult): string => {
  const { histogram, elapsedMs } = result
  const lines = [
    `${result.count} requests in ${(elapsedMs / 1000).toFixed(1)} s: ${Math.round(histogram.count / (elapsedMs / 1000))} answers/s, ${failed(result)} failed`,
    ...Object.entries(result.byStatus)
      .filter(([status]) => !status.startsWith('2'))
      .map(([status, count]) => `  ${count} × ${status}`),
    ...(result.unsent === 0
      ? []
      : [`  ${result.unsent} requests were due and not sent: this machine can't keep the rate`]),
  ]
  if (histogram.count > 0)
    lines.push(
      '',
      ...bars(result),
      '',
      percentiles.map((p) => `p${p} ${millisecondsText(histogram.percentile(p))}`).join('   '),
    )
  return `${lines.join('\n')}\n`
}

/** Shares of the answers by latency, a line for each doubling. */
const bars = ({ histogram }: LoadResult): string[] => {
  const shares = new Map<number, number>()
  for (const [valueMs, count] of histogram.entries()) {
    const bound = 2 ** Math.ceil(Math.log2(Math.max(valueMs, 0.001)))
    shares.set(bound, (shares.get(bound) ?? 0) + count)
  }
  const most = Math.max(...shares.values())
  return [...shares]
    .sort(([a], [b]) => a - b)
    .map(([bound, count]) => {
      const bar = '█'.repeat(Math.round((count / most) * barCharacters))
      return `  ≤ ${millisecondsText(bound).padStart(8)}  ${bar.padEnd(barCharacters)} ${((count / histogram.count) * 100).toFixed(1).padStart(5)} %`
    })
}
