import { setTimeout as pause } from 'node:timers/promises'
import type { ModelView } from '../api/index.ts'
import { apiRoot } from '../protocol/index.ts'
import { Refusal } from './command.ts'
import type { ServerClient } from './server-client.ts'

const intervalMs = 200
/** How often a model is looked for that the server doesn't know yet. */
const unknownLooksMax = 50

/** Why an endpoint doesn't serve a version; undefined when it does. */
const whyNot = ({ answers, onDemand, problem, versions }: ModelView, version: string): string | undefined => {
  if (answers === version || (answers === '' && onDemand)) return undefined
  const slot = versions.find((each) => each.version === version) ?? versions.at(-1)
  const [reason = 'it has no versions'] = [slot?.reason, problem, slot?.state].filter((text) => text)
  return reason
}

/**
 * Waits until endpoints serve a version that they stand for now. A move is made also where nothing serves that could be
 * kept from harm: throws a Refusal, which begins with what was done, once one can't serve what it should.
 */
export const requireServed = async (
  client: Pick<ServerClient, 'json'>,
  names: readonly string[],
  { version, done }: { readonly version: string; readonly done: string },
): Promise<void> => {
  for (const name of names) {
    let model = await find(client, name)
    // A server learns of an endpoint a moment after it was made, and bounds how long a load takes.
    for (let looks = 0; isOnItsWay(model, version, looks); looks++) {
      await pause(intervalMs)
      model = await find(client, name)
    }
    const reason = model === undefined ? 'the server knows no such model' : whyNot(model, version)
    if (reason !== undefined)
      throw new Refusal(`${done}, but ${name} does not serve it: ${reason}`, 'model_unavailable')
  }
}

const isOnItsWay = (model: ModelView | undefined, version: string, looks: number): boolean => {
  if (model === undefined) return looks < unknownLooksMax
  if (whyNot(model, version) === undefined) return false
  return model.isComing || model.versions.some(({ state }) => state === 'loading')
}

const find = async (client: Pick<ServerClient, 'json'>, name: string): Promise<ModelView | undefined> => {
  try {
    return await client.json<ModelView>({ method: 'GET', path: `${apiRoot}/models/${encodeURIComponent(name)}` })
  } catch (error) {
    if (error instanceof Refusal && error.code === 'model_not_found') return undefined
    throw error
  }
}
