import { readdir, readFile } from 'node:fs/promises'

/** Memory of a process and all below it. */
export interface ProcessMemory {
  /** Shared pages divided among those that share them: what the processes cost together. */
  readonly pssMb: number
  /** Shared pages counted in every process. */
  readonly rssMb: number
  readonly processes: number
}

/** [pid, parent's pid] of every process of the machine; Linux only. */
const parents = async (): Promise<Map<number, number>> => {
  const found = new Map<number, number>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    // The command may hold spaces and brackets, so the fields are counted from its last bracket.
    const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
    if (parent !== undefined) found.set(Number(name), Number(parent))
  }
  return found
}

const familyOf = (pid: number, parentOf: ReadonlyMap<number, number>): number[] => {
  const family = [pid]
  // The list grows while it is walked, once for each process at most: a process has one parent.
  for (const member of family) {
    for (const [child, parent] of parentOf) if (parent === member) family.push(child)
  }
  return family
}

const megabytes = (rollup: string, field: string): number =>
  (Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0) * 1024) / 1e6

/** Throws when the process is gone or the machine has no /proc. */
export const processMemory = async (pid: number): Promise<ProcessMemory> => {
  const family = familyOf(pid, await parents())
  const rollups = await Promise.all(
    family.map((member) =>
      // A child may end meanwhile; the server itself must not.
      readFile(`/proc/${member}/smaps_rollup`, 'utf8').catch((error: unknown) => {
        if (member === pid) throw error
        return ''
      }),
    ),
  )
  const sum = (field: string): number => rollups.reduce((total, rollup) => total + megabytes(rollup, field), 0)
  return { pssMb: sum('Pss'), rssMb: sum('Rss'), processes: rollups.filter((rollup) => rollup !== '').length }
}
