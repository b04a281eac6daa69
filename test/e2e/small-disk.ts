import { execFileSync } from 'node:child_process'
import type { SpawnedServer } from './spawn-server.ts'

/** A file system of so many mebibytes in memory over a folder, which only one program and its children see. */
export interface SmallDisk {
  /** Runs the program that gets it. */
  readonly within: readonly string[]
  /** Where this process sees the program's folder. */
  seenOf(program: SpawnedServer): string
  resize(program: SpawnedServer, mebibytes: number): void
}

/** Mounts of its own, which need no rights but to have namespaces. */
const ownMounts = ['unshare', '--map-root-user', '--mount', 'sh', '-c'] as const

export const smallDisk = (folder: string, mebibytes: number): SmallDisk => ({
  within: [...ownMounts, `mount -t tmpfs -o size=${mebibytes}m tmpfs '${folder}' && exec "$@"`, 'sh'],
  seenOf: ({ pid }) => `/proc/${pid}/root${folder}`,
  resize({ pid }, size) {
    const inside = ['--target', String(pid), '--user', '--mount', '--preserve-credentials']
    execFileSync('nsenter', [...inside, 'mount', '-o', `remount,size=${size}m`, folder])
  },
})

/** Whether this user may have such disks. */
export const mayHaveSmallDisk = ((): boolean => {
  const [command, ...args] = ownMounts
  try {
    execFileSync(command, [...args, 'mount -t tmpfs tmpfs /mnt && nsenter --version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()
