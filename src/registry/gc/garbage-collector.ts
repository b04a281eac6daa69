import type { Blob } from '../../ports/index.ts'
import { fail } from '../../protocol/index.ts'
import { subjectText } from '../history/audit-subject.ts'
import { requireInteger } from '../limits.ts'
import { decodePageToken, encodePageToken } from '../search/page-token.ts'
import { SearchError } from '../search/search-error.ts'
import { placeholders } from '../sql.ts'
import { candidates } from './candidates.ts'
import type { Candidate, GarbageItem, GarbageKind, GarbagePage, GarbageQuery } from './garbage.ts'
import { garbageKinds, spanText } from './garbage.ts'
import type { PurgesDeps } from './purges.ts'
import { Purges } from './purges.ts'
import { noSize, sizeOf } from './sizes.ts'
import type { SweptBlobs } from './swept-blobs.ts'
import { whyKept } from './why-kept.ts'

export interface GarbageCollectorDeps extends PurgesDeps {
  readonly swept: SweptBlobs
}

const itemsMax = 1000
const namedMax = 1000
/** A page that took so long ends, with fewer items than asked: whoever waits for it has a limit as well. */
const pageMsMax = 5000
/** Looked at and claimed in one transaction. */
const blobsAtOnce = 500

const slots = [
  { type: 'text', nullable: false },
  { type: 'text', nullable: false },
] as const

/** Where a page begins: after an item of a kind. */
interface Place {
  readonly kind: GarbageKind
  readonly after: string
}

/** A page in the making. */
interface Filling {
  readonly query: GarbageQuery
  readonly items: GarbageItem[]
  readonly endMs: number
  blobsInUse: number
}

/**
 * Removes for good what was deleted long ago and what nothing names, and says of each why it goes or stays. It works
 * page by page; a page that was cut short by a crash is finished by the next one, whoever asks for it.
 */
export class GarbageCollector {
  readonly #deps: GarbageCollectorDeps
  readonly #purges: Purges

  constructor(deps: GarbageCollectorDeps) {
    this.#deps = deps
    this.#purges = new Purges(deps)
  }

  async page(query: GarbageQuery): Promise<GarbagePage> {
    requireQuery(query)
    const { clock, swept } = this.#deps
    if (query.remove) {
      await this.#purges.recover()
      await swept.recover()
    }
    const filling: Filling = { query, items: [], endMs: clock.now() + pageMsMax, blobsInUse: 0 }
    let place: Place | undefined = startOf(query)
    while (place !== undefined && !this.#isFull(filling)) {
      const { kind, after }: Place = place
      const last: string | undefined =
        kind === 'blob' ? await this.#someBlobs(filling, after) : await this.#some(filling, kind, after)
      place = last === undefined ? followedBy(kind) : { kind, after: last }
    }
    return {
      items: filling.items,
      blobsInUse: filling.blobsInUse,
      nextPageToken: place && encodePageToken([place.kind, place.after], bindingOf(query)),
    }
  }

  #isFull({ items, query, endMs }: Filling): boolean {
    return items.length >= query.limit || this.#deps.clock.now() >= endMs
  }

  /** Decides about some candidates of a kind. Gives the last one looked at, or undefined when there are no more. */
  async #some(filling: Filling, kind: Candidate['kind'], after: string): Promise<string | undefined> {
    const { query, items } = filling
    const most = query.limit - items.length
    const found = await candidates(this.#deps.db, kind, { after, most }, query)
    for (const candidate of found) {
      items.push(await this.#decided(candidate, query))
      if (this.#isFull(filling)) return candidate.id
    }
    return found.length < most ? undefined : found.at(-1)?.id
  }

  async #decided(candidate: Candidate, query: GarbageQuery): Promise<GarbageItem> {
    const { db, clock } = this.#deps
    const { kind, id, name, deletedMs } = candidate
    const rules = { nowMs: clock.wallMs(), olderThanMs: query.olderThanMs, foresees: !query.remove }
    const size = await sizeOf(db, candidate)
    const item = { kind, id, name, ...size }
    const since = spanText(Math.max(0, rules.nowMs - (deletedMs ?? rules.nowMs)))
    const goes = kind === 'upload' ? `begun ${since} ago and never finished` : `deleted ${since} ago`
    if (!query.remove) {
      const kept = await whyKept(db, candidate, rules)
      return kept === undefined
        ? { ...item, verdict: 'goes', reason: goes }
        : { ...item, verdict: 'kept', reason: kept }
    }
    const outcome = await this.#purges.purge(candidate, rules, query.actor)
    return outcome.kept === undefined
      ? { ...item, verdict: 'gone', reason: goes }
      : { ...item, verdict: 'kept', reason: outcome.kept }
  }

  /** The same for some blobs; those in use are only counted. */
  async #someBlobs(filling: Filling, after: string): Promise<string | undefined> {
    const { query, items } = filling
    const most = Math.min(blobsAtOnce, query.limit - items.length)
    const found: (Blob & { readonly storedAtMs: number })[] = []
    for await (const blob of this.#deps.blobs.list(after === '' ? undefined : after)) {
      found.push(blob)
      if (found.length === most) break
    }
    if (found.length === 0) return undefined
    const digests = found.map(({ digest }) => digest)
    const named = await this.#deps.db.query<{ digest: string }>(
      `SELECT digest FROM artifacts WHERE digest IN (${placeholders(digests.length)}) GROUP BY digest`,
      digests,
    )
    const inUse = new Set(named.map(({ digest }) => digest))
    filling.blobsInUse += inUse.size
    const nowMs = this.#deps.clock.wallMs()
    const unnamed = found.filter(({ digest }) => !inUse.has(digest))
    const isOld = (blob: { readonly storedAtMs: number }): boolean => nowMs - blob.storedAtMs >= query.blobAgeMs
    const gone = query.remove ? await this.#sweep(unnamed.filter(isOld), query) : new Set<string>()
    for (const blob of unnamed) {
      const item = {
        ...noSize,
        kind: 'blob',
        id: blob.digest,
        name: '',
        bytes: blob.bytes,
        bytesAlone: blob.bytes,
      } as const
      const age = spanText(Math.max(0, nowMs - blob.storedAtMs))
      if (!isOld(blob))
        items.push({ ...item, verdict: 'kept', reason: `stored ${age} ago, so that it may be about to be named` })
      else if (!query.remove) items.push({ ...item, verdict: 'goes', reason: 'nothing names it' })
      else if (gone.has(blob.digest)) items.push({ ...item, verdict: 'gone', reason: 'nothing named it' })
      else items.push({ ...item, verdict: 'kept', reason: 'it was named meanwhile, or another process is removing it' })
    }
    return found.at(-1)?.digest
  }

  #sweep(blobs: readonly Blob[], { actor }: GarbageQuery): Promise<ReadonlySet<string>> {
    const { events, swept } = this.#deps
    return swept.sweep(blobs, (tx, gone) =>
      events.append(tx, {
        kind: 'blobs.swept',
        subject: subjectText('storage', 'blobs'),
        actor,
        details: { blobs: gone.length, bytes: gone.reduce((sum, { bytes }) => sum + bytes, 0) },
      }),
    )
  }
}

const requireQuery = (query: GarbageQuery): void => {
  requireInteger('olderThanMs', query.olderThanMs, 0)
  requireInteger('blobAgeMs', query.blobAgeMs, 0)
  if (requireInteger('limit', query.limit, 1) > itemsMax)
    throw fail('invalid_parameter', { reason: `limit is at most ${itemsMax}, got ${query.limit}` })
  for (const ids of [query.runIds, query.loggedModelIds, query.experimentIds])
    if ((ids?.length ?? 0) > namedMax)
      throw fail('invalid_parameter', { reason: `at most ${namedMax} ids of a kind fit into one request` })
}

/** A token goes with the same query, and not from a dry run to the removal. */
const bindingOf = (query: GarbageQuery): string =>
  JSON.stringify([
    'garbage',
    query.remove,
    query.olderThanMs,
    query.blobAgeMs,
    query.runIds ?? [],
    query.loggedModelIds ?? [],
    query.experimentIds ?? [],
  ])

const startOf = (query: GarbageQuery): Place => {
  if (query.pageToken === undefined || query.pageToken === '') return { kind: garbageKinds[0], after: '' }
  const [kind, after] = decodePageToken(query.pageToken, slots, bindingOf(query))
  const known = garbageKinds.find((each) => each === kind)
  // Experiments go by number, the others by a text.
  if (known === undefined || (known === 'experiment' && !/^\d{0,15}$/.test(String(after))))
    throw new SearchError('Invalid page token')
  return { kind: known, after: String(after) }
}

const followedBy = (kind: GarbageKind): Place | undefined => {
  const next = garbageKinds[garbageKinds.indexOf(kind) + 1]
  return next && { kind: next, after: '' }
}
