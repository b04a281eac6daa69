import type { ListFiles } from '../../delivery/index.ts'
import type { Actor, Endpoint, EndpointTarget, Registry } from '../../registry/index.ts'

/** What those who serve ask of the registry. */
export interface EndpointIndex {
  endpointTargets(): Promise<readonly EndpointTarget[]>
  endpointFiles: ListFiles
  putEndpoint(name: string, reference: string, actor: Actor): Promise<Endpoint>
}

/** The methods as they are called on the registry's thread. */
export const endpointMethods = (registry: Registry): EndpointIndex => ({
  endpointTargets: () => registry.endpoints.targets(),
  endpointFiles: (folder, page) => registry.endpoints.files(folder, page),
  // The server itself asks, before it serves: there is nobody to wait for the load.
  putEndpoint: (name, reference, actor) => registry.endpoints.put(name, reference, { wait: false }, actor),
})

const names = ['endpointTargets', 'endpointFiles', 'putEndpoint'] as const satisfies readonly (keyof EndpointIndex)[]

/** The methods, each asked of somebody else. */
export const endpointProxy = (ask: (method: string, args: readonly unknown[]) => Promise<unknown>): EndpointIndex =>
  Object.fromEntries(
    names.map((name) => [name, (...args: readonly unknown[]) => ask(name, args)]),
  ) as unknown as EndpointIndex
