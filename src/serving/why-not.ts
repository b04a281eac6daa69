import { fail } from '../protocol/index.ts'
import type { AppError } from '../protocol/index.ts'
import type { ModelEntry } from './model-entry.ts'

/** Why a model, or the version that is asked for, doesn't serve. */
export const whyNot = (entry: ModelEntry, version: string | undefined): AppError => {
  const model = entry.name
  const wanted = version ?? ''
  const named = wanted === '' ? undefined : entry.find(wanted)
  if (wanted !== '' && named === undefined) return fail('version_not_found', { model, version: wanted })
  const slot = named ?? [...entry.versions.values()].at(-1)
  const reason = slot?.current?.unavailable ?? (slot?.reason || entry.problem || slot?.state || 'it has no versions')
  return fail(isPassing(entry, slot) ? 'model_not_ready' : 'model_unavailable', { model, reason })
}

type Slot = ReturnType<ModelEntry['find']>

/** Who calls again soon is told so only where that may help. */
const isPassing = (entry: ModelEntry, slot: Slot): boolean =>
  slot?.current?.unavailable === undefined && (slot?.state === 'loading' || entry.onDemand)
