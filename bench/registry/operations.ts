import type { Call } from './clients.ts'

/** What a registry is asked for in the comparison. */
export interface Operation {
  readonly id: string
  readonly text: string
  /** The next request; `count` never repeats. */
  next(runId: string, count: number): Call
}

const api = '/api/2.0/mlflow'
export const modelName = 'bench'

const post = (path: string, body: unknown): Call => ({
  method: 'POST',
  path: `${api}/${path}`,
  body: JSON.stringify(body),
})

/** The four that the comparison is about; each acknowledged write is on the disk. */
export const writes: readonly Operation[] = [
  {
    id: 'run',
    text: 'create run',
    next: () =>
      post('runs/create', { experiment_id: '0', start_time: 1, tags: [{ key: 'mlflow.user', value: 'ada' }] }),
  },
  {
    id: 'metric',
    text: 'log metric',
    next: (runId, count) =>
      post('runs/log-metric', { run_id: runId, key: 'loss', value: 1 / (count + 1), timestamp: count, step: count }),
  },
  {
    id: 'batch',
    text: 'log batch of 1000 metrics',
    next: (runId, count) => {
      const metrics = Array.from({ length: 1000 }, (_, index) => ({
        key: `m${index % 10}`,
        value: index,
        timestamp: count,
        step: count * 1000 + index,
      }))
      return post('runs/log-batch', { run_id: runId, metrics })
    },
  },
  {
    id: 'alias',
    text: 'get by alias',
    next: () => ({ method: 'GET', path: `${api}/registered-models/alias?name=${modelName}&alias=champion` }),
  },
]
