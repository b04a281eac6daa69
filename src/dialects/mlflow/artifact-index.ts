import type { Artifact, ArtifactEntry, ArtifactUpload, Registry } from '../../registry/index.ts'
import type { Blob } from '../../ports/index.ts'

/** Which bytes are where. It lives next to the database, in another thread than the bytes. */
export interface ArtifactIndex {
  get(path: string): Promise<Artifact | undefined>
  requireOpen(path: string): Promise<void>
  put(path: string, blob: Blob): Promise<void>
  list(folder: string): Promise<ArtifactEntry[]>
  delete(path: string): Promise<void>
  /** See UploadStore, as for the three after it. */
  startUpload(uploadId: string, path: string): Promise<readonly string[]>
  requireUpload(uploadId: string, path: string): Promise<ArtifactUpload>
  finishUpload(uploadId: string, path: string, blob: Blob): Promise<void>
  dropUpload(uploadId: string): Promise<void>
  /** URI below which a run's files are. */
  runRoot(runId: string): Promise<string>
  versionRoot(name: string, version: string): Promise<string>
  loggedModelRoot(modelId: string): Promise<string>
}

export const artifactIndex = ({ artifacts, uploads, runs, versions, loggedModels }: Registry): ArtifactIndex => ({
  get: (path) => artifacts.get(path),
  requireOpen: (path) => artifacts.requireOpen(path),
  put: (path, blob) => artifacts.put(path, blob),
  list: (folder) => artifacts.list(folder),
  delete: (path) => artifacts.delete(path),
  startUpload: (uploadId, path) => uploads.start(uploadId, path),
  requireUpload: (uploadId, path) => uploads.require(uploadId, path),
  finishUpload: (uploadId, path, blob) => uploads.finish(uploadId, path, blob),
  dropUpload: (uploadId) => uploads.drop(uploadId),
  runRoot: async (runId) => (await runs.require(runId)).info.artifactUri,
  versionRoot: async (name, version) => (await versions.require(name, version)).storageLocation,
  loggedModelRoot: async (modelId) => (await loggedModels.require(modelId)).artifactUri,
})
