import type { Parts } from './modules.ts'

/** What a process of a target opens; the modules these need come with them. */
export const targets: Readonly<Record<'all' | 'http' | 'grpc', readonly (keyof Parts)[]>> = {
  all: ['http', 'grpc'],
  http: ['http'],
  grpc: ['grpc'],
}
