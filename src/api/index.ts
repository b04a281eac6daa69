export { type DeployStore, folderArchive, modelOperations } from './operations/models/model-operations.ts'
export type { ModelView, VersionView } from './operations/models/model-view.ts'
export { registryApi } from './operations/registry/registry-api.ts'
