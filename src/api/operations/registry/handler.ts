import type { RegistryInput, RegistryOperationName, RegistryOutput } from '../../../protocol/index.ts'
import type { Actor, Registry } from '../../../registry/index.ts'

export interface HandlerContext {
  readonly registry: Registry
  /** Who asks, and why where they say so. */
  readonly actor: Actor
}

/** What runs an operation, once its input is read. */
export type Handler<Name extends RegistryOperationName> = (
  input: RegistryInput<Name>,
  context: HandlerContext,
) => Promise<RegistryOutput<Name>>

/** The handlers of one area of the table, `experiments` or another. */
export type Handlers<Area extends string> = {
  readonly [Name in Extract<RegistryOperationName, `${Area}.${string}`>]: Handler<Name>
}

/** Items of a page when the caller doesn't say. */
export const pageItems = 100
