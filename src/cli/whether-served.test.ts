import { expect, it } from 'vitest'
import type { ModelView } from '../api/index.ts'
import { Refusal } from './command.ts'
import { requireServed } from './whether-served.ts'

const view = (more: Partial<ModelView>): ModelView => ({
  name: 'churn',
  problem: '',
  isComing: false,
  onDemand: false,
  answers: '',
  versions: [],
  ...more,
})

/** Answers one view after the other, the last one from then on; undefined for a model that isn't known. */
const server = (views: readonly (ModelView | undefined)[]) => {
  let asked = 0
  return {
    json: <T>(): Promise<T> => {
      const seen = views[Math.min(asked++, views.length - 1)]
      return seen === undefined
        ? Promise.reject(new Refusal('there is none', 'model_not_found'))
        : Promise.resolve(seen as T)
    },
  }
}

const done = 'churn follows models:/churn/2'
const require2 = (...views: readonly (ModelView | undefined)[]): Promise<void> =>
  requireServed(server(views), ['churn'], { version: '2', done })

it('waits for an endpoint that the server is about to know, and for its files', async () => {
  await require2(undefined, view({ isComing: true, problem: 'it is loading' }), view({ answers: '2' }))
})

it('says why an endpoint does not serve its version, once that is known', async () => {
  const broken = view({ problem: 'its files are gone' })
  await expect(require2(undefined, view({ isComing: true, problem: 'it is loading' }), broken)).rejects.toThrow(
    `${done}, but churn does not serve it: its files are gone`,
  )
})
