import type { Actor } from '../event-log.ts'

/** What garbage collection looks at, in the order in which it does: blobs come last, when nothing else names them any more. */
export const garbageKinds = ['upload', 'run', 'logged_model', 'experiment', 'blob'] as const
export type GarbageKind = (typeof garbageKinds)[number]

/** `goes` in a dry run; `gone` once it is removed; `kept` either way. */
export type GarbageVerdict = 'goes' | 'gone' | 'kept'

/** One thing that was deleted or that nothing names, and why it goes or stays. */
export interface GarbageItem {
  readonly kind: GarbageKind
  /** Of a blob its digest. */
  readonly id: string
  /** Of an upload the path of its file. */
  readonly name: string
  readonly verdict: GarbageVerdict
  readonly reason: string
  /** Files that it names, and their bytes. */
  readonly files: number
  readonly bytes: number
  /** Of those the bytes that nothing else names. They are freed when their blobs go. */
  readonly bytesAlone: number
}

export interface GarbageQuery {
  /** False only says what would happen. */
  readonly remove: boolean
  /** How long ago something must have been deleted. */
  readonly olderThanMs: number
  /** How long a blob must have been stored: one that is younger may be on its way to its name. */
  readonly blobAgeMs: number
  /** Only these, and the blobs; everything when none is named. */
  readonly runIds?: readonly string[] | undefined
  readonly loggedModelIds?: readonly string[] | undefined
  /** With their runs. */
  readonly experimentIds?: readonly string[] | undefined
  /** Items of the page, 1 to 1000. */
  readonly limit: number
  readonly pageToken?: string | undefined
  readonly actor: Actor
}

export interface GarbagePage {
  readonly items: readonly GarbageItem[]
  /** Blobs that something names, as far as this page looked. */
  readonly blobsInUse: number
  readonly nextPageToken: string | undefined
}

/** Something that may go. */
export interface Candidate {
  readonly kind: Exclude<GarbageKind, 'blob'>
  readonly id: string
  readonly name: string
  /** Where its files are, below the artifact root; undefined when this server keeps none of them. */
  readonly folder: string | undefined
  /** Unix ms; undefined when it isn't deleted at all. */
  readonly deletedMs: number | undefined
}

const units = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1000, 'second'],
] as const

/** `3 days`, in the largest unit that fits, rounded down. */
export const spanText = (ms: number): string => {
  const [unitMs, unit] = units.find(([each]) => ms >= each) ?? [1000, 'second']
  const count = Math.floor(ms / unitMs)
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
