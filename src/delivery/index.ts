export { CandidateChecks, type ReadExample } from './candidate-checks.ts'
export { EndpointSnapshot } from './endpoint-snapshot.ts'
export { Endpoints } from './endpoints.ts'
export { type ListFiles, VersionFolders } from './version-folders.ts'
