import type { Parts } from './modules.ts'

/** What a process of a target opens; the modules these need come with them. */
export const targets: Readonly<Record<'all' | 'http' | 'grpc', readonly (keyof Parts)[]>> = {
  all: ['http', 'mlflow', 'grpc'],
  http: ['http', 'mlflow'],
  grpc: ['grpc'],
}
