export { JsonThreads } from './json-threads.ts'
export { ModelLoads, type UploadStore } from './model-loads.ts'
export { type OpenInferenceDeps, openInferenceRoutes } from './rest-routes.ts'
export { Statistics } from './statistics.ts'
