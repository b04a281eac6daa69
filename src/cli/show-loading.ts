import { setTimeout as pause } from 'node:timers/promises'
import type { ModelView } from '../api/index.ts'
import { apiRoot } from '../protocol/index.ts'
import type { ServerClient } from './server-client.ts'

const intervalMs = 500

/** What a model is busy with, as its versions that load tell. */
const busyText = (model: ModelView): string =>
  model.versions
    .filter(({ state }) => state === 'loading')
    .map(({ version, reason }) => `version ${version}: ${reason === '' ? 'loading' : reason}`)
    .join('; ')

/** Tells what models are busy with as long as some work on them lasts: making an environment may take minutes. */
export const showingLoads = async <T>(
  client: ServerClient,
  names: readonly string[],
  { work, err }: { work(): Promise<T>; err(text: string): void },
): Promise<T> => {
  const ended = new AbortController()
  const watch = async (): Promise<void> => {
    let shown = ''
    while (!ended.signal.aborted) {
      await pause(intervalMs, undefined, { signal: ended.signal }).catch(() => undefined)
      if (ended.signal.aborted) return
      for (const name of names) {
        const path = `${apiRoot}/models/${encodeURIComponent(name)}`
        const model = await client.json<ModelView>({ method: 'GET', path }).catch(() => undefined)
        const text = model === undefined ? '' : busyText(model)
        if (text !== '' && text !== shown) err(`${name} ${text}\n`)
        if (text !== '') shown = text
      }
    }
  }
  const watching = watch()
  try {
    return await work()
  } finally {
    ended.abort()
    await watching
  }
}
