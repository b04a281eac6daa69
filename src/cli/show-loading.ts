import { setTimeout as pause } from 'node:timers/promises'
import type { ModelView } from '../api/index.ts'
import { apiRoot } from '../protocol/index.ts'
import type { ServerClient } from './server-client.ts'

const intervalMs = 500

/** Tells what versions of a model that load are busy with, of each what it hasn't told yet. */
export const loadTeller = (err: (text: string) => void): ((model: ModelView) => void) => {
  const told = new Map<string, readonly string[]>()
  return ({ name, versions }) => {
    for (const { version, state, reason } of versions) {
      if (state !== 'loading') continue
      const parts = reason === '' ? ['loading'] : reason.split('; ')
      const which = `${name} version ${version}`
      const fresh = parts.filter((part) => told.get(which)?.includes(part) !== true)
      told.set(which, parts)
      if (fresh.length > 0) err(`${which}: ${fresh.join('; ')}\n`)
    }
  }
}

/** Tells what models are busy with as long as some work on them lasts: making an environment may take minutes. */
export const showingLoads = async <T>(
  client: ServerClient,
  names: readonly string[],
  { work, err }: { work(): Promise<T>; err(text: string): void },
): Promise<T> => {
  const ended = new AbortController()
  const watch = async (): Promise<void> => {
    const tell = loadTeller(err)
    while (!ended.signal.aborted) {
      await pause(intervalMs, undefined, { signal: ended.signal }).catch(() => undefined)
      if (ended.signal.aborted) return
      for (const name of names) {
        const path = `${apiRoot}/models/${encodeURIComponent(name)}`
        const model = await client.json<ModelView>({ method: 'GET', path }).catch(() => undefined)
        if (model !== undefined) tell(model)
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
