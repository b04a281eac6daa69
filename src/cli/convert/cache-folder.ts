import { resolve } from 'node:path'

export interface CacheFolderOptions {
  readonly dataDir: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Where what outlives a command is kept: the user's cache, or the data folder that was named. Undefined for who has neither. */
export const cacheFolder = ({ dataDir, environment }: CacheFolderOptions): string | undefined => {
  if (dataDir !== undefined) return resolve(dataDir)
  const { XDG_CACHE_HOME: cache, HOME: home } = environment
  if (cache !== undefined && cache !== '') return resolve(cache, 'slipway')
  return home === undefined || home === '' ? undefined : resolve(home, '.cache', 'slipway')
}
