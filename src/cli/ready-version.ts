import type { ModelView, VersionView } from '../api/index.ts'
import { apiRoot } from '../protocol/index.ts'
import { Refusal } from './command.ts'
import type { ServerClient } from './server-client.ts'

/**
 * The version that answers requests of a model, or the one of a number. One that is only out of memory for want of room
 * is loaded, as by any other request. Throws Refusal with why there is none.
 */
export const readyVersion = async (client: ServerClient, name: string, wanted?: number): Promise<VersionView> => {
  const model = encodeURIComponent(name)
  const view = (): Promise<ModelView> => client.json({ method: 'GET', path: `${apiRoot}/models/${model}` })
  let seen = await view()
  if (seen.onDemand && versionOf(seen, wanted)?.state !== 'ready') {
    // To describe a model, the server loads it.
    await client.json({
      method: 'GET',
      path: `/v2/models/${model}${wanted === undefined ? '' : `/versions/${wanted}`}`,
    })
    seen = await view()
  }
  const version = versionOf(seen, wanted)
  if (version?.state === 'ready') return version
  if (wanted !== undefined && version === undefined) throw unknownVersion(seen, wanted)
  const why = version?.reason || seen.problem
  const what = wanted === undefined ? `model '${name}'` : `version ${wanted} of model '${name}'`
  throw new Refusal(`${what} is not ready${why === '' ? '' : `: ${why}`}`, 'model_not_ready')
}

/** Without a number, the one that answers; else the newest, for the reason why none does. */
const versionOf = ({ versions, answers, onDemand }: ModelView, wanted: number | undefined): VersionView | undefined => {
  const number = wanted === undefined ? answers : String(wanted)
  const found = versions.find(({ version }) => version === number)
  if (wanted !== undefined || found !== undefined || onDemand) return found
  return versions.at(-1)
}

const unknownVersion = ({ name, versions }: ModelView, wanted: number): Refusal => {
  const there = versions.length === 0 ? 'has none' : `has ${versions.map(({ version }) => version).join(', ')}`
  return new Refusal(`version ${wanted} of model '${name}' is not found; the model ${there}`, 'version_not_found')
}
