import { failed } from '../../src/client/index.ts'
import { jsonRequest, tabularInput } from '../infer-request.ts'
import { startLoad } from '../load/start-load.ts'
import type { ServedModel } from '../served-model.ts'
import { numberText } from '../summary.ts'
import type { Figure } from '../summary.ts'

const clients = 16
/** A bound that no run reaches: the changes end it. */
const durationMsMax = 3_600_000

/** What goes on under load. */
export interface Change {
  readonly server: Pick<ServedModel, 'http'>
  readonly countMin: number
  /** Makes the changes and says what was done. */
  run(): Promise<string>
}

/**
 * Requests of 16 clients to model `mlp` from before a change until after it, `countMin` of them at least. Nothing is
 * retried: every request without a good answer counts as failed.
 */
export const uninterrupted = async (id: string, change: Change): Promise<Figure[]> => {
  const request = jsonRequest(change.server, tabularInput('mlp'))
  const { countMin } = change
  const load = startLoad({ kind: 'closed', ...request, clients, countMin, durationMs: durationMsMax })
  const done = await change.run().finally(() => load.stop())
  const result = await load.result
  const statuses = JSON.stringify(result.byStatus)
  const p99 = result.histogram.percentile(99)
  return [
    { id: `${id}.requests`, text: 'requests', unit: 'requests', value: result.count, note: `${done}; ${statuses}` },
    { id: `${id}.failed`, text: 'failed requests', unit: 'requests', value: failed(result) },
    {
      id: `${id}.p99`,
      text: 'p99 meanwhile',
      unit: 'ms',
      value: p99,
      note: `worst ${numberText(result.histogram.max)} ms`,
    },
  ]
}
