import { describe, expect, it } from 'vitest'
import { silentLogger } from '../lib/index.ts'
import type { LogFields } from '../lib/index.ts'
import { VirtualClock } from '../testing/index.ts'
import { PredictionLog } from './prediction-log.ts'

describe('PredictionLog', () => {
  it('writes five lines a second of one model and code, then how many it left out', async () => {
    const clock = new VirtualClock()
    const lines: string[] = []
    const note =
      (level: string) =>
      (event: string, fields: LogFields = {}): void => {
        lines.push(`${level} ${event} ${String(fields['model'])} ${String(fields['lines'] ?? fields['requestId'])}`)
      }
    const logger = { ...silentLogger, error: note('error'), warn: note('warn'), debug: note('debug') }
    const log = new PredictionLog(logger, clock, { answeredRatio: 0 })
    const fail = (model: string, id: number, category: 'client' | 'model' = 'model'): void => {
      const requestId = String(id)
      const prediction = { requestId, model, version: '1', protocol: 'http', traceparent: undefined, elapsedMs: 1 }
      const failure = { code: category, category }
      if (log.takesFailed(prediction, failure)) log.failed(prediction, failure, new Error('why'))
    }
    for (let id = 0; id < 12; id++) fail('a', id)
    fail('b', 1)
    fail('a', 99, 'client')
    expect(lines.slice(0, 5)).toEqual([0, 1, 2, 3, 4].map((id) => `warn prediction.failed a ${id}`))
    expect(lines.slice(5)).toEqual(['warn prediction.failed b 1', 'debug prediction.refused a 99'])
    await clock.advance(1000)
    expect(lines.slice(7)).toEqual(['warn prediction.left_out a 7'])
    fail('a', 100)
    expect(lines.at(-1)).toBe('warn prediction.failed a 100')
  })
})
