import { loadConfig } from '../../app/config/load-config.ts'
import { optionList } from '../../app/config/option-list.ts'
import { defaultText, placeholderOf } from '../../app/config/option-text.ts'
import type { Addresses } from '../../app/start.ts'
import { start } from '../../app/start.ts'
import { openLogger } from '../../monitoring/index.ts'
import type { Command, Flag } from '../command.ts'

/** The options that go by a short name; 'slipway config docs' lists all of them. */
const flags: readonly Flag[] = [
  ...optionList.flatMap((named): Flag[] => {
    const { flag, doc } = named.option
    if (flag === undefined) return []
    const [value, fallback] = [placeholderOf(named), defaultText(named)]
    return [{ name: flag, doc, ...(value === '' ? {} : { value }), ...(fallback === '' ? {} : { default: fallback }) }]
  }),
  { name: 'config', value: 'FILE', doc: 'Configuration file.', default: './slipway.yaml' },
  { name: 'json', doc: 'Tell the addresses, or what is wrong, for programs.' },
]

/** Starts the server and stays until it is told to stop. */
export const up: Command = {
  usage: '[OPTIONS]',
  flags,
  examples: [
    'slipway up --example fraud',
    'slipway up --model-repository ./models --model-control poll',
    'slipway up --port 0 --grpc-port 0 --ready-file addresses.json',
  ],
  drains: true,
  async run(context) {
    const json = context.args.includes('--json')
    const { config } = loadConfig({ ...context, args: context.args.filter((arg) => arg !== '--json') })
    const logger = openLogger({ level: config.log.level, write: (line) => context.err(line) })
    const app = await start(config, { logger, environment: context.environment })
    try {
      await Promise.race([app.loaded, stopSignal])
      context.out(json ? `${JSON.stringify(app.addresses)}\n` : readyText(app.addresses, config.app.example))
      await stopSignal
    } finally {
      logger.info('server.stopping')
      await app.stop()
      logger.info('server.stopped')
    }
    return 0
  },
}

const stopSignal = new Promise<void>((resolve) => {
  process.once('SIGTERM', resolve)
  process.once('SIGINT', resolve)
})

/** One real transaction of the example's reference data. */
const transaction = '[[170.93,1,5,1,0.3659,6,174.2,6.548,0,1,170.93,513.74,1,12]]'

const readyText = (addresses: Addresses, example: string): string => {
  const lines = [
    `Slipway is ready: ${Object.entries(addresses)
      .map(([door, address]) => `${door} ${String(address)}`)
      .join('  ')}`,
  ]
  if (example === 'fraud' && addresses.http !== undefined) {
    lines.push(
      'Score a card transaction:',
      `  curl -s ${addresses.http}/v2/models/fraud/infer -d '{"inputs":[{"name":"features","shape":[1,14],"datatype":"FP32","data":${transaction}}]}'`,
    )
  }
  return `${lines.join('\n')}\n`
}
