export { AppError, type ErrorCode, type ErrorDetails, type ErrorRow, errorRow, errorTable, fail } from './errors.ts'
export {
  type ErrorShape,
  type Exchange,
  type GrpcCall,
  type GrpcMethod,
  jsonReply,
  type Permission,
  type Reply,
  type Route,
} from './route.ts'
export { apiRoot, openApi, type Operation, operationRoute, type Schema } from './operation.ts'
export { importItemsMax, importPointsMax } from './import-operations.ts'
export type * from './import-types.ts'
export type { RegistryOperationSpec } from './operation-spec.ts'
export { type RegistryInput, registryOperations, type RegistryOutput } from './registry-operations.ts'
export type { KeyValue, Page, PageQuery, ViewName } from './common-types.ts'
export type * from './model-types.ts'
export type * from './record-types.ts'
export type * from './registry-types.ts'
export type * from './run-types.ts'
export type * from './tracking-types.ts'
export type * from './webhook-types.ts'
export { echoedId, requestIdField } from './request-id.ts'
export { jsonNumber, type ObjectShape, readShape, type Shape } from './shape.ts'
export { type Status, statusTable } from './status.ts'
export { readYaml, YamlError } from './read-yaml.ts'
