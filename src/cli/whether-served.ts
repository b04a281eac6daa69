import { setTimeout as pause } from 'node:timers/promises'
import type { ModelView } from '../api/index.ts'
import { apiRoot } from '../protocol/index.ts'
import { Refusal } from './command.ts'
import type { ServerClient } from './server-client.ts'

const intervalMs = 200

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
    const ask = (): Promise<ModelView> =>
      client.json<ModelView>({ method: 'GET', path: `${apiRoot}/models/${encodeURIComponent(name)}` })
    let model = await ask()
    // The server bounds how long a load takes.
    while (whyNot(model, version) !== undefined && model.versions.some(({ state }) => state === 'loading')) {
      await pause(intervalMs)
      model = await ask()
    }
    const reason = whyNot(model, version)
    if (reason !== undefined)
      throw new Refusal(`${done}, but ${name} does not serve it: ${reason}`, 'model_unavailable')
  }
}
