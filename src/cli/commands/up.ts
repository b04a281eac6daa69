import { loadConfig } from '../../app/config/load-config.ts'
import { optionList } from '../../app/config/option-list.ts'
import type { Addresses } from '../../app/start.ts'
import { start } from '../../app/start.ts'
import { openLogger } from '../../monitoring/index.ts'
import type { Command, CommandContext } from '../command.ts'

/** Starts the server and stays until it is told to stop. */
export const up: Command = {
  usage: '[OPTIONS]',
  options: optionList
    .filter((named) => named.option.flag !== undefined)
    .map((named) => [named.flags[0] ?? '', named.option.doc] as const)
    .concat([['--config FILE', 'Configuration file; slipway.yaml in the working directory when left out.']]),
  examples: [
    'slipway up --example fraud',
    'slipway up --model-repository ./models --model-control poll',
    'slipway up --port 0 --grpc-port 0 --ready-file addresses.json',
  ],
  async run(context) {
    const { config } = loadConfig(context)
    const logger = openLogger({ level: config.log.level, write: (line) => context.err(line) })
    const app = await start(config, { logger, environment: context.environment })
    await Promise.race([app.loaded, stopSignal])
    context.out(readyText(app.addresses, config.app.example))
    await stopSignal
    logger.info('server.stopping')
    await app.stop()
    logger.info('server.stopped')
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

export type { CommandContext }
