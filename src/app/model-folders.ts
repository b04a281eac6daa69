import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Logger } from '../lib/index.ts'
import { verifyPackage } from '../packaging/index.ts'
import type { Config } from './config/load-config.ts'

/** Throws when a package is not what its manifest says; a repository that isn't there may come later and is told. */
export const checkModelFolders = async (config: Config, logger: Logger): Promise<void> => {
  await Promise.all(config.app.package.map(verifyPackage))
  for (const folder of config.serving.modelRepository.map((root) => resolve(root))) {
    const found = await stat(folder).catch(() => undefined)
    if (found?.isDirectory() !== true)
      logger.warn('model_repository.missing', { folder, hint: 'there is no such folder; check --model-repository' })
  }
}
