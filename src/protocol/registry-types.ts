import type { ImportApi } from './import-types.ts'
import type { ModelApi } from './model-types.ts'
import type { RecordApi } from './record-types.ts'
import type { RunApi } from './run-types.ts'
import type { TrackingApi } from './tracking-types.ts'
import type { WebhookApi } from './webhook-types.ts'

/** Every operation of the registry: what it takes, and what it gives. */
export interface RegistryApi extends RunApi, ModelApi, RecordApi, WebhookApi, ImportApi, TrackingApi {}

export type RegistryOperationName = keyof RegistryApi
