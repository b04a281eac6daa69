/** What is imported, in the order in which it is. */
export const importKinds = [
  'experiments',
  'runs',
  'points',
  'loggedModels',
  'traces',
  'files',
  'registeredModels',
  'versions',
  'aliases',
] as const
export type ImportKind = (typeof importKinds)[number]

/** `unreadable` is what the source couldn't give; the others are the server's. */
export type ProblemKind = 'refused' | 'conflict' | 'unreadable'

export interface ImportProblem {
  readonly kind: ProblemKind
  /** `run 0f3a…`, `metrics/loss of run 0f3a…`. */
  readonly what: string
  readonly reason: string
}

export interface KindCounts {
  found: number
  created: number
  present: number
  conflict: number
  refused: number
}

/** What an import did, for programs. */
export interface ImportSummary {
  readonly source: string
  readonly dryRun: boolean
  readonly counts: Readonly<Record<ImportKind, Readonly<KindCounts>>>
  /** Bytes of the files that were uploaded. */
  readonly bytes: number
  /** Experiments that have another id here. */
  readonly experiments: readonly { readonly name: string; readonly from: string; readonly to: string }[]
  readonly problems: readonly ImportProblem[]
  /** Problems beyond those that are listed. */
  readonly problemsUnlisted: number
  /** What this import doesn't take, with how many there were. */
  readonly leftOut: Readonly<Record<string, number>>
}

/** Most problems that are listed one by one, and most experiments whose ids are. */
const listedMax = 1000

const noCounts = (): KindCounts => ({ found: 0, created: 0, present: 0, conflict: 0, refused: 0 })

/** Collects what becomes of everything. */
export class ImportReport {
  readonly #counts = Object.fromEntries(importKinds.map((kind) => [kind, noCounts()])) as Record<ImportKind, KindCounts>
  readonly #problems: ImportProblem[] = []
  readonly #moved: { name: string; from: string; to: string }[] = []
  readonly #leftOut = new Map<string, number>()
  readonly #changed: () => void
  #unlisted = 0
  #bytes = 0

  /** `changed` is called after every step, to show how far it is. */
  constructor(changed: () => void) {
    this.#changed = changed
  }

  count(kind: ImportKind, outcome: keyof KindCounts, by = 1): void {
    this.#counts[kind][outcome] += by
    this.#changed()
  }

  problem(problem: ImportProblem): void {
    if (this.#problems.length < listedMax) this.#problems.push(problem)
    else this.#unlisted += 1
  }

  unreadable(what: string, reason: string): void {
    this.problem({ kind: 'unreadable', what, reason })
  }

  uploaded(bytes: number): void {
    this.#bytes += bytes
  }

  moved(name: string, from: string, to: string): void {
    if (this.#moved.length < listedMax) this.#moved.push({ name, from, to })
  }

  leaveOut(what: string, by = 1): void {
    if (by > 0) this.#leftOut.set(what, (this.#leftOut.get(what) ?? 0) + by)
  }

  get hasProblems(): boolean {
    return this.#problems.length > 0
  }

  found(kind: ImportKind): number {
    return this.#counts[kind].found
  }

  summary(source: string, dryRun: boolean): ImportSummary {
    return {
      source,
      dryRun,
      counts: this.#counts,
      bytes: this.#bytes,
      experiments: this.#moved,
      problems: this.#problems,
      problemsUnlisted: this.#unlisted,
      leftOut: Object.fromEntries(this.#leftOut),
    }
  }
}
