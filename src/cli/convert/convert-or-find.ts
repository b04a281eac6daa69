import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { packageVersion } from '../../app/package-info.ts'
import type { Conversion, ConversionOrigin } from './conversion-cache.ts'
import { ConversionCache } from './conversion-cache.ts'
import { runConverter } from './converter-process.ts'

export interface ConversionOrder extends Omit<ConversionOrigin, 'folder' | 'slipway'> {
  /** The folder of what outlives a command; undefined to convert anew and keep nothing there. */
  readonly cache: string | undefined
  /** The command's own folder. */
  readonly work: string
  readonly timeoutMs: number
}

export interface FoundConversion extends Conversion {
  readonly fromCache: boolean
}

/** Runs a job, or finds what the same one came to before. Throws Refusal. */
export const convertOrFind = async (
  job: Parameters<typeof runConverter>[0],
  order: ConversionOrder,
): Promise<FoundConversion> => {
  const { python, environment, work, timeoutMs } = order
  const cache = order.cache === undefined ? undefined : new ConversionCache(join(order.cache, 'conversions'))
  const asking = join(work, 'asking')
  await mkdir(asking)
  const key = await cache?.keyOf(job, { ...order, folder: asking, slipway: packageVersion })
  const found = key === undefined ? undefined : await cache?.find(key)
  if (found !== undefined) return { ...found, fromCache: true }
  const folder = join(work, 'child')
  await mkdir(folder)
  const made = await runConverter(job, { python, folder, environment, timeoutMs })
  // Why caught: what was converted is no worse for a folder that can't be written to.
  if (key !== undefined) await cache?.keep(key, made).catch(() => undefined)
  return { ...made, fromCache: false }
}
