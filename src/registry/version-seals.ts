import type { Queries } from '../ports/index.ts'
import type { ArtifactStore } from './artifact-store.ts'
import { artifactsPath } from './source-uri.ts'

/** The folder of a location that this server keeps. */
export const folderOf = (location: string): string | undefined =>
  location.startsWith('mlflow-artifacts:') ? artifactsPath(location) : undefined

/** Keeps the files of registered versions as they were when they were registered. */
export class VersionSeals {
  readonly #artifacts: ArtifactStore

  constructor(artifacts: ArtifactStore) {
    this.#artifacts = artifacts
  }

  async seal(tx: Queries, location: string): Promise<void> {
    const folder = folderOf(location)
    if (folder !== undefined && folder !== '') await this.#artifacts.seal(tx, folder)
  }

  /** Opens the folders of versions that are gone, unless another version or an endpoint has the same files. */
  async release(tx: Queries, locations: readonly string[]): Promise<void> {
    for (const location of new Set(locations)) {
      const folder = folderOf(location)
      if (folder === undefined) continue
      const others = await tx.query(
        `SELECT 1 AS used FROM model_versions WHERE storage_location = ?
         UNION ALL SELECT 1 AS used FROM endpoints WHERE folder = ? LIMIT 1`,
        [location, folder],
      )
      if (others.length === 0) await this.#artifacts.unseal(tx, folder)
    }
  }
}
